"""Sizes that are values: axes as long as a number in the graph says, slices with computed bounds, masks, nonzero."""

import pickle

import numpy as np
import pytest

import weft as wf
from weft.ops.movement import Slice
from weft.symbolic.dims import SymDim
from weft.symbolic.evaluate import evaluate
from weft.symbolic.sizes import value_dim

A = np.random.default_rng(0).normal(size=(7, 5)).astype("float32")


@pytest.fixture
def n():
    return wf.scalar("n", dtype="int32")


def test_arithmetic_over_sizes_is_a_size(n):
    x = wf.matrix("x", ("rows", 3))
    rows = wf.symbolic.leaves.size(x.shape[0])
    assert value_dim(rows * 2 + 1) == 2 * SymDim("rows") + 1
    assert value_dim(wf.constant(5)) == 5
    assert isinstance(value_dim(n), SymDim)
    assert value_dim(n) == value_dim(n)
    assert value_dim(n + 1) == value_dim(n + 1)


@pytest.mark.parametrize(("value", "what"), [(wf.scalar("f"), "float32"), (wf.vector("v", dtype="int64"), "int64")])
def test_only_whole_scalars_are_sizes(value, what):
    with pytest.raises(wf.ShapeError, match=f"A size is a whole number, and this expression is {what}"):
        wf.zeros((value, 2))


def test_a_value_is_a_size(n):
    f = wf.function([n], [wf.zeros((n, 3)) + n, wf.arange(n), wf.arange(n, 0, -2)])
    for count in (0, 1, 4, 2):
        ones, up, down = f(count)
        np.testing.assert_array_equal(ones, np.full((count, 3), count))
        np.testing.assert_array_equal(up, np.arange(count))
        np.testing.assert_array_equal(down, np.arange(count, 0, -2))


def test_a_negative_size_names_the_line(n):
    f = wf.function([n], wf.zeros((n,)))
    with pytest.raises(wf.ShapeError, match="computed to be -2, which is less than 0") as caught:
        f(-2)
    assert "test_sizes.py" in caught.value.__notes__[0]
    np.testing.assert_array_equal(f(2), np.zeros(2))


def test_an_input_that_is_only_a_size_is_used(n):
    x = wf.vector("x")
    assert wf.function([x], wf.zeros_like(x))(np.ones(3, "float32")).shape == (3,)
    with pytest.raises(wf.ArgumentError, match="depend on 'n', which is not among the inputs"):
        wf.function([], wf.zeros((n,)))


def test_the_reference_computes_them_too(n):
    np.testing.assert_array_equal(wf.evaluate(wf.ones((n, 2)) * n, {n: 3}), np.full((3, 2), 3))


KEYS = ["x[i:j]", "x[i:]", "x[:j]", "x[:, i:j]", "x[i:j:2, 1:3]", "x[..., i:j]", "x[i:j, None, i:j]", "x[j:i:-1]"]


@pytest.mark.parametrize("key", [*KEYS, "x[i:j, 2]", "x[i::3]"])
def test_slices_with_computed_bounds(key):
    x, i, j = wf.matrix("x"), wf.scalar("i", dtype="int64"), wf.scalar("j", dtype="int64")
    f = wf.function([x, i, j], eval(key), on_unused_input="ignore")
    for first, last in [(0, 3), (2, 5), (-3, 100), (5, 2), (6, 6), (-100, -1)]:
        expected = eval(key, {"x": A, "i": first, "j": last})
        found = f(A, first, last)
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def test_sizes_computed_from_arrays():
    x = wf.vector("x", ("n",))
    table, rows = wf.constant(np.array([2, 3])), wf.symbolic.leaves.size(x.shape[0])
    for size, count in ((table.sum() + rows, 9), (table[1] * 2, 6), (wf.max(rows + table), 7), (rows // table[0], 2)):
        assert wf.evaluate(wf.ones((size,)).sum(), {x: np.ones(4)}) == count


def test_a_bound_that_no_size_tells():
    """Two rows from a computed one on: where they begin is in no shape."""
    x, i = wf.tensor("x", (7, 5)), wf.scalar("i", dtype="int64")
    rows = wf.apply(Slice((wf.symbolic.sizes.value_dim(i), 0), (1, 2), (2, 3)), x)
    for first in (0, 2, 5):
        np.testing.assert_array_equal(wf.evaluate(rows, {x: A, i: first}), A[first : first + 2, ::2])


def test_computed_slices_write_and_have_gradients():
    x, i, j = wf.matrix("x"), wf.scalar("i", dtype="int64"), wf.scalar("j", dtype="int64")
    outputs = [
        wf.index_set(x, (slice(i, j), 1), 7.0),
        wf.index_add(x, slice(i, j), x[i:j]),
        wf.grad((x[i:j] ** 2).sum(), x),
    ]
    f = wf.function([x, i, j], outputs)
    for first, last in [(1, 3), (0, 7), (4, 4), (-2, 50)]:
        written, added, gradient = f(A, first, last)
        expected = A.copy()
        expected[first:last, 1] = 7
        np.testing.assert_array_equal(written, expected)
        expected = A.copy()
        expected[first:last] *= 2
        np.testing.assert_array_equal(added, expected)
        expected = np.zeros_like(A)
        expected[first:last] = 2 * A[first:last]
        np.testing.assert_array_equal(gradient, expected)


def test_bounds_must_be_whole_scalars():
    x, v = wf.matrix("x"), wf.vector("v", dtype="int64")
    with pytest.raises(wf.DTypeError, match="The bounds of a slice are whole numbers"):
        x[v:]
    with pytest.raises(wf.DTypeError, match="The bounds of a slice are whole numbers"):
        x[: wf.scalar("f")]


@pytest.mark.parametrize("values", [A, -np.abs(A), np.abs(A), np.zeros((0, 5), "float32"), A[:1, :1]])
def test_masks_and_nonzero(values):
    x = wf.matrix("x")
    mask = x > 0
    outputs = [x[mask], wf.index_set(x, mask, x[mask] * 2), wf.grad((x[mask] ** 2).sum(), x), *wf.nonzero(mask)]
    kept, doubled, gradient, rows, columns = wf.function([x], outputs)(values)
    np.testing.assert_array_equal(kept, values[values > 0])
    np.testing.assert_array_equal(doubled, np.where(values > 0, values * 2, values))
    np.testing.assert_array_equal(gradient, np.where(values > 0, 2 * values, 0))
    for found, expected in zip((rows, columns), np.nonzero(values > 0), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_nonzero_of_nan_and_whole_numbers():
    v = wf.vector("v", dtype="float64")
    (places,) = wf.function([v], list(wf.nonzero(v)))(np.array([0.0, np.nan, -0.0, np.inf, 2.0]))
    np.testing.assert_array_equal(places, [1, 3, 4])
    with pytest.raises(wf.ShapeError, match="a scalar has no axes"):
        wf.nonzero(wf.scalar("s"))


def test_a_mask_of_part_of_the_axes():
    x, m = wf.matrix("x"), wf.vector("m", dtype="bool")
    f = wf.function([x, m], [x[m], x[m, 1:3], x[:, m[:5]]])
    for mask in (np.arange(7) % 2 == 0, np.zeros(7, bool)):
        for found, expected in zip(f(A, mask), [A[mask], A[mask, 1:3], A[:, mask[:5]]], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_loop_as_long_as_a_value(n):
    _, powers = wf.scan(lambda c, _: (c * 2, c), wf.constant(1.0), length=n)
    f = wf.function([n], [powers, powers.sum()])
    for count in (0, 1, 5):
        np.testing.assert_array_equal(f(count)[0], 2.0 ** np.arange(count))
    x = wf.scalar("x", dtype="float64")
    last, _ = wf.scan(lambda c, _: (c * x, None), wf.ones_like(x), length=n)
    g = wf.function([x, n], wf.grad(last, x))
    np.testing.assert_allclose([g(1.5, k) for k in (0, 1, 4)], [0, 1, 4 * 1.5**3])


def test_givens_take_their_sizes_along(n):
    x = wf.matrix("x")
    data = wf.shared(A, "data", shape=(None, None))
    outputs = [wf.grad((x**2).sum(), x), wf.zeros_like(x), x.shape[0] * 1, wf.reshape(x, (-1,))]
    f = wf.function([n], outputs, givens={x: data[n : n + 3]})
    for first in (0, 2, 6):
        part = A[first : first + 3]
        for found, expected in zip(f(first), [2 * part, 0 * part, len(part), part.ravel()], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_givens_inside_of_loops_take_their_sizes_along():
    x = wf.matrix("x")
    _, sums = wf.scan(lambda c, row: (c + row, c.sum() + wf.zeros_like(row).sum()), wf.zeros((x.shape[1],)), x)
    f = wf.function([], sums, givens={x: wf.constant(A)[:4]})
    np.testing.assert_allclose(f(), np.concatenate([[0], A[:3].sum(1).cumsum()]), rtol=1e-6)


def test_sizes_of_a_shared_variable_without_its_values():
    s = wf.shared(np.ones((2, 3)), "s", shape=(None, None))
    f = wf.function([], [wf.zeros_like(s), wf.arange(s.shape[0] + s.shape[1])])
    assert [v.shape for v in f()] == [(2, 3), (5,)]
    s.set_value(np.ones((4, 1)))
    assert [v.shape for v in f()] == [(4, 1), (5,)]
    del s
    assert f()[0].shape == (4, 1)


def test_they_travel(n):
    s = wf.shared(np.ones((2, 3)), "s", shape=(None, None))
    z, w = pickle.loads(pickle.dumps((wf.zeros((n, 2)) + n, wf.zeros_like(s))))
    (theirs,) = wf.Graph((), (z,)).free_inputs
    assert wf.function([theirs], z)(3).shape == (3, 2)
    assert wf.function([], w)().shape == (2, 3)


def test_they_are_written_as_python(n):
    x = wf.vector("x", dtype="float64")
    s = wf.shared(np.ones((2, 3)), "s", shape=(None, "columns"))
    y = wf.zeros((n, 2)) + n
    z = wf.zeros_like(s[:, :1]) + s.sum() + x[: n + 1].sum()
    names = {}
    exec(wf.to_python([y, z, x[x > 0]]), names)
    graph = wf.Graph((), tuple(names["outputs"]))
    theirs = {i.name: i for i in wf.Graph((), (*graph.outputs, *graph.sources.values())).free_inputs}
    rebuilt = wf.function([theirs["n"], theirs["x"]], names["outputs"])
    original = wf.function([n, x], [y, z, x[x > 0]])
    for found, expected in zip(rebuilt(1, [1.0, -2, 3]), original(1, [1.0, -2, 3]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_size_in_a_loop_must_not_change_from_step_to_step():
    with pytest.raises(wf.ShapeError, match="changes from step to step"):
        wf.scan(lambda c, i: (c + wf.arange(i).sum(), None), wf.constant(np.int64(0)), wf.arange(4))


def wrapping(n, kind):
    return {
        "cast": lambda: wf.cast(n, "int8") + 20,
        "unsigned": lambda: wf.cast(n, "uint8"),
        "there and back": lambda: wf.cast(wf.cast(n, "uint8"), "int64"),
        "numbers": lambda: wf.cast(n, "uint8") + wf.constant(np.uint8(100)),
    }[kind]()


@pytest.mark.parametrize("kind", ["cast", "unsigned", "there and back", "numbers"])
def test_a_size_in_a_small_integer_wraps(kind):
    x = wf.vector("x", dtype="float64")
    count = wrapping(wf.symbolic.leaves.size(x.shape[0]), kind)
    f = wf.function([x], [count, wf.ones((count,)).sum()])
    for length in (3, 300):
        value, ones = f(np.ones(length))
        assert value == ones, length


def test_a_size_that_another_input_has_too_is_kept_where_one_is_replaced():
    x, z, a = wf.vector("x", ("n",)), wf.vector("z", ("n",)), wf.vector("a", (5,))
    f = wf.function([a, z], x.sum() + wf.symbolic.leaves.size(x.shape[0]) + z.sum(), givens={x: a})
    ones = [np.ones(k, dtype=x.dtype) for k in (5, 3)]
    assert f(ones[0], ones[0]) == 15
    with pytest.raises(wf.GuardError, match="5"):
        f(*ones)


@pytest.mark.parametrize("count", [-1, -2])
def test_values_alone_have_no_negative_sizes_either(n, count):
    with pytest.raises(wf.ShapeError, match=f"computed to be {count}, which is less than 0"):
        evaluate(wf.zeros((n,)).sum(), {n: np.int32(count)})


@pytest.mark.parametrize("control", ["loop", "branch"])
def test_bodies_read_arrays_whose_sizes_are_arithmetic(control):
    x = wf.vector("x", ("n",), "float64")
    both = wf.concatenate([x, x[1:]])  # of 2 n - 1 elements: no array of the body has n
    if control == "loop":
        last, _ = wf.scan(lambda h, _: (h + both, h.sum()), both * 0, wf.arange(3))
    else:
        last = wf.cond(x[0] > 0, lambda: both * 3, lambda: both)
    for values in ([1.0, 2.0, 4.0], [1.0]):
        wanted = 3 * np.concatenate([values, values[1:]])
        np.testing.assert_array_equal(wf.evaluate(last, {x: values}), wanted)
        np.testing.assert_array_equal(wf.function([x], last)(values), wanted)
