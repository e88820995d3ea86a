"""x.copy(): the same value as another node, so that replacing one does not replace the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ...symbolic.expr import Expr, Op, apply, rebuild, serial, toposort
from ...symbolic.records import record
from ...symbolic.types import Type


@record
class DistinctCopy(Op):
    """x itself; the number tells a copy from all others.  Compiled functions have none left."""

    number: int
    is_movement = True
    elementwise = True
    accepts_float16 = True
    holds = True  # each has a type of its own to infer, which nobody asks for again
    name = "copy"

    def infer(self, *types: Type) -> Type:
        return types[0]

    def numpy(self, *values: np.ndarray) -> Any:
        return values[0]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> Sequence[Expr]:
        return (g,)

    def expand(self, *args: Expr) -> Expr:
        return args[0]


def make_copy(node: Expr) -> Expr:
    """Another node of the same value."""
    return apply(DistinctCopy(serial()), node)


def drop_copies(roots: Sequence[Expr], kept: Collection[Expr] = ()) -> list[Expr]:
    """The roots with what was copied in place of copies, but for those that are `kept`."""
    order = toposort(roots, into=lambda n: n not in kept)
    if not any(type(n.op) is DistinctCopy for n in order):
        return list(roots)
    done: dict[Expr, Expr] = {}
    for node in order:
        if node in kept:
            done[node] = node
        elif type(node.op) is DistinctCopy:
            done[node] = done[node.args[0]]
        else:
            done[node] = rebuild(node, tuple(done[a] for a in node.args))
    return [done[root] for root in roots]
