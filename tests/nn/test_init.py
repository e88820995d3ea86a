"""Initial values: their spread, shape, dtype, and orthogonality."""

import numpy as np
import pytest

import weft as wf
from weft.nn import init
from weft.symbolic.errors import ArgumentError, ShapeError
from weft.symbolic.types import config


@pytest.fixture
def rng():
    return np.random.default_rng(0)


SPREADS = [
    ("glorot_normal", {}, 0, np.sqrt(2 / 700)),
    ("glorot_normal", {"gain": 3.0}, 0, 3 * np.sqrt(2 / 700)),
    ("glorot_uniform", {}, 0, np.sqrt(2 / 700)),
    ("glorot_uniform", {"gain": 3.0}, 0, 3 * np.sqrt(2 / 700)),
    ("he_normal", {}, 0, np.sqrt(2 / 300)),
    ("he_normal", {"gain": 3.0}, 0, 3 * np.sqrt(1 / 300)),
    ("he_uniform", {}, 0, np.sqrt(2 / 300)),
    ("he_uniform", {"gain": 3.0}, 0, 3 * np.sqrt(1 / 300)),
    ("lecun_normal", {}, 0, np.sqrt(1 / 300)),
    ("lecun_uniform", {}, 0, np.sqrt(1 / 300)),
    ("normal", {}, 0, 0.01),
    ("normal", {"std": 0.5, "mean": 3.0}, 3, 0.5),
    ("uniform", {}, 0, 0.01 / np.sqrt(3)),
    ("uniform", {"limit": 0.6}, 0, 0.6 / np.sqrt(3)),
]


@pytest.mark.parametrize(("name", "options", "mean", "std"), SPREADS)
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_spread(rng, name, options, mean, std, dtype):
    value = getattr(init, name)((300, 400), rng, dtype=dtype, **options)
    assert value.shape == (300, 400)
    assert value.dtype == (dtype or "float32")
    np.testing.assert_allclose(value.std(), std, rtol=0.01)
    assert abs(value.mean(dtype="float64") - mean) < 5 * std / np.sqrt(value.size)


@pytest.mark.parametrize("shape", [(7, 3), (1, 3), (3, 1), (0, 4), (4, 0), (1, 0), (5, 2, 3, 1), (2, 1, 1), (3, 0, 2)])
def test_each_is_the_draw_that_it_says(shape):
    kernel = int(np.prod(shape[2:]))
    inputs, outputs = shape if len(shape) == 2 else (shape[1] * kernel, shape[0] * kernel)
    for gain in (None, 3.0):
        own, he = (1.0, np.sqrt(2)) if gain is None else (gain, gain)
        spreads = {
            "glorot_normal": own * np.sqrt(2 / max(1, inputs + outputs)),
            "glorot_uniform": own * np.sqrt(6 / max(1, inputs + outputs)),
            "he_normal": he * np.sqrt(1 / max(1, inputs)),
            "he_uniform": he * np.sqrt(3 / max(1, inputs)),
        }
        if gain is None:
            spreads |= {"lecun_normal": np.sqrt(1 / max(1, inputs)), "lecun_uniform": np.sqrt(3 / max(1, inputs))}
        for name, spread in spreads.items():
            found = getattr(init, name)(shape, np.random.default_rng(3), **({} if gain is None else {"gain": gain}))
            again = np.random.default_rng(3)
            drawn = again.normal(0, spread, shape) if "normal" in name else again.uniform(-spread, spread, shape)
            np.testing.assert_allclose(found, drawn, rtol=1e-6, err_msg=name)


def test_convolutions_count_the_kernel():
    assert init.fans((64, 32, 3, 5)) == (32 * 15, 64 * 15)
    assert init.fans((784, 10)) == (784, 10)
    with pytest.raises(ShapeError, match="no inputs and outputs"):
        init.fans((10,))


def test_uniform_limits(rng):
    value = init.glorot_uniform((30, 30), rng, gain=2.0)
    assert np.abs(value).max() <= 2 * np.sqrt(6 / 60)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3, 3), (1, 1)])
def test_orthogonal(rng, shape):
    value = init.orthogonal(shape, rng, gain=2.0, dtype="float64").reshape(shape[0], -1)
    gram = value @ value.T if value.shape[0] <= value.shape[1] else value.T @ value
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    plain = init.orthogonal(shape, np.random.default_rng(0), dtype="float64").reshape(shape[0], -1)
    np.testing.assert_allclose(plain * 2, value, atol=1e-12)


def test_numbers_are_not_orthogonal(rng):
    with pytest.raises(ShapeError, match=r"orthogonal: weights of shape \(\) have no rows"):
        init.orthogonal((), rng)


def test_orthogonal_matrices_have_either_sign_everywhere(rng):
    """LAPACK's factor alone has one sign along its diagonal."""
    values = np.array([init.orthogonal((3, 3), rng) for _ in range(400)])
    assert np.abs(values.mean(0)).max() < 5 / np.sqrt(3 * 400)


def test_constant_and_dtypes(rng):
    np.testing.assert_array_equal(init.constant((2, 3), 0.5), np.full((2, 3), 0.5, np.float32))
    np.testing.assert_array_equal(init.constant((2,)), np.zeros(2, np.float32))
    assert init.constant((2,), 1, "int8").dtype == np.int8
    with config(float_dtype="float64"):
        assert init.he_normal((2, 3), rng).dtype == np.float64


def test_truncated_normal(rng):
    value = init.truncated_normal((300, 400), rng, 0.5, 3.0, dtype="float64")
    assert np.abs(value - 3).max() <= 1.0
    np.testing.assert_allclose(value.std(), 0.5 * init.distributions.CUT_STD, rtol=0.01)
    assert np.abs(init.truncated_normal((300, 400), rng, 1.0, cut=0.5)).max() <= 0.5
    with pytest.raises(ArgumentError, match=r"cut is a number from 0\.1 up"):
        init.truncated_normal((3,), rng, cut=0)


@pytest.mark.parametrize("distribution", ["truncated_normal", "normal", "uniform"])
@pytest.mark.parametrize(("mode", "units"), [("fan_in", 300), ("fan_out", 400), ("fan_avg", 350)])
def test_variance_scaling(rng, distribution, mode, units):
    value = init.variance_scaling((300, 400), rng, 2.0, mode, distribution)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value.std(), np.sqrt(2 / units), rtol=0.01)


def test_gain():
    for name, wanted in (("linear", 1), ("sigmoid", 1), ("tanh", 5 / 3), ("relu", np.sqrt(2)), ("selu", 0.75)):
        assert init.gain(name) == wanted
    np.testing.assert_allclose(init.gain("leaky_relu", 0.5), np.sqrt(2 / 1.25))


def test_zeros_and_ones_are_initialisers(rng):
    np.testing.assert_array_equal(init.zeros((2, 3), rng), np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(init.ones((2, 3), rng, "float64"), np.ones((2, 3)))


def test_identity_gives_inputs_back(rng):
    np.testing.assert_array_equal(init.identity((2, 3), rng, 2.0), 2 * np.eye(2, 3, dtype=np.float32))
    x = rng.normal(size=(2, 4, 5, 7))
    for kernel in ((1, 1), (3, 5), (5, 3)):
        w = init.identity((4, 4, *kernel), dtype="float64")
        found = wf.evaluate(wf.conv2d(wf.constant(x), wf.constant(w), padding="same"))
        np.testing.assert_allclose(found, x)
    w = init.identity((4, 2, 3, 3), groups=2, dtype="float64")
    found = wf.evaluate(wf.conv2d(wf.constant(x), wf.constant(w), padding="same", groups=2))
    np.testing.assert_allclose(found, x)
    with pytest.raises(ShapeError, match="no inputs and outputs for 3 groups"):
        init.identity((4, 2, 3, 3), groups=3)


def test_delta_orthogonal(rng):
    w = init.delta_orthogonal((5, 3, 3, 1), rng, 2.0, dtype="float64")
    np.testing.assert_allclose(w[:, :, 1, 0].T @ w[:, :, 1, 0], 4 * np.eye(3), atol=1e-12)
    assert np.count_nonzero(w) == 15
    for shape, text in (((3, 5, 3), "cannot be orthogonal"), ((5, 3, 2), "odd kernels"), ((5, 3), "odd kernels")):
        with pytest.raises(ShapeError, match=text):
            init.delta_orthogonal(shape, rng)


def test_sparse(rng):
    value = init.sparse((40, 30), rng, 7, 0.5)
    assert (np.count_nonzero(value, axis=0) == 7).all()
    assert len({tuple(column) for column in (value != 0).T}) == 30
    np.testing.assert_allclose(value[value != 0].std(), 0.5, rtol=0.15)
    assert np.count_nonzero(init.sparse((4, 3), rng)) == 12


@pytest.mark.parametrize("factor", [2, 3])
def test_bilinear_interpolates(factor):
    k = 2 * factor - factor % 2
    w = init.bilinear((2, 2, k, k), dtype="float64")
    ramp = np.arange(6.0)[:, None] * 2 + np.arange(5.0)
    x = np.broadcast_to(ramp, (1, 2, 6, 5))
    pad = (k - factor + 1) // 2
    found = wf.evaluate(wf.conv2d_transpose(wf.constant(x), wf.constant(w), stride=factor, padding=pad))
    inside = found[0, 0, factor:-factor, factor:-factor]
    np.testing.assert_allclose(np.diff(inside, axis=0), 2 / factor, rtol=1e-12)  # it stays a ramp
    np.testing.assert_allclose(np.diff(inside, axis=1), 1 / factor, rtol=1e-12)
    np.testing.assert_array_equal(found[0, 0], found[0, 1])


@pytest.mark.parametrize("name", ["identity", "zeros", "ones", "sparse", "truncated_normal", "variance_scaling"])
def test_layers_take_them(name):
    y = wf.nn.layers.dense(wf.matrix("x", ("n", 4)), 4, getattr(init, name))
    assert next(iter(wf.nn.parameters(y).values())).get_value().shape == (4, 4)
