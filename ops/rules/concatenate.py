"""Arrays put together from parts: sums of padded parts, and concatenations of concatenations."""

from __future__ import annotations

from typing import Any

from ...symbolic.dims import Dim
from ...symbolic.expr import Expr, apply, without
from ...symbolic.rewrite import RuleSet, rewrite
from ..movement import Concatenate, Unslice, concatenate
from ..scalar import add
from .conditions import like

_LEVELS = 8


def _place(x: Expr, start: Dim, shape: tuple[Dim, ...], axis: int = 0) -> Expr:
    starts = tuple(start if a == axis else 0 for a in range(x.ndim))
    return apply(Unslice(starts, (1,) * x.ndim, shape), x)


@rewrite(Unslice, examples=[lambda: apply(Unslice((0, 0), (1, 1), (2, 3)), like(2, 3))])
def whole(node: Expr) -> Expr | None:
    """Zeros that are all written over are what is written."""
    op: Any = node.op
    x = node.args[0]
    plain = x.shape == node.shape and all(a == 0 for a in op.starts) and all(s == 1 for s in op.steps)
    return x if plain else None


@rewrite(
    add,
    when=lambda x, y: Unslice in (x, y),
    examples=[
        lambda: _place(like(2, 3), 0, (6, 3)) + _place(like(4, 3), 2, (6, 3)),
        lambda: _place(like(2, 3), 4, (6, 3)) + (like(6, 3) + _place(like(1, 3), 3, (6, 3))),
        lambda: _place(like(3, 2), 1, (3, 6), 1) + _place(like(3, 3), 3, (3, 6), 1),
    ],
)
def neighbours(node: Expr) -> Expr | None:
    """Parts written side by side into zeros and added are one part, joined: what the gradient of slices comes to."""
    terms = _terms(node, _LEVELS)
    parts = [t for t in terms if isinstance(t.op, Unslice) and t.shape == node.shape]
    for i, first in enumerate(parts):
        for second in parts[:i] + parts[i + 1 :]:
            joined = _join(first, second)
            if joined is not None:
                return _total([joined, *without(without(terms, first), second)])
    return None


def _terms(node: Expr, levels: int) -> list[Expr]:
    if node.op.head is not add or levels == 0:
        return [node]
    return [t for a in node.args for t in _terms(a, levels - 1)]


def _total(terms: list[Expr]) -> Expr:
    result = terms[0]
    for other in terms[1:]:
        result = result + other
    return result


def _join(first: Expr, second: Expr) -> Expr | None:
    """Both parts as one, where the second begins at the end of the first and their other axes agree."""
    a: Any = first.op
    b: Any = second.op
    x, y = first.args[0], second.args[0]
    differing = [i for i, (s, t) in enumerate(zip(a.starts, b.starts, strict=True)) if s != t]
    if len(differing) != 1 or any(s != 1 for s in (*a.steps, *b.steps)):
        return None
    axis = differing[0]
    if a.starts[axis] + x.shape[axis] != b.starts[axis]:
        return None
    if any(m != n for i, (m, n) in enumerate(zip(x.shape, y.shape, strict=True)) if i != axis):
        return None
    return apply(a, concatenate([x, y], axis))


@rewrite(
    Concatenate,
    when=lambda *heads: Concatenate in heads,
    examples=[
        lambda: concatenate([concatenate([like(2, 3), like(1, 3)]), like(2, 3)]),
        lambda: concatenate([like(2, 3), concatenate([like(2, 1), like(2, 2)], 1)], 1),
    ],
)
def nested_concatenation(node: Expr) -> Expr | None:
    """A concatenation of concatenations along the same axis is one."""
    return apply(node.op, *(part for a in node.args for part in (a.args if a.op == node.op else (a,))))


concatenation = RuleSet("concatenation", [whole, neighbours, nested_concatenation])
