"""TensorType, a dtype and which axes are known to have size 1; and the inputs made of it: scalar, vector, matrix ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...symbolic.errors import blame, user_site
from ...symbolic.variables import tensor as weft_tensor
from .configuration import config
from .convert import as_variable, find_dtype
from .variables import Variable, wrap

PREFIXES = {"": None, "b": "int8", "w": "int16", "i": "int32", "l": "int64", "f": "float32", "d": "float64"}
RANKS: dict[str, tuple[bool, ...]] = {
    "scalar": (),
    "vector": (False,),
    "row": (True, False),
    "col": (False, True),
    "matrix": (False, False),
    "tensor3": (False,) * 3,
    "tensor4": (False,) * 4,
    "tensor5": (False,) * 5,
    "tensor6": (False,) * 6,
    "tensor7": (False,) * 7,
}
PLURALS = {"matrix": "matrices", "row": "rows", "col": "cols"}


class TensorType:
    """dtype and broadcastable: of each axis, whether its size is known to be 1.  Calling it makes an input."""

    def __init__(self, dtype: str, broadcastable: Sequence[bool], name: str | None = None, **ignored: Any) -> None:
        self.dtype = np.dtype(find_dtype(dtype)).name
        self.broadcastable = tuple(bool(b) for b in broadcastable)
        self.name = name

    @property
    def ndim(self) -> int:
        return len(self.broadcastable)

    @property
    def numpy_dtype(self) -> np.dtype:
        return np.dtype(self.dtype)

    def __call__(self, name: str | None = None) -> Any:
        return self.make_variable(name)

    def make_variable(self, name: str | None = None) -> Any:
        """An input of this type."""
        shape = tuple(1 if b else None for b in self.broadcastable)
        made = wrap(weft_tensor(name if str(name).isidentifier() else None, shape, self.dtype))
        if name is not None:
            made.name = name
        return made

    def clone(self, dtype: str | None = None, broadcastable: Sequence[bool] | None = None) -> TensorType:
        """The type with another dtype or pattern."""
        return TensorType(dtype or self.dtype, self.broadcastable if broadcastable is None else broadcastable)

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> np.ndarray:
        """The data as an array of this type.  Raises TypeError where it would lose something, or has other axes."""
        if isinstance(data, Variable):
            text = f"Expected an array, and found a variable, {data}: a function is called with numbers."
            raise blame(TypeError(text), user_site(), data.expr.site, hint="give its value: variable.eval().")
        array = np.asarray(data)
        if array.dtype != self.dtype:
            with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is looked for below
                converted = array.astype(self.dtype)
            floats = self._takes_floats(data) and allow_downcast is None and array.dtype.kind == "f"
            exact = not isinstance(data, np.ndarray) and _same_numbers(converted, array)
            if strict or not (allow_downcast or floats or exact or np.can_cast(array.dtype, self.dtype, "safe")):
                text = f"{self} cannot hold {array.dtype} without losing information."
                raise blame(TypeError(text), user_site(), hint=f"convert it, or pass allow_downcast=True: {data!r:.60}")
            array = converted
        if array.ndim != self.ndim:
            text = f"Wrong number of dimensions: {self.ndim} are expected, and the value has {array.ndim}."
            raise blame(TypeError(f"{text}  Its shape is {array.shape}."), user_site())
        for axis, (one, length) in enumerate(zip(self.broadcastable, array.shape, strict=True)):
            if one and length != 1:
                text = (
                    f"Axis {axis} of {self} has size 1, and the value has {length} there: its shape is {array.shape}."
                )
                raise blame(TypeError(text), user_site())
        return array

    def _takes_floats(self, data: Any) -> bool:
        """Whether floats may lose digits: Python's, where this is the dtype that floats have."""
        return self.dtype == config.floatX and not isinstance(data, np.ndarray | np.generic)

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """The variable, if it is of this type."""
        found = as_variable(other)
        if found.type.dtype != self.dtype or found.ndim != self.ndim:
            raise blame(TypeError(f"{self} is needed, and {found} is {found.type}."), user_site(), found.expr.site)
        return found

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether two arrays are equal."""
        return np.array_equal(a, b, equal_nan=True)

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether two arrays are nearly equal."""
        return bool(np.shape(a) == np.shape(b) and np.allclose(a, b, equal_nan=True))

    def is_super(self, other: Any) -> bool:
        """Whether every value of the other type is one of this type."""
        return isinstance(other, TensorType) and self.dtype == other.dtype and self.ndim == other.ndim

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and (self.dtype, self.broadcastable) == (other.dtype, other.broadcastable)

    def __hash__(self) -> int:
        return hash((self.dtype, self.broadcastable))

    def __repr__(self) -> str:
        if self.name:
            return self.name
        words = {(): "scalar", (False,): "vector", (False, False): "matrix", (True, False): "row", (False, True): "col"}
        plain = words.get(self.broadcastable)
        if plain is None:
            plain = f"{self.ndim}D" if not any(self.broadcastable) else str(self.broadcastable)
        return f"TensorType({self.dtype}, {plain})"

    __str__ = __repr__


def _same_numbers(converted: np.ndarray, array: np.ndarray) -> bool:
    """Whether numbers are the same in another dtype."""
    if array.dtype.kind not in "biuf":
        return False
    return bool(np.array_equal(converted, array, equal_nan=array.dtype.kind == "f" and converted.dtype.kind == "f"))


def tensor(*args: Any, **options: Any) -> Any:
    """An input of TensorType(*args, **options)."""
    name = options.pop("name", None)
    return TensorType(*args, **options)(name)


def _maker(word: str) -> Callable[..., Any]:
    def make(name: str | None = None, dtype: str | None = None) -> Any:
        return TensorType(find_dtype(dtype), RANKS[word])(name)

    make.__name__ = word
    make.__doc__ = f"An input: {word}, of dtype floatX unless another is given."
    return make


def _makers(make: Callable[..., Any]) -> Callable[..., Any]:
    def several(*names: Any, **options: Any) -> Any:
        listed: Any = names[0] if len(names) == 1 else names  # "xy" are two names
        made = [make(name, **options) for name in ([None] * listed if isinstance(listed, int) else listed)]
        return made[0] if len(made) == 1 else made

    several.__doc__ = "Several inputs, given their names or their number."
    return several


for _prefix, _dtype in PREFIXES.items():
    for _word, _pattern in RANKS.items():
        # dmatrix is a type, and calling it makes an input; matrix takes the dtype as an argument
        _made: Any = TensorType(_dtype, _pattern) if _dtype else _maker(_word)
        globals()[_prefix + _word] = _made
        globals()[_prefix + PLURALS.get(_word, _word + "s")] = _makers(_made)


float_dtypes = ("float32", "float64")
integer_dtypes = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
int_dtypes, uint_dtypes = integer_dtypes[:4], integer_dtypes[4:]
discrete_dtypes = ("bool", *integer_dtypes)
continuous_dtypes, all_dtypes = float_dtypes, ("bool", *integer_dtypes, *float_dtypes)
complex_dtypes: tuple[str, ...] = ()  # weft has no complex numbers
