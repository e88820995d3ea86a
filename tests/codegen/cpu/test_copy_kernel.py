"""Strided copies against NumPy's."""

import numpy as np
import pytest

from weft.codegen.cpu.tiles.copy import merge, plan_copy

from .plans import describe, run_plan

LAYOUTS = {
    "in order": lambda a: np.ascontiguousarray(a),
    "transposed": lambda a: np.asfortranarray(a),
    "reversed": lambda a: np.ascontiguousarray(a[(slice(None, None, -1),) * a.ndim])[(slice(None, None, -1),) * a.ndim],
    "last axis first": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 0)), 0, -1),
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "part of a larger array": lambda a: np.pad(a, [(1, 2)] * a.ndim)[(slice(1, -2),) * a.ndim],
}
SHAPES = [(7,), (70, 33), (5, 40, 3), (3, 1, 33, 35), (2, 3, 4, 5, 6)]


def copied(x, out):
    """x copied into the memory of out."""
    return run_plan(plan_copy(describe(out), describe(x)), [out], [x])[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("target", LAYOUTS)
@pytest.mark.parametrize("source", LAYOUTS)
def test_layouts(source, target, shape):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1000, shape).astype("float32")
    out = LAYOUTS[target](np.zeros(shape, "float32"))
    np.testing.assert_array_equal(copied(LAYOUTS[source](x), out), x)


@pytest.mark.parametrize("dtype", ["bool", "float16", "float64"])
@pytest.mark.parametrize("source", ["in order", "transposed"])
def test_dtypes(source, dtype):
    x = np.random.default_rng(1).integers(0, 2, (37, 41)).astype(dtype)
    np.testing.assert_array_equal(copied(LAYOUTS[source](x), np.ones_like(x)), x)


def test_bits_are_kept():
    bits = np.array([0x7FC00001, 0xFF800123, 0x80000000, 0x00000001] * 9, "uint32")
    x = bits.view("float32").reshape(4, 9).T
    np.testing.assert_array_equal(copied(x, np.zeros((9, 4), "float32")).view("uint32"), bits.reshape(4, 9).T)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1, 1), (1, 20000), (20000, 1)])
def test_odd_sizes(shape):
    x = np.random.default_rng(2).standard_normal(shape)
    np.testing.assert_array_equal(copied(x, np.zeros(shape)), x)


@pytest.mark.parametrize("shape", [(4, 5), (40, 50, 3)])
def test_broadcast(shape):
    for x in (
        np.broadcast_to(3.0, shape),
        np.broadcast_to(np.arange(shape[0] * 1.0).reshape(-1, *[1] * (len(shape) - 1)), shape),
    ):
        np.testing.assert_array_equal(copied(x, np.zeros(shape)), x)


def test_merge():
    assert merge((2, 3, 4), (12, 4, 1)) == ((24,), ((1,),))
    assert merge((2, 3, 4), (12, 4, 1), (4, 1, 8)) == ((2, 3, 4), ((12, 4, 1), (4, 1, 8)))
    assert merge((2, 3, 4), (12, 4, 1), (0, 0, 0)) == ((24,), ((1,), (0,)))
    assert merge((1, 5, 1), (99, 2, 7)) == ((5,), ((2,),))
    assert merge((1, 1), (3, 4)) == ((), ((),))


def test_other_shapes_and_elements():
    with pytest.raises(ValueError, match="cannot copy"):
        plan_copy(describe(np.zeros(3)), describe(np.zeros(4)))
    with pytest.raises(NotImplementedError, match="16 bytes"):
        plan_copy(describe(np.zeros(3, complex)), describe(np.zeros(3, complex)))
