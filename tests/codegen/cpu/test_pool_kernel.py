"""Pooling kernels against a window-by-window NumPy reference."""

import itertools

import numpy as np
import pytest

from weft.codegen.cpu.pool import plan as pool

from ...sampling import every_row, rarely
from .plans import describe, run_plan

# spatial sizes, window, strides, padding, ceil mode
GEOMETRIES = {
    "2x2": ((9, 70), (2, 2), (2, 2), ((0, 0), (0, 0)), False),
    "2x2 even": ((8, 32), (2, 2), (2, 2), ((0, 0), (0, 0)), False),
    "2x2 ceil": ((9, 71), (2, 2), (2, 2), ((0, 0), (0, 0)), True),
    "3x3/2 padded": ((11, 67), (3, 3), (2, 2), ((1, 1), (1, 1)), False),
    "3x3/2 even": ((12, 64), (3, 3), (2, 2), ((1, 1), (1, 1)), True),
    "3x3/1 same": ((7, 35), (3, 3), (1, 1), ((1, 1), (1, 1)), False),
    "3x2/1x2": ((7, 37), (3, 2), (1, 2), ((1, 0), (1, 1)), False),
    "2x1/2x1": ((7, 19), (2, 1), (2, 1), ((0, 0), (0, 0)), False),
    "2x2/3": ((11, 13), (2, 2), (3, 3), ((1, 0), (1, 0)), False),
    "2x2/5x2": ((13, 40), (2, 2), (5, 2), ((1, 1), (1, 1)), False),
    "3x3/3": ((10, 100), (3, 3), (3, 3), ((0, 0), (1, 1)), False),
    "4x4/4": ((9, 133), (4, 4), (4, 4), ((1, 0), (0, 0)), True),
    "2x4/2x3": ((6, 107), (2, 4), (2, 3), ((0, 0), (2, 2)), False),
    "5x5/2": ((11, 41), (5, 5), (2, 2), ((2, 2), (2, 2)), False),
    "5x4/1": ((6, 23), (5, 4), (1, 1), ((2, 2), (1, 2)), False),
    "4x5/5": ((13, 23), (4, 5), (3, 5), ((0, 1), (2, 2)), True),
    "all": ((7, 7), (7, 7), (7, 7), ((0, 0), (0, 0)), False),
    "window beyond input": ((2, 3), (5, 7), (2, 2), ((2, 2), (3, 3)), False),
    "3 beyond 1": ((1, 1), (3, 3), (2, 2), ((1, 1), (1, 1)), False),
    "empty windows": ((3, 4), (2, 2), (2, 2), ((4, 4), (5, 4)), False),
    "1-d": ((45,), (3,), (2,), ((1, 1),), False),
    "1-d general": ((45,), (7,), (3,), ((1, 1),), False),
    "3-d": ((4, 5, 37), (2, 3, 3), (1, 2, 2), ((1, 0), (1, 1), (1, 1)), False),
    "3-d 2x2x2": ((4, 5, 38), (2, 2, 2), (2, 2, 2), ((0, 0),) * 3, False),
    "3-d general": ((4, 5, 9), (3, 2, 5), (2, 2, 3), ((1, 1), (0, 1), (2, 1)), False),
    "no rows": ((0, 5), (2, 2), (2, 2), ((1, 1), (0, 0)), False),
    "no windows": ((1, 5), (2, 2), (2, 2), ((0, 0), (0, 0)), False),
    "no windows, wide": ((2, 5), (3, 2), (1, 2), ((0, 0), (0, 0)), False),
    "no columns": ((4, 1), (2, 2), (2, 2), ((0, 0), (0, 0)), False),
}
DILATED = {  # and dilation
    "dilated": ((11, 45), (3, 3), (2, 2), ((1, 2), (2, 1)), False, (2, 3)),
    "dilated/1": ((9, 37), (2, 4), (1, 1), ((1, 1), (4, 4)), True, (3, 3)),
    "dilated general": ((9, 17), (2, 3), (6, 7), ((2, 1), (0, 1)), True, (2, 3)),
    "dilated rows": ((13, 19), (3, 2), (1, 1), ((1, 1), (0, 0)), False, (4, 1)),
    "dilated 1-d": ((45,), (5,), (3,), ((4, 4),), False, (2,)),
    "dilated 3-d": ((6, 7, 19), (2, 3, 2), (1, 2, 1), ((1, 1), (2, 0), (1, 2)), False, (3, 2, 4)),
    "around the input": ((1, 2), (2, 2), (1, 1), ((1, 1), (2, 1)), False, (2, 3)),
}


def grid(sizes, window, strides, padding, ceil, dilation=()):
    """How many windows there are along each axis."""
    result = []
    apart = dilation or (1,) * len(window)
    for size, k, step, (before, after), d in zip(sizes, window, strides, padding, apart, strict=True):
        room = size + before + after - (k - 1) * d - 1
        result.append(max((room + (step - 1 if ceil else 0)) // step + 1, 0))
    return tuple(result)


def windows(geometry):
    """Each window's place in the grid and the places of the input that it holds."""
    sizes, window, strides, padding, _, *dilation = geometry
    apart = dilation[0] if dilation else (1,) * len(window)
    for place in itertools.product(*(range(n) for n in grid(*geometry))):
        starts = [i * s - p[0] for i, s, p in zip(place, strides, padding, strict=True)]
        held = [
            [a + j * d for j in range(k) if 0 <= a + j * d < n]
            for a, k, d, n in zip(starts, window, apart, sizes, strict=True)
        ]
        yield place, np.ix_(*held) if all(held) else np.ix_(*([],) * len(held))


def lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def argmax(values):
    """NumPy's argmax is the rule: the first NaN, else the first maximum."""
    return np.unravel_index(np.argmax(values), values.shape)


POOLED = ("max", "sum", "gather", "places")


def reference(what, geometry, x, other=None):
    """Window by window; sums are in float64 or in the integers' own arithmetic."""
    wide = np.float64 if x.dtype.kind == "f" else x.dtype
    pooled = what in POOLED
    out = np.zeros(x.shape[:2] + (grid(*geometry) if pooled else x.shape[2:]), np.int64 if what == "places" else wide)
    numbers = np.arange(x[:1, :1].size).reshape(x.shape[2:])
    for n, c in np.ndindex(x.shape[:2]):
        for place, where in windows(geometry):
            values = x[n, c][where]
            if what == "max":
                out[n, c][place] = values.max() if values.size else lowest(x.dtype)
            elif what == "sum":
                out[n, c][place] = values.astype(wide).sum(dtype=wide)
            elif what == "sum scatter":
                out[n, c][where] += other[n, c][place]
            elif what == "places":
                out[n, c][place] = numbers[where][argmax(values)] if values.size else -1
            elif values.size and what == "gather":
                out[n, c][place] = other[n, c][where][argmax(values)]
            elif values.size:
                with np.errstate(over="ignore"):
                    out[n, c].reshape(-1)[numbers[where][argmax(values)]] += other[n, c][place]
    return out


def values(rng, shape, dtype, special=True):
    """Few different values, so that there are ties; now and then a NaN or an infinity."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        array = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        array[rng.random(shape) < 0.4] = info.min
        return array
    array = rng.integers(-4, 4, shape).astype(dtype)
    if special:
        array[rng.random(shape) < 0.3] = -np.inf
        array[rng.random(shape) < 0.01] = np.nan
        array[rng.random(shape) < 0.03] = np.inf
        array[rng.random(shape) < 0.05] = -0.0
    return array


def run(what, geometry, x, other=None):
    """The kernel's answer, into memory full of rubbish."""
    keywords = dict(zip(("window", "strides", "padding", "dilation"), geometry[1:4] + geometry[5:], strict=False))
    shape = x.shape[:2] + (grid(*geometry) if what in POOLED else x.shape[2:])
    out = np.full(shape, 77, np.int64 if what == "places" else x.dtype)
    planner = {
        "max": pool.plan_max_pool,
        "sum": pool.plan_sum_pool,
        "gather": pool.plan_max_pool_gather,
        "places": pool.plan_max_pool_places,
        "scatter": pool.plan_max_pool_scatter,
        "sum scatter": pool.plan_sum_pool_scatter,
    }[what]
    args = {"sum scatter": [other]}.get(what, [x] if other is None else [x, other])
    plan = planner(describe(out), *map(describe, args), **keywords)
    return run_plan(plan, [out], args)[0]


def second(rng, what, geometry, x):
    """The second operand: g, of the shape of the grid, or v, of the shape of x."""
    shape = {"gather": x.shape, "scatter": x.shape[:2] + grid(*geometry)}
    shape["sum scatter"] = shape["scatter"]
    return values(rng, shape[what], x.dtype, special=False) if what in shape else None


def check(actual, expected):
    """Exact: the floats here are small integers."""
    np.testing.assert_array_equal(actual, expected.astype(actual.dtype))


def compare(what, geometry, dtype):
    rng = np.random.default_rng(len(geometry[0]))
    x = values(rng, (2, 3, *geometry[0]), dtype, special=what != "sum")
    other = second(rng, what, geometry, x)
    check(run(what, geometry, x, other), reference(what, geometry, x, other))


WHAT = ["max", "sum", "gather", "scatter", "sum scatter"]


# each takes half a second to compile
OFTEN = ("2x2 ceil", "3x3/2 padded", "empty windows", "1-d", "3-d", "4x5/5", "no windows, wide")
PAIRS = [(what, g, g in (OFTEN if what in ("max", "scatter") else OFTEN[:3])) for what in WHAT for g in GEOMETRIES]


@pytest.mark.parametrize(("what", "name"), [(what, g) if often else rarely(what, g) for what, g, often in PAIRS])
def test_against_reference(what, name):
    compare(what, GEOMETRIES[name], "float32")


@pytest.mark.parametrize(
    ("what", "name"), every_row(7, itertools.product(["max", "gather", "scatter", "places"], DILATED))
)
def test_dilation(what, name):
    compare(what, DILATED[name], "float32")


@pytest.mark.parametrize("dtype", ["float64", rarely("int8"), rarely("uint64")])
@pytest.mark.parametrize("name", ["2x2 ceil", "empty windows", "3-d"])
def test_places(name, dtype):
    compare("places", GEOMETRIES[name], dtype)


@pytest.mark.parametrize("what", ["max", "scatter", *map(rarely, ("sum", "gather", "sum scatter"))])
def test_float64(what):
    compare(what, GEOMETRIES["3x3/2 padded"], "float64")


@pytest.mark.parametrize(
    ("dtype", "name"),
    [("int8", "2x2 ceil"), rarely("uint64", "4x5/5"), rarely("uint64", "2x2 ceil"), rarely("uint8", "4x5/5")],
)
@pytest.mark.parametrize("what", ["max", "scatter"])
def test_integers(what, dtype, name):
    compare(what, GEOMETRIES[name], dtype)


@pytest.mark.parametrize("what", ["max", "scatter", rarely("sum scatter")])
def test_narrow_vectors(what, monkeypatch):
    monkeypatch.setattr(pool, "vector_bytes", lambda: 16)
    compare(what, GEOMETRIES["3x3/2 padded"], "float64")


def test_bool_maximum():
    rng = np.random.default_rng(0)
    x = rng.random((2, 3, 8, 32)) < 0.3
    out = np.zeros((2, 3, 4, 16), bool)
    plan = pool.plan_max_pool(describe(out), describe(x), window=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))
    run_plan(plan, [out], [x])
    np.testing.assert_array_equal(out, x.reshape(2, 3, 4, 2, 16, 2).max((3, 5)))


VIEWS = {
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "reversed": lambda a: np.ascontiguousarray(a[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
    "rows reversed": lambda a: np.ascontiguousarray(a[:, :, ::-1])[:, :, ::-1],
    "every second": lambda a: np.repeat(a, 2, axis=3)[..., ::2],
    "window of a larger array": lambda a: np.pad(a, ((0, 1), (1, 0), (2, 3), (3, 1)))[:-1, 1:, 2:-3, 3:-1],
    "channels swapped": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("what", WHAT)
def test_strided_operands(what, view):
    rng = np.random.default_rng(3)
    geometry = GEOMETRIES["3x3/2 padded"]
    x = values(rng, (2, 3, *geometry[0]), "float32", special=what != "sum")
    other = second(rng, what, geometry, x)
    expected = reference(what, geometry, x, other)
    check(run(what, geometry, VIEWS[view](x), None if other is None else VIEWS[view](other)), expected)


def test_broadcast_gradient():
    geometry = GEOMETRIES["3x3/2 padded"]
    x = np.random.default_rng(1).standard_normal((2, 3, *geometry[0])).astype("float32")
    g = np.broadcast_to(np.float32(2), (2, 3, *grid(*geometry)))
    for what in ("scatter", "sum scatter"):
        check(run(what, geometry, x, g), reference(what, geometry, x, g))


@pytest.mark.parametrize("name", ["2x2", "4x5/5", rarely("3x3/2 padded")])
@pytest.mark.parametrize("what", ["max", "scatter", *map(rarely, ("sum", "gather", "sum scatter"))])
def test_few_tall_planes_are_cut_into_stripes(what, name):
    _, *rest = GEOMETRIES[name]
    geometry = ((101, 40), *rest)
    rng = np.random.default_rng(7)
    x = values(rng, (1, 2, 101, 40), "float32", special=what != "sum")
    other = second(rng, what, geometry, x)
    check(run(what, geometry, x, other), reference(what, geometry, x, other))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
@pytest.mark.parametrize("what", WHAT)
def test_no_planes(what, shape):
    geometry = GEOMETRIES["2x2 even"]
    x = np.zeros((*shape, *geometry[0]), "float32")
    other = second(np.random.default_rng(0), what, geometry, x)
    assert run(what, geometry, x, other).size == 0


def test_scatter_and_gather_are_adjoint():
    geometry = GEOMETRIES["3x3/2 padded"]
    rng = np.random.default_rng(5)
    x, v = rng.standard_normal((2, 2, 3, *geometry[0])).astype("float64")
    g = rng.standard_normal((2, 3, *grid(*geometry)))
    left, right = (run("scatter", geometry, x, g) * v).sum(), (run("gather", geometry, x, v) * g).sum()
    np.testing.assert_allclose(left, right, rtol=1e-12)


def test_wrong_rank():
    x = describe(np.zeros((2, 3), "float32"))
    with pytest.raises(ValueError, match="pooling of"):
        pool.plan_max_pool(x, x, window=(), strides=(), padding=())
