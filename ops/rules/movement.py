"""Reshapes, transposes, broadcasts and slices that undo, contain or repeat each other.  All laws are exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...symbolic.dims import Shape
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import constant
from ...symbolic.patterns import NUMBERS
from ...symbolic.rewrite import RuleSet, rewrite
from ..movement import (
    BroadcastTo,
    Concatenate,
    ExpandDims,
    Reshape,
    Slice,
    Squeeze,
    Transpose,
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    reshape,
    squeeze,
    transpose,
)
from .conditions import like

_BY_SIZE = (Reshape, ExpandDims, Squeeze)


@rewrite(
    Reshape,
    Transpose,
    BroadcastTo,
    ExpandDims,
    Squeeze,
    Slice,
    examples=[
        lambda: apply(Reshape((2, 3)), like(2, 3)),
        lambda: apply(Transpose((0, 1)), like(2, 3)),
        lambda: apply(BroadcastTo((2, 3)), like(2, 3)),
        lambda: apply(Squeeze(()), like(2, 3)),
        lambda: apply(Slice((0, 0), (1, 1), (2, 3)), like(2, 3)),
    ],
)
def nothing_moves(node: Expr) -> Expr | None:
    """x moved to where it is, is x."""
    (x,) = node.args
    if x.shape != node.shape:
        return None
    match node.op:
        case Transpose(axes=axes) if axes != tuple(range(x.ndim)):
            return None
        case Slice(starts=starts, steps=steps) if any(a != 0 for a in starts) or any(s != 1 for s in steps):
            return None
    return x


@rewrite(
    Reshape,
    Transpose,
    ExpandDims,
    Squeeze,
    Slice,
    when=lambda x: x in (BroadcastTo, NUMBERS),
    examples=[
        lambda: transpose(broadcast_to(like(), (2, 3))),
        lambda: reshape(broadcast_to(constant(np.float32(2)), (2, 3)), (6,)),
        lambda: expand_dims(broadcast_to(like(), (2, 3)), 0),
        lambda: flip(broadcast_to(like(), (2, 3))),
    ],
)
def scalar_everywhere(node: Expr) -> Expr | None:
    """One value repeated, however it is moved, is that value repeated."""
    match node.args[0]:
        case Expr(BroadcastTo(), [x]) if x.ndim == 0:
            return broadcast_to(x, node.shape)
    return None


@rewrite(
    Reshape,
    ExpandDims,
    Squeeze,
    BroadcastTo,
    examples=[
        lambda: reshape(like(2, 3), (2, 1, 3)),
        lambda: reshape(like(2, 1, 3), (2, 3)),
        lambda: reshape(reshape(like(2, 6), (3, 4)), (12,)),
        lambda: squeeze(expand_dims(like(2, 3), 1), 1),
        lambda: expand_dims(squeeze(like(2, 1, 3), 1), 1),
        lambda: expand_dims(expand_dims(like(2, 3), 1), 0),
        lambda: squeeze(squeeze(like(2, 1, 3, 1), 1), 2),
        lambda: broadcast_to(like(3), (1, 3)),
    ],
)
def by_axes_of_one(node: Expr) -> Expr | None:
    """Reshapes that only add and take away axes of size 1 are that; reshapes of reshapes are one."""
    x = node.args[0]
    if isinstance(node.op, BroadcastTo):
        return regap(x, node.shape)
    if not isinstance(x.op, _BY_SIZE):
        return regap(x, node.shape) if isinstance(node.op, Reshape) else None
    base = x.args[0]
    direct = regap(base, node.shape)
    if direct is not None:
        return direct
    if isinstance(node.op, Reshape) or isinstance(x.op, Reshape):
        return reshape(base, node.shape)
    return None


def regap(x: Expr, shape: Shape) -> Expr | None:
    """x under a shape that has the same sizes but for ones, by expand_dims and squeeze alone; None where it has not."""
    have, wanted = _gaps(x.shape), _gaps(shape)
    if [d for d, _ in have] != [d for d, _ in wanted]:
        return None
    gone: list[int] = []
    new: list[int] = []
    before = after = 0  # axes passed in x and in the result
    for (_, mine), (_, others) in zip(have, wanted, strict=True):
        gone += range(before + min(mine, others), before + mine)
        new += range(after + min(mine, others), after + others)
        before, after = before + mine + 1, after + others + 1
    return expand_dims(squeeze(x, gone) if gone else x, new) if new else (squeeze(x, gone) if gone else x)


def _gaps(shape: Shape) -> list[tuple[Any, int]]:
    """Each size but ones, with the number of ones before it; a last entry (None, n) for those at the end."""
    found: list[tuple[Any, int]] = []
    ones = 0
    for dim in shape:
        if dim == 1:
            ones += 1
        else:
            found.append((dim, ones))
            ones = 0
    return [*found, (None, ones)]


@rewrite(
    Transpose,
    when=lambda x: x is Transpose,
    examples=[lambda: transpose(transpose(like(2, 3, 4), (1, 2, 0)), (2, 1, 0))],
)
def double_transpose(node: Expr) -> Expr | None:
    """A transpose of a transpose is one, or nothing."""
    match node:
        case Expr(Transpose(outer), [Expr(Transpose(inner), [x])]):
            return transpose(x, [inner[a] for a in outer])
    return None


@rewrite(
    BroadcastTo,
    when=lambda x: x in (BroadcastTo, ExpandDims, NUMBERS),
    examples=[
        lambda: broadcast_to(broadcast_to(like(3), (2, 3)), (4, 2, 3)),
        lambda: broadcast_to(expand_dims(like(3), 0), (2, 3)),
        lambda: broadcast_to(expand_dims(like(3), (0, 2)), (2, 3, 4)),
    ],
)
def double_broadcast(node: Expr) -> Expr | None:
    """A broadcast of a broadcast is one; new leading axes come with a broadcast anyway."""
    match node.args[0]:
        case Expr(BroadcastTo(), [x]):
            return broadcast_to(x, node.shape)
        case Expr(ExpandDims(axes), [x]) if 0 in axes:
            count = next((i for i, a in enumerate(axes) if i != a), len(axes))
            return broadcast_to(expand_dims(x, [a - count for a in axes[count:]]), node.shape)
    return None


@rewrite(
    ExpandDims,
    Transpose,
    when=lambda x: x in (BroadcastTo, NUMBERS),
    examples=[
        lambda: expand_dims(broadcast_to(like(3), (2, 3)), 1),
        lambda: expand_dims(broadcast_to(like(2, 1), (2, 3)), 0),
        lambda: transpose(broadcast_to(like(3), (2, 3))),
        lambda: transpose(broadcast_to(like(2, 1, 3), (4, 2, 5, 3)), (1, 3, 0, 2)),
    ],
)
def broadcast_last(node: Expr) -> Expr | None:
    """Repeating is left to the end: what comes before it is smaller."""
    match node.args[0]:
        case Expr(BroadcastTo(shape), [x]):
            whole = expand_dims(x, list(range(len(shape) - x.ndim)))
            return broadcast_to(apply(node.op, whole), node.shape)
    return None


@rewrite(
    Slice,
    when=lambda x: x is Slice,
    examples=[
        lambda: flip(apply(Slice((1, 0), (2, 1), (4, 8)), like(9, 8)), 0),
        lambda: apply(Slice((1,), (1,), (3,)), apply(Slice((8,), (-2,), (5,)), like(9))),
    ],
)
def double_slice(node: Expr) -> Expr | None:
    """A slice of a slice is one."""
    match node:
        case Expr(Slice(outer, outer_steps, sizes), [Expr(Slice(inner, inner_steps, _), [x])]):
            starts = tuple(a + b * s for a, b, s in zip(inner, outer, inner_steps, strict=True))
            steps = tuple(s * t for s, t in zip(inner_steps, outer_steps, strict=True))
            return apply(Slice(starts, steps, sizes), x)
    return None


@rewrite(
    Slice,
    when=lambda x: x is Concatenate,
    examples=[
        lambda: apply(Slice((2, 0), (1, 1), (3, 4)), concatenate([like(2, 4), like(3, 4)])),
        lambda: apply(Slice((3, 0), (1, 2), (1, 2)), concatenate([like(2, 4), like(3, 4)])),
        lambda: apply(Slice((0, 4), (1, 1), (2, 3)), concatenate([like(2, 4), like(2, 3)], 1)),
    ],
)
def slice_of_concatenation(node: Expr) -> Expr | None:
    """A slice of joined arrays that lies within one of them is a slice of that one."""
    op: Any = node.op
    joined: Any = node.args[0]
    if not isinstance(joined.op, Concatenate) or op.steps[joined.op.axis] != 1:
        return None
    axis = joined.op.axis
    begin: Any = 0
    for part in joined.args:
        offset = op.starts[axis] - begin
        room = part.shape[axis] - offset - op.sizes[axis]
        if isinstance(offset, int) and isinstance(room, int) and offset >= 0 and room >= 0:
            starts = (*op.starts[:axis], offset, *op.starts[axis + 1 :])
            return apply(Slice(starts, op.steps, op.sizes), part)
        begin = begin + part.shape[axis]
    return None


movement = RuleSet(
    "movement",
    [
        nothing_moves,
        scalar_everywhere,
        by_axes_of_one,
        double_transpose,
        double_broadcast,
        broadcast_last,
        double_slice,
        slice_of_concatenation,
    ],
)
