"""Gather and scatter kernels against NumPy's indexing."""

import numpy as np
import pytest

from weft.codegen.cpu.index.plan import plan_gather, plan_scatter_add, plan_scatter_set

from ...sampling import rarely
from .plans import describe, launch_once, run_plan

# shape of x, indexed axes, shape of the indices
CASES = {
    "elements": ((50,), (0,), (37,)),
    "rows": ((50, 16), (0,), (37,)),
    "wide rows": ((9, 700), (0,), (37,)),
    "rows of a matrix of indices": ((50, 5), (0,), (6, 7)),
    "columns": ((6, 50), (1,), (37,)),
    "many columns": ((90, 20), (1,), (11,)),
    "middle axis": ((4, 9, 5), (1,), (3, 2)),
    "last of three": ((3, 4, 9), (2,), (13,)),
    "two axes": ((7, 9), (0, 1), (40,)),
    "two of three": ((7, 4, 9), (0, 2), (5, 4)),
    "three axes": ((3, 4, 5), (0, 1, 2), (2, 3, 4)),
    "all of four but one": ((3, 2, 4, 5), (0, 2, 3), (11,)),
    "one index": ((5, 3), (0,), ()),
    "no index": ((5, 3), (0,), (0,)),
    "no rest": ((5, 0), (0,), (4,)),
    "one place": ((1, 3), (0,), (8,)),
}


def draw(rng, name, dtype="float32", index_dtype="int64"):
    """x, v and indices, some of them negative."""
    shape, axes, index_shape = CASES[name]
    indices = []
    for axis in axes:
        low = -shape[axis] if np.dtype(index_dtype).kind == "i" else 0
        indices.append(rng.integers(low, shape[axis], index_shape).astype(index_dtype))
    rest = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    x, v = (rng.integers(-50, 50, s).astype(dtype) for s in (shape, (*index_shape, *rest)))
    return x, v, indices, axes


def in_front(x, axes):
    """A view of x with the indexed axes first."""
    return np.moveaxis(x, axes, range(len(axes)))


def expected(what, x, v, indices, axes):
    if what == "gather":
        return in_front(x, axes)[tuple(indices)]
    out = x.copy()
    if what == "add":
        np.add.at(in_front(out, axes), tuple(indices), v)
    else:
        flat = [index.ravel() for index in indices]
        for i, value in enumerate(v.reshape(flat[0].size, *v.shape[indices[0].ndim :])):
            in_front(out, axes)[tuple(index[i] for index in flat)] = value
    return out


def run(what, x, v, indices, axes, out=None):
    args = [x, *indices] if what == "gather" else [x, v, *indices]
    if out is None:
        out = np.full(v.shape if what == "gather" else x.shape, 99, x.dtype)
    planner = {"gather": plan_gather, "add": plan_scatter_add, "set": plan_scatter_set}[what]
    return run_plan(planner(describe(out), *map(describe, args), axes=axes), [out], args)[0]


def check(what, x, v, indices, axes, out=None):
    np.testing.assert_array_equal(run(what, x, v, indices, axes, out), expected(what, x, v, indices, axes))


WHAT = ["gather", "add", "set"]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("what", WHAT)
def test_against_numpy(what, name):
    check(what, *draw(np.random.default_rng(1), name))


@pytest.mark.parametrize("dtype", ["bool", *map(rarely, ("int8", "float64"))])
@pytest.mark.parametrize("what", WHAT)
def test_dtypes(what, dtype):
    check(what, *draw(np.random.default_rng(2), "two of three", dtype))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
def test_index_dtypes(dtype):
    check("gather", *draw(np.random.default_rng(3), "two axes", index_dtype=dtype))


def test_indices_of_different_dtypes():
    x, v, (a, b), axes = draw(np.random.default_rng(3), "two axes")
    check("add", x, v, [a, b.astype("int32")], axes)


@pytest.mark.parametrize("what", WHAT)
def test_broadcast_indices(what):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((7, 9, 2))
    indices = [np.broadcast_to(rng.integers(0, 7, (4, 1)), (4, 5)), np.broadcast_to(rng.integers(-9, 9, 5), (4, 5))]
    check(what, x, rng.standard_normal((4, 5, 2)), indices, (0, 1))


@pytest.mark.parametrize("name", ["rows", "columns", "two of three", "many columns"])
@pytest.mark.parametrize("what", WHAT)
def test_strided_operands(what, name):
    x, v, indices, axes = draw(np.random.default_rng(5), name)
    reverse = tuple(slice(None, None, -1) for _ in x.shape)
    turned = np.asfortranarray(x[reverse])[reverse]
    spread = np.repeat(v, 2, axis=0)[::2]
    indices = [np.repeat(index[::-1], 3, axis=0)[::-3] for index in indices]
    check(what, turned, spread, indices, axes)
    check(what, turned, np.asfortranarray(v), indices, axes)


@pytest.mark.parametrize("name", ["rows", "columns", "rows of a matrix of indices"])
@pytest.mark.parametrize("what", WHAT)
def test_strided_result(what, name):
    x, v, indices, axes = draw(np.random.default_rng(6), name)
    out = np.zeros(v.shape if what == "gather" else x.shape, "float32", order="F")[::-1]
    check(what, x, v, indices, axes, out)


@pytest.mark.parametrize("what", ["add", "set"])
def test_one_value_for_all_places(what):
    x, v, indices, axes = draw(np.random.default_rng(7), "rows of a matrix of indices")
    check(what, x, np.broadcast_to(np.float32(3), v.shape), indices, axes)


def run_launches(plan, operands):
    """Each launch once; the first status that is not 0."""
    arrays = [*operands, *(np.zeros(size, np.uint8) for size in plan.scratch)]
    for launch in plan.launches:
        status = launch_once(launch, arrays, 0, launch.extent)
        if status:
            return status
    return 0


@pytest.mark.parametrize(("dtype", "wrong"), [("int64", 5), ("int64", -6), ("int32", 2**31 - 1), ("uint64", 2**64 - 1)])
@pytest.mark.parametrize("what", WHAT)
def test_index_out_of_range(what, dtype, wrong):
    x, v = np.zeros((5, 3), "float32"), np.ones((4, 3), "float32")
    index = np.array([0, 4, wrong, 1], dtype)
    planner = {"gather": plan_gather, "add": plan_scatter_add, "set": plan_scatter_set}[what]
    out = np.full(v.shape if what == "gather" else x.shape, 99, "float32")
    operands = [out, x, index] if what == "gather" else [out, x, v, index]
    assert run_launches(planner(*map(describe, operands), axes=(0,)), operands) != 0
    assert (out == 99).all()


@pytest.mark.parametrize(("dtype", "wrong"), [("int64", 5), ("int64", -6), ("uint64", 2**64 - 1)])
def test_index_out_of_range_of_a_vector(dtype, wrong):
    operands = [np.zeros(3), np.zeros(5), np.array([0, wrong, 1], dtype)]
    assert run_launches(plan_gather(*map(describe, operands), axes=(0,)), operands) != 0


@pytest.mark.parametrize("dtype", ["int64", "int8"])
@pytest.mark.parametrize("shape", [(5,), (5, 3)], ids=["elements", "rows"])
@pytest.mark.parametrize("what", WHAT)
def test_the_first_and_the_last_from_either_end(what, shape, dtype):
    rng = np.random.default_rng(9)
    index = np.array([-5, 4, 0, -1], dtype)
    check(what, rng.standard_normal(shape), rng.standard_normal((4, *shape[1:])), [index], (0,))


def test_no_index_fits_an_axis_of_size_0():
    operands = [np.zeros((2, 3)), np.zeros((0, 3)), np.zeros(2, "int64")]
    assert run_launches(plan_gather(*map(describe, operands), axes=(0,)), operands) != 0


def test_nan_and_order():
    x = np.array([1e8, np.nan, 0.0, -0.0], "float32")
    v = np.array([1.0, -1e8, np.inf, 1.0, -np.inf, 5.0], "float32")
    index = np.array([0, 0, 2, 0, 2, 1])
    # in order: ((1e8 + 1) - 1e8) + 1 in float32
    np.testing.assert_array_equal(run("add", x, v, [index], (0,)), np.float32([1, np.nan, np.nan, -0.0]))


def test_number_of_indices():
    x = describe(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="index arrays for axes"):
        plan_gather(x, x, describe(np.zeros(2, "int64")), axes=(0, 1))
