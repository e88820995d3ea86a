"""How a node is written: which parts its formula has, and the formula, given theirs.

What changes nothing that a formula says is left out of it: casts between numbers, broadcasting, axes of size 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...symbolic.expr import Expr
from ...symbolic.grad import Assume, CustomGradient, StopGradient
from ..control import CheckSteps
from ..elementwise import Cast, Elementwise
from ..labels import CheckLabels
from ..movement import BroadcastTo, ExpandDims, Reshape, Squeeze
from ..reduce import Reduce
from ..updating import WithUpdates
from .texts import Text

TRANSPARENT = (Assume, BroadcastTo, CheckLabels, CheckSteps, CustomGradient, Squeeze, StopGradient, WithUpdates)


class Form(NamedTuple):
    """The formula of a node: `write` makes it of the texts of the parts.

    relation : that of the equation which gives it a name; other than "=", it needs one, as a random draw does
    kind : a letter for it where the user has no name
    """

    parts: tuple[Expr, ...]
    write: Callable[..., Text]
    relation: str = "="
    kind: str = ""


def bare(node: Expr) -> Expr:
    """The node that is written for it."""
    while (inner := _inner(node)) is not None:
        node = inner
    return node


def _inner(node: Expr) -> Expr | None:
    op = node.op
    if isinstance(op, TRANSPARENT) or (isinstance(op, Reshape) and _adds_nothing(node)):
        return node.args[0]
    if isinstance(op, ExpandDims):
        return node.args[0] if is_harmless(node) else None
    if isinstance(op, Elementwise) and isinstance(op.function, Cast):
        before, after = node.args[0].dtype.kind, node.dtype.kind
        whole = before == "f" and after in "iu"  # which cuts off a fraction
        return None if whole or before == "b" or after == "b" else node.args[0]
    return None


def _adds_nothing(node: Expr) -> bool:
    """Whether a reshape adds or takes away nothing but axes of size 1."""
    before, after = ([d for d in shape if d != 1] for shape in (node.args[0].shape, node.shape))
    return before == after and not is_column(node)


def is_column(node: Expr) -> bool:
    """Whether a vector gets an axis of size 1 behind its own, which tells on broadcasting."""
    source = node.args[0]
    return source.ndim == 1 and node.ndim == 2 and node.shape[1] == 1 != source.shape[0] and not _is_reduced(source)


def is_harmless(node: Expr) -> bool:
    """Whether new axes of size 1 are where broadcasting adds them, or where a reduction took one away."""
    axes, source = node.op.axes, node.args[0]  # type: ignore[attr-defined]
    leading = all(axis == place for place, axis in enumerate(axes))
    return source.ndim == 0 or leading or all(d == 1 for d in source.shape) or _is_reduced(source)


def _is_reduced(node: Expr) -> bool:
    """Whether it is made of reductions and numbers alone: what `keepdims` keeps in its place."""
    waiting, seen = [node], 0
    while waiting:
        one = bare_of_casts(waiting.pop())
        seen += 1
        if isinstance(one.op, Elementwise) and seen < 20:
            waiting += one.args
        elif isinstance(one.op, ExpandDims | Squeeze | StopGradient | BroadcastTo):
            waiting.append(one.args[0])
        elif not isinstance(one.op, Reduce) and one.ndim:
            return False
    return True


def bare_of_casts(node: Expr) -> Expr:
    """The node without casts."""
    while isinstance(node.op, Elementwise) and isinstance(node.op.function, Cast):
        node = node.args[0]
    return node


def operands(node: Expr, *names: str) -> list[Expr] | None:
    """The bare arguments of a function of scalars of one of these names, or None."""
    node = bare(node)
    if isinstance(node.op, Elementwise) and node.op.function.name in names:
        return [bare(a) for a in node.args]
    return None


def reduction(node: Expr, kind: str) -> tuple[Expr, tuple[int, ...]] | None:
    """(what is reduced, bare; the axes) of a reduction of this kind, or None."""
    node = bare(node)
    if isinstance(node.op, Reduce) and node.op.kind == kind:
        return bare(node.args[0]), node.op.axes
    return None
