"""Losses written by hand, and their gradients: after rewriting they are right where the formulas overflow."""

import numpy as np
import pytest

import weft as wf
from weft.ops import reduce as over
from weft.ops.creation import arange
from weft.ops.rules import canonical, special, stable
from weft.ops.scalar import exp, log, log1p, sigmoid, square, tanh
from weft.symbolic.evaluate import run
from weft.symbolic.grad import grad
from weft.symbolic.graph import Graph
from weft.symbolic.leaves import constant
from weft.symbolic.rewrite import rewrite
from weft.symbolic.variables import tensor
from weft.symbolic.verify import verify
from weft.testing.high_precision import evaluate_exactly

LABELS = np.array([0, 3, 1])
X = tensor("x", (3, 4), "float64")
T = tensor("t", (3, 4), "float64")


def _softmax(x, axis=1):
    return exp(x) / over.sum(exp(x), axis, keepdims=True)


def _logistic(x):
    return 1 / (1 + exp(-x))


def _picked(x):
    return x[arange(3), constant(LABELS)]


LOSSES = {
    "softmax, one-hot": lambda: -over.sum(T * log(_softmax(X))),
    "softmax, one-hot, mean": lambda: -over.mean(over.sum(T * log(_softmax(X)), 1)),
    "softmax along the first axis": lambda: -over.sum(T * log(_softmax(X, 0))),
    "softmax of everything": lambda: -over.sum(T * log(_softmax(X, (0, 1)))),
    "log of the label's softmax": lambda: -over.mean(log(_picked(_softmax(X)))),
    "label's log of the softmax": lambda: -over.mean(_picked(log(_softmax(X)))),
    "log-sum-exp less the label": lambda: over.sum(log(over.sum(exp(X), 1)) - _picked(X)),
    "reciprocal first": lambda: -over.sum(T * log(exp(X) * (1 / over.sum(exp(X), 1, keepdims=True)))),
    "log of the quotient": lambda: over.sum(T * log(over.sum(exp(X), 1, keepdims=True) / exp(X))),
    "mean of powers": lambda: over.sum(log(over.mean(exp(X), 1))),
    "logistic by hand": lambda: -over.sum(T * log(_logistic(X)) + (1 - T) * log(1 - _logistic(X))),
    "logistic": lambda: -over.sum(T * log(sigmoid(X)) + (1 - T) * log(1 - sigmoid(X))),
    "logistic, log1p": lambda: -over.sum(T * log(sigmoid(X)) + (1 - T) * log1p(-sigmoid(X))),
    "other logistic by hand": lambda: -over.sum(log(exp(X) / (1 + exp(X)))),
    "softplus": lambda: over.sum(log(1 + exp(X))),
    "two powers": lambda: over.sum(log(exp(X) + exp(T))),
    "squares of a softmax": lambda: over.sum(square(_softmax(X) - T)),
    "tanh by hand": lambda: over.sum(T * (exp(X) - exp(-X)) / (exp(X) + exp(-X))),
    "plain tanh": lambda: over.sum(T * square(tanh(X) - 1)),
}


@pytest.mark.parametrize("sets", [canonical + stable, canonical + stable + special], ids=["stable", "all"])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient(name, sets):
    loss = LOSSES[name]()
    graph = Graph((X, T), (loss, grad(loss, X)))
    after = rewrite(graph, sets)
    verify(after)
    rng = np.random.default_rng(5)
    for scale in (1, 40, 400):
        values = {X: np.clip(rng.normal(size=(3, 4)) * scale, -850, 850), T: np.eye(4)[LABELS]}
        values[X][2] = rng.normal(size=4)  # so that the gradient has digits to lose
        for root, got in zip(graph.roots, run(list(after.roots), values), strict=True):
            exact = np.vectorize(float)(evaluate_exactly(root, values))
            assert np.max(np.abs(got - exact)) <= 1e-13 * max(1.0, np.max(np.abs(exact)))


@pytest.mark.parametrize("scale", [-2.0, -0.5])
def test_a_shifted_row_with_the_sign_turned_is_not_safe(scale):
    x = wf.matrix("x", (2, 3), dtype="float64")
    rows = (x - x.max(1, keepdims=True)) * scale
    value = wf.function([x], wf.log(wf.exp(rows).sum(1)))(np.array([[0.0, 4000.0, 1.0], [1.0, 2.0, 3.0]]))
    assert np.isfinite(value).all()
    np.testing.assert_allclose(value[0], -4000.0 * scale + np.log1p(np.exp(scale)), rtol=1e-12)
