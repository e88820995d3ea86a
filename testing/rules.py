"""Checking rewrite rules: what they make of expressions against what stood there, at values of any magnitude."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..codegen.passes import pipeline
from ..codegen.passes.widen import widen
from ..codegen.target import target_of
from ..symbolic.arguments import check_count, check_flag
from ..symbolic.errors import ArgumentError, VerifyError, WeftError, blame, user_site
from ..symbolic.evaluate import run
from ..symbolic.expr import Expr, toposort
from ..symbolic.graph import Graph
from ..symbolic.leaves import Input
from ..symbolic.rewrite import AnyRule, Rewrite, RuleSet, rewrite
from ..symbolic.rules import as_rules
from .agreement import disagreement, draw, kinds_of_values
from .instances import extreme_instances, instances
from .near_misses import near_miss

_TIMES = 8
_EXTREMES = 100  # instances over constants of any magnitude; more where two constants are combined
_NO_VALUE = (WeftError, IndexError, ValueError, KeyError)  # sizes that do not fit, indices out of range


def check_rule(rules: Any, *, count: int = 100, limits: bool = False, seed: int = 0) -> None:
    """Look whether rewrite rules are laws: left = right for all values, dtypes and shapes at which they fire.

    Each rule is applied at instances of its left side (float32, float64 and integers, scalars, broadcast and symbolic
    shapes, constants of several magnitudes; for a function its `examples`), and at expressions that are nearly
    instances: with other dtypes, sizes, axes and constants, operands exchanged, one argument in place of two.  Where
    it fires, both sides are computed by the NumPy references, for ordinary numbers, numbers of any magnitude (0, -0
    and denormal ones among them), infinities and NaN; and so is what all of weft's passes make of the instances when
    the rule runs among them.

    A rule may round otherwise: within 64 ulp, or where the right side is no further from the value with 400 digits
    than the left one is.  It may not turn a finite number into an infinite one or NaN, nor NaN into a number.

    Parameters
    ----------
    rules : a rule, a `wf.RuleSet` or a list: what `@wf.rules` and `@wf.rewrite` make
    count : near instances for each rule; those at which it does not fire cost little
    limits : whether a right side may give the limit where an argument is infinite, as weft's own rules that keep digits
        do: log(1 + exp(x)) - x is inf - inf as written at x = inf, and 0 in the limit
    seed : of the random choices

    Raises
    ------
    VerifyError
        where the two sides differ, with the rule's line, both expressions and the values; where a rule changes a type
    RewriteLoop
        where a rule undoes another, or one of weft's
    ArgumentError
        for what is no rule, and for a rule that fires nowhere, so that nothing can be said of it
    """
    given = as_rules("check_rule", rules)
    if given is None:
        raise blame(ArgumentError("check_rule: no rule was given."), user_site())
    check_count("check_rule", "count", count, most=10**6)
    check_count("check_rule", "seed", seed)
    check_flag("check_rule", "limits", limits)
    for rule in given:
        _RuleCheck(rule, limits, np.random.default_rng(seed)).run(count)


class _RuleCheck:
    """The check of one rule."""

    def __init__(self, rule: AnyRule, limits: bool, rng: np.random.Generator):
        self.rule, self.limits, self.rng = rule, limits, rng
        self.alone = RuleSet(rule.name, [rule])

    def run(self, count: int) -> None:
        extreme = [left for left, _ in extreme_instances(self.rule)]
        found = [left for left, _ in instances(self.rule)] or extreme[:1]
        if not found:
            raise self.fires_nowhere()
        for left in [*found, *(extreme[place] for place in self.rng.permutation(len(extreme))[:_EXTREMES])]:
            self.compare(left, "", lambda graph: rewrite(graph, self.alone))
        for number in range(count):
            near = near_miss(found[number % len(found)], self.rng)
            if near is not None:
                self.compare(near, "", lambda graph: rewrite(graph, self.alone))
        for left in found:
            self.compare(left, "with weft's own passes, ", self._optimise)

    def _optimise(self, graph: Graph) -> Graph:
        return pipeline.run(graph, 2, target_of("cpu"), rules=self.alone)

    def fires_nowhere(self) -> ArgumentError:
        """The error for a rule of which nothing can be said."""
        text = f"check_rule: {self.rule.name} fires at none of the expressions that were tried, so nothing was checked."
        hint = "its condition holds for nothing that is tried: state it as a function of a node, with examples."
        if isinstance(self.rule, Rewrite):
            hint = "give @wf.rewrite(..., examples=[...]) functions that build expressions at which it fires."
        return blame(ArgumentError(text), self.rule.site, hint=hint)

    def compare(self, left: Expr, how: str, apply: Any) -> None:
        """Both sides of a rule at one expression, for values of each kind."""
        order = toposort([left])
        graph = widen(Graph(tuple(n for n in order if isinstance(n.op, Input)), (left,)))
        after = apply(graph)
        before, (found,) = graph.outputs[0], after.outputs
        if found is before:
            return
        for values, written in self.draw_values(before, graph.inputs, kinds_of_values(order)):
            new = run([found], dict(zip(after.inputs, values.values(), strict=True)))[0]
            for one, other in zip(_arrays(written), _arrays(new), strict=True):
                fault = disagreement(before, one, other, values, self.limits)
                if fault is not None:
                    raise self.no_law(how, before, found, values, fault)

    def draw_values(
        self, node: Expr, inputs: Sequence[Expr], kinds: tuple[str, ...]
    ) -> Iterator[tuple[dict[Expr, Any], Any]]:
        """Values of the inputs for which the expression has one, and that."""
        times = _TIMES if all(n.ndim == 0 for n in inputs) else 1  # a scalar that shows it is the plainest example
        for kind in kinds * times:
            values = draw(inputs, self.rng, kind, int(self.rng.integers(4)))
            try:
                written = run([node], values)[0]
            except _NO_VALUE:
                continue
            yield values, written

    def no_law(self, how: str, left: Expr, right: Expr, values: dict[Expr, Any], fault: str) -> VerifyError:
        """The error for two sides that differ."""
        given = "".join(f"\n  {n.name} = {v!r}" for n, v in values.items())
        text = (
            f"The rule {self.rule.name} is no law: {self.rule.statement}\n"
            f"  {how}{left!r} becomes {right!r}, which is {fault} where{given}"
        )
        hint = "give the rule a condition under which it holds, or leave it out."
        return blame(VerifyError(text), self.rule.site, hint=hint)


def _arrays(value: Any) -> list[np.ndarray]:
    return list(value) if isinstance(value, tuple | list) else [np.asarray(value)]
