"""Pooling layers: symbolic sizes, edges and mistakes; the sweep has their values and gradients."""

import numpy as np
import pytest

import weft as wf

layers = wf.nn.layers
X = wf.tensor("x", ("n", 2, "h", 6))
VALUES = np.random.default_rng(0).standard_normal((3, 2, 5, 6)).astype("float32")


def test_symbols_are_reduced_or_stay():
    columns = VALUES.reshape(3, 2, 5, 2, 3)
    for pool, f in ((layers.adaptive_avg_pool2d, np.mean), (layers.adaptive_max_pool2d, np.max)):
        outs = [pool(X, 1), pool(X, (1, None)), pool(X, (None, 2)), pool(X, (1, 2)), pool(X, None), pool(X, (None, 6))]
        found = wf.function([X], outs)(VALUES)
        expected = [f(VALUES, (2, 3), keepdims=True), f(VALUES, 2, keepdims=True), f(columns, 4)]
        expected += [f(columns, (2, 4))[:, :, None], VALUES, VALUES]
        for mine, its in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, its, rtol=1e-5, atol=1e-6)
    assert str(layers.adaptive_max_pool2d(X, (None, 2)).shape) == "(n, 2, h, 2)"


def test_what_changes_nothing_is_the_input():
    x = wf.tensor("x", (2, 3, 7))
    assert layers.adaptive_max_pool1d(x, 7) is x
    assert layers.adaptive_avg_pool1d(x, None) is x


def test_windows_of_one_size_are_pooling():
    """Also where they overlap: three of 3 elements, 2 apart, over 7."""
    x = wf.tensor("x", (2, 3, 7, 8))
    assert layers.adaptive_max_pool2d(x, (3, 4)) is wf.max_pool2d(x, (3, 2), (2, 2))


def test_elements_outside_of_a_window_do_not_count():
    x = np.array([[[1.0, 2, np.nan, 4, np.inf, 6, 7]]])
    v = wf.tensor("v", (1, 1, 7), "float64")
    assert wf.evaluate(layers.adaptive_avg_pool1d(v, 4), {v: x}).tolist()[0][0][0] == 1.5
    np.testing.assert_array_equal(wf.evaluate(layers.adaptive_max_pool1d(v, 4), {v: x}), [[[2, np.nan, np.inf, 7]]])


def test_dtypes():
    v = wf.tensor("v", (1, 1, 5), "int32")
    values = np.array([[[1, 2, 3, 4, 6]]], "int32")
    largest, means, whole = (
        layers.adaptive_max_pool1d(v, 2),
        layers.adaptive_avg_pool1d(v, 2),
        layers.global_avg_pool(v),
    )
    assert (largest.dtype, means.dtype.kind, whole.dtype.kind) == (np.int32, "f", "f")
    assert [a.tolist() for a in wf.function([v], [largest, means, whole])(values)] == [
        [[[3, 6]]],
        [[[2, 13 / 3]]],
        [[3.2]],
    ]
    assert layers.global_max_pool(v, keepdims=True).shape == (1, 1, 1)


def test_ties_go_to_the_first():
    v = wf.tensor("v", (1, 1, 5), "float64")
    g = wf.grad(layers.adaptive_max_pool1d(v, 3).sum(), v)
    assert wf.evaluate(g, {v: np.ones((1, 1, 5))}).tolist() == [[[1, 1, 0, 1, 0]]]


def test_pyramids_have_one_length():
    for shape in ((2, 3, 9, 12), (2, 3, 4, 5), (2, 3, 8, 6)):
        assert layers.spatial_pyramid_pool(wf.tensor("x", shape)).shape == (2, 63)
        assert layers.spatial_pyramid_pool(wf.tensor("x", shape), (3,), "avg").shape == (2, 27)


def test_fractions():
    x = wf.tensor("x", ("n", 2, 10, 12))
    stream = wf.random.Stream(1)
    f = wf.function([x], layers.fractional_max_pool2d(x, 2, 0.7, stream))
    values = np.arange(240, dtype="float32").reshape(1, 2, 10, 12)
    first, second = f(values), f(values)
    assert first.shape == (1, 2, 7, 8)
    assert (first != second).any()
    assert first[0, :, -1, -1].tolist() == [119, 239]  # the last window ends where the input does
    steps = np.diff(first, axis=3)
    assert set(steps.ravel()) == {1, 2}
    wf.nn.init.seed(0)
    own = layers.fractional_max_pool2d(x, 2, (7, 8))
    assert str(own.shape) == "(n, 2, 7, 8)"
    one = wf.function([x], layers.fractional_max_pool2d(x, (10, 3), (1, 2), stream))(values)
    assert one[0, 0].tolist() == [[110, 119]]


S = wf.random.Stream(0)
MISTAKES = [
    (
        lambda: layers.adaptive_avg_pool2d(X, 2),
        wf.ShapeError,
        "axis 2 of x has the size h, which must be a number for 2",
    ),
    (lambda: layers.adaptive_max_pool1d(X, 1), wf.ShapeError, "adaptive_max_pool1d: x needs 3 axes"),
    (lambda: layers.adaptive_max_pool2d(X, (1, 2, 3)), wf.ArgumentError, r"output_shape is a number, or 2 of them"),
    (lambda: layers.adaptive_max_pool2d(X, (1, 0)), wf.ArgumentError, "output_shape, for each axis, is a whole number"),
    (lambda: layers.adaptive_max_pool2d(X[:, :, :, :0], 1), wf.ShapeError, "axis 3 of x has no elements"),
    (
        lambda: layers.global_avg_pool(X[0, 0]),
        wf.ShapeError,
        "global_avg_pool: x has batch, channels and axes of space",
    ),
    (lambda: layers.global_max_pool(X, 1), wf.ArgumentError, "global_max_pool: keepdims is True or False"),
    (lambda: layers.spatial_pyramid_pool(X), wf.ShapeError, "spatial_pyramid_pool: adaptive_max_pool2d: axis 2 of x"),
    (lambda: layers.spatial_pyramid_pool(X, ()), wf.ArgumentError, "bins are numbers of windows"),
    (lambda: layers.spatial_pyramid_pool(X, (1,), "sum"), wf.ArgumentError, "kind is 'max' or 'avg', not 'sum'"),
    (lambda: layers.fractional_max_pool2d(X, 2, 3, S), wf.ShapeError, "the sizes of space must be numbers"),
    (
        lambda: layers.fractional_max_pool2d(wf.zeros((1, 1, 4, 9)), 2, 4, S),
        wf.ShapeError,
        "4 windows of 2 need 5 elements, and x has 4",
    ),
    (lambda: layers.fractional_max_pool2d(wf.zeros((1, 1, 9, 9)), 2, 1.5, S), wf.ArgumentError, "output_shape is one"),
    (
        lambda: layers.fractional_max_pool2d(wf.zeros((1, 1, 9, 9)), 2, 3, wf.zeros((1, 1, 3))),
        wf.ShapeError,
        r"the draws have shape \(1, 1, 3\), and \(1, 1, 2\) is needed",
    ),
    (
        lambda: layers.fractional_max_pool2d(wf.zeros((1, 1, 9, 9)), 2, 3, "no"),
        wf.ArgumentError,
        "rng is a random.Stream",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert any("test_pooling.py" in note for note in caught.value.__notes__)
