"""The scalar functions of kernels as LLVM IR: straight-line code that LLVM's vectoriser turns into vectors.

`EMITTERS[name](builder, dtype, *values)` appends the primitive of that name for arguments of that dtype (bool is i1).
The functions mean what NumPy's and SciPy's of the same name do, infinities, NaN, signed zeros and subnormals included.
Integers wrap, and divided by 0 give 0.  `ULP` tells the largest error of each that is not exact or correctly rounded.

No function branches, save for libm's in the rare cases of `rare`; none sets a fast-math flag, and none of their
instructions may be given one.
"""

from collections.abc import Callable

import numpy as np
from llvmlite import ir

from . import basic, division, erf, exp, gamma, inverse_trig, log, pow, trig
from .half import cast
from .value import BOOL, Function, Value, constant, llvm_type

__all__ = ["EMITTERS", "ULP", "cast", "constant", "llvm_type"]

Emitter = Callable[..., ir.Value]

# The largest error found in units in the last place, rounded up, for float32 and float64; of what is not listed, 0.5.
# Found over all exponents, subnormals included.  lgamma and digamma for x > 0: near their zeros below 0 the error is
# relative to 1.  logaddexp relative to the largest of |x|, |y| and the result.
ULP: dict[str, tuple[float, float]] = {
    "exp": (0.8, 0.8),
    "exp2": (0.9, 0.8),
    "expm1": (1.5, 1.9),
    "sigmoid": (1.0, 1.0),
    "tanh": (1.0, 1.0),
    "sinh": (3.6, 3.6),
    "cosh": (1.5, 1.5),
    "log": (0.9, 0.8),
    "log2": (1.1, 1.1),
    "log10": (1.0, 1.0),
    "log1p": (1.6, 1.6),
    "logaddexp": (2.6, 2.6),
    "arcsinh": (0.6, 1.9),
    "arccosh": (0.6, 2.0),
    "arctanh": (0.6, 2.0),
    "sin": (0.9, 0.9),
    "cos": (0.9, 0.9),
    "tan": (2.4, 2.4),
    "arcsin": (2.4, 2.4),
    "arccos": (1.2, 1.2),
    "arctan": (1.4, 1.6),
    "arctan2": (1.6, 1.6),
    "pow": (2.6, 1.0),
    "rsqrt": (1.5, 1.5),
    "cbrt": (0.6, 0.8),
    "hypot": (0.6, 0.8),
    "erf": (1.1, 1.1),
    "erfc": (3.9, 2.9),
    "erfinv": (3.5, 3.8),
    "lgamma": (0.6, 2.5),
    "digamma": (0.6, 3.0),
}

_ANY: dict[str, Function] = {
    "abs": basic.absolute,
    **{
        name: getattr(basic, name)
        for name in (
            *("add", "sub", "mul", "neg", "sign", "reciprocal", "square", "mul_no_nan", "maximum", "minimum", "relu"),
            *("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "logical_not"),
            *("isnan", "isinf", "isfinite", "floor", "ceil", "trunc", "rint"),
        )
    },
    **{name: getattr(division, name) for name in ("floor_divide", "mod", "fmod", "pow")},
}

_INTEGER: dict[str, Function] = {
    **{name: getattr(basic, name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "invert")},
    **{name: getattr(division, name) for name in ("left_shift", "right_shift")},
}

_FLOAT: dict[str, Function] = {
    **{name: getattr(basic, name) for name in ("div", "sqrt", "rsqrt", "copysign")},
    **{name: getattr(exp, name) for name in ("exp", "exp2", "expm1", "sigmoid", "tanh", "sinh", "cosh")},
    **{name: getattr(log, name) for name in ("log", "log2", "log10", "log1p", "logaddexp")},
    **{name: getattr(log, name) for name in ("arcsinh", "arccosh", "arctanh")},
    **{name: getattr(trig, name) for name in ("sin", "cos", "tan")},
    **{name: getattr(inverse_trig, name) for name in ("arcsin", "arccos", "arctan", "arctan2")},
    **{name: getattr(pow, name) for name in ("cbrt", "hypot")},
    **{name: getattr(erf, name) for name in ("erf", "erfc", "erfinv")},
    **{name: getattr(gamma, name) for name in ("lgamma", "digamma")},
}


def _emitter(name: str, function: Function, kinds: str) -> Emitter:
    def emit(builder: ir.IRBuilder, dtype: np.dtype, *values: ir.Value) -> ir.Value:
        dtype = np.dtype(dtype)
        if dtype.kind not in kinds:
            raise TypeError(f"{name} has no kernel for {dtype}: cast its arguments first")
        return function(*(Value(builder, dtype, value) for value in values)).ir

    return emit


def _where(builder: ir.IRBuilder, dtype: np.dtype, condition: ir.Value, x: ir.Value, y: ir.Value) -> ir.Value:
    dtype = np.dtype(dtype)
    return basic.where(*(Value(builder, d, v) for d, v in ((BOOL, condition), (dtype, x), (dtype, y)))).ir


EMITTERS: dict[str, Emitter] = {
    **{name: _emitter(name, function, "biuf") for name, function in _ANY.items()},
    **{name: _emitter(name, function, "biu") for name, function in _INTEGER.items()},
    **{name: _emitter(name, function, "f") for name, function in _FLOAT.items()},
    "where": _where,
}
