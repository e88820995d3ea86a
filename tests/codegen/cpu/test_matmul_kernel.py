"""Matrix products against NumPy's in float64, on ragged sizes and any layout."""

import math

import numpy as np
import pytest

from weft.codegen.cpu.matmul.plan import plan_matmul
from weft.codegen.cpu.tiles import shapes

from ...sampling import every
from .plans import describe, run_plan

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}  # of sums of |a| |b|
LAYOUTS = {
    "in order": lambda a: np.ascontiguousarray(a),
    "transposed": lambda a: np.swapaxes(np.ascontiguousarray(np.swapaxes(a, -1, -2)), -1, -2),
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1, ::-1])[..., ::-1, ::-1],
    "every second": lambda a: np.repeat(np.repeat(a, 2, -1), 3, -2)[..., ::3, ::2],
    "part of a larger array": lambda a: np.pad(a, [(1, 2)] * a.ndim)[(slice(1, -2),) * a.ndim],
}


def product(a, b):
    """The plan's a @ b."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = np.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, (*batch, *b.shape[-2:]))
    return run_plan(plan_matmul(describe(out), describe(a), describe(b)), [out], [a, b])[0]


def check(a, b):
    wide, sizes = a.astype("float64") @ b.astype("float64"), np.abs(a).astype("float64") @ np.abs(b)
    error = np.abs(product(a, b) - wide)
    assert np.all(error <= TOLERANCE[a.dtype.name] * sizes + 1e-30)


def normal(*shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "size",
    [(1, 1, 1), (2, 3, 1), (1, 7, 500), (5, 1, 9), (13, 17, 31), (14, 20, 32), (15, 21, 33), (40, 3, 10), (70, 30, 1),
     (29, 1000, 65), (130, 800, 257), (3, 129, 1000), (300, 64, 700), (40, 1024, 300), (100, 1500, 300),
     (70, 2100, 500), (300, 96, 10), (500, 100, 130), (400, 1100, 70)],
    ids=str,
)  # fmt: skip
def test_sizes(size, dtype):
    m, k, n = size
    check(normal(m, k, dtype=dtype), normal(k, n, dtype=dtype))


@pytest.mark.parametrize("seed", every(2, range(40)))
def test_any_size(seed):
    """Sizes of all magnitudes: whether operands are packed, and by whom, depends on how they are to each other."""
    draw = np.random.default_rng(seed)
    while math.prod(size := [round(math.exp(draw.uniform(0, math.log(2000)))) for _ in range(3)]) > 2e7:
        pass
    left, right = (LAYOUTS[name] for name in draw.choice(list(LAYOUTS), 2))
    dtype = str(draw.choice(list(TOLERANCE)))
    check(left(normal(*size[:2], dtype=dtype)), right(normal(*size[1:], dtype=dtype)))


@pytest.mark.parametrize("size", [(33, 70, 150), (5, 9, 20), (1, 30, 45), (45, 30, 1)], ids=str)
@pytest.mark.parametrize("right", LAYOUTS)
@pytest.mark.parametrize("left", LAYOUTS)
def test_layouts(left, right, size):
    m, k, n = size
    check(LAYOUTS[left](normal(m, k)), LAYOUTS[right](normal(k, n)))


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 20, 30), (3, 30, 40)), ((3, 20, 30), (30, 40)), ((20, 30), (3, 30, 40)), ((2, 1, 5, 8), (1, 3, 8, 130)),
     ((4, 1, 30), (30, 40)), ((4, 3, 1, 6), (4, 3, 6, 1)), ((2, 2, 33, 40), (2, 2, 40, 97))],
    ids=str,
)  # fmt: skip
def test_batches(left, right):
    check(normal(*left), normal(*right))


@pytest.mark.parametrize("repeated", [(2, 3, 1), (2, 1, 4), (1, 3, 4), (2, 3, 4), (1, 1, 1)], ids=str)
def test_batches_with_gaps(repeated):
    a = np.repeat(np.repeat(normal(2, 3, 4, 5, 30), 2, 0), 2, 1)[::2, ::2]
    b = np.repeat(normal(*repeated, 30, 40), 2, 1)[:, ::2]
    check(a, b)
    check(b.swapaxes(-1, -2), a.swapaxes(-1, -2))
    check(a[..., :1, :], b[..., :9])


def test_permuted_batches():
    a, b = normal(30, 2, 20, 3), normal(40, 2, 30, 3)
    check(a.transpose(1, 3, 2, 0), b.transpose(1, 3, 2, 0))


@pytest.mark.parametrize("size", [(0, 3, 4), (3, 4, 0), (0, 0, 0)], ids=str)
def test_nothing_to_compute(size):
    m, k, n = size
    assert product(normal(m, k), normal(k, n)).shape == (m, n)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
def test_sums_over_nothing_are_zero(dtype):
    assert not product(np.zeros((2, 3, 0), dtype), np.zeros((2, 0, 4), dtype)).any()


@pytest.mark.parametrize("dtype", every(3, ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]))
def test_integers_wrap(dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(1)
    a = rng.integers(info.min, info.max, (2, 9, 8), dtype, endpoint=True)
    b = rng.integers(info.min, info.max, (2, 7, 8), dtype, endpoint=True).swapaxes(1, 2)
    np.testing.assert_array_equal(product(a, b), a @ b)


def test_booleans_are_any_of_and():
    rng = np.random.default_rng(2)
    a, b = rng.random((9, 4)) < 0.4, rng.random((4, 7)) < 0.4
    np.testing.assert_array_equal(product(a, b), a @ b)


def test_nan_and_infinity_stay_in_their_rows_and_columns():
    a, b = normal(40, 50), normal(50, 70)
    a[3, 7], b[11, 65], b[12, 2] = np.nan, np.inf, -np.inf
    out = product(a, b)
    assert np.isnan(out[3]).all()
    assert np.isinf(np.delete(out[:, 65], 3)).all()
    assert np.isinf(np.delete(out[:, 2], 3)).all()
    assert np.isfinite(np.delete(np.delete(out, 3, 0), [2, 65], 1)).all()


@pytest.mark.parametrize("vectors", [1, 2, 3, 4, 6, 8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tile_shapes_fit_the_registers(dtype, vectors):
    shape = shapes.shape(dtype, vectors)
    assert shape.rows >= 1
    assert shape.rows * vectors + vectors <= 32
    assert shape.lanes * np.dtype(dtype).itemsize <= vectors * 64


@pytest.mark.parametrize("rows", [1, 5, 14, 15, 29, 1000])
def test_tiles_are_about_equally_tall(rows):
    shape = shapes.shape("float32", 2)
    height = shapes.even_rows(shape, rows)
    assert height <= shape.rows
    assert (rows - 1) // height == (rows - 1) // shape.rows
