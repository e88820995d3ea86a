"""Elements by their values: those that are not 0, those that differ, boxes that stand apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ....ops import control, reduce, scalar
from ....ops.coerce import as_expr
from ....ops.creation import full, iota, ones, zeros
from ....ops.elementwise import cast
from ....ops.indexing import getitem, index_add, index_set, take
from ....ops.movement import expand_dims, flip, moveaxis, ravel, reshape, stack, transpose
from ....ops.nonzero import nonzero
from ....ops.order import argsort, cumsum
from ....symbolic.dims import product, same, show
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from ....symbolic.sizes import as_dim
from .indexing import line
from .node import ModelNode
from .registry import operator


@operator("Compress")
def read_compress(node: ModelNode, x: Expr, condition: Expr) -> Expr:
    """The elements along an axis, or of all in a row, for which a vector of bools, perhaps a shorter one, is True."""
    places = nonzero(condition)[0]
    return take(ravel(x), places, 0) if node["axis"] is None else take(x, places, node.axis(x.ndim))


@operator("NonZero")
def read_nonzero(node: ModelNode, x: Expr) -> Expr:
    """The places of what is not 0: a row for each axis."""
    if x.ndim:
        return stack(nonzero(x))
    return full((0, as_dim(cast(scalar.ne(x, node.like(0, x)), "int64"))), constant(0))


# ---- what differs ----------------------------------------------------------------------------------------------------


@operator("Unique")
def read_unique(node: ModelNode, x: Expr) -> tuple[Expr, ...]:
    """What is different along an axis, or of all elements: it, its first places, where all of it is, how often."""
    axis = None if node["axis"] is None else node.axis(x.ndim)
    lines = ravel(x) if axis is None else moveaxis(x, axis, 0)
    rows = reshape(lines, (lines.shape[0], product(lines.shape[1:])))
    order = _order_rows(rows)
    starts = _find_starts(getitem(rows, order))
    group = cumsum(cast(starts, "int64"), 0) - 1
    first = getitem(order, nonzero(starts)[0])
    inverse = index_set(zeros(order.shape, "int64"), order, group)
    if not node["sorted"]:
        by_place = argsort(first)
        inverse = getitem(index_set(zeros(first.shape, "int64"), by_place, iota(first.shape)), inverse)
        first = getitem(first, by_place)
    counts = index_add(zeros(first.shape, "int64"), inverse, ones(inverse.shape, "int64"))
    found = take(lines, first, 0)
    return found if axis is None else moveaxis(found, 0, axis), first, inverse, counts


def _order_rows(rows: Expr) -> Expr:
    """The order of rows: by their first elements, those that are equal by their second ones, and so on."""

    def step(order: Expr, column: Expr) -> tuple[Expr, None]:
        return getitem(order, argsort(getitem(column, order))), None

    order, _ys = control.scan(step, iota((rows.shape[0],)), flip(transpose(rows), 0))
    return as_expr(order)


def _find_starts(rows: Expr) -> Expr:
    """Whether a row is another one than that before it; NaN is NaN."""
    numbers = iota((rows.shape[0],))
    before = getitem(rows, scalar.maximum(numbers - 1, 0))
    differ = scalar.ne(rows, before)
    if rows.type.is_float:
        both = scalar.logical_and(scalar.isnan(rows), scalar.isnan(before))
        differ = scalar.logical_and(differ, scalar.logical_not(both))
    return scalar.logical_or(reduce.any(differ, 1), scalar.eq(numbers, 0))


# ---- boxes -----------------------------------------------------------------------------------------------------------


class Boxes(NamedTuple):
    """Sides of boxes, arrays of one shape."""

    bottom: Expr
    left: Expr
    top: Expr
    right: Expr

    def take(self, *key: Expr) -> Boxes:
        """Some of them."""
        return Boxes(*[getitem(side, key) for side in self])

    def widen(self, axis: int) -> Boxes:
        """With an axis of size 1."""
        return Boxes(*[expand_dims(side, axis) for side in self])

    @property
    def area(self) -> Expr:
        return (self.top - self.bottom) * (self.right - self.left)


@operator("NonMaxSuppression", settings=(3, 4))
def read_non_max_suppression(
    node: ModelNode,
    boxes: Expr,
    scores: Expr,
    most: Expr | None = None,
    overlap: Expr | None = None,
    threshold: Expr | None = None,
) -> Expr:
    """Of each class the boxes by their scores, without those that overlap one before: (batch, class, box) of each.

    boxes (n, m, 4), scores (n, classes, m).
    """
    if boxes.ndim != 3 or scores.ndim != 3 or same(boxes.shape[1], scores.shape[2]) is False:
        raise ValueError(f"boxes of the shape {show(boxes.shape)} have no scores of the shape {show(scores.shape)}")
    order = argsort(-scores, 2)
    chosen = _choose(_boxes(node, boxes), scores, order, [_scalar(v) for v in (most, overlap, threshold)])
    batch, kind, rank = nonzero(chosen)
    return stack([batch, kind, getitem(order, (batch, kind, rank))], 1)


def _scalar(value: Expr | None) -> Expr | None:
    return None if value is None else reshape(value, ())


def _boxes(node: ModelNode, boxes: Expr) -> Boxes:
    a, b, c, d = (getitem(boxes, (..., i)) for i in range(4))
    if node["center_point_box"]:  # middle and size, of x first
        return Boxes(b - d / 2, a - c / 2, b + d / 2, a + c / 2)
    return Boxes(scalar.minimum(a, c), scalar.minimum(b, d), scalar.maximum(a, c), scalar.maximum(b, d))


def _choose(boxes: Boxes, scores: Expr, order: Expr, limits: Sequence[Expr | None]) -> Expr:
    """Which boxes are taken, in the order of their scores: bool (n, classes, m)."""
    most, overlap, threshold = limits
    n, classes = scores.shape[:2]
    lines = line(n, 0, 2), line(classes, 1, 2)
    limit = cast(constant(0) if most is None else most, "int64")
    free = full(scores.shape, constant(True)) if threshold is None else scalar.gt(scores, threshold)

    def step(carry: Any, box: Expr) -> Any:
        free, count = carry
        taken = scalar.logical_and(getitem(free, (*lines, box)), scalar.lt(count, limit))
        near = _overlap(boxes.take(lines[0], box).widen(2), boxes.widen(1), overlap)
        blocked = scalar.logical_and(near, expand_dims(taken, 2))
        return (scalar.logical_and(free, scalar.logical_not(blocked)), count + cast(taken, "int64")), taken

    start = (free, zeros((n, classes), "int64"))
    return moveaxis(control.scan(step, start, moveaxis(order, 2, 0))[1], 0, 2)


def _overlap(a: Boxes, b: Boxes, limit: Expr | None) -> Expr:
    """Whether what two boxes share is a larger part than the limit of what both cover."""
    height = scalar.minimum(a.top, b.top) - scalar.maximum(a.bottom, b.bottom)
    width = scalar.minimum(a.right, b.right) - scalar.maximum(a.left, b.left)
    common = scalar.relu(height) * scalar.relu(width)
    both = a.area + b.area - common
    return scalar.gt(common, both * (0.0 if limit is None else limit))
