"""Where rules must not fire: expressions like their left sides, as written and after all passes."""

import contextlib

import numpy as np
import pytest

from weft.codegen.cpu import CPU
from weft.codegen.passes.pipeline import run as passes
from weft.ops.rules import canonical, special, stable
from weft.symbolic.errors import WeftError
from weft.symbolic.evaluate import run
from weft.symbolic.expr import toposort
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Input
from weft.symbolic.verify import verify
from weft.testing.agreement import disagreement, draw, kinds_of_values
from weft.testing.instances import instances
from weft.testing.near_misses import near_miss

from ..sampling import every

RULES = list(dict.fromkeys([*canonical, *stable, *special]))


def check(root, rng):
    """The expression as written against that after all passes, at values of each kind."""
    order = toposort([root])
    inputs = tuple(n for n in order if isinstance(n.op, Input))
    graph = Graph(inputs, (root, *(n for n in order[-3:-1] if n.args and rng.random() < 0.3)))
    plain = passes(graph, 0, CPU)  # float16 is computed with as float32
    cases = []
    for kind in kinds_of_values(order):
        values = draw(inputs, rng, kind, rng.integers(4))
        with contextlib.suppress(WeftError, IndexError, ValueError, KeyError):
            cases.append((values, run(list(plain.outputs), values)))
    if cases:
        compare(graph, plain, cases)


def compare(graph, plain, cases):
    """What the passes make of a graph, and what the written one gave."""
    record = []
    after = passes(graph, 2, CPU, record=record)
    verify(after)
    stable_ = any(f.rule in set(stable) for f in record)
    for values, written in cases:
        found = run(list(after.outputs), dict(zip(after.inputs, values.values(), strict=True)))
        for node, left, right in zip(plain.outputs, written, found, strict=True):
            fault = disagreement(node, left, right, values, stable_)
            rules = "".join(f"\n{f}" for f in record)
            given = [f"{n.name} = {v!r}" for n, v in values.items()]
            assert fault is None, f"{node!r} of {given}: {fault}; rules:{rules}"


@pytest.mark.parametrize("rule", every(3, RULES), ids=lambda rule: f"{rule.name} {rule.statement}")
def test_rule(rule):
    sweep(rule, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name} {rule.statement}")
def test_rule_often(rule, seed):
    sweep(rule, 100, seed)


def sweep(rule, count, seed=0):
    rng = np.random.default_rng(seed)
    found = instances(rule)
    for number in range(count):
        root = near_miss(found[number % len(found)].left, rng)
        if root is not None:
            check(root, rng)
