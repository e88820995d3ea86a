"""Picking elements: before a function of them is computed, and not at all where all are picked in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...symbolic.dims import product
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import Constant, constant
from ...symbolic.rewrite import RuleSet, rewrite
from ..creation import Iota, arange
from ..elementwise import Elementwise
from ..indexing import Gather
from ..movement import expand_dims, moveaxis, squeeze
from ..scalar import exp, sub
from .conditions import like


@rewrite(
    Gather,
    examples=[
        lambda: apply(Gather((0,)), like("n", 3), arange(like("n", 3).shape[0])),
        lambda: apply(Gather((1,)), like(4, 3), constant(np.arange(3))),
    ],
)
def all_in_order(node: Expr) -> Expr | None:
    """x[0, 1, 2, ...] is x."""
    op: Any = node.op
    x, index = node.args[0], node.args[1]
    if len(op.axes) != 1 or not _counts(index, x.shape[op.axes[0]]):
        return None
    return moveaxis(x, op.axes[0], 0)


def _counts(index: Expr, size: Any) -> bool:
    """Whether an index array is 0, 1, 2, ... below `size`."""
    if index.shape != (size,):
        return False
    if isinstance(index.op, Constant):
        return bool(np.array_equal(index.op.value, np.arange(size)))
    return isinstance(index.op, Iota)


@rewrite(
    Gather,
    examples=[
        lambda: apply(Gather((0,)), exp(like(5, 3)), constant(np.array([3, 1]))),
        lambda: apply(
            Gather((0, 1)), sub(like(3, 4), like(3, 1)), constant(np.array([0, 1, 2])), constant(np.array([1, 0, 3]))
        ),
        lambda: apply(Gather((0, 1)), sub(like(3, 4), like(4)), constant(np.array([0, 2])), constant(np.array([1, 0]))),
        lambda: apply(Gather((0,)), sub(like(3, 4), like(1, 4)), constant(np.array([0, 2]))),
        lambda: apply(Gather((1,)), sub(like(3, 4), like()), constant(np.array([0, 2]))),
    ],
)
def before_functions(node: Expr) -> Expr | None:
    """f(x)[i] = f(x[i]), where fewer elements are picked than there are."""
    whole, indices = node.args[0], node.args[1:]
    if not isinstance(whole.op, Elementwise) or not _fewer(node, whole, indices):
        return None
    return apply(whole.op, *(_picked(a, whole, node) for a in whole.args))


def _fewer(node: Expr, whole: Expr, indices: tuple[Expr, ...]) -> bool:
    axes = node.op.axes  # type: ignore[attr-defined]
    picked, there = product(indices[0].shape), product(whole.shape[a] for a in axes)
    if isinstance(picked, int) and isinstance(there, int):
        return picked < there
    return len(axes) > 1 and indices[0].shape == (whole.shape[axes[0]],)


def _picked(arg: Expr, whole: Expr, node: Expr) -> Expr:
    """The elements of an argument that belong to those picked; along an axis of size 1 there is no choice."""
    if arg.ndim == 0:
        return arg
    axes, indices = node.op.axes, node.args[1:]  # type: ignore[attr-defined]
    full = expand_dims(arg, list(range(whole.ndim - arg.ndim)))
    single = [a for a in axes if full.shape[a] == 1 and whole.shape[a] != 1]
    kept = [(a - len([s for s in single if s < a]), i) for a, i in zip(axes, indices, strict=True) if a not in single]
    narrow = squeeze(full, single) if single else full
    if not kept:
        return narrow
    return apply(Gather(tuple(a for a, _ in kept)), narrow, *(i for _, i in kept))


gathers = RuleSet("gathers", [all_in_order, before_functions])
