"""Pooling by one window over everything: a reduction, and what belongs to it."""

from __future__ import annotations

import math
from typing import Any

from ...symbolic.expr import Expr, apply
from ...symbolic.rewrite import RuleSet, rewrite
from ..creation import iota
from ..indexing import take_along_axis
from ..movement import broadcast_to, reshape
from ..pool import MaxPool, MaxPoolGather, MaxPoolScatter, SumPool, SumPoolScatter
from ..pooling import Pooling
from ..reduce import argmax, max, sum
from ..scalar import eq, where
from .conditions import like


def _sizes(op: Any, node: Expr) -> tuple[int, ...] | None:
    """The spatial sizes of a node, where they are known and one window covers them all."""
    sizes = node.shape[2:]
    if not all(isinstance(n, int) and n > 0 for n in sizes) or any(g != 1 for g in op.grid(sizes)):
        return None
    if op.reach != op.window:
        return None  # some elements lie between those of the window
    covered = all(0 <= before <= k - n for n, k, (before, _) in zip(sizes, op.window, op.padding, strict=True))
    return sizes if covered else None  # type: ignore[return-value]


def _flat(node: Expr, sizes: tuple[int, ...]) -> Expr:
    return reshape(node, (*node.shape[:2], math.prod(sizes)))


def _example(make: type[Pooling], *operands: Expr, window: Any = (3, 4), padding: Any = ((0, 0), (0, 0))) -> Expr:
    return apply(make(window, (1, 1), padding), *operands)


@rewrite(
    MaxPool,
    examples=[
        lambda: _example(MaxPool, like("n", 2, 3, 4)),
        lambda: _example(MaxPool, like(2, 1, 2, 3), padding=((1, 0), (0, 1))),
    ],
)
def maximum_of_all(node: Expr) -> Expr | None:
    """The maximum over the spatial axes."""
    x = node.args[0]
    return max(x, range(2, x.ndim), keepdims=True) if _sizes(node.op, x) else None


@rewrite(SumPool, examples=[lambda: _example(SumPool, like("n", 2, 3, 4))])
def sum_of_all(node: Expr) -> Expr | None:
    """The sum over the spatial axes."""
    x = node.args[0]
    return sum(x, range(2, x.ndim), keepdims=True) if _sizes(node.op, x) else None


@rewrite(MaxPoolScatter, examples=[lambda: _example(MaxPoolScatter, like(2, 3, 3, 4), like(2, 3, 1, 1))])
def scatter_to_first(node: Expr) -> Expr | None:
    """The cotangent where the place is that of the first maximum, zeros elsewhere."""
    x, g = node.args
    sizes = _sizes(node.op, x)
    if sizes is None:
        return None
    place = argmax(_flat(x, sizes), 2, keepdims=True)
    at_place = eq(iota((math.prod(sizes),), 0, place.dtype), place)
    return reshape(where(at_place, _flat(g, (1,) * len(sizes)), 0), node.shape)


@rewrite(MaxPoolGather, examples=[lambda: _example(MaxPoolGather, like(2, 3, 3, 4), like(2, 3, 3, 4))])
def gather_from_first(node: Expr) -> Expr | None:
    """The element at the place of the first maximum."""
    x, v = node.args
    sizes = _sizes(node.op, x)
    if sizes is None:
        return None
    place = argmax(_flat(x, sizes), 2, keepdims=True)
    return reshape(take_along_axis(_flat(v, sizes), place, 2), node.shape)


@rewrite(
    SumPoolScatter,
    examples=[lambda: apply(SumPoolScatter((3, 4), (1, 1), ((0, 0), (0, 0)), False, (3, 4)), like(2, 3, 1, 1))],
)
def same_for_all(node: Expr) -> Expr | None:
    """The cotangent, everywhere."""
    return broadcast_to(node.args[0], node.shape) if _sizes(node.op, node) else None


pooling = RuleSet(
    "pooling",
    [maximum_of_all, sum_of_all, scatter_to_first, gather_from_first, same_for_all],
    "Pooling by one window over everything is a reduction.",
)
