"""PASSES: what happens to a graph before it is fused, in this order and for these reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...ops.rules import canonical, special, stable
from ...ops.rules.products import product
from ...symbolic.collector import gc_paused
from ...symbolic.graph import Graph
from ...symbolic.rewrite import Fired, RuleSet, rewrite
from ...symbolic.types import config
from ...symbolic.verify import verify
from ..spans import span
from ..target import Target
from .control import simplify_control
from .expand import expand
from .fold import fold
from .outputs import copy_outputs
from .share import share_concatenations
from .widen import widen

Record = list[Fired]


class Context(NamedTuple):
    """What passes know besides the graph."""

    target: Target
    level: int  # of optimisation
    own: RuleSet | None  # rules of the user's
    record: Record  # gets what rules did


PassFunction = Callable[[Graph, Context], Graph]


class Pass(NamedTuple):
    """A pure function from graph to graph; `level` is the least `optimize` at which it runs."""

    name: str
    function: PassFunction
    level: int
    reason: str


def _rules(rules: RuleSet) -> PassFunction:
    def apply_rules(graph: Graph, context: Context) -> Graph:
        chosen = rules if context.own is None else _join_rules(context.own, rules)
        return rewrite(graph, chosen, context.record)

    return apply_rules


def _join_rules(own: RuleSet, rules: RuleSet) -> RuleSet:
    """The user's rules before weft's, in the form, too, in which weft's leave their left sides; it goes with them."""
    if rules not in own.joined:
        own.joined[rules] = own.after(canonical) + rules
    return own.joined[rules]


def _ignore_context(function: Callable[[Graph], Graph]) -> PassFunction:
    return lambda graph, context: function(graph)


def _control(graph: Graph, context: Context) -> Graph:
    return simplify_control(graph, lambda body: _run(body, context))


def _expand(graph: Graph, context: Context) -> Graph:
    return expand(graph, context.target)


PASSES = (
    Pass("control", _control, 0, "loops and branches shed what nobody reads; their bodies go through all passes"),
    Pass("widen", _ignore_context(widen), 0, "float16 is stored, and computed with as float32"),
    Pass("canonical", _rules(canonical), 1, "one spelling of each thing, so that later rules need only know one"),
    Pass("stable", _rules(canonical + stable), 1, "the same values with fewer lost digits"),
    Pass("expand", _expand, 0, "composites and ops without a kernel become simpler ops"),
    Pass("fold", _ignore_context(fold), 1, "what depends on constants alone is computed now"),
    Pass("simplify", _rules(canonical + special), 2, "what expansion and folding left over, and cheaper structure"),
    Pass("share", _ignore_context(share_concatenations), 2, "what another concatenation has joined is copied as one"),
    Pass("outputs", _ignore_context(copy_outputs), 0, "every result gets memory of its own"),
)


@gc_paused
def run(
    graph: Graph,
    optimize: int,
    target: Target,
    seen: Callable[[str, Graph], None] | None = None,
    record: Record | None = None,
    rules: RuleSet | None = None,
) -> Graph:
    """All passes up to a level of optimisation; `seen` is shown the graph after each, `record` gets what rules did.

    rules : the user's own, which run with weft's
    """
    return _run(graph, Context(target, optimize, rules, [] if record is None else record), seen)


def _run(graph: Graph, context: Context, seen: Callable[[str, Graph], None] | None = None) -> Graph:
    for step in PASSES:
        if step.level <= context.level:
            with span(step.name):
                graph = step.function(graph, context)
            if config.debug:
                verify(graph)
            if seen is not None:
                seen(step.name, graph)
    product.cache_clear()  # it keeps nodes, which go when their graphs go
    return graph
