"""PASSES: what happens to a graph before it is fused, in this order and for these reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..symbolic.expr import Expr
from ..symbolic.graph import Graph
from ..symbolic.types import config
from ..symbolic.verify import verify
from .expand import expand, separate

class Pass(NamedTuple):
    """A pure function from graph to graph; `level` is the least `optimize` at which it runs."""

    name: str
    function: Callable[[Graph], Graph]
    level: int
    reason: str


PASSES = (
    Pass("expand", expand, 0, "composites and ops without a kernel become simpler ops"),
    Pass("separate", separate, 0, "every result gets memory of its own"),
)


def run(graph: Graph, optimize: int, seen: Callable[[str, Graph], None] | None = None) -> Graph:
    """All passes up to a level of optimisation; `seen` is shown the graph after each."""
    for step in PASSES:
        if step.level <= optimize:
            graph = step.function(graph)
            if config.debug:
                verify(graph)
            if seen is not None:
                seen(step.name, graph)
    return graph


def fired(graph: Graph, optimize: int) -> list[tuple[str, Expr, Expr]]:
    """(rule, node before, node after) for every rule that fires on the way through the passes."""
    return []
