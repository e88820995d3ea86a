"""What each operation means: types, NumPy reference, derivative.  Importing this gives the operators their meaning."""

from ..symbolic import dims, exports, operators, text, variables
from . import creation, elementwise, linalg, movement, reduce, scalar
from .control import scan
from .indexing import getitem, take
from .order import argsort, cumprod, cumsum

_BOUND = {
    name: function
    for module in (scalar, reduce, movement, linalg, creation)
    for name, function in vars(module).items()
    if not name.startswith("_") and callable(function)
}

operators.bind(
    {
        **_BOUND,
        "getitem": getitem,
        "take": take,
        "argsort": argsort,
        "cumprod": cumprod,
        "cumsum": cumsum,
        "scan": scan,
        "astype": elementwise.cast,
        "get_value": variables.get_value,
        "set_value": variables.set_value,
        "to_numpy": exports.to_numpy,
        "to_dlpack": exports.to_dlpack,
        "dlpack_device": exports.dlpack_device,
        "repr": text.describe,
    }
)
dims.mixed_arithmetic.update(
    add=scalar.add, sub=scalar.sub, mul=scalar.mul, floordiv=scalar.floor_divide, mod=scalar.mod
)
