"""Which nodes come first: those that are near, so that memory is given back early."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.order import order_nodes
from weft.codegen.lowering.working import estimate
from weft.symbolic.expr import identical
from weft.symbolic.graph import Graph

from ..graphs import Program, compiled

LAYERS, ROWS, WIDTH = 12, 400, 10
LAYER_BYTES = ROWS * WIDTH * 4


def training(function, reverse):
    """The program of a deep net's training step, with its parameters from the first or from the last."""
    x = wf.matrix("x", (ROWS, WIDTH))
    params = [wf.shared(np.eye(WIDTH, dtype="float32"), f"w{number}") for number in range(LAYERS)]
    h = x
    for w in params:
        h = function(h @ w)
    loss = (h * h).mean()
    updates = wf.nn.updates.sgd(loss, params[::-1] if reverse else params, 0.1)
    return compiled(Program([x], [loss], updates, []))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("function", [wf.tanh, wf.relu])
def test_a_training_step_keeps_one_array_of_each_layer(function, reverse):
    """Neither cotangents nor what activations are made of, in whatever order parameters are listed."""
    step = training(function, reverse)
    assert estimate(step.bind_sizes({})).arena < (LAYERS + 3) * LAYER_BYTES


def test_the_gradient_of_a_clipped_norm_keeps_no_more():
    """All gradients are read before any variable is written."""
    x = wf.matrix("x", (ROWS, WIDTH))
    params = [wf.shared(np.eye(WIDTH, dtype="float32"), f"w{number}") for number in range(LAYERS)]
    h = x
    for w in params:
        h = wf.tanh(h @ w)
    gradients = wf.grad((h * h).mean(), params)
    norm = wf.sqrt(sum((g * g).sum() for g in gradients))
    updates = [(p, p - 0.1 * g / wf.maximum(norm, 1)) for p, g in zip(params, gradients, strict=True)]
    step = compiled(Program([x], [norm], updates, []))
    assert estimate(step.bind_sizes({})).arena < (LAYERS + 3) * LAYER_BYTES


def test_arguments_come_first_and_every_node_once():
    step = training(wf.tanh, False)
    found = order_nodes(step.graph)
    assert len(found) == len(set(found)) == len(step.graph.nodes)
    assert set(found) == set(step.graph.nodes)
    seen = set()
    for node in found:
        assert seen.issuperset(node.args)
        seen.add(node)


def test_of_equally_near_nodes_the_first_comes_first():
    x = wf.vector("x", (3,))
    a, b, c = wf.exp(x), wf.tanh(x), wf.sin(x)
    assert [n for n in order_nodes(Graph((x,), (c, a, b))) if n is not x] == [c, a, b]


def test_what_does_more_than_compute_stays_in_the_order_of_the_program():
    x = wf.vector("x", (3,))
    late = wf.callback(lambda v: v, x.type, wf.exp(wf.exp(x)), effects=True)
    early = wf.callback(lambda v: v, x.type, x, effects=True)
    graph = Graph((x,), (late, early))
    assert identical(order_nodes(graph), graph.nodes)
    plain = Graph((x,), (wf.exp(wf.exp(x)), wf.tanh(x)))
    assert not identical(order_nodes(plain), plain.nodes)
