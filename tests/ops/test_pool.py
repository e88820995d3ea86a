"""Pooling against a plain loop over windows, and by finite differences."""

import inspect
import itertools
import pickle

import numpy as np
import pytest

import weft.ops  # noqa: F401 - gives the operators their meaning
from weft.codegen.function import function
from weft.ops.max_pool import (
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
)
from weft.ops.pool import MaxPool, MaxPoolGather, MaxPoolScatter, SumPool, SumPoolScatter
from weft.ops.sum_pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    sum_pool1d,
    sum_pool2d,
    sum_pool3d,
)
from weft.symbolic.errors import ArgumentError, DTypeError, GuardError, IndexRangeError, ShapeError
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
        (sum_pool3d(x[:, :, None], (1, 3, 2), (1, 2, 1), (0, 1, 0))[:, :, 0], np.sum),
        (lp_pool3d(x[:, :, None], (1, 3, 2), 2, (1, 2, 1), (0, 1, 0))[:, :, 0], np.linalg.norm),
        (lp_pool2d(x, (3, 2), 2, (2, 1), (1, 0)), np.linalg.norm),
        (lp_pool2d(x, (3, 2), 1, (2, 1), (1, 0)), lambda v: np.abs(v).sum()),
        (lp_pool2d(x, (3, 2), 3.5, (2, 1), (1, 0)), lambda v: (np.abs(v) ** 3.5).sum() ** (1 / 3.5)),
        (lp_pool2d(x, (3, 2), np.inf, (2, 1), (1, 0)), lambda v: np.abs(v).max()),
    ]
    for out, f in cases:
        np.testing.assert_allclose(evaluate(out, {x: xv}), reference(xv, f, *geometry))
    lines = tensor("lines", (3, 7, 6), "float64")
    for out, f in ((sum_pool1d(lines, 2), np.sum), (lp_pool1d(lines, 2), np.linalg.norm)):
        np.testing.assert_allclose(evaluate(out, {lines: xv[0]}), reference(xv[0], f, (2,), (2,), [(0, 0)]))
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
    (lambda: max_pool2d(X, 2, dilation=0), ShapeError, "max_pool2d: dilation must be 1 or more, and is 0"),
    (lambda: max_pool2d(X, 2, dilation=(1, 8.0)), ArgumentError, "dilation is one whole number, or one for each of"),
    (lambda: max_pool2d(X, 3, dilation=4), ShapeError, "its height with its dilation is 9, x's is 8"),
    (
        lambda: max_pool2d(X, 2, padding=3, dilation=2),
        ShapeError,
        r"padding must be less than the window, and \(3, 3\)",
    ),
    (lambda: max_pool1d_with_indices(X, 2), ShapeError, "max_pool1d_with_indices: x needs 3 axes"),
    (lambda: max_unpool2d(X, X, 2), DTypeError, "max_unpool2d: indices are integers, not float32"),
    (
        lambda: max_unpool2d(X, X[:, :3].astype("int32"), 2),
        ShapeError,
        r"values and indices have one shape, and not \(batch, 4, 8, 9\) and \(batch, 3, 8, 9\)",
    ),
    (lambda: max_unpool2d(X, X[0].astype("int32"), 2), ShapeError, "values and indices have one shape"),
    (lambda: max_unpool1d(X[0], X[0].astype("int32"), 1, padding=9), ShapeError, "nothing is left of the result"),
    (
        lambda: max_unpool2d(X, X.astype("int32"), 2, output_shape=(3,)),
        ArgumentError,
        r"output_shape has a size for each of the 2 spatial axes, and is \(3,\)",
    ),
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


# ---- dilation, places, and the way back -----------------------------------------------------------------------------


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("padding", [0, 2, "same"])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_gradients_of_dilated_windows(ceil_mode, padding, symbolic):
    xv = RNG.standard_normal((2, 1, 7, 6))
    order = 1 if symbolic else 2
    check_gradients(
        lambda x: max_pool2d(x, 2, 2, padding, ceil_mode, (3, 2)) ** 2, [xv], order=order, symbolic=symbolic
    )


def test_dilation_of_one_is_none():
    x = tensor("x", (1, 1, 9), "float64")
    assert max_pool1d(x, 3, dilation=1) is max_pool1d(x, 3)
    assert max_pool1d(x, 1, dilation=4) is max_pool1d(x, 1)
    assert "dilation" not in repr(max_pool1d(x, 3))
    assert max_pool1d(x, 3, dilation=2).op.reach == (5,)


def test_a_dilated_window_over_everything_is_no_reduction():
    x = tensor("x", (1, 1, 5))
    out = max_pool1d(x, 3, dilation=2)
    xv = np.array([[[1, 9, 3, 8, 2]]], "float32")
    assert function([x], [out, grad(out.sum(), x)])(xv)[0].tolist() == [[[3]]]
    assert evaluate(grad(out.sum(), x), {x: xv}).tolist() == [[[0, 0, 1, 0, 0]]]


def test_dilated_windows_around_the_input():
    x = tensor("x", (1, 1, "n"), "float64")
    out = max_pool1d(x, 2, 1, 1, dilation=2)
    value, g = function([x], [out, grad(out.sum(), x)])(np.ones((1, 1, 1)))
    assert value.tolist() == [[[-np.inf]]]
    assert g.tolist() == [[[0]]]
    with pytest.raises(ShapeError, match="window of 3"):
        function([x], max_pool1d(x, 2, 1, dilation=2))(np.ones((1, 1, 2)))


def test_places():
    x = tensor("x", ("n", 1, "h", 4), "float64")
    values, places = max_pool2d_with_indices(x, (1, 2), padding=((0, 0), (1, 1)))
    xv = np.array([[[[1.0, 1, np.nan, 2], [-np.inf, -np.inf, 3, 3]]]])
    assert places.dtype == np.int64
    for found in (evaluate([values, places], {x: xv}), function([x], [values, places])(xv)):
        np.testing.assert_array_equal(found[0], [[[[1, np.nan, 2], [-np.inf, 3, 3]]]])
        assert found[1].tolist() == [[[[0, 2, 3], [4, 6, 7]]]]
    for n in (tensor("e", (1, 2, 0)), tensor("e", (1, 2, None))):
        of_nothing = max_pool1d_with_indices(n, 2, padding=1)[1]
        assert function([n], of_nothing)(np.zeros((1, 2, 0), "float32")).tolist() == [[[-1], [-1]]]


@pytest.mark.parametrize("kind", ["bool", "int8", "float32"])
def test_there_and_back(kind):
    xv = RNG.integers(0, 2, (2, 3, 6, 4)).astype(kind)
    x = tensor("x", ("n", 3, "h", "w"), kind)
    back = max_unpool2d(*max_pool2d_with_indices(x, 2), 2)
    found = function([x], back)(xv)
    assert found.dtype == xv.dtype
    assert found.shape == xv.shape
    pooled = evaluate(max_pool2d(x, 2), {x: xv})
    np.testing.assert_array_equal(evaluate(max_pool2d(back, 2), {x: xv}), pooled)
    np.testing.assert_array_equal((found != 0).sum((2, 3)), (pooled != 0).sum((2, 3)))


def test_the_last_value_stays():
    v, i = tensor("v", (1, 1, 3), "float64"), tensor("i", (1, 1, 3), "int64")
    out = max_unpool1d(v, i, 2)
    given = {v: np.array([[[1.0, 2, 3]]]), i: np.array([[[4, 1, 4]]])}
    assert evaluate(out, given).tolist() == [[[0, 2, 0, 0, 3, 0]]]
    assert evaluate(grad((out * np.arange(6)).sum(), v), given).tolist() == [[[0, 1, 4]]]
    check_gradients(lambda v: max_unpool1d(v, np.array([[[4, 1, 4]]]), 2) ** 2, [given[v]])


@pytest.mark.parametrize("index", [6, -1, -7, 2**62, -(2**63)])
def test_indices_outside(index):
    v, i = tensor("v", (1, "c", 3)), tensor("i", (1, "c", 3), "int64")
    out = max_unpool1d(v, i, 2)
    given = np.zeros((1, 2, 3), "float32"), np.array([[[0, 1, 2], [0, index, 1]]])
    with pytest.raises(IndexRangeError, match="out of range for axis 2 with size 6"):
        evaluate(out, dict(zip((v, i), given, strict=True)))
    with pytest.raises(IndexRangeError, match="out of range for axis 2 with size 6"):
        function([v, i], out)(*given)


def test_sizes_of_unpooling():
    v, i = tensor("v", (2, 3, 4, "w")), tensor("i", (2, 3, 4, "w"), "int32")
    assert max_unpool2d(v, i, 3, 2, 1).shape[2] == 7
    assert str(max_unpool2d(v, i, 3, 2, 1).shape[3]) == "2*w - 1"
    out = max_unpool2d(v, i, 2, output_shape=(9, "z"))
    assert (out.shape[2], str(out.shape[3])) == (9, "z")


def test_docstrings_of_unpooling():
    for part in ("Parameters", "Returns", "Raises", "Gradient", "References"):
        assert part in inspect.getdoc(max_unpool2d)


@pytest.mark.parametrize("op", [MaxPoolScatter, MaxPoolGather])
def test_kernels_are_not_given_two_dtypes(op):
    """They read both operands as of one dtype."""
    x = tensor("x", (1, 1, 4, 4), "float32")
    made = op((2, 2), (2, 2), ((0, 0), (0, 0)), False)
    with pytest.raises(DTypeError, match="have float32 and float64"):
        apply(made, x, tensor("v", (1, 1, 2, 2) if op is MaxPoolScatter else (1, 1, 4, 4), "float64"))


@pytest.mark.parametrize(
    "made",
    [
        lambda: MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), False, (2, -2)),
        lambda: MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), False, (2, 0)),
        lambda: MaxPool((2, 2), (1, 1), ((0, 0), (0, 0)), False, (2,)),
        lambda: MaxPool((2, 2, 2), (1, 1, 1), ((0, 0),) * 3),
        lambda: SumPool((2, 2), (0, 1), ((0, 0), (0, 0))),
        lambda: SumPool((2, 2), (-1, 1), ((0, 0), (0, 0))),
        lambda: SumPool((0, 2), (1, 1), ((0, 0), (0, 0))),
        lambda: SumPool((2, 2), (1, 1), ((0, 0),)),
    ],
)
def test_windows_that_are_none_reach_no_kernel(made):
    """Ops are made by users, too: kernels rely on whole windows, and on steps from 1 up."""
    with pytest.raises(ShapeError, match="_pool: windows of"):
        apply(made(), tensor("x", (1, 1, 6, 6)))
    with pytest.raises(ShapeError, match="_pool: windows of"):
        apply(made(), tensor("x", (1, 1, None, None)))


def test_a_window_of_one_element_has_no_dilation():
    x = tensor("x", (1, 1, 2, 7))
    assert max_pool2d(x, (1, 2), 1, dilation=(2**40, 3)) is max_pool2d(x, (1, 2), 1, dilation=(1, 3))


def test_unpooling_nothing_gives_nothing():
    x = tensor("x", (0, 2, 4, 4))
    y = max_unpool2d(*max_pool2d_with_indices(x, 2), 2)
    assert function([x], y)(np.zeros((0, 2, 4, 4), "float32")).shape == (0, 2, 4, 4)
