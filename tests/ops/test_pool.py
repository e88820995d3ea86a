"""Pooling against a plain loop over windows, and by finite differences."""

import inspect
import itertools
import pickle

import numpy as np
import pytest

import weft.ops  # noqa: F401 - gives the operators their meaning
from weft.codegen.function import function
from weft.ops.pool import (
    MaxPool,
    MaxPoolGather,
    MaxPoolScatter,
    SumPool,
    SumPoolScatter,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    sum_pool2d,
)
from weft.symbolic.errors import ArgumentError, GuardError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import apply
from weft.symbolic.grad import grad
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor

from ..numeric import check_gradients

MAXIMA = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}
MEANS = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}
RNG = np.random.default_rng(2)


def count(size, window, stride, padding, ceil_mode):
    """The number of windows, found by trying."""
    before, after = padding
    found = 0
    while found * stride + window <= before + size + after:
        found += 1
    left = before + size + after - ((found - 1) * stride + window)
    if ceil_mode and left > 0 and found * stride < before + size:
        found += 1
    return found


def reference(x, f, window, stride, pads, ceil_mode=False):
    """f of the elements of each window."""
    sizes = x.shape[2:]
    grid = [count(*g, ceil_mode) for g in zip(sizes, window, stride, pads, strict=True)]
    out = np.empty((*x.shape[:2], *grid))
    for n, c, *place in np.ndindex(*out.shape):
        box = []
        for p, k, s, (before, _), size in zip(place, window, stride, pads, sizes, strict=True):
            start = p * s - before
            box.append([i for i in range(start, start + k) if 0 <= i < size])
        out[n, c, *place] = f(x[n, c][np.ix_(*box)])
    return out


CASES = [
    # x, size, stride, padding
    ((2, 3, 11), 3, 2, 1),
    ((1, 2, 5), 5, None, 0),
    ((2, 1, 1), 1, 1, 0),
    ((2, 3, 9, 8), 2, None, 0),
    ((2, 3, 9, 8), (3, 2), (2, 3), (1, 0)),
    ((1, 2, 7, 10), 4, 3, ((1, 2), (2, 0))),
    ((1, 1, 5, 6), 2, 3, 1),
    ((0, 2, 4, 4), 2, None, 0),
    ((1, 2, 4, 5, 6), (2, 3, 2), 2, (0, 1, 1)),
    ((1, 2, 12), 5, 2, 0),
    ((2, 1, 7, 10), (4, 5), (1, 2), ((2, 0), (0, 1))),
]


def full(x, size, stride, padding):
    rank = len(x) - 2
    window = size if isinstance(size, tuple) else (size,) * rank
    stride = window if stride is None else stride if isinstance(stride, tuple) else (stride,) * rank
    padding = padding if isinstance(padding, tuple) else (padding,) * rank
    return window, stride, [p if isinstance(p, tuple) else (p, p) for p in padding]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)
def test_values(shape, size, stride, padding, ceil_mode, symbolic):
    rank, xv = len(shape) - 2, RNG.standard_normal(shape)
    x = tensor("x", [None] * len(shape) if symbolic else shape, "float64")
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    window, strides, pads = full(shape, size, stride, padding)
    largest, mean = MAXIMA[rank](x, size, **options), MEANS[rank](x, size, **options)
    found = evaluate([largest, mean], {x: xv})
    for value, f in zip(found, (np.max, np.mean), strict=True):
        np.testing.assert_allclose(value, reference(xv, f, window, strides, pads, ceil_mode))
    if not symbolic:
        assert largest.shape == mean.shape == found[0].shape


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)
def test_mean_with_padding(shape, size, stride, padding, ceil_mode, symbolic):
    xv = RNG.standard_normal(shape)
    x = tensor("x", [None] * len(shape) if symbolic else shape, "float64")
    window, strides, pads = full(shape, size, stride, padding)
    padded = np.pad(xv, [(0, 0), (0, 0), *pads])
    out = MEANS[len(shape) - 2](x, size, stride, padding, ceil_mode, count_include_pad=True)
    found = evaluate(out, {x: xv})
    expected = reference(padded, np.mean, window, strides, [(0, 0)] * len(window), ceil_mode)
    np.testing.assert_allclose(found, expected[:, :, *map(slice, found.shape[2:])])


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("shape", "size", "stride", "padding"), CASES)
def test_gradients(shape, size, stride, padding, ceil_mode):
    rank = len(shape) - 2
    for pool in (MAXIMA[rank], MEANS[rank]):
        check_gradients(lambda x: pool(x, size, stride, padding, ceil_mode) ** 2, [RNG.standard_normal(shape)])


def test_gradients_of_symbolic_sizes():
    for pool in (max_pool2d, avg_pool2d, sum_pool2d):
        for padding, ceil_mode in ((0, False), (1, True), ("same", False)):
            values = [RNG.standard_normal((2, 1, 5, 6))]
            check_gradients(lambda x: pool(x, 3, 2, padding, ceil_mode) ** 2, values, order=1, symbolic=True)


def test_sum_and_norms():
    xv = RNG.standard_normal((2, 3, 7, 6))
    x = tensor("x", xv.shape, "float64")
    geometry = ((3, 2), (2, 1), [(1, 1), (0, 0)])
    cases = [
        (sum_pool2d(x, (3, 2), (2, 1), (1, 0)), np.sum),
        (lp_pool2d(x, (3, 2), 2, (2, 1), (1, 0)), np.linalg.norm),
        (lp_pool2d(x, (3, 2), 1, (2, 1), (1, 0)), lambda v: np.abs(v).sum()),
        (lp_pool2d(x, (3, 2), 3.5, (2, 1), (1, 0)), lambda v: (np.abs(v) ** 3.5).sum() ** (1 / 3.5)),
        (lp_pool2d(x, (3, 2), np.inf, (2, 1), (1, 0)), lambda v: np.abs(v).max()),
    ]
    for out, f in cases:
        np.testing.assert_allclose(evaluate(out, {x: xv}), reference(xv, f, *geometry))
    for p in (1, 2, 3.5, np.inf):
        check_gradients(lambda x: lp_pool2d(x, 2, p, 1), [xv[:1, :1]], tolerance=1e-5)


def test_norm_of_zeros_has_gradient_zero():
    x = tensor("x", (1, 1, 2, 4), "float64")
    xv = np.array([[[[0.0, 0.0, 3.0, np.nan], [0.0, 0.0, 4.0, 1.0]]]])
    for p in (2, 3):
        out = lp_pool2d(x, (2, 2), p, (2, 1))
        value, g = evaluate([out, grad(out[0, 0, 0, 0], x)], {x: xv})
        assert value[0, 0, 0, 0] == 0
        assert np.isnan(value[0, 0, 0, 2])
        np.testing.assert_array_equal(g, np.zeros_like(xv))


def test_ties_nan_and_infinity():
    x = tensor("x", (1, 1, 8), "float64")
    xv = np.array([[[2.0, 2.0, np.nan, np.nan, -np.inf, -np.inf, 1.0, np.inf]]])
    out = max_pool1d(x, 2)
    value, g = evaluate([out, grad(out.sum(), x)], {x: xv})
    np.testing.assert_array_equal(value, [[[2, np.nan, -np.inf, np.inf]]])
    np.testing.assert_array_equal(g, [[[1, 0, 1, 0, 1, 0, 0, 1]]])


def test_windows_of_nothing():
    for shape in ((1, 2, 0), (1, 2, None)):
        x, empty = tensor("x", shape, "float64"), np.zeros((1, 2, 0))
        largest = max_pool1d(x, 2, padding=1)
        found = evaluate([largest, avg_pool1d(x, 2, padding=1, count_include_pad=True)], {x: empty})
        np.testing.assert_array_equal(found, [np.full((1, 2, 1), -np.inf), np.zeros((1, 2, 1))])
        assert evaluate(grad(largest.sum(), x), {x: empty}).shape == (1, 2, 0)
    whole = tensor("i", (1, 1, 0), "int8")
    assert evaluate(max_pool1d(whole, 2, padding=1), {whole: empty[:, :1]}).tolist() == [[[-128]]]


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "bool", "float32"])
def test_dtypes(kind):
    xv = RNG.integers(0, 2, (2, 1, 5, 5)).astype(kind) if kind == "bool" else RNG.integers(-9, 9, (2, 1, 5, 5))
    xv = xv.astype(kind)
    x = tensor("x", xv.shape, kind)
    geometry = ((2, 2), (2, 2), [(1, 1), (1, 1)])
    found = evaluate(max_pool2d(x, 2, padding=1), {x: xv})
    assert found.dtype == np.dtype(kind)
    np.testing.assert_array_equal(found, reference(xv, np.max, *geometry))
    total = evaluate(sum_pool2d(x, 2, padding=1), {x: xv})
    assert total.dtype == np.sum(xv[:1]).dtype
    np.testing.assert_array_equal(total, reference(xv, np.sum, *geometry))
    assert evaluate(avg_pool2d(x, 2, padding=1), {x: xv}).dtype.kind == "f"


def test_least_integer_is_not_taken_for_padding():
    x = tensor("x", (1, 1, 4), "int8")
    xv = np.full((1, 1, 4), -128, np.int8)
    op = MaxPool((3,), (2,), ((1, 1),))
    assert evaluate(apply(op, x), {x: xv}).tolist() == [[[-128, -128]]]
    assert op.first_maxima(xv).tolist() == [[[0, 1]]]


def test_scatter_and_gather_are_adjoint():
    xv, geometry = RNG.standard_normal((2, 3, 7, 6)), ((3, 2), (2, 1), ((1, 1), (1, 0)), True)
    v = RNG.standard_normal(xv.shape)
    pooled = MaxPoolGather(*geometry).numpy(xv, v)
    g = RNG.standard_normal(pooled.shape)
    np.testing.assert_allclose(np.sum(pooled * g), np.sum(v * MaxPoolScatter(*geometry).numpy(xv, g)))
    np.testing.assert_array_equal(MaxPoolGather(*geometry).numpy(xv, xv), MaxPool(*geometry).numpy(xv))
    scattered = SumPoolScatter(*geometry, xv.shape[2:]).numpy(g)
    np.testing.assert_allclose(np.sum(SumPool(*geometry).numpy(v) * g), np.sum(v * scattered))


def test_same_makes_ceil_of_the_size():
    for size, window, stride in itertools.product((1, 4, 7), (1, 2, 3), (1, 2, 3)):
        for shape in ((1, 1, size), (1, 1, None)):
            x = tensor("x", shape, "float64")
            for pool in (max_pool1d, avg_pool1d):
                out = pool(x, window, stride, "same", ceil_mode=True)
                assert evaluate(out, {x: np.ones((1, 1, size))}).tolist() == [[[1.0] * -(-size // stride)]]


X = tensor("x", ("batch", 4, 8, 9))
MISTAKES = [
    (lambda: max_pool1d(X, 2), ShapeError, r"max_pool1d: x needs 3 axes, \(batch, channels, length\), and has 4"),
    (lambda: max_pool2d(X, 0), ShapeError, "size must be 1 or more, and is 0"),
    (lambda: max_pool2d(X, 2, 0), ShapeError, "stride must be 1 or more"),
    (
        lambda: avg_pool2d(X, (2, 3, 4)),
        ArgumentError,
        "size is one whole number, or one for each of the 2",
    ),
    (lambda: avg_pool2d(X, 2.0), ArgumentError, "size is one whole number"),
    (lambda: sum_pool2d(X, 10), ShapeError, "the window is larger than the input: its height is 10, x's is 8"),
    (lambda: max_pool2d(X, 2, padding=2), ShapeError, r"padding must be less than the window, and \(2, 2\) is not"),
    (lambda: max_pool2d(X, 2, padding="full "), ArgumentError, "padding by name is one of"),
    (lambda: lp_pool2d(X, 2, 0), ArgumentError, "p must be a number above 0, and is 0"),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert any("test_pool.py" in note for note in caught.value.__notes__)


def test_docstrings_and_travel():
    for part in ("Parameters", "Returns", "Raises", "Gradient", "Numerics", "References"):
        assert part in inspect.getdoc(max_pool2d)
    op = SumPoolScatter((2,), (2,), ((0, 0),), False, (5,))
    assert pickle.loads(pickle.dumps(op)) == op
    assert MaxPool((2,), (2,), ((0, 0),)) != SumPool((2,), (2,), ((0, 0),))
    assert max_pool1d(constant(np.ones((1, 1, 4))), 2).op.name == "max_pool"


def test_what_a_rule_makes_of_a_window_over_everything_needs_no_other_sizes():
    g = tensor("g", (2, 3, "n", "n"))
    f = function([g], apply(SumPoolScatter((3, 4), (1, 1), ((0, 0), (0, 0)), False, (3, 4)), g))
    value = np.arange(6, dtype="float32").reshape(2, 3, 1, 1)
    np.testing.assert_array_equal(f(value), np.broadcast_to(value, (2, 3, 3, 4)))
    with pytest.raises(GuardError, match="n and 1"):
        f(np.zeros((2, 3, 2, 2), "float32"))
