"""Arrays made of nothing but a shape, against NumPy: numbers, sizes that a call knows, and values of the graph."""

import itertools

import numpy as np
import pytest

import weft as wf

RANGES = [
    (start, stop, step)
    for start, stop, step in itertools.product((0, 3, -2, 0.5), (0, 7, -5, 2.25), (1, 3, -1, -2, 0.25, -1.5))
]


def test_ranges_of_numbers():
    for start, stop, step in RANGES:
        found, wanted = wf.evaluate(wf.arange(start, stop, step)), np.arange(start, stop, step)
        assert found.dtype == (np.int64 if wanted.dtype.kind == "i" else np.float32)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=f"{start}, {stop}, {step}")
        for kind in ("int8", "float16", "float64"):
            y = wf.arange(start, stop, step, kind)
            assert y.dtype == kind
            np.testing.assert_array_equal(wf.evaluate(y), wanted.astype(kind))


def test_ranges_of_values():
    """Any of the three may be a scalar of the graph; whole numbers and floats meet as numbers do."""
    i, x = wf.scalar("i", dtype="int32"), wf.scalar("x", dtype="float64")
    for place, (start, stop, step) in itertools.product(range(3), RANGES):
        args: list = [start, stop, step]
        node = i if isinstance(args[place], int) else x
        given, args[place] = {node: args[place]}, node
        wanted = np.arange(start, stop, step)
        found = wf.evaluate(wf.arange(*args), given)
        assert found.dtype.kind == wanted.dtype.kind
        np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=f"{start}, {stop}, {step}, {place}")


def test_ranges_of_sizes():
    x, n = wf.vector("x", ("n",)), 5
    size = x.shape[0]
    ranges = [
        ((size,), (n,)),
        ((2, size), (2, n)),
        ((size, 2 * size), (n, 2 * n)),
        ((0, size, 2), (0, n, 2)),
        ((1, size, 3), (1, n, 3)),
        ((size, 0, -1), (n, 0, -1)),
        ((size, 0, -2), (n, 0, -2)),
        ((2 * size, size - 1, -3), (2 * n, n - 1, -3)),
        ((0, size, 0.5), (0, n, 0.5)),
        ((size, 0, -0.75), (n, 0, -0.75)),
    ]
    outputs = [wf.arange(*args) for args, _ in ranges]
    found = wf.evaluate(outputs, {x: np.zeros(n)})
    for one, (args, numbers) in zip(found, ranges, strict=True):
        np.testing.assert_array_equal(one, np.arange(*numbers), err_msg=str(args))
    assert outputs[0].shape == (size,)
    assert outputs[1].shape == (size - 2,)


def test_diagonals():
    x = wf.tensor("x", ("n", "m"))
    for (n, m), k in itertools.product(((3, 3), (2, 5), (4, 1), (0, 2), (3, 0)), range(-5, 6)):
        wanted = np.eye(n, m, k, "int8")
        for sizes in ((n, m), x.shape):
            found = wf.evaluate(wf.eye(*sizes, k, "int8"), {x: np.zeros((n, m))})
            assert found.dtype == np.int8
            np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(wf.evaluate(wf.eye(x.shape[1]), {x: np.zeros((2, 3))}), np.eye(3))


def test_classes_and_what_is_none():
    labels = np.array([[0, 2, 1], [2, 1, 0]])
    for kind, classes in (("int64", 3), ("int8", 3), ("uint8", 300), ("int8", 300)):
        for dtype in (None, "bool", "float64"):
            y = wf.one_hot(wf.constant(labels.astype(kind)), classes, dtype)
            assert (y.dtype, y.shape) == (dtype or "float32", (*labels.shape, classes))
            np.testing.assert_array_equal(wf.evaluate(y), labels[..., None] == np.arange(classes))


def test_labels_that_are_no_classes():
    labels = wf.vector("labels", ("n",), "int64")
    y = wf.one_hot(labels, 3)
    f = wf.function([labels], y)
    np.testing.assert_array_equal(f([2, 0]), np.eye(3)[[2, 0]])
    for wrong in (3, -1, 2**40):
        for call in (lambda w=wrong: f([0, w]), lambda w=wrong: wf.evaluate(y, {labels: [0, w]})):
            with pytest.raises(wf.IndexRangeError, match=f"label {wrong} is out of range for 3 classes.") as caught:
                call()
            assert "y = wf.one_hot(labels, 3)    <- here" in "".join(caught.value.__notes__)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 1, 4)])
def test_counting_along_any_axis(shape):
    for axis in range(-len(shape), len(shape)):
        line = [1] * len(shape)
        line[axis] = -1
        wanted = np.broadcast_to(np.arange(shape[axis]).reshape(line), shape)
        for kind in ("int64", "uint8", "float32"):
            found = wf.evaluate(wf.iota(shape, axis, kind))
            assert found.dtype == kind
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("kind", ["bool", "int8", "uint64", "float16", "float64"])
def test_the_same_everywhere(kind):
    x, s = wf.tensor("x", ("n", 2), kind), wf.scalar("s", dtype="float64")
    given = {x: np.ones((3, 2), kind), s: np.array(0.25)}
    cases = [
        (wf.zeros(x.shape, kind), np.zeros((3, 2), kind)),
        (wf.ones((2, x.shape[0]), kind), np.ones((2, 3), kind)),
        (wf.zeros_like(x), np.zeros((3, 2), kind)),
        (wf.ones_like(x), np.ones((3, 2), kind)),
        (wf.zeros_like(x, "int16"), np.zeros((3, 2), "int16")),
        (wf.ones_like(x, "float32"), np.ones((3, 2), "float32")),
        (wf.full_like(x, 1), np.ones((3, 2), kind)),
        (wf.full_like(x, 3, "int32"), np.full((3, 2), 3, "int32")),
        (wf.full((2,), 1, kind), np.ones(2, kind)),
        (wf.full(3, s), np.full(3, 0.25)),
        (wf.full((), s, "float16"), np.full((), 0.25, "float16")),
        (wf.full((2, 2), x[0]), np.ones((2, 2), kind)),
        (wf.full((2,), 7), np.full(2, 7)),
        (wf.full((2,), True), np.full(2, True)),
        (wf.full((2,), 0.5), np.full(2, 0.5, "float32")),
        (wf.zeros((2,)), np.zeros(2, "float32")),
        (wf.zeros_like(2), np.zeros((), "int64")),
    ]
    for found, (y, wanted) in zip(wf.evaluate([y for y, _ in cases], given), cases, strict=True):
        assert found.dtype == y.dtype == wanted.dtype
        assert found.shape == wanted.shape
        np.testing.assert_array_equal(found, wanted)
    with wf.config(float_dtype="float64"):
        assert {f.dtype.name for f in (wf.zeros(2), wf.ones(2), wf.full(2, 0.5), wf.eye(2), wf.arange(0.5, 2))} == {
            "float64"
        }
