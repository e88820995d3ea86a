"""Concatenations that begin with others, or hold them, read these, which stand in memory anyway."""

from __future__ import annotations

from collections import deque

from ...ops.movement import Concatenate
from ...symbolic.expr import Expr, Op, identical, rebuild
from ...symbolic.graph import Graph

TRIED = 8  # concatenations of the same first parts that are looked at, the last ones first


def share_concatenations(graph: Graph) -> Graph:
    """A run of parts that another concatenation consists of is one part: that concatenation.

    Rules have taken concatenations of concatenations apart, so that each layer of a densely connected network, say,
    would copy the results of all layers before it one by one.
    """
    if sum(isinstance(node.op, Concatenate) for node in graph.nodes) < 2:
        return graph
    done: dict[Expr, Expr] = {}
    sharing = _Sharing()
    for node in graph.nodes:
        args = tuple([done[a] for a in node.args])
        done[node] = sharing.join(node, args) if isinstance(node.op, Concatenate) else rebuild(node, args)
    return graph.with_roots([done[root] for root in graph.roots])


class _Sharing:
    """Concatenations so far: their parts, and what they have become, by their op and first two parts."""

    def __init__(self) -> None:
        self.found: dict[tuple[Op, tuple[Expr, ...]], deque[tuple[tuple[Expr, ...], Expr]]] = {}

    def join(self, node: Expr, parts: tuple[Expr, ...]) -> Expr:
        """The node, of as few parts as there are."""
        joined, place = [], 0
        while place < len(parts):
            length, part = self.longest(node.op, parts, place)
            joined.append(part)
            place += length
        result = rebuild(node, tuple(joined))
        if len(parts) > 1:
            self.found.setdefault((node.op, parts[:2]), deque(maxlen=TRIED)).appendleft((parts, result))
        return result

    def longest(self, op: Op, parts: tuple[Expr, ...], place: int) -> tuple[int, Expr]:
        """The longest concatenation that the parts hold here, with how many they are; else the first part."""
        best, of = 1, parts[place]
        for known, result in self.found.get((op, parts[place : place + 2]), ()):
            if best < len(known) < len(parts) and identical(known, parts[place : place + len(known)]):
                best, of = len(known), result
        return best, of
