"""Noise: what is drawn, and what of it stays the same; embeddings whose labels are wrong."""

import numpy as np
import pytest

import weft as wf
from weft.nn import init, layers, parameters

SIZE = 40_000
X = wf.matrix("x", ("n", 4))
RNG = np.random.default_rng(0)
ONES = np.ones((SIZE // 4, 4), np.float32)


def compiled(y, *inputs):
    return wf.function(list(inputs) or [X], y)


def test_factors_that_are_0_or_more():
    rng = wf.random.Stream(1)
    for layer in (layers.dropout, layers.drop_connect):
        found = compiled(layer(X, 0.2, rng))(ONES)
        assert set(np.unique(found).tolist()) == {0.0, 1.25}
        assert abs((found == 0).mean() - 0.2) < 0.01


def test_channels_and_examples_are_dropped_as_one():
    x = wf.tensor4("x", ("n", 8, 2, 3))
    value = np.ones((500, 8, 2, 3), np.float32)
    rng = wf.random.Stream(1)
    found = compiled(layers.spatial_dropout(x, 0.5, rng), x)(value)
    assert (found == found[:, :, :1, :1]).all()
    assert abs((found[:, :, 0, 0] == 0).mean() - 0.5) < 0.05
    last = compiled(layers.spatial_dropout(x, 0.5, rng, axis=-1), x)(value)
    assert (last == last[:, :1, :1]).all()
    assert (last != last[:, :, :, :1]).any()
    found = compiled(layers.stochastic_depth(x, 0.5, rng), x)(value)
    assert (found == found[:, :1, :1, :1]).all()
    assert set(np.unique(found).tolist()) == {0.0, 2.0}


def test_alpha_dropout_keeps_mean_and_variance():
    value = np.random.default_rng(0).normal(size=ONES.shape).astype("float32")
    found = compiled(layers.alpha_dropout(X, 0.3, wf.random.Stream(1)))(value)
    assert abs(found.mean()) < 0.02
    assert abs(found.var() - 1) < 0.03
    assert compiled(layers.alpha_dropout(X, 0.0))(value) == pytest.approx(value, rel=1e-6)


def test_alpha_dropout_of_channels():
    x = wf.tensor("x", ("n", 8, 3))
    value = np.random.default_rng(0).normal(size=(4000, 8, 3)).astype("float32")
    found = compiled(layers.alpha_dropout(x, 0.3, wf.random.Stream(1), axis=1), x)(value)
    values, counts = np.unique(found, return_counts=True)
    dropped = found == values[counts.argmax()]
    assert (dropped == dropped[:, :, :1]).all()
    assert abs(dropped.mean() - 0.3) < 0.02
    assert abs(found.mean()) < 0.03
    assert abs(found.var() - 1) < 0.05


def test_gaussian_noise_and_dropout():
    rng = wf.random.Stream(1)
    found = compiled(layers.gaussian_noise(X, 0.5, rng))(ONES)
    assert (abs(found.mean() - 1) < 0.01, abs(found.std() - 0.5) < 0.01) == (True, True)
    found = compiled(layers.gaussian_dropout(X, 0.2, rng))(3 * ONES)
    assert (abs(found.mean() - 3) < 0.03, abs(found.std() - 1.5) < 0.03) == (True, True)
    half = wf.matrix("half", ("n", 4), "float64")
    assert layers.gaussian_noise(half, 0.5).dtype == layers.gaussian_dropout(half, 0.5).dtype == "float64"


def test_shakeout_is_what_its_weights_say():
    """With one unit a row of x that picks an input shows that input's weight."""
    w, rate, c = np.array([[0.5], [-2.0], [1.0]], np.float32), 0.25, 0.125
    x = wf.matrix("x", ("n", 3))
    which = np.arange(SIZE) % 3
    found = compiled(layers.shakeout(x, w, rate, c, wf.random.Stream(1)), x)(np.eye(3, dtype="float32")[which])[:, 0]
    for i, weight in enumerate(w[:, 0]):
        drawn = found[which == i]
        sign = np.sign(weight)
        wanted = [-c * sign, (weight + c * rate * sign) / (1 - rate)]
        np.testing.assert_allclose(np.unique(drawn.round(5)), np.sort(wanted), rtol=1e-5)
        assert abs(drawn.mean() - weight) < 0.05


def test_one_graph_serves_training_and_test():
    flag, rate = wf.scalar("training", dtype="bool"), wf.scalar("rate")
    for layer in (layers.dropout, layers.alpha_dropout, layers.gaussian_dropout, layers.gaussian_noise):
        y = layer(X, rate, wf.random.Stream(1), flag)
        f = wf.function([X, rate, flag], [y, wf.grad(y.sum(), X)])
        for found in f(ONES, 0.5, False):
            np.testing.assert_array_equal(found, ONES)
        assert (f(ONES, 0.5, True)[0] != ONES).any()


def test_gradients_are_the_factors():
    y = layers.dropout(X, 0.5, wf.random.Stream(1))
    found, grad = wf.function([X], [y, wf.grad(y.sum(), X)])(ONES)
    np.testing.assert_array_equal(found, grad)
    assert list(parameters(y)) == []


def test_layers_without_a_stream_draw_what_the_seed_says():
    def drawn():
        init.seed(5)
        f = compiled(layers.dropout(layers.gaussian_noise(X, 1.0), 0.5))
        return np.stack([f(ONES[:8]), f(ONES[:8])])

    first, second = drawn(), drawn()
    np.testing.assert_array_equal(first, second)
    assert (first[0] != first[1]).any()
    assert layers.dropout(X, 0.0) is X


@pytest.mark.parametrize("rate", [1.0, -0.1, "half", np.ones(2)])
def test_rates_that_are_none(rate):
    for layer in (layers.dropout, layers.alpha_dropout, layers.spatial_dropout, layers.gaussian_dropout):
        with pytest.raises(wf.ArgumentError, match=rf"{layer.__name__}: .*the rate is in \[0, 1\)"):
            layer(X, rate)


def test_what_is_no_stream_and_no_float():
    with pytest.raises(wf.ArgumentError, match=r"alpha_dropout: rng is a random\.Stream"):
        layers.alpha_dropout(X, 0.5, np.random.default_rng(0))
    with pytest.raises(wf.DTypeError, match="dropout takes floats"):
        layers.dropout(wf.vector("i", (3,), "int64"), 0.5)
    with pytest.raises(wf.ArgumentError, match="std is a finite number from 0 up"):
        layers.gaussian_noise(X, -1.0)


# ---- embeddings ------------------------------------------------------------------------------------------------------


def test_labels_outside_say_so():
    labels = wf.vector("labels", ("n",), "int32")
    f = wf.function([labels], layers.embedding(labels, 5, 2))
    assert f([0, 4]).shape == (2, 2)
    for wrong in (5, -1):
        with pytest.raises(wf.IndexRangeError, match=f"label {wrong} is out of range for 5 classes"):
            f([0, wrong])
    with pytest.raises(wf.DTypeError, match="embedding takes integer labels"):
        layers.embedding(X, 5, 2)


def test_padding_gets_no_gradient():
    labels = wf.vector("labels", ("n",), "int64")
    w = wf.shared(np.ones((4, 2), np.float32), "w")
    y = layers.embedding(labels, 4, 2, w, padding_index=0)
    found, grad = wf.function([labels], [y, wf.grad(y.sum(), w)])([0, 2, 2, 0, 3])
    assert found[:, 0].tolist() == [0, 1, 1, 0, 1]
    assert grad[:, 0].tolist() == [0, 0, 2, 1]


def test_empty_bags_are_0():
    labels = wf.matrix("labels", ("n", 3), "int64")
    modes = ("mean", "sum", "max")
    bags = [
        layers.embedding_bag(labels, 4, 2, np.arange(8.0).reshape(4, 2) - 9, mode=m, padding_index=0) for m in modes
    ]
    f = wf.function([labels], bags)
    mean, total, most = f([[0, 0, 0], [1, 0, 3], [2, 2, 2]])
    np.testing.assert_allclose(mean, [[0, 0], [-5, -4], [-5, -4]])
    np.testing.assert_allclose(total, [[0, 0], [-10, -8], [-15, -12]])
    np.testing.assert_allclose(most, [[0, 0], [-3, -2], [-5, -4]])


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("number", [0, "m"])
def test_bags_of_no_labels_are_0(mode, padding, number):
    labels, w = wf.matrix("labels", ("n", number), "int64"), wf.shared(np.ones((4, 2), np.float32), "w")
    y = layers.embedding_bag(labels, 4, 2, w, mode=mode, padding_index=padding)
    f = wf.function([labels], [y, wf.grad(y.sum(), w)])
    for found, wanted in zip(f(np.zeros((3, 0), "int64")), (np.zeros((3, 2)), np.zeros((4, 2))), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize("kind", ["uint8", "uint64", "int8"])
def test_bags_of_labels_of_any_integers(mode, padding, kind):
    labels, w = wf.matrix("labels", ("n", 3), kind), RNG.normal(size=(4, 2)).astype("float32")
    y = layers.embedding_bag(labels, 4, 2, w, mode=mode, padding_index=padding)
    found = wf.function([labels], y)(np.array([[0, 2, 3], [1, 1, 1]], kind))
    rows = w[[0, 3]] if padding == 2 else w[[0, 2, 3]]
    reduced = {"mean": rows.mean(0), "sum": rows.sum(0), "max": rows.max(0)}[mode]
    np.testing.assert_allclose(found[0], reduced, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [("float16", (1e-4, 300.0, 6e4)), ("float32", (1e-30, 1e25)), ("float64", (1e-200, 1e200))],
)
@pytest.mark.parametrize("limit", [0, 1e-6, 1.0, 1e6, 1e50])
def test_rows_of_any_length_have_one_at_most(kind, sizes, limit):
    """And shorter ones are as they were, to the last bit."""
    w = np.array([[0, 0], *([0.6 * size, 0.8 * size] for size in sizes)], kind)
    labels = wf.vector("labels", ("n",), "int64")
    found = wf.function([labels], layers.embedding(labels, len(w), 2, w, max_norm=limit))(np.arange(len(w)))
    exact = w.astype("float64")
    lengths = np.hypot(*exact.T)[:, None]
    longer = lengths[:, 0] > limit
    assert found.dtype == kind
    np.testing.assert_array_equal(found[~longer], w[~longer])
    wanted = (exact / np.where(lengths == 0, 1, lengths) * limit)[longer]
    np.testing.assert_allclose(
        found[longer], wanted, rtol=2 * np.finfo(kind).eps, atol=np.finfo(kind).smallest_subnormal
    )
