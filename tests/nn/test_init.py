"""Initial values: their spread, shape, dtype, and orthogonality."""

import numpy as np
import pytest

from weft.nn import init
from weft.symbolic.errors import ShapeError
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
