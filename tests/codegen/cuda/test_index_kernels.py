"""Gather, scatter and labels on a device: the reference's results, bit for bit, and nothing beyond any array."""

import numpy as np
import pytest

from weft.codegen.cuda.index import places
from weft.codegen.cuda.index.copy import make_copy
from weft.codegen.cuda.index.gather import make_gather, plan_gather
from weft.codegen.cuda.index.labels import make_check_labels, plan_check_labels, plan_check_steps
from weft.codegen.cuda.index.runs import PIECE, make_last_of_runs, make_run_rests, make_run_sums
from weft.codegen.cuda.index.scatter import plan_scatter_add, plan_scatter_set
from weft.codegen.cuda.index.targets import make_targets
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.ops.gather import Gather, ScatterAdd, ScatterSet

from .simulated_plans import ARRANGEMENTS, arrange, check_code, compute, make_plan

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("bool", "float32", "float64", *INTEGERS)
SCATTERS = ((plan_scatter_add, ScatterAdd), (plan_scatter_set, ScatterSet))


@pytest.fixture(params=[False, True], ids=["int32", "int64"])
def wide(request, monkeypatch):
    """Places are int64 everywhere, as if all arrays were large."""
    if request.param:
        monkeypatch.setattr(places, "_NARROW", 0)
    return request.param


def draw(rng, dtype, shape):
    """Integers of a dtype from end to end of its range; integers as floats, and what floats have besides."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return (
            np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), f"u{dtype.itemsize}")
            .reshape(shape)
            .astype(dtype)
        )
    x = rng.integers(-1000, 1000, shape).astype(dtype)  # whose sums are exact, in whatever order
    special = rng.choice([np.nan, np.inf, -np.inf, -0.0], shape)
    return np.where(rng.random(shape) < 0.05, special, x).astype(dtype)


def same_bits(found, expected):
    """Equal, also in the sign of zeros; NaN is NaN."""
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        there = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]))


def test_division_by_multiplication():
    rng = np.random.default_rng(0)
    most = 2**31 - 1
    divisors = [
        1,
        2,
        3,
        5,
        7,
        641,
        2**16 - 1,
        2**16 + 1,
        2**30 - 1,
        2**30,
        2**30 + 1,
        most,
        *rng.integers(1, most, 300),
    ]
    for d in map(int, divisors):
        size, multiplier, shift = places.divisor_numbers(d, False)
        assert size == d
        assert multiplier < 2**32
        multiples = [q * d + e for q in (1, 2, 3, most // d) for e in (-1, 0, 1)]
        for n in (0, 1, most, most - 1, *multiples, *map(int, rng.integers(0, most, 100))):
            if 0 <= n <= most:
                assert n * multiplier >> shift == n // d
                assert n * multiplier < 2**63


# ---- labels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels(dtype, wide):
    rng = np.random.default_rng(1)
    for shape in ((), (1,), (300,), (5, 7, 3), (0,), (4, 0)):
        labels = rng.integers(0, 9, shape).astype(dtype)
        x = arrange(labels, ARRANGEMENTS[(labels.ndim + labels.dtype.num) % 5])
        found, refused = compute(plan_check_labels, "int32", shape, x, classes=9)
        same_bits(found, x.astype(np.int32))
        assert not refused


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_outside_are_refused(dtype):
    limits = np.iinfo(dtype)
    for wrong, classes in ((5, 5), (limits.max, 100), (limits.min, 100), (-1, 100), (limits.max, 0), (0, 0)):
        if limits.min <= wrong and not 0 <= wrong < classes:
            labels = np.array([0, 1, wrong, 2], dtype)
            found, refused = compute(plan_check_labels, "int32", (4,), labels, classes=classes)
            assert refused
            assert found[2] == 0
            assert classes == 0 or (found == [0, 1, 0, 2]).all()


def test_more_classes_than_labels_can_be():
    found, refused = compute(plan_check_labels, "int32", (3,), np.array([0, 127, 5], np.int8), classes=1 << 40)
    assert not refused
    assert found.tolist() == [0, 127, 5]


def test_steps():
    for steps, fine in ((0, True), (7, True), (8, False), (-1, False)):
        found, refused = compute(plan_check_steps, "int32", (), np.array(steps), length=7)
        assert refused != fine
        assert found == (steps if fine else 0)


# ---- gather --------------------------------------------------------------------------------------------------------

CASES = [(dtype, False) for dtype in DTYPES] + [("float32", True), ("bool", True)]
AXES = [((0,), (2, 3)), ((1,), (7,)), ((2,), ()), ((0, 2), (3, 1, 2)), ((0, 1, 2), (300,))]


@pytest.mark.parametrize(("dtype", "wide"), CASES, indirect=["wide"])
def test_gather(dtype, wide):
    rng = np.random.default_rng(2)
    for number, (axes, shape) in enumerate(AXES, np.dtype(dtype).num):
        x = arrange(draw(rng, dtype, (5, 6, 8)), ARRANGEMENTS[number % 5])
        indices = [arrange(rng.integers(-x.shape[a], x.shape[a], shape), ARRANGEMENTS[number % 5]) for a in axes]
        expected = Gather(axes).numpy(x, *indices)
        found, refused = compute(plan_gather, dtype, expected.shape, x, *indices, axes=axes)
        same_bits(found, expected)
        assert not refused


@pytest.mark.parametrize("index", INTEGERS)
def test_dtypes_of_indices(index):
    rng = np.random.default_rng(3)
    x, v, low = draw(rng, "float64", (9, 2)), draw(rng, "float64", (40, 2)), 0 if index[0] == "u" else -9
    indices = rng.integers(low, 9, 40).astype(index)
    same_bits(compute(plan_gather, "float64", (40, 2), x, indices, axes=(0,))[0], x[indices])
    for planner, op in SCATTERS:
        found, refused = compute(planner, "float64", (9, 2), x, v, indices, axes=(0,))
        same_bits(found, op((0,)).numpy(x, v, indices.astype(np.int64)))
        assert not refused


@pytest.mark.parametrize("wrong", [6, -7, 2**31, -(2**31) - 1, 2**32, 2**63 - 1, -(2**63)])
def test_indices_outside_are_refused(wrong, wide):
    x, indices = np.arange(24.0).reshape(6, 4), np.array([1, wrong, 3])
    found, refused = compute(plan_gather, "float64", (3, 4), x, indices, axes=(0,))
    assert refused
    same_bits(found[[0, 2]], x[[1, 3]])
    for planner, _ in SCATTERS:
        found, refused = compute(planner, "float64", (6, 4), x, np.ones((3, 4)), indices, axes=(0,))
        assert refused
        same_bits(found[[0, 2, 4, 5]], x[[0, 2, 4, 5]])
        assert (found[[1, 3]] != x[[1, 3]]).any()


def test_unsigned_indices_do_not_wrap_around():
    x, indices = np.arange(4.0), np.array([0, 2**64 - 1], np.uint64)
    assert compute(plan_gather, "float64", (2,), x, indices, axes=(0,))[1]
    assert compute(plan_scatter_add, "float64", (4,), x, np.ones(2), indices, axes=(0,))[1]


def test_one_wrong_index_of_two():
    x, good, wrong = np.arange(6.0).reshape(2, 3), np.array([1, 0]), np.array([2, 3])
    assert compute(plan_gather, "float64", (2,), x, good, wrong, axes=(0, 1))[1]
    assert compute(plan_scatter_set, "float64", (2, 3), x, np.ones(2), good, wrong, axes=(0, 1))[1]


def test_nothing_to_move():
    none, some = np.zeros((0,), np.int64), np.array([0])
    x = np.arange(6.0).reshape(2, 3)
    assert compute(plan_gather, "float64", (0, 3), x, none, axes=(0,)) == (pytest.approx(np.zeros((0, 3))), False)
    for planner, _ in SCATTERS:
        found, refused = compute(planner, "float64", (2, 3), x, np.zeros((0, 3)), none, axes=(0,))
        same_bits(found, x)
        assert not refused
    # there is nothing to move, but an index that is wrong all the same
    empty = np.zeros((2, 0))
    for index, wrong in ((some, False), (some + 2, True)):
        assert compute(plan_gather, "float64", (1, 0), empty, index, axes=(0,))[1] == wrong
        assert compute(plan_scatter_add, "float64", (2, 0), empty, np.zeros((1, 0)), index, axes=(0,))[1] == wrong
    # an axis without elements has no index that is right
    assert compute(plan_gather, "float64", (1, 3), np.zeros((0, 3)), some, axes=(0,))[1]
    assert compute(plan_scatter_set, "float64", (0, 3), np.zeros((0, 3)), np.ones((1, 3)), some, axes=(0,))[1]


# ---- scatter -------------------------------------------------------------------------------------------------------


def scatter(x, v, indices, axes, add):
    """The op's meaning, in the order of the indices: NumPy's own order of assignments is that of their memory."""
    out = x.copy()
    view = np.moveaxis(out, axes, range(len(axes)))
    for i in np.ndindex(*indices[0].shape):
        at = tuple(int(index[i]) for index in indices)
        view[at] = v[i] if not add else view[at] | v[i] if x.dtype == bool else view[at] + v[i]
    return out


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize(("dtype", "wide"), CASES, indirect=["wide"])
def test_scatter(add, dtype, wide):
    planner = plan_scatter_add if add else plan_scatter_set
    rng = np.random.default_rng(4)
    for number, (axes, shape) in enumerate(AXES, np.dtype(dtype).num):
        how = ARRANGEMENTS[number % 5]
        x = arrange(draw(rng, dtype, (5, 6, 8)), how)
        indices = [arrange(rng.integers(-x.shape[a], x.shape[a], shape), how) for a in axes]
        v = arrange(draw(rng, dtype, Gather(axes).numpy(x, *indices).shape), how)
        with np.errstate(all="ignore"):
            expected = scatter(x, v, indices, axes, add)
        found, refused = compute(planner, dtype, x.shape, x, v, *indices, axes=axes)
        same_bits(found, expected)
        assert not refused


COUNTS = [(2500, 40), (1025, 1), (1500, 5000), *((count, 3) for count in (1, 2, *range(PIECE - 1, PIECE + 2), 50))]


@pytest.mark.parametrize(("count", "targets"), COUNTS)
@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_many_indices_that_meet(count, targets, dtype):
    """More than are sorted at once, in any number for each element: also all of them for a single one."""
    rng = np.random.default_rng(5)
    x, v = rng.integers(-99, 99, (targets, 2)).astype(dtype), rng.integers(-99, 99, (count, 2)).astype(dtype)
    if dtype == "bool":
        x, v = x & False, rng.random((count, 2)) < 0.1
    indices = rng.integers(-targets, targets, count)
    for planner, op in SCATTERS:
        found, refused = compute(planner, dtype, x.shape, x, v, indices, axes=(0,))
        same_bits(found, op((0,)).numpy(x, v, indices))
        assert not refused


def test_runs_of_every_length_at_every_place(wide):
    """Runs that begin and end anywhere in the pieces, that fill some, and that go on over several."""
    rng = np.random.default_rng(7)
    lengths = [rng.choice([1, 2, 3, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 5], 150)]
    for given in (*lengths, [PIECE, PIECE], [1, 2 * PIECE, 1], [PIECE - 1, 1, PIECE], [2 * PIECE + 1]):
        indices = np.repeat(np.arange(len(given)), given)
        x, v = rng.integers(0, 9, len(given)) / 8, np.arange(1.0, len(indices) + 1)
        found, _ = compute(plan_scatter_add, "float64", x.shape, x, v, indices, axes=(0,))
        np.testing.assert_array_equal(found, ScatterAdd((0,)).numpy(x, v, indices))


def test_sums_are_the_same_every_time_and_close():
    """Short runs are added in the order of the indices, and long ones piece by piece, whatever else there is."""
    rng = np.random.default_rng(6)
    x, v = rng.standard_normal(60).astype("f4"), rng.standard_normal(3000).astype("f4")
    indices = rng.integers(0, 60, 3000)
    found, _ = compute(plan_scatter_add, "float32", (60,), x, v, indices, axes=(0,))
    exact = ScatterAdd((0,)).numpy(x.astype("f8"), v.astype("f8"), indices)
    np.testing.assert_allclose(found, exact, atol=1e-5)
    again, _ = compute(plan_scatter_add, "float32", (60,), arrange(x, "turned"), arrange(v, "gaps"), indices, axes=(0,))
    assert again.tobytes() == found.tobytes()


# ---- code ----------------------------------------------------------------------------------------------------------


def test_rows_move_sixteen_bytes_at_a_time():
    x, indices = np.zeros((10, 12), np.float32), np.zeros(5, np.int64)
    for columns, together in ((12, 4), (10, 2), (11, 1)):
        plan, *_ = make_plan(plan_gather, "float32", (5, columns), x[:, :columns].copy(), indices, axes=(0,))
        kernel = plan.launches[0].kernel
        assert kernel.arguments[4] == together
        assert (f".v{together}.b32" in check_code(kernel, "sm_90")) == (together > 1)
    start_off = np.zeros((10, 13), np.float32)[:, 1:]
    plan, *_ = make_plan(plan_gather, "float32", (5, 12), start_off, indices, axes=(0,))
    assert plan.launches[0].kernel.arguments[4] == 1


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_code(architecture):
    far = architecture == "sm_75"  # each on one of them: they take most of this file's time
    for kernel in (
        TraceRef(make_check_labels, ("uint64", 2, far)),
        TraceRef(make_check_labels, ("int8", 1, far)),
        TraceRef(make_copy, ("uint32", 2, 4, True, far)),
        TraceRef(make_copy, ("uint64", 1, 2, False, far)),
        TraceRef(make_copy, ("uint8", 3, 1, False, far)),
        TraceRef(make_targets, (("int64", "uint16"), 2, True, far)),
        TraceRef(make_gather, ("uint8", ("int64", "int32"), 2, 2, 1, far)),
        TraceRef(make_run_sums, ("float64", 1, 1, far)),
        TraceRef(make_run_sums, ("bool", 2, 2, far)),
        TraceRef(make_run_rests, ("float32", 1, far)),
        TraceRef(make_run_rests, ("bool", 2, far)),
        TraceRef(make_last_of_runs, ("uint16", 1, 2, far)),
    ):
        check_code(kernel, architecture)
