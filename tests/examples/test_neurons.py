"""Neurons of the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["perceptron", "sigmoid_neuron", "logistic_regression", "softmax_regression"])
def test_program_runs(name, tmp_path):
    run(f"neurons.{name}", tmp_path, "--quick")


YES = np.array([0.0, 1, 1, 0, 1, 0])


def test_perceptron_is_a_gate_and_learns_it():
    from examples.neurons import perceptron

    with wf.config(float_dtype="float32"):
        pairs = perceptron.CASES[:4, 1:]
        nand = perceptron.answers(*perceptron.NAND, pairs)
        assert list(nand) == [1, 1, 1, 0]
        assert list(perceptron.answers(*perceptron.LAWN, perceptron.CASES)) == [0, 0, 0, 0, 0, 1, 1, 1]
        w, b, mistakes = perceptron.learn((pairs, nand), 100)
    assert mistakes[-1] == 0
    np.testing.assert_array_equal(pairs @ w + b > 0, nand)


def test_perceptron_follows_rosenblatts_rule(rows):
    from examples.neurons.perceptron import network

    w, b = np.zeros(4), 0.0
    inputs, fires, updates = network(4)
    step = wf.function(inputs, fires, updates=updates, target="reference")
    for x, t in zip(rows, YES.astype(int), strict=True):
        wrong = t - int(x @ w + b > 0)
        w, b = w + wrong * x, b + wrong
        step(x[None], np.array([t]))
    for p, wanted in zip(updates, (w[:, None], [b]), strict=True):
        np.testing.assert_allclose(p.get_value(), wanted)


@pytest.mark.parametrize("name", ["squared error", "crossentropy"])
def test_sigmoid_neuron_agrees_with_torch(name, rows):
    from examples.neurons.sigmoid_neuron import losses, network

    (x, t), z = network(4, 0.5, 0.5)

    def reference(torch, params, x, t):
        p = torch.sigmoid(x @ params["net.dense_w"] + params["net.dense_b"])[:, 0]
        entropy = torch.nn.functional.binary_cross_entropy
        return entropy(p, t) if name == "crossentropy" else ((p - t) ** 2).mean() / 2

    agree_with_torch(losses(z, t)[name], {x: rows, t: YES}, reference)


def test_saturated_neuron_learns_slowly_by_the_squared_error():
    from examples.neurons.sigmoid_neuron import outputs

    with wf.config(float_dtype="float32"):
        slow, fast = (outputs(name, 2.0, 100, 0.15)[-1] for name in ("squared error", "crossentropy"))
    assert slow > 0.9
    assert fast < 0.1


def test_logistic_regression_agrees_with_scikit_learn(rows):
    from examples.neurons.logistic_regression import network

    linear_model = pytest.importorskip("sklearn.linear_model")
    (x, t), _, loss = network(4, 0.1)
    nn.minimize(loss, nn.parameters(loss), {x: rows, t: YES}, tol=1e-12)
    found = linear_model.LogisticRegression(C=1 / (0.1 * len(rows)), tol=1e-10).fit(rows, YES)
    w, b = (p.get_value() for p in nn.parameters(loss).values())
    np.testing.assert_allclose(w[:, 0], found.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(b, found.intercept_, rtol=1e-4)


def test_softmax_regression_agrees_with_torch(rows, labels):
    from examples.neurons.softmax_regression import network

    (x, t), logits = network(4)

    def reference(torch, params, x, t):
        return torch.nn.functional.cross_entropy(x @ params["net.dense_w"] + params["net.dense_b"], t)

    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), {x: rows, t: labels}, reference)


def test_regressions_learn(tmp_path):
    assert run("neurons.logistic_regression", tmp_path)["test error, %"] < 3
    assert run("neurons.softmax_regression", tmp_path, "--epochs=10")["test error, %"] < 8
