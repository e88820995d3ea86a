"""From what programs write to what weft takes: values to expressions, and the words for dtypes and axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.coerce import as_expr
from ...ops.elementwise import cast
from ...ops.movement import stack
from ...symbolic.dims import SymDim
from ...symbolic.errors import DTypeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import size
from .configuration import config
from .facts import use
from .variables import AsTensorError, Variable, wrap

INTEGERS = ("int8", "int16", "int32", "int64")


def unwrap(value: Any, dtype: Any = None) -> Expr:
    """The expression of a variable, a number in the dtype that Theano gives it, an array, a list of these."""
    if isinstance(value, Variable):
        if config.compute_test_value != "off":
            use(value.expr, value.facts)
        return cast(value.expr, dtype) if dtype is not None else value.expr
    if isinstance(value, Expr):
        return value
    if isinstance(value, SymDim):
        return cast(size(value), np.int64)
    if isinstance(value, list | tuple) and _holds_variables(value):
        parts = [unwrap(v) for v in value]
        kind = np.result_type(*[p.dtype for p in parts])
        return stack([cast(p, kind if dtype is None else dtype) for p in parts])
    if hasattr(value, "_as_TensorVariable"):
        return unwrap(value._as_TensorVariable(), dtype)
    if isinstance(value, str | bytes | dict | set) or value is None or callable(value):
        text = f"Cannot convert {value!r} to TensorType: it is {type(value).__name__}."
        raise blame(AsTensorError(text), user_site())
    return as_expr(to_dtype(value, dtype))


def as_variable(value: Any) -> Any:
    """The variable that stands for a value: itself, or a constant."""
    return value if isinstance(value, Variable) else wrap(unwrap(value))


def _holds_variables(value: Any) -> bool:
    return any(isinstance(v, Variable | Expr) or (isinstance(v, list | tuple) and _holds_variables(v)) for v in value)


def to_dtype(value: Any, dtype: Any) -> np.ndarray:
    """A number or array in its dtype: Python's ints are as small as they can be, floats floatX."""
    if dtype is not None:
        return np.asarray(value, find_dtype(dtype))
    if isinstance(value, bool | np.ndarray | np.generic):
        return np.asarray(value)
    if isinstance(value, int):
        kind = next((k for k in INTEGERS if np.iinfo(k).min <= value <= np.iinfo(k).max), None)
        if kind is None:
            raise blame(DTypeError(f"{value} does not fit in int64."), user_site())
        return np.asarray(value, kind)
    if isinstance(value, float):
        if config.floatX == "float32" or float(np.float32(value)) == value or np.isnan(value):
            return np.asarray(value, "float32")
        return np.asarray(value, "float64")
    return _smallest(np.asarray(value))


def _smallest(array: np.ndarray) -> np.ndarray:
    """An array made of a list of numbers: ints as small as they all fit, floats as NumPy has them."""
    if array.dtype.kind == "i" and array.size:
        kind = next(k for k in INTEGERS if np.iinfo(k).min <= array.min() and array.max() <= np.iinfo(k).max)
        return array.astype(kind)
    if array.dtype.kind == "f" and config.floatX == "float32":
        return array.astype("float32")
    return array


def alike(*values: Any) -> list[Expr]:
    """Values as expressions of the one dtype that holds them all."""
    nodes = [unwrap(v) for v in values]
    kind = np.result_type(*[n.dtype for n in nodes]) if nodes else None
    return [cast(n, kind) for n in nodes]


def floats(value: Any) -> Expr:
    """A value as floats: whole numbers and bools become float64."""
    node = unwrap(value)
    return node if node.type.is_float else cast(node, "float64")


def find_dtype(dtype: Any, absent: Any = "floatX") -> Any:
    """The dtype that a program names; "floatX" is the flag of that name, and None what stands in for it."""
    chosen = absent if dtype is None else dtype
    return config.floatX if isinstance(chosen, str) and chosen == "floatX" else chosen


def axes_of(axis: Any) -> Any:
    """An axis or several as plain numbers; None stays None."""
    if isinstance(axis, Variable):
        return int(np.asarray(axis.expr.op.value))  # type: ignore[attr-defined]
    if isinstance(axis, list | tuple | np.ndarray):
        return tuple(int(a) for a in axis)
    return axis if axis is None else int(axis)


def as_list(value: Any) -> list[Any]:
    """Nothing, one thing or several as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
