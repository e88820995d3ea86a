"""Convolution against scipy.signal.correlate, against its own transpose, and by finite differences."""

import inspect
import itertools
import pickle

import numpy as np
import pytest
import scipy  # whose parts are imported when they are used: signal takes two seconds

import weft.ops  # noqa: F401 - gives the operators their meaning
from weft.ops.conv import Conv, conv1d, conv1d_transpose, conv2d, conv2d_transpose, conv3d, conv3d_transpose
from weft.symbolic.errors import ArgumentError, DTypeError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import apply
from weft.symbolic.grad import grad
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor

from ..numeric import check_gradients
from ..sampling import rarely

CONVS = {1: conv1d, 2: conv2d, 3: conv3d}
TRANSPOSES = {1: conv1d_transpose, 2: conv2d_transpose, 3: conv3d_transpose}
RNG = np.random.default_rng(1)


def dilated(w: np.ndarray, dilation: tuple[int, ...]) -> np.ndarray:
    """w with zeros between its elements."""
    shape = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    wide = np.zeros((*w.shape[:2], *shape))
    wide[:, :, *(slice(None, None, d) for d in dilation)] = w
    return wide


def reference(x, w, stride, pads, dilation, groups=1):
    """Padding, correlation of every pair of channels by SciPy, then the elements that the stride keeps."""
    padded, kernel = np.pad(x, [(0, 0), (0, 0), *pads]), dilated(w, dilation)
    per_in, per_out = w.shape[1], w.shape[0] // groups
    planes = []
    for image, o in itertools.product(padded, range(w.shape[0])):
        first = o // per_out * per_in
        planes.append(sum(scipy.signal.correlate(image[first + c], kernel[o, c], mode="valid") for c in range(per_in)))
    out = np.stack(planes).reshape(x.shape[0], w.shape[0], *planes[0].shape)
    return out[:, :, *(slice(None, None, s) for s in stride)]


CASES = [
    # x, w, stride, padding, dilation, groups
    ((2, 3, 11), (4, 3, 3), 1, 0, 1, 1),
    ((2, 4, 11), (6, 2, 4), 3, 2, 2, 2),
    ((1, 1, 1), (1, 1, 1), 1, 0, 1, 1),
    ((0, 2, 5), (3, 2, 3), 1, 1, 1, 1),
    ((2, 3, 7, 9), (4, 3, 3, 2), 1, 0, 1, 1),
    ((2, 3, 7, 9), (4, 3, 3, 2), (2, 3), (1, 2), (2, 1), 1),
    ((2, 4, 8, 5), (4, 1, 3, 3), 2, ((0, 1), (2, 1)), 1, 4),
    ((1, 2, 5, 5), (2, 2, 5, 5), 1, "full", 1, 1),
    ((1, 2, 6, 5), (3, 2, 3, 4), 1, "half", 1, 1),
    ((1, 2, 4, 5, 3), (3, 2, 2, 3, 1), (1, 2, 1), 1, 1, 1),
    ((1, 2, 4, 5, 6), (4, 1, 3, 2, 2), 2, (1, 0, 2), (1, 2, 1), 2),
]


def tuples(value, rank):
    return value if isinstance(value, tuple) else (value,) * rank


def pairs(padding, rank, kernel, dilation):
    if isinstance(padding, str):
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        return [(r // 2,) * 2 if padding == "half" else (r - 1,) * 2 for r in reach]
    return [p if isinstance(p, tuple) else (p, p) for p in tuples(padding, rank)]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("xs", "ws", "stride", "padding", "dilation", "groups"), CASES)
def test_values(xs, ws, stride, padding, dilation, groups, symbolic):
    rank = len(xs) - 2
    xv, wv = RNG.standard_normal(xs), RNG.standard_normal(ws)
    x = tensor("x", [None] * len(xs) if symbolic else xs, "float64")
    w = tensor("w", ws, "float64")
    out = CONVS[rank](x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
    found = evaluate(out, {x: xv, w: wv})
    dilations = tuples(dilation, rank)
    if xs[0]:
        expected = reference(xv, wv, tuples(stride, rank), pairs(padding, rank, ws[2:], dilations), dilations, groups)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    if not symbolic:
        assert out.shape == found.shape


@pytest.mark.parametrize(("xs", "ws", "stride", "padding", "dilation", "groups"), CASES)
def test_gradients(xs, ws, stride, padding, dilation, groups):
    def f(x, w):
        return CONVS[len(xs) - 2](x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)

    values = [RNG.standard_normal(xs), RNG.standard_normal(ws)]
    check_gradients(f, values, order=3)


@pytest.mark.parametrize("padding", [0, 1, "same", "full", ((1, 0), (2, 3))])
@pytest.mark.parametrize("stride", [1, 3, rarely(2), rarely(5)])
def test_gradients_of_symbolic_sizes(stride, padding):
    values = [RNG.standard_normal((2, 4, 7, 6)), RNG.standard_normal((2, 2, 3, 2))]
    check_gradients(lambda x, w: conv2d(x, w, stride=stride, padding=padding, groups=2), values, symbolic=True)


def test_sizes_of_gradients_are_the_symbols_themselves():
    x, w = tensor("x", ("b", 4, "h", "v")), tensor("w", (8, 2, 3, 3))
    for padding, stride, dilation in itertools.product(("same", "valid", "half", "full", 1), (1, 2, 3), (1, 2)):
        out = conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=2)
        gx, gw = grad((out * out).sum(), [x, w])
        assert (gx.shape, gw.shape) == (x.shape, w.shape)


@pytest.mark.parametrize("batch_groups", [1, 2, 3])
def test_batch_groups(batch_groups):
    n, o = 2 * batch_groups, 2 * batch_groups
    xv, wv = RNG.standard_normal((n, 3, 6)), RNG.standard_normal((o, 3, 2))
    op = Conv((2,), ((1, 0),), (1,), (2,), 1, batch_groups)
    parts = zip(np.split(xv, batch_groups), np.split(wv, batch_groups), strict=True)
    expected = np.concatenate([reference(a, b, (2,), [(1, 0)], (2,)) for a, b in parts], axis=1)
    np.testing.assert_allclose(op.numpy(xv, wv), expected)
    check_gradients(lambda x, w: apply(op, x, w), [xv, wv], order=3)


def test_dilated_input_and_negative_padding():
    xv, wv = RNG.standard_normal((2, 3, 5)), RNG.standard_normal((4, 3, 3))
    wide = np.zeros((2, 3, 13))
    wide[:, :, ::3] = xv
    op = Conv((2,), ((-1, -2),), (3,), (1,))
    np.testing.assert_allclose(op.numpy(xv, wv), reference(wide[:, :, 1:-2], wv, (2,), [(0, 0)], (1,)))
    check_gradients(lambda x, w: apply(op, x, w), [xv, wv])


def test_same_keeps_ceil_of_the_size():
    for size, stride, kernel in itertools.product((1, 4, 7), (1, 2, 3), (1, 3)):
        for shape in ((1, 1, size), (1, 1, None)):
            x, w = tensor("x", shape, "float64"), tensor("w", (1, 1, kernel), "float64")
            xv, wv = RNG.standard_normal((1, 1, size)), RNG.standard_normal((1, 1, kernel))
            found = evaluate(conv1d(x, w, stride=stride, padding="same"), {x: xv, w: wv})
            count = -(-size // stride)
            missing = max((count - 1) * stride + kernel - size, 0)
            before = missing // 2
            expected = reference(xv, wv, (stride,), [(before, missing - before)], (1,))
            np.testing.assert_allclose(found, expected)
            assert found.shape == (1, 1, count)


def test_flip_and_bias():
    xv, wv, b = RNG.standard_normal((2, 3, 5, 6)), RNG.standard_normal((4, 3, 2, 3)), RNG.standard_normal(4)
    x, w, bias = tensor("x", xv.shape, "float64"), tensor("w", wv.shape, "float64"), tensor("b", (4,), "float64")
    expected = reference(xv, wv[:, :, ::-1, ::-1], (1, 1), [(0, 0)] * 2, (1, 1)) + b[:, None, None]
    np.testing.assert_allclose(evaluate(conv2d(x, w, bias, flip=True), {x: xv, w: wv, bias: b}), expected)
    check_gradients(lambda x, w, b: conv2d(x, w, b, flip=True), [xv, wv, b])


TRANSPOSED = [
    # x, w, stride, padding, output_padding, dilation, groups
    ((2, 3, 5), (3, 2, 3), 1, 0, 0, 1, 1),
    ((2, 4, 5), (4, 3, 3), 3, 1, 2, 2, 2),
    ((2, 3, 4, 5), (3, 2, 3, 2), (2, 3), (1, 0), (1, 2), 1, 1),
    ((2, 4, 4, 3), (4, 1, 2, 2), 2, ((0, 1), (1, 0)), 0, (1, 2), 4),
    ((1, 2, 3, 2, 4), (2, 3, 2, 3, 1), 2, (1, 1, 0), 1, 1, 1),
    ((2, 3, 5), (3, 2, 4), 2, "half", 1, 1, 1),
    ((2, 3, 7), (3, 2, 3), 1, "full", 0, 2, 1),
    ((2, 3, 2), (3, 2, 3), 3, "valid", 2, 1, 1),
]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("xs", "ws", "stride", "padding", "extra", "dilation", "groups"), TRANSPOSED)
def test_transpose_is_the_adjoint(xs, ws, stride, padding, extra, dilation, groups, flip):
    """<conv(y, w), x> = <y, conv_transpose(x, w)>, where y has the shape of the result."""
    rank, options = len(xs) - 2, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    xv, wv = RNG.standard_normal(xs), RNG.standard_normal(ws)
    x, w = tensor("x", xs, "float64"), tensor("w", ws, "float64")
    spread = TRANSPOSES[rank](x, w, output_padding=extra, flip=flip, **options)
    up = evaluate(spread, {x: xv, w: wv})
    assert up.shape == spread.shape
    yv = RNG.standard_normal(up.shape)
    y = tensor("y", yv.shape, "float64")
    down = evaluate(CONVS[rank](y, w, flip=flip, **options), {y: yv, w: wv})
    np.testing.assert_allclose(np.sum(down * xv), np.sum(yv * up))


@pytest.mark.parametrize(
    ("xs", "ws", "stride", "padding", "extra", "dilation", "groups"), [*TRANSPOSED[:4], *TRANSPOSED[5:]]
)
def test_gradients_of_transpose(xs, ws, stride, padding, extra, dilation, groups):
    def f(x, w):
        given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return TRANSPOSES[len(xs) - 2](x, w, output_padding=extra, **given)

    check_gradients(f, [RNG.standard_normal(xs), RNG.standard_normal(ws)], symbolic=True)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_same_padding_of_the_transpose_is_that_of_the_convolution(kernel, stride, dilation):
    """<conv(x), g> = <x, transposed(g)>, from size * stride to size and back."""
    options = {"stride": stride, "padding": "same", "dilation": dilation}
    w = RNG.standard_normal((2, 3, kernel))
    x, g = RNG.standard_normal((1, 3, 4 * stride)), RNG.standard_normal((1, 2, 4))
    forward, back = evaluate([conv1d(constant(x), w, **options), conv1d_transpose(constant(g), w, **options)])
    assert (forward.shape, back.shape) == (g.shape, x.shape)
    np.testing.assert_allclose(np.sum(forward * g), np.sum(x * back))


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_sizes_of_nothing_are_the_same_however_they_are_known(stride):
    w, empty = constant(RNG.standard_normal((1, 2, 4))), np.zeros((3, 1, 0))
    for shape in ((3, 1, 0), (3, 1, None)):
        x = tensor("x", shape, "float64")
        y = conv1d_transpose(x, w, stride=stride)
        found, slope = evaluate([y, grad(y.sum(), x)], {x: empty})
        np.testing.assert_array_equal(found, np.zeros((3, 2, (0 - 1) * stride + 4)))
        assert slope.shape == empty.shape
        z = tensor("z", shape, "float64")
        none = conv1d(z, constant(np.ones((2, 1, 3))), stride=stride, padding=2)
        found, slope = evaluate([none, grad(none.sum(), z)], {z: empty})
        assert found.shape == (3, 2, (4 - 3 + stride) // stride)
        assert slope.shape == empty.shape


def test_transpose_with_same_gives_size_times_stride():
    for stride, kernel in itertools.product((1, 2, 3), (1, 2, 3, 5)):
        x, w = tensor("x", (1, 1, 4)), tensor("w", (1, 1, kernel))
        assert conv1d_transpose(x, w, stride=stride, padding="same").shape == (1, 1, 4 * stride)
        y = tensor("y", (1, 1, 4 * stride))
        assert conv1d(y, w, stride=stride, padding="same").shape == (1, 1, 4)


def test_dtypes():
    x, w = tensor("x", (1, 1, 3), "float32"), tensor("w", (1, 1, 2), "float64")
    assert conv1d(x, w).dtype == np.float64
    assert conv1d(x, constant(np.ones((1, 1, 2), np.float32))).dtype == np.float32
    with pytest.raises(DTypeError, match="conv1d takes floats, and w is int64"):
        conv1d(x, constant(np.ones((1, 1, 2), np.int64)))


X, W = tensor("x", ("batch", 4, 8, 9)), tensor("w", (6, 4, 3, 3))
MISTAKES = [
    (lambda: conv1d(X, W), ShapeError, r"conv1d: x needs 3 axes, \(batch, channels, length\), and has 4"),
    (lambda: conv2d(X, tensor("w", (6, 4, 3))), ShapeError, "w needs 4 axes"),
    (lambda: conv2d(X, tensor("w", (6, 3, 3, 3))), ShapeError, "x has 4 channels, and w expects 3:"),
    (lambda: conv2d(X, W, groups=2), ShapeError, r"x has 4 channels, and w expects 8 \(4 in each of 2 groups\)"),
    (lambda: conv2d(X, W, groups=3), ShapeError, "groups = 3 does not divide the 4 channels of x"),
    (
        lambda: conv2d(X, tensor("w", (5, 2, 1, 1)), groups=2),
        ShapeError,
        "groups = 2 does not divide the 5 output channels of w",
    ),
    (
        lambda: conv2d(X, tensor("w", (6, 4, 9, 3))),
        ShapeError,
        "the kernel is larger than the input: its height is 9, x's is 8",
    ),
    (
        lambda: conv2d(X, W, dilation=5, padding=(1, 1)),
        ShapeError,
        "its height, dilated by 5, is 11, x's with padding 1 and 1 is 10",
    ),
    (lambda: conv2d(X, W, stride=0), ShapeError, "stride must be 1 or more, and is 0"),
    (lambda: conv2d(X, W, dilation=(1, 0)), ShapeError, "dilation must be 1 or more"),
    (lambda: conv2d(X, W, stride=1.5), ArgumentError, "stride is one whole number, or one for each of the 2 spatial"),
    (lambda: conv2d(X, W, padding=-1), ShapeError, "padding must be 0 or more, and is -1"),
    (lambda: conv2d(X, W, padding="some"), ArgumentError, "padding by name is one of 'valid', 'same', 'half', 'full'"),
    (lambda: conv2d(X, W, padding=(1, 2, 3)), ArgumentError, r"padding is a number, 2 numbers, 2 pairs"),
    (lambda: conv2d(X, W, np.zeros(5)), ShapeError, r"bias needs shape \(6,\), .* has shape \(5,\)"),
    (lambda: conv2d(X, tensor("w", (6, 4, 0, 3))), ShapeError, "the kernel is empty"),
    (lambda: conv2d_transpose(X, W), ShapeError, "x has 4 channels, and w expects 6"),
    (
        lambda: conv2d_transpose(X, tensor("w", (4, 2, 3, 3)), groups=3),
        ShapeError,
        "does not divide the 4 channels of x",
    ),
    (lambda: conv2d(X, W, np.zeros((6, 1))), ShapeError, r"bias needs shape \(6,\), .* has shape \(6, 1\)"),
    (lambda: conv2d(X, W, dilation=(3, 5)), ShapeError, r"its width, dilated by \(3, 5\), is 11, x's is 9"),
    (lambda: conv2d_transpose(X, tensor("w", (4, 2, 3))), ShapeError, "w needs 4 axes"),
    (lambda: conv2d(X, W, groups=0), ShapeError, "groups must be 1 or more, and is 0"),
    (lambda: conv2d(X, W, groups=(1, 1)), ArgumentError, "groups is one whole number"),
    (
        lambda: conv2d_transpose(X, tensor("w", (4, 2, 3, 3)), stride=2, output_padding=2),
        ShapeError,
        "output_padding = 2 is not less than the stride 2 or the dilation 1",
    ),
    (
        lambda: conv2d_transpose(X, tensor("w", (4, 2, 1, 1)), padding=4),
        ShapeError,
        "the result's height would be 0",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert any("test_conv.py" in note for note in caught.value.__notes__)


def test_what_lies_outside_does_not_count():
    """Padding contributes exactly 0, whatever the kernel holds."""
    x, w = tensor("x", (1, 1, 2), "float64"), tensor("w", (1, 1, 3), "float64")
    values = {x: np.array([[[1.0, 2.0]]]), w: np.array([[[np.inf, 1.0, 1.0]]])}
    np.testing.assert_array_equal(evaluate(conv1d(x, w, padding=1), values), [[[3.0, np.inf]]])


def test_docstrings_teach():
    for function in (*CONVS.values(), *TRANSPOSES.values()):
        text = inspect.getdoc(function)
        for part in ("Parameters", "Returns", "Raises", "Gradient", "References", "padding", "out"):
            assert part in text
        assert "{" not in text
    for functions in (CONVS, TRANSPOSES):
        for rank, function in functions.items():
            text = inspect.getdoc(function)
            tuples = {1: "a tuple of one int", 2: "a tuple of 2 ints", 3: "a tuple of 3 ints"}
            assert [words in text for words in tuples.values()] == [number == rank for number in tuples]


def test_op_travels():
    op = Conv((2,), ((1, 0),), (1,), (2,), 1, 3)
    assert pickle.loads(pickle.dumps(op)) == op
    assert apply(op, tensor("x", (3, 1, 5)), tensor("w", (3, 1, 2))).op == op
