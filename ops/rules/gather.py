"""Picking elements: before a function of them is computed, and not at all where all are picked in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...symbolic.dims import product
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import Constant, constant
from ...symbolic.patterns import number
from ...symbolic.rewrite import RuleSet, rewrite
from ..creation import Iota, arange
from ..elementwise import Elementwise, cast
from ..gather import Gather, ScatterAdd
from ..movement import broadcast_to, expand_dims, moveaxis, squeeze
from ..reduce import Reduce, sum
from ..scalar import div, exp, mul, mul_no_nan, neg, sub
from .conditions import always_finite, like, never_zero


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
    return isinstance(index.op, Iota) and index.dtype.itemsize >= 4  # a smaller one wraps


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
    return apply(whole.op, *(_pick(a, whole, node) for a in whole.args))


def _fewer(node: Expr, whole: Expr, indices: tuple[Expr, ...]) -> bool:
    axes = node.op.axes  # type: ignore[attr-defined]
    picked, there = product(indices[0].shape), product(whole.shape[a] for a in axes)
    if isinstance(picked, int) and isinstance(there, int):
        return picked < there
    return len(axes) > 1 and indices[0].shape == (whole.shape[axes[0]],)


def _pick(arg: Expr, whole: Expr, node: Expr) -> Expr:
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


@rewrite(
    mul,
    mul_no_nan,
    div,
    neg,
    when=lambda *heads: ScatterAdd in heads,
    examples=[
        lambda: mul_no_nan(like(3, 4), _scatter(like(3))),
        lambda: mul_no_nan(_scatter(like(3)), cast(like(4, dtype="bool"), "float64")),
        lambda: _scatter(like(3)) * cast(like(4, dtype="int32"), "float64"),
        lambda: _scatter(like(3)) / 7,
        lambda: -_scatter(like(3)),
    ],
)
def before_scattering(node: Expr) -> Expr | None:
    """y times zeros with elements v at places of their own is zeros with y v at those places, where y times 0 is 0."""
    places = node.args[:1] if node.op.head is div else node.args
    arg = next((a for a in places if _is_scatter(a) and a.shape == node.shape), None)
    if arg is None or not _keeps_zeros(node, arg) or not any(_distinct(i) for i in arg.args[2:]):
        return None
    zeros, v, *indices = arg.args
    taken = apply(Gather(arg.op.axes), zeros, *indices)  # type: ignore[attr-defined]
    picked = [v if a is arg else _pick(a, arg, taken) for a in node.args]
    return apply(arg.op, zeros, apply(node.op, *picked), *indices)


def _keeps_zeros(node: Expr, arg: Expr) -> bool:
    """Whether a function of an argument and others is 0 wherever that argument is: no other is NaN or infinite."""
    if node.op.head is mul_no_nan and node.args[1] is arg:
        return True
    others = [a for a in node.args if a is not arg]
    return all(always_finite(a) and (node.op.head is not div or never_zero(a)) for a in others)


def _distinct(index: Expr) -> bool:
    """Whether no two elements of an index array are the same place."""
    if isinstance(index.op, Constant):
        value = index.op.value
        return bool(value.min(initial=0) >= 0) and len(np.unique(value)) == value.size
    return index.ndim == 1 and _counts(index, index.shape[0])


def _is_scatter(node: Expr) -> bool:
    """Whether it is zeros but for the elements that are added to them."""
    return isinstance(node.op, ScatterAdd) and number(node.args[0]) == 0


def _scatter(v: Expr) -> Expr:
    zeros = broadcast_to(constant(np.zeros((), v.dtype)), (3, 4))
    return apply(ScatterAdd((0, 1)), zeros, v, constant(np.arange(3)), constant(np.array([1, 3, 0])))


@rewrite(Reduce, when=lambda x: x is ScatterAdd, examples=[lambda: sum(_scatter(like(3)), 1)])
def one_in_each_row(node: Expr) -> Expr | None:
    """The sums of rows of zeros with one element v in each are these elements."""
    arg = node.args[0]
    op: Any = arg.op
    if node.op != Reduce("sum", (1,)) or not _is_scatter(arg) or op.axes != (0, 1) or arg.ndim != 2:
        return None
    return arg.args[1] if _counts(arg.args[2], arg.shape[0]) else None


gathers = RuleSet("gathers", [all_in_order, before_functions, before_scattering, one_in_each_row])
