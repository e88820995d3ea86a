"""Reductions over axes of size 1, over repeated axes, of reductions, of transposed and negated values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...symbolic.dims import Dim, product
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import size, weak_constant
from ...symbolic.patterns import NUMBERS
from ...symbolic.rewrite import RuleSet, rewrite
from ...symbolic.types import FLOAT16
from ..elementwise import cast
from ..movement import BroadcastTo, ExpandDims, Transpose, broadcast_to, expand_dims, squeeze, transpose
from ..reduce import Reduce, max, min, prod, sum
from ..scalar import mul_no_nan, neg
from .conditions import like


@rewrite(
    Reduce,
    examples=[
        lambda: sum(like(2, 1, 3), 1),
        lambda: max(like(2, 1, 3), (0, 1)),
        lambda: apply(Reduce("prod", ()), like(2, 3)),
    ],
)
def over_one_element(node: Expr) -> Expr | None:
    """A reduction over an axis of size 1 takes the axis away, and over no axis does nothing."""
    op, x = _parts(node)
    ones = [a for a in op.axes if x.shape[a] == 1]
    if not op.axes:
        return x
    if not ones:
        return None
    rest = tuple(a - len([b for b in ones if b < a]) for a in op.axes if a not in ones)
    return apply(replace(op, axes=rest), squeeze(x, ones)) if rest else squeeze(x, ones)


@rewrite(
    Reduce,
    when=lambda x: x in (BroadcastTo, NUMBERS),
    examples=[
        lambda: sum(broadcast_to(like(3), (2, 3)), 0),
        lambda: sum(broadcast_to(like(2, 1), (2, 3))),
        lambda: sum(broadcast_to(like("n", 1), ("n", "n")), 1),
        lambda: sum(broadcast_to(like(3, dtype="int64"), (2, 3))),
        lambda: max(broadcast_to(like(3), (2, 3)), 0),
        lambda: min(broadcast_to(like(2, 1, 3), (2, 4, 3)), (0, 1)),
    ],
)
def over_broadcast(node: Expr) -> Expr | None:
    """sum over an axis that was only repeated -> multiplication by its length; max and min -> one of the equals."""
    op, wide = _parts(node)
    if not isinstance(wide.op, BroadcastTo) or op.kind == "prod":
        return None
    x = expand_dims(wide.args[0], list(range(wide.ndim - wide.args[0].ndim)))
    repeated = [a for a in op.axes if x.shape[a] == 1 and wide.shape[a] != 1]
    count = product(wide.shape[a] for a in repeated)
    if not repeated or (op.kind != "sum" and not (isinstance(count, int) and count > 0)):
        return None
    if x.dtype == FLOAT16:  # which does not count so far
        return None
    once = broadcast_to(x, tuple(1 if a in repeated else d for a, d in enumerate(wide.shape)))
    reduced = apply(op, once)
    return _times(reduced, count) if op.kind == "sum" else reduced


def _times(x: Expr, count: Dim) -> Expr:
    if isinstance(count, int) and count > 0:
        return x * weak_constant(count, x.dtype)
    return mul_no_nan(x, cast(size(count), x.dtype))  # the sum over no elements is 0, whatever x is


@rewrite(
    Reduce,
    when=lambda x: x is Reduce,
    examples=[
        lambda: sum(sum(like(2, 3, 4), 1), 1),
        lambda: max(max(like(2, 3, 4), 0), 1),
        lambda: sum(sum(like(2, 3, 4), (0, 2))),
    ],
)
def double_reduction(node: Expr) -> Expr | None:
    """A reduction of the same reduction is one over the axes of both.

    Not products of floats, which in another order leave the range.
    """
    op, x = _parts(node)
    if not isinstance(x.op, Reduce) or replace(x.op, axes=op.axes) != op or (op.kind == "prod" and x.type.is_float):
        return None
    base = x.args[0]
    kept = [a for a in range(base.ndim) if a not in x.op.axes]
    return apply(replace(op, axes=tuple(sorted((*x.op.axes, *(kept[a] for a in op.axes))))), base)


@rewrite(
    Reduce,
    when=lambda x: x is ExpandDims,
    examples=[lambda: sum(expand_dims(like(2, 3), 0), 1), lambda: prod(expand_dims(like(2, 3), (1, 3)), (0, 2))],
)
def before_new_axes(node: Expr) -> Expr | None:
    """New axes are added after the reduction over others."""
    op, x = _parts(node)
    if not isinstance(x.op, ExpandDims) or any(a in x.op.axes for a in op.axes):
        return None
    old = [a for a in range(x.ndim) if a not in x.op.axes]
    left = [a for a in range(x.ndim) if a not in op.axes]
    reduced = apply(replace(op, axes=tuple(old.index(a) for a in op.axes)), x.args[0])
    return expand_dims(reduced, [i for i, a in enumerate(left) if a in x.op.axes])


@rewrite(
    Reduce,
    when=lambda x: x is Transpose,
    examples=[lambda: sum(transpose(like(2, 3)), 0), lambda: sum(transpose(like(2, 3, 4), (2, 1, 0)), 1)],
)
def of_transpose(node: Expr) -> Expr | None:
    """A reduction of a transposed array reads it in its own order."""
    op, x = _parts(node)
    if not isinstance(x.op, Transpose):
        return None
    order = x.op.axes
    gone = tuple(sorted(order[a] for a in op.axes))
    left = [a for a in range(x.ndim) if a not in gone]
    kept = [left.index(a) for i, a in enumerate(order) if i not in op.axes]
    return transpose(apply(replace(op, axes=gone), x.args[0]), kept)


@rewrite(
    Reduce,
    when=lambda x: x is neg,
    examples=[lambda: sum(-like(2, 3), 1), lambda: max(-like(2, 3), 1), lambda: min(-like(2, 3))],
)
def of_negation(node: Expr) -> Expr | None:
    """The sum of -x is minus the sum, its largest minus the smallest."""
    op, x = _parts(node)
    swapped = {"sum": "sum", "max": "min", "min": "max"}.get(op.kind)
    if x.op.head is not neg or swapped is None or x.dtype.kind == "u" or (x.dtype.kind == "i" and op.kind != "sum"):
        return None
    return -apply(replace(op, kind=swapped), x.args[0])


def _parts(node: Expr) -> tuple[Any, Expr]:
    return node.op, node.args[0]


reductions = RuleSet(
    "reductions",
    [over_one_element, over_broadcast, double_reduction, before_new_axes, of_transpose, of_negation],
)
