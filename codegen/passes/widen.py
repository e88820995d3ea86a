"""float16 is how values are stored: every op over it becomes one over float32, with conversions at its ends.

What passes from op to op inside a function stays float32, so that a chain is rounded once, where its result is stored
or where the program casts it.  Loops, branches and callbacks hand their float16 values over as they are; their bodies
go through this pass themselves.
"""

from __future__ import annotations

from ...ops.elementwise import cast
from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, apply, rebuild
from ...symbolic.graph import Graph
from ...symbolic.types import FLOAT16, FLOAT32, TupleType


def widen(graph: Graph) -> Graph:
    """The graph with float16 left to leaves, casts and what passes values on."""
    if not any(_is_half(node) for node in graph.nodes):
        return graph
    return _Widening(graph).graph()


def _is_half(node: Expr) -> bool:
    items = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    return any(of.dtype == FLOAT16 for of in items)


class _Widening:
    def __init__(self, source: Graph) -> None:
        self.source = source
        self.done: dict[Expr, Expr] = {}  # of the dtype it had
        self.wide: dict[Expr, Expr] = {}  # float32, before it is rounded

    def graph(self) -> Graph:
        for node in self.source.nodes:
            with at_site(node.site):
                self.done[node] = self.widen(node)
        return self.source.with_roots([self.done[root] for root in self.source.roots])

    def widen(self, node: Expr) -> Expr:
        """The node over its widened arguments."""
        if node.op.accepts_float16 or not any(_is_half(a) for a in node.args):
            return rebuild(node, tuple(self.done[a] for a in node.args))
        result = apply(node.op, *[self.as_float(a) for a in node.args])
        if isinstance(node.type, TupleType) or result.dtype == node.dtype:
            return result
        self.wide[node] = result
        return cast(result, node.dtype)

    def as_float(self, node: Expr) -> Expr:
        """An argument, float32 in place of float16."""
        if isinstance(node.type, TupleType) or node.dtype != FLOAT16:
            return self.done[node]
        if node not in self.wide:
            self.wide[node] = cast(self.done[node], FLOAT32)
        return self.wide[node]
