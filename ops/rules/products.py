"""Products taken apart: which factors a node multiplies and divides by, and the node with some of them replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from ...symbolic.expr import Expr, Op, apply
from ...symbolic.leaves import weak_constant
from ..movement import BroadcastTo, ExpandDims
from ..scalar import div, exp, mul, mul_no_nan, neg, reciprocal, square
from .conditions import carries

_POWERS: Mapping[Any, tuple[int, ...]] = {mul: (1, 1), div: (1, -1), mul_no_nan: (1, 1), neg: (1,), reciprocal: (-1,)}
_LEVELS = 6

Factor: TypeAlias = tuple[Expr, int]  # and its power, 1 or -1
Changes: TypeAlias = dict[Factor, Expr | None]


class Product(NamedTuple):
    """A product taken apart."""

    factors: list[Factor]
    above: list[Expr]
    below: list[Expr]
    powers: list[Expr]  # the exponentials above


@lru_cache(maxsize=8)  # several rules ask about the same node
def product(node: Expr) -> Product:
    """The factors of a product of products; the node itself where it is none.  Signs are left out."""
    found = _factors(node, 1, _LEVELS)
    above = [f for f, p in found if p == 1]
    return Product(found, above, [f for f, p in found if p == -1], [f for f in above if f.op.head is exp])


def factors(node: Expr) -> list[Factor]:
    """The factors of a product, each with its power, 1 or -1."""
    return product(node).factors


def _factors(node: Expr, power: int, levels: int) -> list[Factor]:
    node = _open(node)
    powers = _POWERS.get(node.op.head) if levels else None
    if powers is None:
        return [(node, power)]
    return [f for a, p in zip(node.args, powers, strict=True) for f in _factors(a, power * p, levels - 1)]


def is_masked(below: Expr, node: Expr) -> bool:
    """Whether a product does without this divisor, be it 0 or NaN, where another factor is 0."""
    node = _open(node)
    if node.op.head not in _POWERS:
        return False
    if node.op.head is mul_no_nan and any(f is below and p == -1 for f, p in factors(node.args[0])):
        return True
    return any(is_masked(below, a) for a in node.args)


def masks(one: Expr, other: Expr, node: Expr, levels: int = _LEVELS) -> bool:
    """Whether a product with both factors is 0 where the one is, whatever the other is."""
    node = _open(node)
    if node.op.head not in _POWERS or not levels:
        return False
    if node.op.head is mul_no_nan:
        first, second = ([f for f, p in _factors(a, 1, levels - 1) if p == 1] for a in node.args)
        if any(f is other for f in first) and any(f is one for f in second):
            return True
    return any(masks(one, other, a, levels - 1) for a in node.args)


def where_nan(node: Expr, gone: Iterable[Expr], nan: Expr, levels: int = _LEVELS) -> Expr:
    """What a product is where some of its factors are NaN, and `nan` is: that, or what another factor masks of it."""
    node = _open(node)
    if any(node is f for f in gone) or carries(node, nan):
        return nan
    if node.op.head not in _POWERS or not levels:
        return node
    args = [where_nan(a, gone, nan, levels - 1) for a in node.args]
    if args[-1] is nan or (args[0] is nan and node.op.head is not mul_no_nan):
        return nan
    if args[0] is nan and args[1].op.head is mul_no_nan and args[1].args[0] is nan:  # masked already
        return args[1]
    return apply(node.op, *args)


def replace_factors(node: Expr, changes: Changes, power: int = 1, levels: int = _LEVELS) -> Expr | None:
    """The product with factors replaced, each where it is met first, or left out (None); None where nothing is left.

    What has been changed is taken out of `changes`.
    """
    node = _open(node)
    powers = _POWERS.get(node.op.head) if levels else None
    if powers is None:
        return changes.pop((node, power), node)
    return _combine(
        node, [replace_factors(a, changes, power * p, levels - 1) for a, p in zip(node.args, powers, strict=True)]
    )


def _combine(node: Expr, args: list[Expr | None]) -> Expr | None:
    """The node over what is left of its arguments."""
    first, head = args[0], node.op.head
    if len(args) == 1:
        return apply(node.op, first) if first is not None else weak_constant(-1.0, node.dtype) if head is neg else None
    if args[1] is None:
        return first
    if first is None:
        return reciprocal(args[1]) if head is div else args[1]
    return apply(node.op, first, args[1])


def _open(node: Expr) -> Expr:
    """New axes of a product as a product of what has new axes, a square as a product."""
    head = node.op.head
    if head is square:
        return apply(mul.op, node.args[0], node.args[0])
    if head is not ExpandDims or node.args[0].op.head not in _POWERS:
        return node
    inner = node.args[0]
    return apply(inner.op, *(_widen(a, inner.ndim, node.op) for a in inner.args))


def _widen(factor: Expr, ndim: int, new: Op) -> Expr:
    if factor.ndim == 0:
        return factor
    missing = ndim - factor.ndim
    return apply(new, apply(ExpandDims(tuple(range(missing))), factor) if missing else factor)


def peel(node: Expr) -> Expr:
    """The node without the axes of size 1 and the repetitions above it."""
    while node.op.head in (ExpandDims, BroadcastTo):
        node = node.args[0]
    return node
