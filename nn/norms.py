"""Norms of parameters and gradients, all of them or unit by unit, and of vectors along an axis."""

from __future__ import annotations

import math
from typing import Any

from ..ops import scalar
from ..ops.axes import normalize_all
from ..ops.coerce import as_expr
from ..ops.elementwise import cast
from ..ops.reduce import check_float, top
from ..ops.reduce import max as max_over
from ..ops.reduce import sum as sum_over
from ..symbolic.arguments import check_number
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import stop_gradient


def as_floats(name: str, value: Any) -> Expr:
    """An argument that holds floats, as an expression; raises DTypeError for others."""
    node = as_expr(value)
    check_float(node, name)
    return node


def norm(x: Expr, axes: Any = None, keepdims: bool = False) -> Expr:
    """sqrt(sum of x²) in the dtype of x; float16 is squared in float32."""
    wide = cast(x, "float32") if x.dtype.itemsize < 4 else x
    return cast(scalar.sqrt(sum_over(scalar.square(wide), axes, keepdims)), x.dtype)


def unit_axes(name: str, x: Expr, axes: Any = None) -> tuple[int, ...]:
    """The axes of what one unit is connected with: those given, or by the number of axes.

    A vector is one unit; weights of dense layers, (inputs, outputs), have a unit in each column; those of convolutions,
    (outputs, inputs, *kernel), have one in each row.
    """
    if axes is not None:
        return normalize_all(axes, x.ndim, name, x)
    return (0,) if x.ndim == 2 else tuple(range(1, x.ndim)) if x.ndim > 2 else tuple(range(x.ndim))


def unit_norms(name: str, x: Expr, axes: Any = None) -> Expr:
    """The norm of what each unit is connected with, with these axes of size 1."""
    return norm(x, unit_axes(name, x, axes), keepdims=True)


def unit(x: Expr, axis: int, eps: float, p: float = 2.0) -> Expr:
    """x / max(its p-norm along an axis, eps)"""
    return x / scalar.maximum(vector_norm(x, axis, p), eps)


def check_order(what: str, p: Any) -> None:
    """Raise ArgumentError unless p is the order of a norm: a number from 1 up, or infinity."""
    largest = isinstance(p, float) and p == math.inf
    if not largest and check_number(what, p) < 1:
        raise blame(ArgumentError(f"{what} is a number from 1 up, or infinity, not {p!r}."), user_site())


def vector_norm(x: Expr, axis: int, p: float) -> Expr:
    """The p-norm along an axis, which keeps the size 1.

    No power overflows: it is taken of x divided by its largest element.  The gradient is that of the norm, which is the
    same for x and any multiple; 0 for zeros, and no NaN.
    """
    size = scalar.abs(x)
    if p == math.inf:
        return max_over(size, axis, keepdims=True)
    if p == 1:
        return sum_over(size, axis, keepdims=True)
    largest = stop_gradient(top(size, (axis,)))
    usable = scalar.logical_and(scalar.gt(largest, 0), scalar.isfinite(largest))
    scale = scalar.where(usable, largest, 1)
    powers = scalar.square(x / scale) if p == 2 else scalar.pow(size / scale, p)
    total = sum_over(powers, axis, keepdims=True)
    nothing = scalar.eq(total, 0)
    safe = scalar.where(nothing, 1, total)
    root = scalar.sqrt(safe) if p == 2 else scalar.pow(safe, 1 / p)
    return scalar.where(nothing, 0, root * scale)
