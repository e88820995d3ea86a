"""Composites and other ops that say what they are made of become simpler ops."""

from __future__ import annotations

from ...symbolic.errors import at_site
from ...symbolic.expr import Expr, rebuild, toposort
from ...symbolic.graph import Graph
from ..target import Lowering, Target, lowering_of


def expand(graph: Graph, target: Target) -> Graph:
    """Every op that has an expansion and no kernel of its own, replaced by it, down to ops that have none."""
    return _Expansion(target).graph(graph)


class _Expansion:
    def __init__(self, target: Target) -> None:
        self.target = target
        self.done: dict[Expr, Expr] = {}

    def graph(self, graph: Graph) -> Graph:
        done = self.done
        for node in graph.nodes:
            done[node] = self.expand(rebuild(node, tuple(done[a] for a in node.args)))
        return graph.with_roots([done[root] for root in graph.roots])

    def expand(self, node: Expr) -> Expr:
        """The node in simpler ops, whose arguments are expanded already."""
        if lowering_of(node.op, self.target) is Lowering.KERNEL:
            return node
        with at_site(node.site):
            simpler = node.op.expand(*node.args)
        if simpler is None:
            return node
        done, known = self.done, dict.fromkeys(node.args)
        for inner in toposort([simpler], into=lambda n: n not in known):
            if inner in known:
                done.setdefault(inner, inner)
            elif inner not in done:
                done[inner] = self.expand(rebuild(inner, tuple(done.get(a, a) for a in inner.args)))
        return done[simpler]
