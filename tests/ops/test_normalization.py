"""Normalisation layers: against their formulas in NumPy, and finite differences."""

import itertools

import numpy as np
import pytest

from weft.ops.normalization import batch_norm, dropout, layer_norm, local_response_norm
from weft.ops.random import Stream
from weft.symbolic.errors import ArgumentError, DTypeError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, scalar, shared, tensor4, vector
from weft.testing.gradients import check_grad


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6, 3), 0), ((4, 3, 5, 2), (0, 2, 3)), ((1, 4), 0), ((3, 2, 4, 4), (3, 2)), ((4, 3, 5, 2), (-1, 0, -2))],
)
def test_batch_norm_is_its_formula(rng, shape, axes):
    reduced = np.atleast_1d(axes) % len(shape)
    kept = tuple(s for i, s in enumerate(shape) if i not in reduced)
    x = (tensor4 if len(shape) == 4 else matrix)("x", dtype="float64")
    value, scale, shift = rng.normal(3, 2, shape), rng.normal(size=kept), rng.normal(size=kept)
    y, mean, var = evaluate(list(batch_norm(x, scale, shift, axes, eps=1e-3)), {x: value})
    wide = tuple(1 if i in reduced else s for i, s in enumerate(shape))
    np.testing.assert_allclose(mean, value.mean(axes), rtol=1e-12)
    np.testing.assert_allclose(var, value.var(axes), rtol=1e-12, atol=1e-15)
    normal = (value - mean.reshape(wide)) / np.sqrt(var.reshape(wide) + 1e-3)
    np.testing.assert_allclose(y, normal * scale.reshape(wide) + shift.reshape(wide), rtol=1e-10, atol=1e-12)


def test_batch_norm_variance_has_no_cancellation(rng):
    x = matrix("x", (1000, 2))
    value = (1e4 + rng.normal(size=(1000, 2))).astype(np.float32)
    _, _, var = batch_norm(x, np.ones(2, np.float32), np.zeros(2, np.float32))
    np.testing.assert_allclose(evaluate(var, {x: value}), value.astype(np.float64).var(0), rtol=1e-3)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_batch_norm_derivatives_to_second_order(rng, which):
    x, scale, shift = tensor4("x", ("n", 3, 2, 2)), vector("scale", (3,)), vector("shift", (3,))
    values = {x: rng.normal(size=(4, 3, 2, 2)), scale: rng.normal(size=3), shift: rng.normal(size=3)}
    check_grad(batch_norm(x, scale, shift, (0, 2, 3))[which], [x, scale, shift], values, order=2)


def test_batch_norm_gradient_of_y_together_with_its_statistics(rng):
    x = matrix("x", ("n", 3))
    y, mean, var = batch_norm(x, np.ones(3), np.zeros(3))
    check_grad((y * var + mean).sum(), x, {x: rng.normal(size=(5, 3))})


def test_batch_norm_of_constant_features_is_the_shift():
    x = matrix("x", (4, 2))
    y, _, var = batch_norm(x, np.ones(2, np.float32), np.array([1, -2], np.float32))
    found, spread, slope = evaluate([y, var, grad((y * y).sum(), x)], {x: np.full((4, 2), 7.0)})
    np.testing.assert_array_equal(found, [[1, -2]] * 4)
    np.testing.assert_array_equal(spread, 0)
    np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize(
    ("shape", "axes"), [((4, 6), -1), ((2, 3, 4, 5), (1, 2, 3)), ((3, 1), 1), ((2, 3, 4, 5), (-1, -3, -2))]
)
def test_layer_norm_is_its_formula(rng, shape, axes):
    x = (tensor4 if len(shape) == 4 else matrix)("x", dtype="float64")
    inner = shape[1:]
    value, scale, shift = rng.normal(3, 2, shape), rng.normal(size=inner), rng.normal(size=inner)
    normal = value - value.mean(axes, keepdims=True)
    normal /= np.sqrt(value.var(axes, keepdims=True) + 1e-5)
    found = evaluate(layer_norm(x, scale, shift, axes), {x: value})
    np.testing.assert_allclose(found, normal * scale + shift, rtol=1e-9, atol=1e-12)


def test_layer_norm_derivatives_to_second_order(rng):
    x, scale, shift = matrix("x", ("n", 4)), vector("scale", (4,)), vector("shift", (4,))
    values = {x: rng.normal(size=(3, 4)), scale: rng.normal(size=4), shift: rng.normal(size=4)}
    check_grad(layer_norm(x, scale, shift), [x, scale, shift], values, order=2)


@pytest.mark.parametrize("kinds", [*itertools.permutations(("float16", "float32", "float64", "int64"), 2)])
def test_the_dtype_is_that_of_x(rng, kinds):
    x, value = matrix("x", (4, 3), kinds[0]), rng.normal(size=(4, 3))
    scale = np.array([1, 2, -1], kinds[1])
    if kinds[0] == "int64":
        with pytest.raises(DTypeError, match="takes floats"):
            batch_norm(x, scale, scale)
        return
    outputs = [*batch_norm(x, scale, scale), layer_norm(x, scale, scale)]
    assert {y.dtype.name for y in outputs} == {kinds[0]}
    for found, axis in zip(evaluate([outputs[0], outputs[3]], {x: value.astype(kinds[0])}), (0, 1), strict=True):
        normal = (value - value.mean(axis, keepdims=True)) / np.sqrt(value.var(axis, keepdims=True) + 1e-5)
        np.testing.assert_allclose(found, normal * scale + scale, atol=2e-2 if kinds[0] == "float16" else 1e-5)


def test_parameters_of_the_wrong_shape_are_named():
    x = matrix("x", ("n", 4))
    with pytest.raises(
        ShapeError, match=r"batch_norm: shift has shape \(3,\); for x of shape \(n, 4\) it needs \(4,\)"
    ):
        batch_norm(x, np.ones(4), np.zeros(3), axes=0)
    with pytest.raises(ShapeError, match="layer_norm: scale"):
        layer_norm(x, np.ones(3), np.zeros(4))
    with pytest.raises(DTypeError, match="batch_norm takes floats, not int64"):
        batch_norm(matrix("i", ("n", 4), "int64"), np.ones(4), np.zeros(4))


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_local_response_norm_is_its_formula(rng, n):
    x = tensor4("x", ("batch", 6, 2, 3), "float64")
    value = rng.normal(size=(2, 6, 2, 3)) * 10
    wanted = np.empty_like(value)
    for i in range(6):
        around = value[:, max(0, i - n // 2) : i + (n - 1) // 2 + 1]
        wanted[:, i] = value[:, i] / (2 + 0.1 * (around**2).sum(1)) ** 0.75
    np.testing.assert_allclose(evaluate(local_response_norm(x, n, alpha=0.1), {x: value}), wanted, rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 2, -1, -3])
def test_local_response_norm_along_any_axis(rng, axis):
    x, value = tensor4("x", (3, 2, 5, 4), "float64"), rng.normal(size=(3, 2, 5, 4)) * 10
    first = np.moveaxis(value, axis, 0)
    around = np.pad(first**2, ((1, 1), (0, 0), (0, 0), (0, 0)))
    wanted = first / (1.5 + 0.2 * (around[:-2] + around[1:-1] + around[2:])) ** 0.6
    found = evaluate(local_response_norm(x, 3, 1.5, 0.2, 0.6, axis), {x: value})
    np.testing.assert_allclose(found, np.moveaxis(wanted, 0, axis), rtol=1e-12)


def test_local_response_norm_derivative(rng):
    x = tensor4("x", (2, 5, 1, 2))
    check_grad(local_response_norm(x, 3, alpha=0.1), x, {x: rng.normal(size=(2, 5, 1, 2))}, order=2)


def test_dropout_keeps_the_mean_and_drops_the_rate(rng):
    x = matrix("x", ("n", 1000))
    y = dropout(x, 0.4, Stream(3))
    found, slope = evaluate([y, grad(y.sum(), x)], {x: np.ones((200, 1000))})
    kept = found != 0
    np.testing.assert_allclose(found[kept], 1 / 0.6, rtol=1e-6)
    np.testing.assert_array_equal(slope, found)
    assert abs(kept.mean() - 0.6) < 5 * np.sqrt(0.24 / found.size)


def test_dropout_at_test_time_is_the_identity():
    x, rng = matrix("x", ("n", 3)), Stream(0)
    assert dropout(x, 0.5, rng, training=False) is x
    assert dropout(x, 0.0, rng) is x
    training = scalar("training", dtype="bool")
    y = dropout(x, 0.5, rng, training)
    value = np.ones((40, 3))
    np.testing.assert_array_equal(evaluate(y, {x: value, training: False}), value)
    assert (evaluate(y, {x: value, training: True}) == 0).any()


def test_dropout_takes_a_shared_rate():
    x, rate = matrix("x", ("n", 100)), shared(0.9, "rate")
    y = dropout(x, rate, Stream(0))
    assert (evaluate(y, {x: np.ones((50, 100))}) != 0).mean() < 0.2
    rate.set_value(0.0)
    np.testing.assert_array_equal(evaluate(y, {x: np.ones((50, 100))}), 1)


def test_the_rate_of_dropout_is_held_in_derivatives():
    x, rate = vector("x", (50,), "float64"), scalar("rate", dtype="float64")
    y = dropout(x * rate, rate, Stream(0))
    values = {x: np.arange(50.0), rate: 0.3}
    dropped, slope = evaluate([y, grad(y.sum(), rate)], values)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], np.arange(50.0)[kept] * 0.3 / 0.7)
    np.testing.assert_allclose(slope, (np.arange(50.0) * kept).sum() / 0.7)


def test_dropout_drops_nan_too():
    x = vector("x", (1000,))
    y = evaluate(dropout(x, 0.5, Stream(0)), {x: np.full(1000, np.nan)})
    assert 300 < np.isnan(y).sum() < 700
    assert (y[~np.isnan(y)] == 0).all()


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_dropout_rates_outside_of_0_to_1(rate):
    with pytest.raises(ArgumentError, match="the rate is in"):
        dropout(matrix("x"), rate, Stream(0))
