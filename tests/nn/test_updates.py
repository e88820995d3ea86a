"""Optimisers against their equations in NumPy over some steps, run by the reference evaluator."""

import numpy as np
import pytest

from weft.nn import updates
from weft.ops.reduce import sum as sum_over
from weft.symbolic.errors import ArgumentError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.leaves import shared, vector

START = np.array([1.0, -2.0, 0.5, 0.0])
CURVE = np.array([0.5, 1.0, 3.0, 0.0])  # the loss is sum(CURVE * w**2 / 2) + 0.1 sum(w)


def gradient(w):
    return CURVE * w + 0.1


def train(make, steps=6, dtype="float64"):
    w = shared(START.astype(dtype), "w")
    loss = sum_over(0.5 * w * w * CURVE.astype(dtype)) + 0.1 * sum_over(w)
    changes = make(loss, [w])
    for cell, new in changes.items():
        assert cell.dtype == new.dtype
        assert cell.shape == new.shape
    path = []
    for _ in range(steps):
        values = evaluate(list(changes.values()))
        for cell, value in zip(changes, values, strict=True):
            cell.set_value(value)
        path.append(w.get_value())
    return np.array(path)


def by_numpy(step, steps=6):
    w, path, state = START.copy(), [], {}
    for number in range(1, steps + 1):
        w = step(w, gradient(w), state, number)
        path.append(w)
    return np.array(path)


def kept(state, name, value):
    state[name] = value(state.get(name, np.zeros(4)))
    return state[name]


def sgd(w, g, state, t):
    return w - 0.1 * g


def momentum(w, g, state, t):
    return w + kept(state, "v", lambda v: 0.8 * v - 0.1 * g)


def nesterov(w, g, state, t):
    return w + 0.8 * kept(state, "v", lambda v: 0.8 * v - 0.1 * g) - 0.1 * g


def adagrad(w, g, state, t):
    return w - 0.1 * g / np.sqrt(kept(state, "s", lambda s: s + g * g) + 1e-6)


def rmsprop(w, g, state, t):
    return w - 0.1 * g / np.sqrt(kept(state, "s", lambda s: 0.9 * s + 0.1 * g * g) + 1e-6)


def adadelta(w, g, state, t):
    mean = kept(state, "s", lambda s: 0.95 * s + 0.05 * g * g)
    step = g * np.sqrt(state.get("d", np.zeros(4)) + 1e-6) / np.sqrt(mean + 1e-6)
    kept(state, "d", lambda d: 0.95 * d + 0.05 * step**2)
    return w - 0.1 * step


def adam(w, g, state, t):
    m, v = kept(state, "m", lambda m: 0.9 * m + 0.1 * g), kept(state, "v", lambda v: 0.999 * v + 0.001 * g * g)
    return w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


OPTIONS = {"momentum": {"momentum": 0.8}, "nesterov": {"momentum": 0.8}}


@pytest.mark.parametrize("reference", [sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam])
def test_each_follows_its_equations(reference):
    name = reference.__name__
    rule = getattr(updates, name)
    path = train(lambda loss, params: rule(loss, params, learning_rate=0.1, **OPTIONS.get(name, {})))
    np.testing.assert_allclose(path, by_numpy(reference), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam"])
def test_float32_stays_float32(name):
    rate = shared(np.float64(0.1), "rate")
    single = train(lambda loss, params: getattr(updates, name)(loss, params, learning_rate=rate), dtype="float32")
    double = train(lambda loss, params: getattr(updates, name)(loss, params, learning_rate=0.1))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("added", "whole"), [("apply_momentum", "momentum"), ("apply_nesterov", "nesterov")])
def test_momentum_on_top_of_sgd(added, whole):
    path = train(lambda loss, params: getattr(updates, added)(updates.sgd(loss, params, 0.1), params, 0.8))
    wanted = train(lambda loss, params: getattr(updates, whole)(loss, params, 0.1, 0.8))
    np.testing.assert_allclose(path, wanted, rtol=1e-11, atol=1e-13)


def test_momentum_on_all_that_is_updated():
    path = train(lambda loss, params: updates.apply_momentum(updates.sgd(loss, params, 0.1)))
    assert np.abs(path[-1] - START).max() > 0


def test_a_learning_rate_that_changes():
    rate = shared(0.5, "rate")
    w = shared(np.float32([1, 2]), "w")
    changes = updates.sgd(sum_over(w), [w], rate)
    rate.set_value(0.25)
    np.testing.assert_allclose(evaluate(changes[w]), [0.75, 1.75])


def test_gradients_in_place_of_a_loss():
    w = shared(np.zeros(2), "w")
    g = vector("g", (2,), "float64")
    found = evaluate(updates.sgd([g], [w], 1.0)[w], {g: np.array([1.0, -1])})
    np.testing.assert_array_equal(found, [-1, 1])


def test_clip_by_norm():
    a, b = vector("a", (2,), "float64"), vector("b", (1,), "float64")
    values = {a: np.array([3.0, 0]), b: np.array([4.0])}
    np.testing.assert_allclose(np.concatenate(evaluate(updates.clip_by_norm([a, b], 1.0), values)), [0.6, 0, 0.8])
    np.testing.assert_allclose(np.concatenate(evaluate(updates.clip_by_norm([a, b], 9.0), values)), [3, 0, 4])


def test_what_cannot_be_updated():
    w, x = shared(np.zeros(2), "w"), vector("x", (2,), "float64")
    with pytest.raises(ArgumentError, match="Only shared variables can be updated: x is no shared variable"):
        updates.sgd(sum_over(x), [x])
    with pytest.raises(ArgumentError, match="1 gradients for 0 parameters"):
        updates.sgd([x], [])
    with pytest.raises(ShapeError, match=r"The gradient of w has shape \(\), and it \(2,\)"):
        updates.sgd([sum_over(x)], [w])
    with pytest.raises(ShapeError, match="is a scalar"):
        updates.sgd(sum_over(w), [w], x)
