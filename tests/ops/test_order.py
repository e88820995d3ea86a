"""Orders and running sums against NumPy: ties, NaN, infinities, all dtypes, long lines, views."""

import numpy as np
import pytest

import weft as wf

RNG = np.random.default_rng(5)
LENGTHS = [0, 1, 2, 15, 16, 17, 33, 100, 1000]


def values(kind, length):
    """Lines with many ties."""
    drawn = RNG.integers(0, 20, (3, length)) - (0 if np.dtype(kind).kind in "ub" else 10)
    found = drawn.astype(kind)
    if np.dtype(kind).kind == "f" and length > 4:
        found[:, ::5] = np.nan
        found[:, 1::7], found[:, 2::7] = np.inf, -np.inf
        found[0, -1] = -0.0
    return found


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "int64", "uint64", "bool"])
def test_orders(kind):
    x = wf.matrix("x", ("n", "m"), dtype=kind)
    f = wf.function([x], [wf.argsort(x), wf.sort(x), wf.argsort(x.T, axis=0), wf.sort(x[:, ::-1])])
    for length in LENGTHS:
        v = values(kind, length)
        places, ordered, transposed, backwards = f(v)
        reference = wf.evaluate([wf.argsort(x), wf.sort(x)], {x: v})
        np.testing.assert_array_equal(reference[0], places)
        np.testing.assert_array_equal(reference[1], ordered)
        np.testing.assert_array_equal(places, np.argsort(v, kind="stable"))
        np.testing.assert_array_equal(ordered, np.sort(v))
        np.testing.assert_array_equal(transposed, places.T)
        np.testing.assert_array_equal(backwards, ordered)


@pytest.mark.parametrize("kind", ["float32", "int64", "uint8"])
def test_topk_is_stable_from_the_largest(kind):
    v = values(kind, 40)
    x = wf.matrix("x", v.shape, dtype=kind)
    found, places = wf.function([x], list(wf.topk(x, 7)))(v)
    for one, other in zip(wf.evaluate(list(wf.topk(x, 7)), {x: v}), (found, places), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found, np.take_along_axis(v, places, 1))
    for row, chosen in zip(v, places, strict=True):
        order = sorted(
            range(40), key=lambda i, row=row: (not np.isnan(row[i]), -np.nan_to_num(row[i].astype(float)), i)
        )
        np.testing.assert_array_equal(chosen, order[:7])


@pytest.mark.parametrize("axis", [0, 1, 2, -2, -3])
def test_everything_goes_along_any_axis(axis):
    v = RNG.integers(-3, 4, (3, 4, 5)) / 2  # with ties
    found, places = wf.evaluate(list(wf.topk(wf.constant(v), 2, axis)))
    order = np.argsort(-v, axis, kind="stable").take([0, 1], axis)
    np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(found, np.take_along_axis(v, order, axis))
    x = wf.constant(v)
    results = [wf.sort(x, axis), wf.argsort(x, axis), wf.cumsum(x, axis), wf.cumprod(x, axis), wf.diff(x, 2, axis)]
    right = [
        np.sort(v, axis), np.argsort(v, axis, kind="stable"), v.cumsum(axis), v.cumprod(axis), np.diff(v, 2, axis),
    ]  # fmt: skip
    for one, other in zip(wf.evaluate(results), right, strict=True):
        np.testing.assert_array_equal(one, other)


VIEWS = {
    "whole": lambda a: a,
    "every second": lambda a: a[::2, 1:, ::-1],
    "turned": lambda a: a.transpose((2, 0, 3, 1))[:, :, 1:],
}


@pytest.mark.parametrize("view", VIEWS)
def test_lines_of_any_array(view):
    v = RNG.integers(-9, 10, (3, 4, 5, 6)).astype("float32")
    x, seen = wf.tensor("x", ("a", "b", "c", "d")), VIEWS[view](v)
    y = VIEWS[view](x)
    f = wf.function([x], [g(y, axis) for axis in range(4) for g in (wf.argsort, wf.cumsum)])
    for axis, (places, sums) in enumerate(zip(*[iter(f(v))] * 2, strict=True)):
        np.testing.assert_array_equal(places, np.argsort(seen, axis, kind="stable"))
        np.testing.assert_array_equal(sums, np.cumsum(seen, axis))


def test_running_sum_keeps_its_digits():
    v = np.full(1_000_000, 0.1, np.float32)
    x = wf.vector("x", ("n",))
    for found in (wf.function([x], wf.cumsum(x))(v), wf.evaluate(wf.cumsum(x), {x: v})):
        np.testing.assert_allclose(found, np.cumsum(v, dtype=np.float64), rtol=1e-7)


def test_running_sums_of_integers_and_specials():
    i = wf.vector("i", ("n",), dtype="int8")
    assert wf.cumsum(i).dtype == np.int64
    np.testing.assert_array_equal(wf.function([i], wf.cumsum(i))(np.full(5, 100, np.int8)), [100, 200, 300, 400, 500])
    x = wf.vector("x", ("n",))
    found = wf.function([x], wf.cumsum(x))(np.array([1, np.inf, 2, -np.inf, 3], np.float32))
    np.testing.assert_array_equal(found, [1, np.inf, np.inf, np.nan, np.nan])


def test_product_through_zero_has_a_derivative():
    x = wf.vector("x", (4,))
    y = wf.cumprod(x)
    v = np.array([2, 0, 3, -1.5])
    wf.check_grad(y, x, {x: v}, order=2)
    assert wf.function([x], wf.grad(y.sum(), x))(v.astype("float32"))[1] == pytest.approx(2 + 6 - 9)


def test_what_is_refused():
    x = wf.matrix("x", (2, 3))
    with pytest.raises(wf.ArgumentError, match="k is 4, and the axis has 3"):
        wf.topk(x, 4)
    with pytest.raises(wf.ShapeError, match="axis 2 does not exist"):
        wf.sort(x, 2)
    with pytest.raises(
        wf.ArgumentError, match="diff: the number of differences is a whole number from 0 to 1000, not -1"
    ):
        wf.diff(x, -1)
