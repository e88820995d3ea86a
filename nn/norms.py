"""Norms of parameters and gradients, all of them or unit by unit, and of vectors along an axis."""

from __future__ import annotations

import math
from typing import Any

from ..ops import scalar
from ..ops.axes import normalize_all
from ..ops.elementwise import cast, widen
from ..ops.reduce import max as max_over
from ..ops.reduce import sum as sum_over
from ..ops.reduce import top
from ..symbolic.arguments import check_number
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import stop_gradient
from .arguments import at_least_tiny


def norm(x: Expr, axes: Any = None, keepdims: bool = False) -> Expr:
    """sqrt(sum of x²) in the dtype of x; float16 is squared in float32."""
    return cast(scalar.sqrt(sum_over(scalar.square(widen(x)), axes, keepdims)), x.dtype)


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


def unit(x: Expr, axes: int | tuple[int, ...], eps: float, p: float = 2.0) -> Expr:
    """x / max(its p-norm over axes, eps, the least normal number); float16 is divided in float32."""
    wide = widen(x)
    return cast(wide / scalar.maximum(vector_norm(wide, axes, p), at_least_tiny(eps, x.dtype)), x.dtype)


def check_order(what: str, p: Any) -> None:
    """Raise ArgumentError unless p is the order of a norm: a number from 1 up, or infinity."""
    largest = isinstance(p, float) and p == math.inf
    if not largest and check_number(what, p) < 1:
        raise blame(ArgumentError(f"{what} is a number from 1 up, or infinity, not {p!r}."), user_site())


def vector_norm(x: Expr, axes: int | tuple[int, ...], p: float = 2.0) -> Expr:
    """The p-norm over axes, which keep the size 1.

    No power overflows: it is taken of x divided by its largest element.  The gradient is that of the norm, which is the
    same for x and any multiple; 0 for zeros, and no NaN.
    """
    size = scalar.abs(x)
    if p == math.inf:
        return max_over(size, axes, keepdims=True)
    if p == 1:
        return sum_over(size, axes, keepdims=True)
    largest = stop_gradient(top(size, axes if isinstance(axes, tuple) else (axes,)))
    usable = scalar.logical_and(scalar.gt(largest, 0), scalar.isfinite(largest))
    scale = scalar.where(usable, largest, 1)
    powers = scalar.square(x / scale) if p == 2 else scalar.pow(size / scale, p)
    total = sum_over(powers, axes, keepdims=True)
    nothing = scalar.eq(total, 0)
    safe = scalar.where(nothing, 1, total)
    root = scalar.sqrt(safe) if p == 2 else scalar.pow(safe, 1 / p)
    return scalar.where(nothing, 0, root * scale)
