"""The judge of rewriting: what it lets pass, what it does not, and the exact values it goes by."""

import mpmath
import numpy as np
import pytest

import weft as wf
from weft.ops.reduce import Reduce
from weft.symbolic.expr import apply
from weft.testing.agreement import disagreement
from weft.testing.high_precision import evaluate_exactly

LARGEST = {dtype: np.finfo(dtype).max for dtype in ("float32", "float64")}


def fault(node, values, found):
    """What is said of a found value, the written one being what the references give."""
    written = wf.evaluate(node, values)
    return disagreement(node, written, np.asarray(found, written.dtype), values)


@pytest.mark.parametrize("dtype", LARGEST)
def test_the_largest_number_is_within_the_range(dtype):
    x, y = wf.vector("x", dtype=dtype), wf.vector("y", dtype=dtype)
    node = wf.mul_no_nan(wf.exp(x), y / wf.exp(x))
    values = {x: np.array([7e29, 1e3], dtype), y: np.full(2, LARGEST[dtype], dtype)}
    np.testing.assert_array_equal(wf.evaluate(node, values), 0)  # y / inf
    assert fault(node, values, values[y]) is None
    assert "inf" in fault(node, values, [np.inf, np.inf])
    assert "nan" in fault(node, values, [np.nan, np.nan])


def test_what_is_near_the_edge_of_the_range_is_not_anything():
    x = wf.vector("x", dtype="float64")
    largest = np.array([LARGEST["float64"]])
    assert fault(x * 1.0, {x: largest}, [-5.0]) is not None
    assert fault(wf.sum(x), {x: np.array([largest[0], -1e292, 1.0])}, 7.0) is not None
    assert fault(x * 1.0, {x: largest}, [np.inf]) is None  # the last bit
    assert fault(x * 1.0, {x: largest * (1 - 1e-9)}, [np.inf]) is not None


def test_what_is_infinite_stays_so():
    x = wf.vector("x", dtype="float64")
    values = {x: np.array([-1e-320])}  # its reciprocal is beyond the range with any number of digits
    assert fault(wf.reciprocal(x), values, [-np.inf]) is None
    for found in (np.inf, np.nan, 1.0, -1e300):
        assert fault(wf.reciprocal(x), values, [found]) is not None


def test_sums_whose_terms_cancel_have_no_digits_left():
    x = wf.vector("x", dtype="float64")
    values = {x: np.array([LARGEST["float64"], -LARGEST["float64"], 1e261])}
    assert fault(wf.sum(x), values, 0.0) is None
    assert fault(wf.sum(x), values, 1e300) is not None


@pytest.mark.parametrize("beside", [np.nan, np.inf])
def test_rounding_is_explained_beside_what_is_no_number(beside):
    x = wf.vector("x", dtype="float64")
    node = (x * 0.1 + 1.0) - 1.0
    values = {x: np.array([beside, 1.7])}
    written = wf.evaluate(node, values)
    assert disagreement(node, written, written + np.array([0, 2e-16]), values) is None
    assert disagreement(node, written, written + np.array([0, 2e-9]), values) is not None


def test_a_zero_has_any_sign_where_it_is_divided_by_too():
    x = wf.vector("x", dtype="float64")
    node = wf.log((1 + x) / wf.mul_no_nan(1, x))
    values = {x: np.array([-0.0, 2.0])}
    np.testing.assert_array_equal(wf.evaluate(node, values), [np.inf, np.log(1.5)])
    assert fault(node, values, [np.nan, np.log(1.5)]) is None  # of 1 / -0
    assert fault(node, values, [np.inf, np.nan]) is not None
    assert fault(node, values, [1.0, np.log(1.5)]) is not None


def test_overflow_on_the_way_is_mended_beside_infinity():
    x = wf.vector("x", dtype="float32")
    node, values = (x * -3e38) / -3e38, {x: np.array([2.5, np.inf], "float32")}
    written = wf.evaluate(node, values)
    np.testing.assert_array_equal(written, np.inf)
    found = np.array([2.5, np.inf], "float32")
    assert disagreement(node, written, found, values, stable=False) is None
    assert disagreement(node, written, found * np.nan, values, stable=False) is not None
    zero = np.zeros(2, "float32")
    assert "0." in disagreement(x - x, wf.evaluate(x - x, values), zero, values, stable=False)


def test_nan_stands_for_a_number_that_is_no_limit():
    x, y = wf.vector("x", dtype="float64"), wf.vector("y", dtype="float64")
    values = {x: np.array([np.inf]), y: np.array([3.0])}
    half = wf.mul_no_nan(wf.exp(x), y / (wf.exp(x) + wf.exp(x)))  # 0 as written, since y / inf is
    assert fault(half, values, [1.5]) is None
    assert fault(half, values, [np.nan]) is None
    assert fault(half, values, [70.0]) is not None
    limit = y / (1 + wf.exp(-x))
    assert fault(limit, values, [np.nan]) is not None


@pytest.mark.parametrize("reduction", [wf.sum, wf.prod, wf.max, wf.min])
@pytest.mark.parametrize("axes", [0, 1, (0, 2)])
def test_exact_reductions(reduction, axes):
    x = wf.tensor("x", (2, 3, 2), "float64")
    values = {x: np.random.default_rng(0).normal(size=(2, 3, 2))}
    values[x][1, 2, 0] = np.nan
    found = evaluate_exactly(reduction(x, axes), values).astype(float)
    np.testing.assert_allclose(found, wf.evaluate(reduction(x, axes), values), rtol=1e-14)


@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
def test_exact_reductions_of_nothing(kind):
    x = wf.tensor("x", ("n", 3), "float64")
    node, values = apply(Reduce(kind, (0,)), x), {x: np.zeros((0, 3))}
    np.testing.assert_array_equal(evaluate_exactly(node, values).astype(float), wf.evaluate(node, values))


@pytest.mark.parametrize("name", ["exp", "sinh", "cosh", "expm1"])
@pytest.mark.parametrize("value", [999.0, -1000.5, 1001.0, -1e5])
def test_exponentials_of_large_numbers_have_all_digits(name, value):
    mp, x = mpmath.mp.clone(), wf.scalar("x", dtype="float64")
    mp.dps = 420
    found = mp.mpf(evaluate_exactly(getattr(wf, name)(x), {x: np.array(value)})[()])
    assert abs(found / getattr(mp, name)(mp.mpf(value)) - 1) < mp.mpf(10) ** -390
