"""x[key], take, index_set and index_add against NumPy, on random keys, and by finite differences."""

import itertools
import random

import numpy as np
import pytest

import weft
from weft.ops.coerce import as_expr
from weft.ops.creation import arange
from weft.ops.gather import Gather, ScatterAdd, ScatterSet
from weft.ops.indexing import index_add, index_set, take, take_along_axis
from weft.ops.reduce import argmax
from weft.symbolic.dims import SymDim
from weft.symbolic.errors import DTypeError, IndexRangeError, ShapeError, WeftError
from weft.symbolic.evaluate import bind_sizes, evaluate
from weft.symbolic.expr import apply
from weft.symbolic.grad import grad
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor

from ..numeric import check_gradients

RNG = np.random.default_rng(3)


def random_item(dice, n):
    kind = dice.randrange(8)
    if kind == 0:
        return dice.randrange(-n, n)
    if kind < 4:
        bounds = [dice.choice([None, *range(-n - 3, n + 4)]) for _ in range(2)]
        return slice(*bounds, dice.choice([None, 1, 2, 3, -1, -2, -3]))
    if kind == 4:
        return None
    if kind == 5:
        return np.array([dice.randrange(2) == 0 for _ in range(n)])
    if kind == 6:
        return [dice.randrange(-n, n) for _ in range(3)]
    return np.array([[dice.randrange(-n, n)] for _ in range(2)])


def random_key(dice, shape):
    """Items for some of the axes, with at most one mask (two would have to agree in what they pick), and `...`."""
    key, axis, masks = [], 0, 0
    while axis < len(shape) and dice.random() < 0.85:
        item = random_item(dice, shape[axis])
        if isinstance(item, np.ndarray) and item.dtype == bool:
            masks += 1
            if masks > 1 or item.sum() not in (0, 1, 3):
                continue
        key.append(item)
        axis += item is not None
    if dice.random() < 0.3:
        key.append(...)
    return tuple(key)


def numpys(array, key):
    try:
        return array[key]
    except IndexError:  # arrays that do not broadcast
        return None


@pytest.mark.parametrize("symbolic", [False, True])
def test_random_keys(symbolic):
    dice = random.Random(7)
    for _ in range(40 if symbolic else 120):
        shape = tuple(dice.randrange(1, 6) for _ in range(dice.randrange(1, 5)))
        xv = np.arange(float(np.prod(shape))).reshape(shape)
        key = random_key(dice, shape)
        x = tensor("x", [None] * len(shape) if symbolic else shape, "float64")
        expected = numpys(xv, key)
        if expected is None:
            with pytest.raises(WeftError):
                x[key]
            continue
        out, sizes = x[key], bind_sizes({x: xv.shape})
        told = tuple(d if isinstance(d, int) else d.value(sizes) for d in out.shape)
        if min(told, default=0) < 0:
            with pytest.raises(WeftError, match="less than 0"):
                evaluate(out, {x: xv})
            continue
        found = evaluate(out, {x: xv})
        np.testing.assert_array_equal(found, expected, err_msg=f"{shape} {key}")
        assert told == expected.shape, f"{shape} {key}"


def test_random_writes():
    dice = random.Random(8)
    for _ in range(80):
        shape = tuple(dice.randrange(1, 5) for _ in range(dice.randrange(1, 4)))
        xv = RNG.standard_normal(shape)
        key = random_key(dice, shape)
        expected = numpys(xv, key)
        if expected is None:
            continue
        x, v = tensor("x", shape, "float64"), np.asarray(RNG.standard_normal(expected.shape))
        written, added = xv.copy(), xv.copy()
        written[key] = v
        np.add.at(added, key, v)
        found = evaluate([index_set(x, key, v), index_add(x, key, v)], {x: xv})
        np.testing.assert_array_equal(found[0], written, err_msg=f"{shape} {key}")
        np.testing.assert_allclose(found[1], added, err_msg=f"{shape} {key}")


def test_expressions_as_indices():
    x, i, j = tensor("x", ("n", 4, 5)), tensor("i", ("m",), dtype="int32"), tensor("j", (), dtype="int64")
    xv = RNG.standard_normal((3, 4, 5)).astype(np.float32)
    values = {x: xv, i: np.array([0, -1, 2, 2]), j: np.array(-2)}
    iv, jv = values[i], values[j]
    cases = [
        (x[i], xv[iv]),
        (x[j], xv[jv]),
        (x[:, j], xv[:, jv]),
        (x[:, :, i], xv[:, :, iv]),
        (x[i, j], xv[iv, jv]),
        (x[i, :, j], xv[iv, :, jv]),
        (x[0, :, i], xv[0, :, iv]),
        (x[:, 0, i], xv[:, 0, iv]),
        (x[i, None, i], xv[iv, None, iv]),
        (x[..., j, None], xv[..., jv, None]),
        (x[i[:, None], i], xv[iv[:, None], iv]),
        (x[[0, j, 1]], xv[[0, int(jv), 1]]),
        (x[j - 1 :: 1] if False else x[j:j] if False else x[constant(1)], xv[1]),
        (x[x.shape[0] // 2 :], xv[1:]),
        (x[as_expr(x.shape[0] - 2) :, constant(1) : constant(np.int8(-1))], xv[1:, 1:-1]),
        (x[:, constant(-2) :: constant(-2)], xv[:, -2::-2]),
        (x[: x.shape[0] - 1, ::-1], xv[:2, ::-1]),
        (x[np.array([True, False, True])], xv[[True, False, True]]),
        (x[:, np.ones((4, 5), bool)], xv[:, np.ones((4, 5), bool)]),
    ]
    for out, expected in cases:
        np.testing.assert_array_equal(evaluate(out, values), expected)
    assert x[i].shape == (SymDim("m"), 4, 5)
    assert x[:, j].shape == (SymDim("n"), 5)
    assert x[i, :, j].shape == (SymDim("m"), 4)


def test_sizes_of_symbolic_slices():
    x = tensor("x", ("n",))
    texts = [
        (slice(1, None), "n - 1"),
        (slice(None, -1), "n - 1"),
        (slice(2, -2), "n - 4"),
        (slice(None, None, -1), "n"),
        (slice(None, None, 2), "floor(n/2 + 1/2)"),
        (slice(1, None, 2), "floor(n/2)"),
        (slice(None, 5), "Min(5, n)"),
        (slice(-5, None), "Min(5, n)"),
        (slice(None, SymDim("n") // 2), "floor(n/2)"),
        (slice(0, 0), "0"),
    ]
    for key, text in texts:
        assert str(x[key].shape[0]) == text, key
    assert x[:] is x
    assert x[...] is x


def test_no_key_and_empty_axes():
    x, e = tensor("x", (2, 3), "float64"), tensor("e", (0, 3), "float64")
    assert x[()] is x
    none = constant(np.zeros((0,), np.int64))
    values = {x: np.ones((2, 3)), e: np.ones((0, 3))}
    assert evaluate(x[none], values).shape == x[[]].shape == (0, 3)
    assert evaluate(e[::-1, None], values).shape == (0, 1, 3)
    assert evaluate(e[:, [0, 2]], values).shape == (0, 2)
    assert evaluate(index_add(x, none, 1.0), values).tolist() == np.ones((2, 3)).tolist()


GRADIENTS = {
    "slice": (lambda x: x[1:, ::-2], (4, 5)),
    "array": (lambda x: x[[0, 2, 0, -1]], (4, 3)),
    "two arrays": (lambda x: x[[0, 2, 0], :, [1, 1, 1]], (3, 2, 2)),
    "array and slice": (lambda x: x[1:, [[0], [1]], None], (3, 2)),
    "take": (lambda x: take(x, [1, 1, 0], axis=-1), (2, 3)),
}


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients(case, symbolic):
    f, shape = GRADIENTS[case]
    check_gradients(lambda x: f(x) ** 3, [RNG.standard_normal(shape)], symbolic=symbolic)


KEYS = [(slice(1, None, 2),), ([0, 2, 0],), (slice(None), [1, 0, 1]), (0, slice(None), None), (slice(1, 3), [[0], [1]])]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("write", [index_set, index_add])
def test_gradients_of_writes(write, key):
    xv = RNG.standard_normal((4, 3))
    v = RNG.standard_normal(xv[key].shape)
    check_gradients(lambda x, v: write(x, key, v) ** 3, [xv, v])


def test_the_last_value_stays_and_has_the_gradient():
    x, v = tensor("x", (3,), "float64"), tensor("v", (4,), "float64")
    out = index_set(x, [1, 0, 1, 1], v)
    values = {x: np.zeros(3), v: np.arange(1.0, 5.0)}
    found = evaluate([out, *grad((out * np.array([10.0, 20.0, 30.0])).sum(), [x, v])], values)
    assert [f.tolist() for f in found] == [[2, 4, 0], [0, 0, 30], [0, 10, 0, 20]]


@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 4), (4, 1), (2, 3), (0, 2)])
def test_writes_over_each_other_and_their_gradients(shape):
    """Places that repeat, also as negative numbers, in index arrays of any shape: by a plain loop."""
    places, others = RNG.integers(-4, 4, shape), RNG.integers(-2, 2, shape)
    for key, sizes, one in (((places,), (4, 3), (3,)), ((places, others), (4, 2), ())):
        xv, vv, weights = (RNG.standard_normal(s) for s in (sizes, (*shape, *one), sizes))
        x, v = tensor("x", xv.shape, "float64"), tensor("v", vv.shape, "float64")
        out, last = xv.copy(), {}
        for place in np.ndindex(shape):
            where = tuple(int(k[place]) % n for k, n in zip(key, sizes, strict=False))
            out[where], last[where] = vv[place], place
        for_x, for_v = weights.copy(), np.zeros(vv.shape)
        for where, place in last.items():
            for_x[where], for_v[place] = 0, weights[where]
        written = index_set(x, key, v)
        found = evaluate([written, *grad((written * weights).sum(), [x, v])], {x: xv, v: vv})
        for one_, other in zip(found, (out, for_x, for_v), strict=True):
            np.testing.assert_array_equal(one_, other)


def test_slices_with_computed_bounds():
    """Every bound from beyond one end to beyond the other, computed or not, with every step: NumPy's elements."""
    xv, bounds = np.arange(5.0), (-7, -5, -1, 0, 2, 5, 7)
    x, i, j = tensor("x", (None,), "float64"), tensor("i", (), "int64"), tensor("j", (), "int64")
    for step in (1, 2, 3, -1, -2, -3):
        outputs = [x[i:j:step], x[i::step], x[:j:step], x[i:-2:step], x[1:j:step]]
        outputs += [index_set(x, slice(i, j, step), 9.0), grad((x[i:j:step] ** 2).sum(), x)]
        for a, b in itertools.product(bounds, bounds):
            keys = [
                slice(a, b, step),
                slice(a, None, step),
                slice(None, b, step),
                slice(a, -2, step),
                slice(1, b, step),
            ]
            right = [xv[key] for key in keys] + [xv.copy(), np.zeros(5)]
            right[-2][keys[0]], right[-1][keys[0]] = 9.0, 2 * xv[keys[0]]
            for found, wanted in zip(evaluate(outputs, {x: xv, i: a, j: b}), right, strict=True):
                np.testing.assert_array_equal(found, wanted, err_msg=f"{a}:{b}:{step}")


COMPUTED = {
    "behind a number": lambda i, j: (1, slice(i, j)),
    "behind a new axis": lambda i, j: (None, slice(i, j), 0),
    "behind an ellipsis": lambda i, j: (..., slice(i, j)),
    "between": lambda i, j: (0, ..., slice(i, j), 1),
    "between, with new axes": lambda i, j: (None, 0, ..., None, slice(i, None), slice(None), None),
    "before": lambda i, j: (slice(i, j), ..., None, 1),
    "behind a mask": lambda i, j: (np.eye(4, 3, dtype=bool), slice(i, j)),
    "behind a list that is a mask": lambda i, j: ([[True, False, True]] + [[False] * 3] * 3, slice(i, j)),
    "behind places": lambda i, j: ([0, 3, 0], slice(i, j)),
    "before places": lambda i, j: (slice(i, j), [[0], [2]], slice(None, None, 2)),
    "two": lambda i, j: (slice(i, j), slice(None, i), 2),
    "two and an ellipsis": lambda i, j: (slice(j), ..., slice(None, i, -1)),
    "backwards": lambda i, j: (slice(None), slice(j, i, -1)),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_computed_bounds_among_other_items(name):
    key, xv = COMPUTED[name], RNG.standard_normal((4, 3, 5))
    x, i, j = tensor("x", xv.shape, "float64"), tensor("i", (), "int64"), tensor("j", (), "int8")
    out = x[key(i, j)]
    outputs = [out, index_set(x, key(i, j), 7.0), index_add(x, key(i, j), 0.5), grad((out**2).sum(), x)]
    for bounds in ((1, 3), (0, -1), (-2, 2)):
        right, numbers = [xv[key(*bounds)], xv.copy(), xv.copy(), np.zeros_like(xv)], key(*bounds)
        right[1][numbers] = 7.0
        np.add.at(right[2], numbers, 0.5)
        np.add.at(right[3], numbers, 2 * right[0])
        for found, wanted in zip(evaluate(outputs, {x: xv, i: bounds[0], j: bounds[1]}), right, strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, err_msg=str(bounds))


def test_writes_broadcast_and_keep_the_dtype():
    x = tensor("x", (2, 3), "float32")
    xv = np.zeros((2, 3), np.float32)
    out = index_set(x, (slice(None), 1), 2.5)
    assert out.dtype == np.float32
    assert evaluate(out, {x: xv}).tolist() == [[0, 2.5, 0]] * 2
    k = tensor("k", (4,), "int8")
    assert evaluate(index_add(k, [1, 1], 3), {k: np.zeros(4)}).tolist() == [0, 6, 0, 0]
    with pytest.raises(DTypeError, match="index_set: the value is float32, and x is int8"):
        index_set(k, 0, 2.5)
    with pytest.raises(ShapeError, match=r"index_set: a value of shape \(2, 3\) does not fit where the key"):
        index_set(x, 0, np.ones((2, 3)))
    with pytest.raises(ShapeError, match="index_add: a value of shape"):
        index_add(x, 0, np.ones(2))


def test_mask_expressions_write():
    x, xv = tensor("x", (3, 2), "float64"), RNG.standard_normal((3, 2))
    row = np.array([7.0, 8.0])
    found = evaluate([index_set(x, x > 0, 0), index_add(x, x[:, 0] > 0, row)], {x: xv})
    np.testing.assert_array_equal(found[0], np.where(xv > 0, 0, xv))
    np.testing.assert_array_equal(found[1], np.where(xv[:, :1] > 0, xv + row, xv))
    count = int((xv > 0).sum())
    found = evaluate(index_set(x, x > 0, np.arange(count) + 10.0), {x: xv})
    expected = xv.copy()
    expected[xv > 0] = np.arange(count) + 10.0
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ShapeError, match="more axes than x"):
        index_set(x[0], x > 0, 0)


def test_take():
    x, i = tensor("x", (3, 4, 2)), tensor("i", (2, 2), dtype="uint8")
    xv, iv = RNG.standard_normal((3, 4, 2)).astype(np.float32), np.array([[0, 1], [1, 0]], np.uint8)
    for axis in (None, 0, 1, 2, -1):
        np.testing.assert_array_equal(evaluate(take(x, i, axis), {x: xv, i: iv}), np.take(xv, iv, axis))
    np.testing.assert_array_equal(evaluate(x.take(-1, axis=1), {x: xv}), xv[:, -1])
    with pytest.raises(DTypeError, match="The indices of take must be integers, not float32"):
        take(x, x)


@pytest.mark.parametrize("shape", [(3, 4, 2), (None, None, None)])
def test_take_along_axis(shape):
    x, xv = tensor("x", shape), RNG.standard_normal((3, 4, 2)).astype(np.float32)
    for axis in (0, 1, -1):
        place = argmax(x, axis=axis, keepdims=True)
        np.testing.assert_array_equal(evaluate(take_along_axis(x, place, axis), {x: xv}), xv.max(axis, keepdims=True))
        wanted = np.argsort(xv, axis)
        i = tensor("i", shape, dtype="int64")
        expected = np.take_along_axis(xv, wanted, axis)
        np.testing.assert_array_equal(evaluate(take_along_axis(x, i, axis), {x: xv, i: wanted}), expected)
    line, order = tensor("line", shape[:1]), np.array([2, -1, 0, 0])
    for axis in (0, -1, None):
        np.testing.assert_array_equal(
            evaluate(take_along_axis(line, order, axis), {line: xv[:, 0, 0]}), xv[:, 0, 0][order]
        )
    flat = constant(np.array([5, 0]))
    np.testing.assert_array_equal(evaluate(take_along_axis(x, flat, None), {x: xv}), xv.ravel()[[5, 0]])
    with pytest.raises(ShapeError, match="need as many axes as x"):
        take_along_axis(x, flat, 0)


X, I = tensor("x", (10, 4)), tensor("i", (3,), dtype="int64")
MISTAKES = [
    (lambda: X[12], IndexRangeError, "index 12 is out of range for axis 0 with size 10"),
    (lambda: X[:, -5], IndexRangeError, "index -5 is out of range for axis 1 with size 4"),
    (lambda: X[[0, 10]], IndexRangeError, "index 10 is out of range for axis 0 with size 10"),
    (lambda: X[0, 0, 0], IndexRangeError, r"3 axes are indexed, and the expression has 2: its shape is \(10, 4\)"),
    (lambda: X[..., ...], IndexRangeError, "only one ellipsis"),
    (lambda: X[1.5], DTypeError, "not of float32"),
    (lambda: X["a"], DTypeError, "str"),
    (lambda: X[True], DTypeError, "An index is a number, a slice, None, ... or an array of integers, not of bool"),
    (lambda: X[np.ones(9, bool)], IndexRangeError, "The mask has size 9 along axis 0 of the expression, .* size 10"),
    (lambda: X[:I], DTypeError, "The bounds of a slice are whole numbers, and this is int64"),
    (lambda: X[::0], ShapeError, "The step of a slice is a number other than 0"),
    (lambda: X["a":], DTypeError, "The bounds of a slice are integers, sizes or None, not 'a'"),
    (lambda: X[[0, 1], I], ShapeError, r"The index arrays have shapes \(2,\) and \(3,\), which do not broadcast"),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text) as caught:
        call()
    assert any("test_indexing.py" in note for note in caught.value.__notes__)


def test_a_fixed_number_of_elements_from_a_computed_place():
    xv = np.arange(40.0).reshape(10, 4)
    found = evaluate(X[I[0] + arange(5)], {X: xv, I: np.array([2, 0, 0])})
    np.testing.assert_array_equal(found, xv[2:7])


@pytest.mark.parametrize("bad", [10, -11])
def test_out_of_range_when_it_runs(bad):
    v = tensor("v", (3, 4))
    values = {X: np.zeros((10, 4)), I: np.array([0, bad, 99]), v: np.zeros((3, 4))}
    text = f"index {bad} is out of range for axis 0 with size 10"
    for out in (X[I], index_add(X, I, v), index_set(X, I, v)):
        with pytest.raises(IndexError, match=text):
            evaluate(out, values)
    for op, args in itertools.product((ScatterAdd((1,)), ScatterSet((1,))), [(np.zeros((2, 4)), np.zeros((1, 2)))]):
        with pytest.raises(IndexError, match="index 4 is out of range for axis 1 with size 4"):
            op.numpy(*args, np.array([4]))


def test_ops_check_their_arguments():
    with pytest.raises(DTypeError, match="int64"):
        apply(Gather((0,)), X, tensor("i", (3,), dtype="int32"))
    with pytest.raises(ShapeError, match="index arrays for axes"):
        apply(Gather((0, 1)), X, I)
    with pytest.raises(ShapeError, match=r"the values have shape \(3,\), and \(3, 4\) is needed"):
        apply(ScatterAdd((0,)), X, tensor("v", (3,)), I)
    with pytest.raises(DTypeError, match="the values are float64, and x is float32"):
        apply(ScatterSet((0,)), X, tensor("v", (3, 4), "float64"), I)


@pytest.mark.parametrize(
    "key",
    [
        (slice(2, -1), [0, 2], Ellipsis, -3),
        ([0, 2], Ellipsis, [0, 1], 1),
        (0, Ellipsis, [1, 2], slice(None)),
        ([0, 1], [0, 1], [0, 1], Ellipsis),
        (Ellipsis, [0, 1], [0, 1], [0, 1]),
        (None, [0, 1], Ellipsis, 1, [1, 0]),
        ([0, 1], None, Ellipsis, 0, slice(None)),
    ],
    ids=str,
)
def test_an_ellipsis_for_no_axis_parts_its_sides(key):
    data = np.arange(60.0).reshape(5, 4, 3)
    x = tensor("x", data.shape, "float64")
    right = data[key]
    found = evaluate(x[key], {x: data})
    assert found.shape == right.shape
    np.testing.assert_array_equal(found, right)
    written, value = data.copy(), RNG.normal(size=right.shape)
    written[key] = value
    np.testing.assert_array_equal(evaluate(index_set(x, key, value), {x: data}), written)


@pytest.mark.parametrize("step", [1, -1])
def test_the_last_of_those_that_meet_stays(step):
    """Also where all stands backwards in memory, which NumPy would follow."""
    x, v = np.zeros((2, 2), "float32"), np.arange(6, dtype="float32")[::step]
    rows, columns = np.array([0, 1, 0, 1, 1, 0])[::step], np.array([1, 0, 1, 1, 0, 0])[::step]
    wanted = x.copy()
    for row, column, value in zip(rows, columns, v, strict=True):
        wanted[row, column] = value
    operands = [tensor("x", (2, 2)), tensor("v", (6,)), tensor("i", (6,), "int64"), tensor("j", (6,), "int64")]
    node = apply(ScatterSet((0, 1)), *operands)
    np.testing.assert_array_equal(ScatterSet((0, 1)).numpy(x, v, rows, columns), wanted)
    np.testing.assert_array_equal(weft.function(operands, node)(x, v, rows, columns), wanted)
