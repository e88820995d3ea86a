"""Optimisers' defaults, dtypes, and what they remember; those with momentum on top of others."""

import numpy as np
import pytest

from weft.nn import updates
from weft.ops.reduce import sum as sum_over
from weft.symbolic.errors import ArgumentError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.variables import shared, vector

from .descents import START, assert_same, train

DEFAULTS = {
    "sgd": {"learning_rate": 0.01},
    "momentum": {"learning_rate": 0.01, "momentum": 0.9},
    "nesterov": {"learning_rate": 0.01, "momentum": 0.9},
    "adagrad": {"learning_rate": 1.0, "epsilon": 1e-6},
    "rmsprop": {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-6},
    "adadelta": {"learning_rate": 1.0, "rho": 0.95, "epsilon": 1e-6},
    "adam": {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_is_left_out_is_what_the_documentation_says(name):
    rule = getattr(updates, name)
    plain, told = (
        train(lambda loss, params, o=options: rule(loss, params, **o), steps=3) for options in ({}, DEFAULTS[name])
    )
    assert_same(plain, told, 0, 0)


@pytest.mark.parametrize("added", [updates.apply_momentum, updates.apply_nesterov])
def test_momentum_that_is_left_out(added):
    plain, told = (
        train(lambda loss, params, o=o: added(updates.sgd(loss, params), **o), 2) for o in ({}, {"momentum": 0.9})
    )
    assert_same(plain, told, 0, 0)


@pytest.mark.parametrize("name", DEFAULTS)
def test_parameters_of_any_shape_are_trained_as_if_alone(name):
    rule = getattr(updates, name)
    cells = [shared(np.array(v, "float64"), name) for v, name in (([1.0, -2.0], "a"), (3.0, "b"), ([[0.5]], "c"))]
    loss = [sum_over(c * c * c) for c in cells]
    together = rule(loss[0] + loss[1] + loss[2], cells, learning_rate=0.1)
    for cell, own in zip(cells, loss, strict=True):
        np.testing.assert_array_equal(*evaluate([together[cell], rule(own, [cell], learning_rate=0.1)[cell]]))


def coefficient(value):
    """A shared scalar that is float64 for sure: a number alone would take the dtype of what it meets."""
    cell = shared(np.array(value), "coefficient")
    assert cell.dtype == "float64"
    return cell


@pytest.mark.parametrize("name", DEFAULTS)
def test_float32_stays_float32(name):
    options = {"learning_rate": 0.1} | ({"momentum": 0.8} if name in ("momentum", "nesterov") else {})
    wide = {key: coefficient(value) for key, value in options.items()}
    single = train(lambda loss, params: getattr(updates, name)(loss, params, **wide), dtype="float32")
    double = train(lambda loss, params: getattr(updates, name)(loss, params, **options))
    assert {v.dtype.name for v in single[-1].values()} == {"float32"}
    assert_same(single, double, 1e-5, 1e-6)


@pytest.mark.parametrize(("added", "whole"), [("apply_momentum", "momentum"), ("apply_nesterov", "nesterov")])
def test_momentum_on_top_of_sgd(added, whole):
    path = train(lambda loss, params: getattr(updates, added)(updates.sgd(loss, params, 0.1), params, 0.8))
    assert_same(path, train(lambda loss, params: getattr(updates, whole)(loss, params, 0.1, 0.8)), 1e-11)


@pytest.mark.parametrize("added", ["apply_momentum", "apply_nesterov"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_momentum_takes_a_shared_scalar(added, dtype):
    number, cell = (
        train(lambda loss, params: getattr(updates, added)(updates.sgd(loss, params, 0.1), None, decay), dtype=dtype)
        for decay in (0.8, coefficient(0.8))
    )
    assert_same(number, cell, 1e-6, 0)


@pytest.mark.parametrize(("added", "whole"), [("apply_momentum", "momentum"), ("apply_nesterov", "nesterov")])
def test_momentum_on_some_of_what_is_updated(added, whole):
    w, v = shared(START["w"], "w"), shared(START["w"], "v")
    plain = updates.sgd(sum_over(w * w) + sum_over(v * v), [w, v], 0.1)
    some, every = getattr(updates, added)(plain, [w]), getattr(updates, added)(plain)
    assert [len(u) for u in (some, every)] == [3, 4]
    assert some[v] is plain[v]
    alone = [getattr(updates, whole)(sum_over(c * c), [c], 0.1)[c] for c in (w, v)]
    found, right = evaluate([some[w], every[w], every[v]]), evaluate([alone[0], *alone])
    np.testing.assert_allclose(found, right, rtol=1e-12)


def test_what_an_optimiser_remembers_begins_as_zeros_like_the_parameter():
    cells = [
        shared(np.ones((2, 3), "float32"), "w", shape=("n", 3)),
        shared(np.array(5.0)),
        shared(np.ones((0, 2)), "o"),
    ]
    names = {"velocity", "total", "mean_square", "mean_square_step", "first_moment", "second_moment"}
    for name in DEFAULTS:
        changes = getattr(updates, name)([c * 1 for c in cells], cells)
        own = [cell for cell in changes if cell not in set(cells) and cell.name != "adam_steps"]
        for number, cell in enumerate(own):
            parameter = cells[number * 3 // len(own)]
            assert (cell.dtype, cell.shape) == (parameter.dtype, parameter.shape)
            assert not cell.get_value().any()
            owner, _, what = cell.name.partition("_")
            assert owner == (parameter.name or "param")
            assert what in names


def test_a_learning_rate_that_changes():
    rate = shared(0.5, "rate")
    w = shared(np.float32([1, 2]), "w")
    changes = updates.sgd(sum_over(w), [w], rate)
    rate.set_value(0.25)
    np.testing.assert_allclose(evaluate(changes[w]), [0.75, 1.75])


def test_rates_are_finite():
    w = shared(np.ones(2), "w")
    for wrong in (np.nan, np.inf, -np.inf, np.array(np.nan)):
        with pytest.raises(ArgumentError, match="sgd: learning_rate is a finite number"):
            updates.sgd(sum_over(w), [w], wrong)
        with pytest.raises(ArgumentError, match="momentum is a finite number"):
            updates.momentum(sum_over(w), [w], 0.1, wrong)
    for right in (1, np.float32(1), np.array(1.0)):
        np.testing.assert_array_equal(evaluate(updates.sgd(sum_over(w), [w], right)[w]), [0, 0])


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
    for epsilon, options in ((1e-7, {}), (5.0, {"epsilon": 5.0})):
        found = np.concatenate(evaluate(updates.clip_by_norm([a, b], 1.0, **options), values))
        np.testing.assert_allclose(found, np.array([3.0, 0, 4]) / (5 + epsilon), rtol=1e-12)
    nothing = evaluate(updates.clip_by_norm([a, b], 1.0), {a: np.zeros(2), b: np.zeros(1)})
    np.testing.assert_array_equal(np.concatenate(nothing), [0, 0, 0])


def test_gradients_keep_their_dtype_or_take_the_parameters():
    single, double = vector("a", (2,), "float32"), vector("b", (1,), "float64")
    for limit in (1.0, coefficient(1.0)):
        clipped = updates.clip_by_norm([single, double], limit)
        assert [g.dtype.name for g in clipped] == ["float32", "float64"]
        found = evaluate(clipped, {single: np.array([3.0, 0]), double: np.array([4.0])})
        np.testing.assert_allclose(np.concatenate(found), [0.6, 0, 0.8], rtol=1e-6)
    w = shared(np.zeros(1, "float32"), "w")
    for name in DEFAULTS:
        assert all(cell.dtype == new.dtype for cell, new in getattr(updates, name)([double], [w]).items())


def test_what_cannot_be_updated():
    w, x = shared(np.zeros(2), "w"), vector("x", (2,), "float64")
    with pytest.raises(ArgumentError, match="Only shared variables can be updated: x is no shared variable"):
        updates.sgd(sum_over(x), [x])
    with pytest.raises(ArgumentError, match=r"An expression is no shared variable"):
        updates.sgd(sum_over(w), [w * 2])
    with pytest.raises(ArgumentError, match=r"'w' is no shared variable"):
        updates.sgd(sum_over(w), ["w"])
    with pytest.raises(ShapeError, match=r"The gradient of w has shape \(3,\), and it \(2,\)"):
        updates.adam([vector("g", (3,))], [w])
    with pytest.raises(ArgumentError, match="1 gradients for 0 parameters"):
        updates.sgd([x], [])
    with pytest.raises(ShapeError, match=r"The gradient of w has shape \(\), and it \(2,\)"):
        updates.sgd([sum_over(x)], [w])
    with pytest.raises(ShapeError, match="learning_rate is a number or a scalar expression"):
        updates.sgd(sum_over(w), [w], x)
