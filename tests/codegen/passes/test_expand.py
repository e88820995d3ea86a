"""Expansion reaches what an expansion is made of; leaves, views and repeated results get memory of their own."""

from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.passes.expand import expand
from weft.codegen.passes.outputs import copy_outputs
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import Op, apply
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import Item
from weft.symbolic.types import TupleType


@dataclass(frozen=True)
class Doubled(Op):
    """2 x."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return x * 2

    def expand(self, x):
        return x + x


@dataclass(frozen=True)
class Nested(Op):
    """8 x^2 + 2 x, of expansions over expansions, one of which is read twice."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return 8 * x * x + 2 * x

    def expand(self, x):
        once = apply(Doubled(), x)
        return apply(Doubled(), once) * once + apply(Same(), once)


@dataclass(frozen=True)
class Same(Op):
    """Its argument."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return x

    def expand(self, x):
        return x


@dataclass(frozen=True)
class Both(Op):
    """2 x, and y + x."""

    def infer(self, x, y):
        return TupleType((x, y))

    def numpy(self, x, y):
        return x * 2, y + x

    def expand(self, x, y):
        return apply(Pair(), apply(Doubled(), x), apply(Same(), y) + x)


@dataclass(frozen=True)
class Pair(Op):
    """Its arguments, as they are."""

    def infer(self, x, y):
        return TupleType((x, y))

    def numpy(self, x, y):
        return x, y


GRAPHS = {
    "one": lambda x, y: [apply(Doubled(), x)],
    "nested": lambda x, y: [apply(Nested(), x)],
    "over another": lambda x, y: [apply(Nested(), apply(Nested(), x) + 1) * apply(Doubled(), x)],
    "of an argument alone": lambda x, y: [apply(Same(), apply(Same(), x)) * 3, apply(Same(), y)],
    "several": lambda x, y: [apply(Item(1), apply(Both(), apply(Doubled(), x), y)), apply(Doubled(), y)],
}


@pytest.mark.parametrize("kind", GRAPHS)
def test_nothing_that_expands_is_left(kind):
    x, y = wf.vector("x", (3,), "float64"), wf.vector("y", (3,), "float64")
    roots = GRAPHS[kind](x, y)
    graph = expand(Graph((x, y), tuple(roots)), CPU)
    assert not {type(node.op) for node in graph.nodes} & {Doubled, Nested, Same, Both}
    values = {x: np.array([1.0, -2, 3]), y: np.array([0.5, 7, -1])}
    for found, wanted in zip(graph.outputs, roots, strict=True):
        np.testing.assert_array_equal(evaluate(found, values), evaluate(wanted, values))
        assert found.type == wanted.type


def test_results_have_nodes_of_their_own():
    x, w = wf.matrix("x", (2, 3)), wf.shared(np.ones((2, 3), np.float32), "w")
    made = wf.exp(x)
    roots = [x, x, w, wf.constant(np.ones((2, 3))), x.T, x[1:], made.reshape((6,)), made, made, made, x + w]
    graph = copy_outputs(Graph((x,), tuple(roots)))
    assert len(set(graph.outputs)) == len(roots)
    given = {x: np.arange(6, dtype=np.float32).reshape(2, 3)}
    for found, wanted in zip(graph.outputs, roots, strict=True):
        assert found.type == wanted.type
        np.testing.assert_array_equal(evaluate(found, given), evaluate(wanted, given))
    kept = [found is wanted for found, wanted in zip(graph.outputs, roots, strict=True)]
    assert kept == [False] * 7 + [True, False, False, True]


def test_bodies_read_arrays_in_order():
    x, w = wf.matrix("x", (4, 3)), wf.matrix("w", (3, 4))
    last, _ = wf.scan(lambda c, row: (c * row + w.T[0], None), x[0], x[::-1])
    graph = copy_outputs(Graph((x, w), (last,)))
    (loop,) = [node for node in graph.nodes if node.op.bodies]
    assert {a.op.name for a in loop.args} <= {"cast", "x", "w", "input"}
    given = {x: np.arange(12, dtype=np.float32).reshape(4, 3) / 7, w: np.ones((3, 4), np.float32)}
    np.testing.assert_array_equal(evaluate(graph.outputs[0], given), evaluate(last, given))
