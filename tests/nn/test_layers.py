"""Layers: shapes, values, running averages."""

from collections import Counter

import numpy as np
import pytest

from weft.nn import init, layers
from weft.symbolic.evaluate import evaluate
from weft.symbolic.variables import matrix, tensor, tensor4

RNG = np.random.default_rng(0)


def test_dense_takes_images_as_rows():
    x = tensor4("x", ("n", 2, 3, 3))
    w, b = layers.dense_params(18, 5, RNG, "fc")
    assert (w.name, b.name) == ("fc_w", "fc_b")
    value = RNG.normal(size=(4, 2, 3, 3)).astype(np.float32)
    b.set_value(np.arange(5.0))
    found = evaluate(layers.dense(x, w, b), {x: value})
    np.testing.assert_allclose(found, value.reshape(4, 18) @ w.get_value() + np.arange(5), rtol=1e-5, atol=1e-5)
    assert layers.dense(x, w).shape == ("n", 5) or layers.dense(x, w).shape[1] == 5


def test_conv_params():
    w, b = layers.conv_params(3, 20, 5, RNG)
    assert w.shape == (20, 3, 5, 5)
    assert b.shape == (20,)
    assert layers.conv_params(3, 8, (1, 3), RNG)[0].shape == (8, 3, 1, 3)


def test_what_layers_begin_with():
    fresh = lambda: np.random.default_rng(5)  # noqa: E731
    for weights in (init.he_normal, init.glorot_uniform):
        options = {} if weights is init.he_normal else {"weights": weights}
        made = [layers.dense_params(7, 3, fresh(), **options), layers.conv_params(2, 5, (3, 1), fresh(), **options)]
        for (w, b), shape in zip(made, ((7, 3), (5, 2, 3, 1)), strict=True):
            np.testing.assert_array_equal(w.get_value(), weights(shape, fresh()))
            np.testing.assert_array_equal(b.get_value(), np.zeros(3 if shape == (7, 3) else 5, "float32"))
    state = layers.batch_norm_params(3)
    assert [cell.get_value().tolist() for cell in state] == [[1] * 3, [0] * 3, [0] * 3, [1] * 3]


def test_dense_of_a_row_of_rows_and_without_biases():
    w = np.arange(6.0).reshape(3, 2)
    for shape in ((3,), (4, 3), (0, 3)):
        value = RNG.normal(size=shape)
        x = tensor("x", shape, "float64")
        np.testing.assert_allclose(evaluate(layers.dense(x, w), {x: value}), value @ w)
        np.testing.assert_allclose(evaluate(layers.dense(x, w, [1.0, -1.0]), {x: value}), value @ w + [1, -1])


def test_batch_norm_is_what_its_defaults_say():
    x, state = tensor("x", (4, 3, 2), "float64"), layers.batch_norm_params(3)
    value = RNG.normal(2, 3, (4, 3, 2))
    for training in (True, False):
        (short, few), (full, all_) = (
            layers.batch_norm(x, state, training, **options)
            for options in ({}, {"momentum": 0.9, "eps": 1e-5, "axis": 1})
        )
        assert short is full
        assert few == all_
    _, changes = layers.batch_norm(x, state, training=True)
    mean, var = evaluate([changes[state.mean], changes[state.var]], {x: value})
    np.testing.assert_allclose(mean, 0.1 * value.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(var, 0.9 + 0.1 * value.var((0, 2), ddof=1), rtol=1e-5)


def test_batch_norm_learns_the_statistics():
    x = matrix("x", ("n", 3))
    state = layers.batch_norm_params(3)
    y, changes = layers.batch_norm(x, state, training=True, momentum=0.75)
    value = RNG.normal([1, 2, 3], [1, 2, 0.5], (50, 3)).astype(np.float32)
    found = evaluate(y, {x: value})
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(0), 1, rtol=1e-4)
    assert set(changes) == {state.mean, state.var}
    mean, var = evaluate([changes[state.mean], changes[state.var]], {x: value})
    np.testing.assert_allclose(mean, 0.25 * value.mean(0), rtol=1e-5)
    np.testing.assert_allclose(var, 0.75 + 0.25 * value.var(0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, -1, -3])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_along_any_axis(axis, training):
    value = RNG.normal(2, 3, (4, 3, 2))
    features = value.shape[axis]
    state = layers.batch_norm_params(features)
    settings = [RNG.uniform(0.5, 2, features).astype("float32") for _ in state]
    for cell, setting in zip(state, settings, strict=True):
        cell.set_value(setting)
    scale, shift, mean, var = (np.moveaxis(v.reshape(-1, 1, 1), 0, axis) for v in settings)
    if training:
        others = tuple(i for i in range(3) if i != axis % 3)
        mean, var = value.mean(others, keepdims=True), value.var(others, keepdims=True)
    x = tensor("x", (None, None, None), "float64")
    y, _ = layers.batch_norm(x, state, training, eps=0.5, axis=axis)
    np.testing.assert_allclose(evaluate(y, {x: value}), (value - mean) / np.sqrt(var + 0.5) * scale + shift, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, "n"])
def test_batch_norm_of_one_example_keeps_its_averages_finite(rows):
    x, state = matrix("x", (rows, 3)), layers.batch_norm_params(3)
    _, changes = layers.batch_norm(x, state, training=True)
    found = evaluate([changes[state.mean], changes[state.var]], {x: np.full((1, 3), 5.0)})
    np.testing.assert_allclose(found, [[0.5] * 3, [0.9] * 3], rtol=1e-6)


def test_batch_norm_at_test_time_uses_them():
    x = tensor4("x", ("n", 2, 2, 2))
    state = layers.batch_norm_params(2)
    for cell, value in zip(state, ([2, 3], [0.5, -1], [1, -1], [4, 0.25]), strict=True):
        cell.set_value(np.array(value, np.float32))
    y, changes = layers.batch_norm(x, state, training=False, eps=0.0)
    value = RNG.normal(size=(3, 2, 2, 2)).astype(np.float32)
    assert changes == {}
    wanted = np.stack([(value[:, 0] - 1) / 2 * 2 + 0.5, (value[:, 1] + 1) / 0.5 * 3 - 1], 1)
    np.testing.assert_allclose(evaluate(y, {x: value}), wanted, rtol=1e-5, atol=1e-5)


def test_batch_norm_params_are_what_is_trained():
    state = layers.batch_norm_params(4, "bn1")
    assert [p.name for p in state.params] == ["bn1_scale", "bn1_shift"]


def test_layers_without_a_name_have_names_of_their_own(monkeypatch):
    monkeypatch.setattr(layers, "_layers", Counter())
    made = []
    for _ in range(3):
        made += layers.dense_params(2, 2, RNG), layers.conv_params(1, 1, 3, RNG), layers.batch_norm_params(2)
    names = [p.name for params in made for p in params]
    assert len({*names}) == len(names) == 3 * (2 + 2 + 4)
    kinds = ("dense", "conv", "norm")
    assert {n.split("_")[0] for n in names} == {k + number for k in kinds for number in ("", "2", "3")}
    assert [p.name for p in layers.dense_params(2, 2, RNG, "first")] == ["first_w", "first_b"]
    assert [p.name for p in layers.conv_params(2, 2, 1, RNG, "first")] == ["first_w", "first_b"]
    assert [p.name for p in layers.batch_norm_params(2, "first")] == [f"first_{n}" for n in layers.BatchNorm._fields]
