"""Pooling on a device: the reference's results, and nothing beyond any array."""

import itertools

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda.index import places
from weft.codegen.cuda.pool.cells import is_small, make_cells
from weft.codegen.cuda.pool.elements import make_elements
from weft.codegen.cuda.pool.forward import (
    make_max_gather,
    make_max_indices,
    make_max_places,
    make_max_pool,
    make_sum_pool,
)
from weft.codegen.cuda.pool.plan import (
    plan_max_pool,
    plan_max_pool_gather,
    plan_max_pool_places,
    plan_max_pool_scatter,
    plan_sum_pool,
    plan_sum_pool_scatter,
)
from weft.codegen.cuda.pool.windows import WindowShape
from weft.codegen.cuda.trace.kernel import TraceRef
from weft.ops.pool import MaxPool, MaxPoolGather, MaxPoolPlaces, MaxPoolScatter, SumPool, SumPoolScatter

from ...sampling import every, rarely
from .simulated_plans import ARRANGEMENTS, arrange, check_code, compute, make_plan

NONE = (0, 0)
CASES = {  # shape, window, strides, padding
    "line": ((2, 3, 9), (2,), (2,), (NONE,)),
    "line, overlapping": ((2, 3, 8), (3,), (1,), ((1, 1),)),
    "side by side": ((2, 3, 8, 6), (2, 2), (2, 2), (NONE, NONE)),
    "side by side, four wide": ((2, 3, 6, 8), (1, 4), (1, 4), (NONE, NONE)),
    "with a rest": ((2, 3, 9, 7), (2, 2), (2, 2), (NONE, NONE)),
    "overlapping by one": ((2, 3, 9, 7), (3, 3), (2, 2), ((1, 1), (0, 1))),
    "overlapping by all but one": ((2, 3, 9, 7), (3, 2), (1, 1), ((1, 1), (0, 1))),
    "large": ((1, 2, 13, 12), (9, 8), (3, 2), ((4, 2), (0, 5))),
    "large, side by side": ((2, 2, 20, 20), (9, 9), (9, 9), (NONE, NONE)),
    "apart": ((2, 2, 7, 6), (2, 2), (5, 3), (NONE, NONE)),
    "far apart": ((1, 2, 17, 30), (2, 3), (7, 9), ((1, 0), (2, 0))),
    "space": ((2, 2, 5, 6, 7), (2, 2, 2), (2, 2, 2), ((0, 1), (0, 1), (0, 1))),
    "space, overlapping": ((2, 2, 5, 6, 7), (3, 2, 2), (1, 2, 1), ((1, 1), (0, 1), NONE)),
    "space, large": ((1, 2, 6, 7, 8), (5, 4, 5), (1, 2, 3), ((1, 2), NONE, (4, 0))),
    "one element": ((1, 1, 1, 1), (1, 1), (1, 1), (NONE, NONE)),
    "the whole input": ((2, 3, 7, 7), (7, 7), (7, 7), (NONE, NONE)),
    "no batch": ((0, 2, 3), (2,), (2,), (NONE,)),
    "no channels": ((2, 0, 3, 3), (2, 2), (2, 2), (NONE, NONE)),
    "padding around nothing": ((2, 2, 0, 3), (2, 2), (1, 1), ((1, 1), (1, 1))),
    "windows of padding": ((2, 1, 3), (2,), (2,), ((4, 0),)),
    "no window": ((2, 1, 1), (2,), (2,), (NONE,)),
}
DILATED = {  # and dilation: of maxima only
    "dilated line": ((2, 3, 9), (3,), (1,), ((2, 2),), (2,)),
    "dilated": ((2, 2, 9, 8), (2, 3), (2, 1), (NONE, (1, 1)), (3, 2)),
    "dilated, inside": ((2, 2, 9, 8), (2, 2), (2, 2), (NONE, NONE), (2, 2)),
    "dilated, side by side": ((1, 2, 8, 8), (2, 2), (2, 2), (NONE, NONE), (1, 3)),
    "dilated, large": ((1, 2, 15, 22), (8, 9), (2, 1), ((3, 4), (5, 5)), (2, 2)),
    "dilated, large, inside": ((1, 2, 15, 22), (8, 9), (1, 3), (NONE, NONE), (2, 2)),
    "dilated space": ((1, 2, 5, 6, 7), (2, 3, 2), (1, 2, 1), ((1, 1), (2, 1), NONE), (3, 2, 1)),
    "around the input": ((1, 2, 1, 2), (2, 2), (1, 1), ((1, 1), (2, 1)), (2, 3)),
}


@pytest.fixture(params=[False, True], ids=["int32", "int64"])
def wide(request, monkeypatch):
    """Places are int64 everywhere, as if all arrays were large."""
    if request.param:
        monkeypatch.setattr(places, "_NARROW", 0)
    return request.param


BOTH = rarely(True, True)
MODES = pytest.mark.parametrize(
    ("ceil_mode", "wide"), [(False, False), (True, False), (False, True), BOTH], indirect=["wide"]
)


def draw_ties(rng, dtype, shape):
    """Few different numbers, some of them NaN or infinite."""
    x = rng.integers(0, 4, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        special = rng.choice([np.nan, -np.inf, np.inf, -0.0], shape, p=[0.2, 0.4, 0.2, 0.2]).astype(dtype)
        x = np.where(rng.random(shape) < 0.25, special, x)
    return x


@MODES
@pytest.mark.parametrize("case", every(2, [*CASES, *DILATED]))
def test_maxima(case, ceil_mode, wide):
    shape, *geometry = {**CASES, **DILATED}[case]
    rng, given = (
        np.random.default_rng(0),
        dict(zip(("window", "strides", "padding", "dilation"), geometry, strict=False)),
    )
    fields = (*geometry[:3], ceil_mode, *geometry[3:])
    for number, dtype in enumerate(("float32", "float64", "int64", "bool", "uint8")):
        how = ARRANGEMENTS[number % len(ARRANGEMENTS)]
        x, v = arrange(draw_ties(rng, dtype, shape), how), arrange(rng.standard_normal(shape), how)
        expected = MaxPool(*fields).numpy(x)
        found, _ = compute(plan_max_pool, dtype, expected.shape, x, **given)
        np.testing.assert_array_equal(found, expected)
        found, _ = compute(plan_max_pool_gather, "float64", expected.shape, x, v, **given)
        np.testing.assert_array_equal(found, MaxPoolGather(*fields).numpy(x, v))
        found, _ = compute(plan_max_pool_places, "int64", expected.shape, x, **given)
        np.testing.assert_array_equal(found, MaxPoolPlaces(*fields).numpy(x))
        g = arrange(rng.integers(1, 99, expected.shape).astype("f4"), how)
        found, _ = compute(plan_max_pool_scatter, "float32", shape, x, g, **given)
        np.testing.assert_array_equal(found, MaxPoolScatter(*fields).numpy(x, g))


@MODES
@pytest.mark.parametrize("case", every(2, CASES))
def test_sums(case, ceil_mode, wide):
    shape, *fields = CASES[case]
    rng, given = np.random.default_rng(1), dict(zip(("window", "strides", "padding"), fields, strict=True))
    for number, dtype in enumerate(("float32", "float64", "int64", "uint8", "bool")):
        how = ARRANGEMENTS[number % len(ARRANGEMENTS)]
        x = arrange(rng.integers(0, 99, shape).astype(dtype), how)
        expected = SumPool(*fields, ceil_mode).numpy(x)
        found, _ = compute(plan_sum_pool, dtype, expected.shape, x, **given)
        np.testing.assert_array_equal(found, expected)
        g = arrange(rng.integers(0, 99, expected.shape).astype(dtype), how)
        found, _ = compute(plan_sum_pool_scatter, dtype, shape, g, **given)
        np.testing.assert_array_equal(found, SumPoolScatter(*fields, ceil_mode, shape[2:]).numpy(g))


def test_sums_of_what_is_not_finite():
    """A NaN and an infinity reach the windows that hold them, and no others."""
    x = np.ones((1, 1, 9, 9), np.float32)
    x[0, 0, 2, 3], x[0, 0, 7, 7] = np.nan, np.inf
    for window, strides, pad in (((3, 3), (2, 2), (1, 1)), ((2, 2), (2, 2), (0, 0)), ((9, 8), (1, 1), (4, 4))):
        fields = {"window": window, "strides": strides, "padding": (pad, pad)}
        expected = SumPool(window, strides, (pad, pad)).numpy(x)
        assert np.isfinite(expected).any() or window == (9, 8)
        np.testing.assert_array_equal(compute(plan_sum_pool, "float32", expected.shape, x, **fields)[0], expected)
        g = np.ones(expected.shape, np.float32)
        g[0, 0, 1, 1] = np.nan
        expected = SumPoolScatter(window, strides, (pad, pad), False, (9, 9)).numpy(g)
        np.testing.assert_array_equal(compute(plan_sum_pool_scatter, "float32", x.shape, g, **fields)[0], expected)


def test_long_sums_are_close():
    """Rows are added up, so that the error does not grow with all the elements of a window."""
    x = np.random.default_rng(2).random((1, 2, 60, 60)).astype("f4")
    whole = {"window": (60, 60), "strides": (60, 60), "padding": (NONE, NONE)}
    found, _ = compute(plan_sum_pool, "float32", (1, 2, 1, 1), x, **whole)
    np.testing.assert_allclose(found, x.astype("f8").sum((2, 3), keepdims=True), rtol=1e-6)


def test_the_first_maximum_gets_the_gradient():
    x = np.full((1, 1, 4, 4), 2.0)
    x[0, 0, 0, 3] = x[0, 0, 3, 0] = np.nan
    g = np.arange(1.0, 5.0).reshape(1, 1, 2, 2)
    fields = {"window": (2, 2), "strides": (2, 2), "padding": (NONE, NONE)}
    found, _ = compute(plan_max_pool_scatter, "float64", x.shape, x, g, **fields)
    expected = np.zeros((4, 4))
    expected[0, 0], expected[0, 3], expected[3, 0], expected[2, 2] = 1, 2, 3, 4
    np.testing.assert_array_equal(found[0, 0], expected)


# ---- ways ----------------------------------------------------------------------------------------------------------


def kernels(planner, dtype, shape, *arrays, **fields):
    """The names and the window of a plan's kernels."""
    plan, *_ = make_plan(planner, dtype, shape, *arrays, **fields)
    refs = [launch.kernel for launch in plan.launches]
    windows = [next(a for a in ref.arguments if isinstance(a, WindowShape)) for ref in refs]
    return [ref.make for ref in refs], windows


def test_ways():
    """Small windows go cell by cell; of others the places of the maxima are found first."""
    x, g = np.zeros((1, 1, 8, 8), np.float32), np.zeros((1, 1, 6, 6), np.float32)
    fields = {"window": (3, 3), "strides": (1, 1), "padding": (NONE, NONE)}
    makers, _ = kernels(plan_max_pool_scatter, "float32", x.shape, x, g, **fields)
    assert makers == [make_max_places, make_elements]
    assert kernels(plan_sum_pool_scatter, "float32", x.shape, g, **fields)[0] == [make_cells]
    fields["strides"] = (2, 2)
    makers, _ = kernels(plan_max_pool_scatter, "float32", x.shape, x, g[..., ::2, ::2].copy(), **fields)
    assert makers == [make_cells]
    sizes, steps = itertools.product(range(1, 9), repeat=2), list(itertools.product(range(1, 9), repeat=2))
    small = [w for w in sizes for s in steps if is_small(WindowShape(w, s, True), True)]
    assert (8, 8) not in small
    assert (2, 2) in small


def test_neighbours_are_read_at_once():
    fields = {"window": (2, 2), "strides": (2, 2), "padding": (NONE, NONE)}
    x, g = np.zeros((2, 3, 8, 8), np.float32), np.zeros((2, 3, 4, 4), np.float32)
    _, (forward,) = kernels(plan_max_pool, "float32", g.shape, x, **fields)
    _, (backward,) = kernels(plan_max_pool_scatter, "float32", x.shape, x, g, **fields)
    assert forward.together == backward.together == 2
    for other in (arrange(x, "gaps"), arrange(x, "turned"), np.zeros((2, 3, 8, 9), np.float32)[..., 1:]):
        _, (forward,) = kernels(plan_max_pool, "float32", g.shape, other, **fields)
        _, (backward,) = kernels(plan_max_pool_scatter, "float32", x.shape, other, g, **fields)
        assert forward.together == backward.together == 1
    plan, *_ = make_plan(plan_max_pool, "float32", g.shape, x, **fields)
    assert ".v2." in check_code(plan.launches[0].kernel, "sm_90")


# ---- code ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["sm_75", "sm_90"])
def test_code(architecture):
    far = architecture == "sm_75"  # each on one of them: they take most of this file's time
    pairs, three = WindowShape((2, 2), (2, 2), False, 2), WindowShape((3, 3), (2, 2), True)
    large, space = WindowShape((9, 9), (1, 1), True), WindowShape((2, 2, 2), (2, 2, 2), True)
    dilated = WindowShape((3, 2), (1, 2), True, 1, (2, 3))
    for kernel in (
        TraceRef(make_max_pool, ("float32", pairs, 1, far)),
        TraceRef(make_max_pool, ("bool", large, 2, far)),
        TraceRef(make_max_places, ("float64", three, 1, far)),
        TraceRef(make_max_gather, ("uint16", "float64", space, 1, far)),
        TraceRef(make_max_indices, ("float32", dilated, 1, far)),
        TraceRef(make_sum_pool, ("float32", three, 1, far)),
        TraceRef(make_sum_pool, ("bool", large, 1, far)),
        TraceRef(make_cells, ("float32", "float32", pairs, 1, True, far)),
        TraceRef(make_cells, ("float64", "float64", three, 2, False, far)),
        TraceRef(make_cells, ("", "float32", space, 1, False, far)),
        TraceRef(make_elements, ("float32", three, 1, True, far)),
        TraceRef(make_elements, ("float64", large, 2, False, far)),
    ):
        check_code(kernel, architecture)


FAR = 1 << 31  # places around a small array that int32 does not hold


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: wf.max_pool1d(x, FAR + 1, padding=FAR),
        lambda x: wf.max_pool1d(x, 2, stride=FAR + 1, padding=FAR, dilation=FAR),
        lambda x: wf.max_pool1d(x, 2, stride=FAR + 1, padding=FAR, dilation=2 * FAR),
        lambda x: wf.max_pool1d_with_indices(x, 2, stride=FAR + 1, padding=FAR, dilation=FAR)[1],
        lambda x: wf.avg_pool1d(x, FAR + 1, padding=FAR),
        lambda x: wf.max_pool1d(x, 2, stride=1 << 40),
        lambda x: wf.grad((wf.max_pool1d(x, FAR + 1, padding=FAR) * [1.0, 5.0]).sum(), x),
        lambda x: wf.grad((wf.max_pool1d(x, 2, stride=FAR + 1, padding=FAR, dilation=FAR) * [1.0, 5.0]).sum(), x),
    ],
)
def test_windows_that_reach_far_around_a_small_array(pool):
    x = wf.tensor("x", (1, 1, 3), "float64")
    found = wf.function([x], pool(x), target="cuda:simulator")(np.array([[[1.0, 3.0, 2.0]]]))
    np.testing.assert_array_equal(found, wf.evaluate(pool(x), {x: np.array([[[1.0, 3.0, 2.0]]])}))
