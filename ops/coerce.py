"""From what users write to expressions: numbers, arrays and sizes become nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arguments import check_number
from ..symbolic.arrays import as_array, is_foreign_array
from ..symbolic.dims import SymDim, same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, listing, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import constant, size
from ..symbolic.operators import function as bound
from ..symbolic.types import BOOL, TupleType
from .several import Several


def as_expr(value: Any, dtype: Any = None) -> Expr:
    """The value as an expression: itself, a constant, a size, or a stack of expressions given as a list."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, SymDim):
        return size(value)
    if isinstance(value, list | tuple) and any(isinstance(v, Expr | SymDim | list | tuple) for v in value):
        if isinstance(value, Several):
            raise value.refusal()
        nodes = [as_expr(v) for v in value]
        if any(n.ndim != nodes[0].ndim or not _may_stack(n, nodes[0]) for n in nodes):
            shapes = listing([show(n.shape) for n in nodes])
            error = ShapeError(f"A {type(value).__name__} of values of shapes {shapes} is no array.")
            raise blame(error, user_site(), *[n.site for n in nodes], hint="give one of them, or join them first.")
        joined: Expr = bound("stack")(nodes)
        return joined
    known = isinstance(value, bool | int | float | np.ndarray | np.generic) or is_foreign_array(value)
    return constant(value if known else _array_of_lists(value), dtype)


def _array_of_lists(value: Any) -> np.ndarray:
    """An array of numbers in lists.  Raises DTypeError for all else: text, lists of lists of different lengths."""
    try:
        return as_array("The value", value)
    except (ArgumentError, DTypeError):
        text = f"A value of type {type(value).__name__} cannot be part of an expression."
        raise blame(DTypeError(text), user_site(), hint="use numbers, arrays or expressions.") from None


def _may_stack(a: Expr, b: Expr) -> bool:
    return not any(same(m, n) is False for m, n in zip(a.shape, b.shape, strict=True))


def check_scalar(what: str, value: Any) -> Expr:
    """An argument that is a number or a scalar expression, as an expression; raises ArgumentError or ShapeError."""
    node = as_expr(value)
    if isinstance(node.type, TupleType) or node.dtype == BOOL:
        raise blame(ArgumentError(f"{what} is a number or a scalar expression, not {value!r}."), user_site(), node.site)
    if node.shape != ():
        text = f"{what} is a number or a scalar expression, and this has shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    return node


def check_coefficient(what: str, value: Any) -> None:
    """Raise ArgumentError or ShapeError unless an argument is a finite number, or a scalar expression."""
    if not isinstance(value, Expr):
        check_number(what, value)
    check_scalar(what, value)
