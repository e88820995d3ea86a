"""Pooling that adds: sums, means and norms of windows, as users write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arguments import check_flag
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.types import float_like
from . import scalar
from .coerce import as_expr
from .elementwise import cast
from .pool import MaxPool, SumPool
from .pooling import check_arguments, counts
from .reduce import accumulator


def _sum_pool(name: str, x: Any, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    return apply(SumPool(*windows.geometry), cast(node, accumulator(node.dtype)))


def _avg_pool(name: str, x: Any, count_include_pad: bool, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    count_include_pad = check_flag(name, "count_include_pad", count_include_pad)
    node = cast(node, float_like(node.dtype))
    return scalar.div(apply(SumPool(*windows.geometry), node), counts(windows, node, count_include_pad))


def _lp_pool(name: str, x: Any, p: float, *given: Any) -> Expr:
    if not isinstance(p, int | float) or isinstance(p, bool) or not p > 0:
        raise blame(ArgumentError(f"{name}: p must be a number above 0, and is {p!r}."), user_site())
    node = as_expr(x)
    magnitude = scalar.abs(cast(node, float_like(node.dtype)))
    if p == np.inf:
        node, windows = check_arguments(name, magnitude, *given)
        return apply(MaxPool(*windows.geometry), node)
    if p == 1:
        return _sum_pool(name, magnitude, *given)
    total = _sum_pool(name, scalar.square(magnitude) if p == 2 else magnitude**p, *given)
    zero = scalar.eq(total, 0)
    inside = scalar.where(zero, 1, total)  # the root has no derivative at 0
    return scalar.where(zero, 0, scalar.sqrt(inside) if p == 2 else inside ** (1 / p))


def avg_pool1d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (length,): avg_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `avg_pool2d`.
    """
    return _avg_pool("avg_pool1d", x, count_include_pad, size, stride, padding, ceil_mode)


def avg_pool2d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (height, width): its sum, divided by the number of elements it holds.

    Parameters
    ----------
    x : (batch, channels, height, width); integers become floats
    size, stride, padding, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool
        Whether padding counts as elements, with value 0: then all windows are divided by the same number, but for
        those of ceil_mode that hang over the padding behind.

    Returns
    -------
    (batch, channels, height, width), float.  The sizes are those of `max_pool2d`.

    Raises
    ------
    ShapeError, ArgumentError
        As `max_pool2d`.

    Gradient
    --------
    g / count for every element of the window.

    References
    ----------
    Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998 ("subsampling").
    """
    return _avg_pool("avg_pool2d", x, count_include_pad, size, stride, padding, ceil_mode)


def avg_pool3d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (depth, height, width): avg_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `avg_pool2d`.
    """
    return _avg_pool("avg_pool3d", x, count_include_pad, size, stride, padding, ceil_mode)


def sum_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The sum of each window of (length,): sum_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `sum_pool2d`.
    """
    return _sum_pool("sum_pool1d", x, size, stride, padding, ceil_mode)


def sum_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The sum of each window of (height, width); padding counts as 0.

    Integers and bools are summed as `sum` does it, as int64.  Everything else is as in `max_pool2d`; the gradient is g
    for every element of the window.
    """
    return _sum_pool("sum_pool2d", x, size, stride, padding, ceil_mode)


def sum_pool3d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The sum of each window of (depth, height, width): sum_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `sum_pool2d`.
    """
    return _sum_pool("sum_pool3d", x, size, stride, padding, ceil_mode)


def lp_pool1d(x: Any, size: Any, p: float = 2, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The p-norm of each window of (length,): lp_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `lp_pool2d`.
    """
    return _lp_pool("lp_pool1d", x, p, size, stride, padding, ceil_mode)


def lp_pool2d(x: Any, size: Any, p: float = 2, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """(sum of |x| ** p) ** (1 / p) over each window of (height, width): its p-norm.

    p = 1 gives the sum of absolute values, p = inf the largest of them.  Padding counts as 0.  Everything else is as in
    `max_pool2d`.  Gradient: that of the norm, and 0 where the norm is 0.  Numerics: |x| ** p must not overflow.

    Reference: P. Sermanet, S. Chintala, Y. LeCun, Convolutional neural networks applied to house numbers digit
    classification, ICPR 2012, arXiv:1204.3968.
    """
    return _lp_pool("lp_pool2d", x, p, size, stride, padding, ceil_mode)


def lp_pool3d(x: Any, size: Any, p: float = 2, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The p-norm of each window of (depth, height, width): lp_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `lp_pool2d`.
    """
    return _lp_pool("lp_pool3d", x, p, size, stride, padding, ceil_mode)
