"""Pooling over windows, and over everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ....ops import max_pool, reduce, scalar
from ....ops.coerce import as_expr
from ....ops.conv import Conv
from ....ops.creation import iota
from ....ops.elementwise import cast
from ....ops.movement import reshape
from ....ops.pool import MaxPool, MaxPoolPlaces, SumPool
from ....ops.pooling import MaxPooling
from ....ops.pooling import counts as count_elements
from ....ops.windows import check_fits, extent
from ....symbolic.dims import Dim, product
from ....symbolic.evaluate import evaluate
from ....symbolic.expr import Expr, apply
from ....symbolic.leaves import constant
from .movement import pad_axis
from .node import ModelNode
from .registry import operator
from .windows import options_of

MAX_UNPOOLS: dict[int, Callable[..., Expr]] = {
    1: max_pool.max_unpool1d,
    2: max_pool.max_unpool2d,
    3: max_pool.max_unpool3d,
}


def _windows(node: ModelNode, x: Expr) -> MaxPooling:
    """The windows of a node over the spatial axes of x."""
    w, ceil = options_of(node, x.shape[2:], node["kernel_shape"]), bool(node["ceil_mode"])
    sizes = tuple(int(k) for k in w.sizes)
    if min((*sizes, *w.strides, *w.dilations)) < 1:
        raise ValueError(f"windows of {sizes}, {w.strides} apart, with elements {w.dilations} apart are none")
    reach = tuple(extent(k, d) for k, d in zip(sizes, w.dilations, strict=True))
    hanging = tuple((before, after + s - 1) for (before, after), s in zip(w.padding, w.strides, strict=True))
    check_fits(node.kind, "window", x.shape[2:], reach, hanging if ceil else w.padding, x)
    return MaxPooling(sizes, w.strides, w.padding, ceil, () if reach == sizes else w.dilations)


@operator("MaxPool")
def read_max_pool(node: ModelNode, x: Expr) -> tuple[Expr, Expr]:
    """The largest element of each window, and where in the flat x it stands."""
    w = _windows(node, x)
    places = apply(MaxPoolPlaces(*w.fields), x)
    if node["storage_order"]:
        places = _by_columns(places, x.shape[2:])
    planes = reshape(iota((x.shape[0] * x.shape[1],)), (*x.shape[:2], *[1] * len(w.window)))
    return apply(MaxPool(*w.fields), x), places + planes * as_expr(product(x.shape[2:]))


def _by_columns(places: Expr, sizes: Sequence[Dim]) -> Expr:
    """The places of a plane as they are counted with the first axis going fastest."""
    coordinates = []
    for n in reversed(sizes):
        coordinates.append(places % as_expr(n))
        places = places // as_expr(n)
    total = coordinates[0]
    for place, n in zip(coordinates[1:], list(sizes)[-2::-1], strict=True):
        total = total * as_expr(n) + place
    return total


@operator("MaxUnpool")
def read_max_unpool(node: ModelNode, x: Expr, places: Expr, shape: Expr | None = None) -> Expr:
    """Zeros, with the values of x at their places in the smallest array that pooling makes x of; then more zeros."""
    w = options_of(node, x.shape[2:], node["kernel_shape"])
    parts = zip(x.shape[2:], w.strides, w.padding, w.sizes, strict=True)
    sizes = tuple((n - 1) * s - before - after + k for n, s, (before, after), k in parts)
    within = places % as_expr(product(sizes))
    found = MAX_UNPOOLS[len(sizes)](x, within, w.sizes, w.strides, w.padding, output_shape=sizes)
    for axis, size in enumerate(() if shape is None else node.sizes(shape)[2:], 2):
        found = pad_axis(found, axis, 0, size - found.shape[axis], "constant", node.like(0, x))
    return found


# ---- sums and means --------------------------------------------------------------------------------------------------


@operator("AveragePool")
def read_average_pool(node: ModelNode, x: Expr) -> Expr:
    """The mean of each window; padding counts as elements with count_include_pad."""
    w, padded = _windows(node, x), bool(node["count_include_pad"])
    counts = _count_elements(w, x, padded) if w.dilation else count_elements(w, x, padded)
    return _sum(x, w) / counts


def _sum(x: Expr, w: MaxPooling) -> Expr:
    """The sum of each window; of one whose elements lie apart, a convolution of each plane with ones."""
    if not w.dilation:
        return apply(SumPool(*w.geometry), x)
    sizes, rank = w.grid(x.shape[2:]), len(w.window)
    parts = zip(x.shape[2:], sizes, w.strides, w.reach, w.padding, strict=True)
    padding = tuple((before, (m - 1) * s + r - n - before) for n, m, s, r, (before, _) in parts)
    planes = reshape(x, (x.shape[0] * x.shape[1], 1, *x.shape[2:]))
    op = Conv(w.strides, padding, (1,) * rank, w.dilation, fitting=True)
    return reshape(apply(op, planes, constant(np.ones((1, 1, *w.window), x.dtype))), (*x.shape[:2], *sizes))


def _count_elements(w: MaxPooling, x: Expr, padded: bool) -> Expr:
    """How many elements each window holds."""
    total = None
    for axis, m in enumerate(w.grid(x.shape[2:])):
        before, after = w.padding[axis]
        at = iota((m, 1)) * w.strides[axis] + iota((1, w.window[axis]), 1) * w.dilation[axis]
        first, end = (0, as_expr(x.shape[2 + axis]) + as_expr(before) + as_expr(after))
        if not padded:
            first, end = as_expr(before), end - as_expr(after)
        line = reduce.sum(cast(scalar.ge(at, first) & scalar.lt(at, end), x.dtype), 1)
        line = reshape(line, [-1 if i == axis + 2 else 1 for i in range(x.ndim)])
        total = line if total is None else total * line
    assert total is not None  # there is an axis
    known = all(isinstance(d, int) for d in x.shape[2:])
    return constant(evaluate(total)) if known else total


@operator("LpPool")
def read_lp_pool(node: ModelNode, x: Expr) -> Expr:
    """(sum of |x| ** p) ** (1 / p) over each window."""
    p = node["p"] or 2
    return cast(_root(_sum(_power(scalar.abs(x), p), _windows(node, x)), p), x.dtype)


def _power(x: Expr, p: float) -> Expr:
    return x if p == 1 else scalar.square(x) if p == 2 else x**p


def _root(total: Expr, p: float) -> Expr:
    """total ** (1 / p); at 0, where it has none, the derivative is 0."""
    if p == 1:
        return total
    zero = scalar.eq(total, 0)
    inside = scalar.where(zero, 1.0, total)
    return scalar.where(zero, 0.0, scalar.sqrt(inside) if p == 2 else inside ** (1 / p))


@operator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def read_global_pool(node: ModelNode, x: Expr) -> Expr:
    """The mean, the largest, the norm of all elements of a channel."""
    axes = tuple(range(2, x.ndim))
    if node.kind == "GlobalAveragePool":
        return reduce.mean(x, axes, keepdims=True)
    if node.kind == "GlobalMaxPool":
        return reduce.max(x, axes, keepdims=True)
    p = node["p"] or 2
    return _root(reduce.sum(_power(scalar.abs(x), p), axes, keepdims=True), p)
