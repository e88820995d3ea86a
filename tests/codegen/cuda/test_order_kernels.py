"""Running sums and orders on a device."""

import numpy as np
import pytest

from weft.codegen.cuda.index import cumsum, merge_sort, places
from weft.codegen.cuda.index.argsort import plan_argsort
from weft.codegen.cuda.index.cumsum import CHUNK, make_chunk_scan, make_chunk_sum, make_row_scan, plan_cumsum
from weft.codegen.cuda.index.merge_sort import TILE, make_merge, make_sort_tiles
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.ops.order import ArgSort, CumSum

from .simulated_plans import ARRANGEMENTS, arrange, check_code, compute, make_plan

DTYPES = ("bool", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
SHAPES = ((1,), (3, 33), (2, 3, 100), (4, 0), (0, 4), (5, 1))


@pytest.fixture(params=[False, True], ids=["int32", "int64"])
def wide(request, monkeypatch):
    """Places are int64 everywhere, as if all arrays were large."""
    if request.param:
        monkeypatch.setattr(places, "_NARROW", 0)
    return request.param


def draw_ties(rng, dtype, shape):
    """Few different numbers, the ends of the dtype's range among them, and what floats have besides."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
        negative_nan = np.array(-1).astype(f"i{dtype.itemsize}").view(dtype)
        numbers = [0.0, -0.0, 1.0, -1.0, 1.5, -1.5, np.nan, negative_nan, np.inf, -np.inf, tiny, -tiny, huge, -huge]
        return rng.choice(np.array(numbers, dtype), shape)
    limits = np.iinfo(dtype)
    return rng.choice(np.array([limits.min, limits.max, 0, 1, 5, limits.max - 1, limits.min + 1], dtype), shape)


# ---- argsort -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_argsort(dtype, descending):
    rng = np.random.default_rng(0)
    for number, shape in enumerate(SHAPES):
        x = arrange(draw_ties(rng, dtype, shape), ARRANGEMENTS[number % 4])
        expected = ArgSort(descending).numpy(x)
        found, _ = compute(plan_argsort, "int64", shape, x, descending=descending)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("descending", [False, True])
def test_argsort_of_distinct_numbers(descending, wide):
    rng = np.random.default_rng(1)
    for number, how in enumerate(ARRANGEMENTS):
        x = arrange((rng.standard_normal((5, 70)) * 1e6).astype(("float32", "int64")[number % 2]), how)
        found, _ = compute(plan_argsort, "int64", x.shape, x, descending=descending)
        np.testing.assert_array_equal(found, ArgSort(descending).numpy(x))


def check_long_rows(length, dtype):
    """Both directions; some numbers stand very often, or none more than once."""
    rng = np.random.default_rng(2)
    x = draw_ties(rng, dtype, (2, length)) if dtype == "float32" else rng.integers(-(2**62), 2**62, (2, length))
    plan, *_ = make_plan(plan_argsort, "int64", x.shape, x, descending=False)
    assert len(plan.launches) == 1 + max(0, int(np.ceil(np.log2(length / TILE))))
    for descending in (False, True):
        found, _ = compute(plan_argsort, "int64", x.shape, x, descending=descending)
        np.testing.assert_array_equal(found, ArgSort(descending).numpy(x))


@pytest.mark.parametrize(
    ("length", "dtype"),
    [(TILE - 1, "float32"), (TILE, "int64"), (TILE + 1, "float32"), (TILE + 1, "int64"), (2 * TILE + 1, "float32")],
)
def test_long_rows_are_merged(length, dtype):
    check_long_rows(length, dtype)


def test_long_rows_with_wide_places(monkeypatch):
    monkeypatch.setattr(places, "_NARROW", 0)
    check_long_rows(TILE + 1, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("length", [2 * TILE, 5000, 20000])
def test_longer_rows(length, dtype):
    check_long_rows(length, dtype)


def test_rows_in_and_against_order(monkeypatch):
    """What bisection meets at its ends, for every length, with tiles that are merged often."""
    monkeypatch.setattr(merge_sort, "TILE", 256)
    for length in (*range(1, 10), 17, 255, 256, 257, 1025):
        rising = np.arange(length, dtype=np.float32)
        x = np.stack([rising, -rising, np.zeros(length, np.float32), np.full(length, np.nan, np.float32)])
        found, _ = compute(plan_argsort, "int64", x.shape, x, descending=False)
        np.testing.assert_array_equal(found, ArgSort().numpy(x))


# ---- cumsum --------------------------------------------------------------------------------------------------------


def reference(x, reverse):
    """The op's, rounded as it rounds; integers wrap around."""
    with np.errstate(all="ignore"):
        return CumSum(reverse).numpy(x).astype(x.dtype)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cumsum(dtype, reverse, wide):
    rng = np.random.default_rng(3)
    for number, shape in enumerate(SHAPES):
        x = draw_ties(rng, dtype, shape) if np.dtype(dtype).kind != "f" else rng.integers(-99, 99, shape).astype(dtype)
        x = arrange(x, ARRANGEMENTS[number % 5])
        found, _ = compute(plan_cumsum, dtype, shape, x, reverse=reverse)
        np.testing.assert_array_equal(found, reference(x, reverse))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("dtype", "far"), [("float32", True), ("float64", False), ("uint64", False), ("int8", False)])
def test_chunks(dtype, far, reverse, monkeypatch):
    monkeypatch.setattr(places, "_NARROW", 0 if far else places._NARROW)
    rng = np.random.default_rng(4)
    for length in (2 * CHUNK + 1, 3 * CHUNK):
        for how in ("turned", "gaps"):
            x = arrange(rng.integers(0, 100, (2, length)).astype(dtype), how)
            plan, *_ = make_plan(plan_cumsum, dtype, x.shape, x, reverse=reverse)
            assert len(plan.launches) == 3
            found, _ = compute(plan_cumsum, dtype, x.shape, x, reverse=reverse)
            np.testing.assert_array_equal(found, reference(x, reverse))


@pytest.mark.parametrize("length", [1000, 3 * CHUNK])
def test_sums_are_as_exact_as_float64(length):
    x = np.random.default_rng(5).standard_normal((1, length)).astype("f4")
    x[0, 0] = 1e7  # what float32 would add up to is wrong in the third digit
    exact = np.cumsum(x.astype(np.longdouble), -1)
    found, _ = compute(plan_cumsum, "float32", x.shape, x, reverse=False)
    assert np.abs(found - exact).max() <= np.spacing(np.float32(1e7)) / 2 * 1.001


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [70, 2 * CHUNK + 5])
def test_what_is_not_finite_does_not_reach_back(length, reverse):
    x = np.ones((4, length), np.float32)
    x[0, length // 2], x[1, length // 3], x[2, length // 2], x[2, length // 2 + 3] = np.nan, np.inf, np.inf, -np.inf
    found, _ = compute(plan_cumsum, "float32", x.shape, x, reverse=reverse)
    np.testing.assert_array_equal(found, reference(x, reverse))


def test_the_same_bits_whatever_the_rows(monkeypatch):
    """A row's sums depend on the row alone, and not on how it lies in memory."""
    rng = np.random.default_rng(6)
    x = rng.standard_normal((3, 500))
    whole, _ = compute(plan_cumsum, "float64", x.shape, x, reverse=False)
    for row in range(3):
        one, _ = compute(plan_cumsum, "float64", (1, 500), arrange(x[row : row + 1], "gaps"), reverse=False)
        assert one.tobytes() == whole[row].tobytes()
    monkeypatch.setattr(cumsum, "_RESIDENT", 0)  # a warp for each row, whatever its length
    found, _ = compute(plan_cumsum, "float64", (3, 5000), np.tile(x, 10), reverse=False)
    np.testing.assert_allclose(found, np.cumsum(np.tile(x, 10), -1), rtol=1e-11, atol=1e-11)


# ---- code ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_code(architecture):
    far = architecture == "sm_75"  # each on one of them: they take most of this file's time
    for kernel in (
        TraceRef(make_row_scan, ("float32", True, 1, far)),
        TraceRef(make_row_scan, ("bool", False, 2, far)),
        TraceRef(make_row_scan, ("uint64", False, 1, far)),
        TraceRef(make_chunk_sum, ("float64", False, 1, far)),
        TraceRef(make_chunk_scan, ("float32", True, 1, far)),
        TraceRef(make_chunk_scan, ("int16", False, 1, far)),
        TraceRef(make_sort_tiles, ("float32", False, 1, False, far)),
        TraceRef(make_sort_tiles, ("uint64", True, 2, True, far)),
        TraceRef(make_sort_tiles, ("bool", True, 1, True, far)),
        TraceRef(make_merge, ("int32", False, far)),
        TraceRef(make_merge, ("int64", True, far)),
    ):
        check_code(kernel, architecture)
