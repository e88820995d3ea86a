"""In which order a graph is computed: what is near comes first, so that memory is given back early.

parameters (w0, w1, w2) of three layers     w2's gradient is near, and done with once its layer's cotangent is there;
                                            w0's is behind all others, whose cotangents would wait if it came first
"""

from __future__ import annotations

from collections.abc import Iterable

from ...symbolic.expr import Expr
from ...symbolic.graph import Graph


def order_nodes(graph: Graph) -> tuple[Expr, ...]:
    """Every node, arguments first; among roots, and among arguments, those with the shorter way to a leaf first.

    Where a node does more than compute, nodes stay in the order in which they were written.
    """
    if any(node.op.effects for node in graph.nodes):
        return graph.nodes
    depth: dict[Expr, int] = {}
    for node in graph.nodes:
        depth[node] = 1 + max([depth[a] for a in node.args], default=0)
    return tuple(_walk(graph.roots, depth))


def _walk(roots: Iterable[Expr], depth: dict[Expr, int]) -> Iterable[Expr]:
    """Depth first, what is nearest before the others."""
    seen: set[Expr] = set()
    stack = [(root, False) for root in _farthest_first(roots, depth)]
    while stack:
        node, entered = stack.pop()
        if entered:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(a, False) for a in _farthest_first(node.args, depth) if a not in seen]


def _farthest_first(nodes: Iterable[Expr], depth: dict[Expr, int]) -> Iterable[Expr]:
    """The order in which a stack gives the nearest first, and of those that are equally near the first."""
    found = sorted(nodes, key=depth.__getitem__)
    found.reverse()
    return found
