"""Small programs at values at which a rule that fires too often shows: optimised or not, they give what NumPy gives."""

import numpy as np
import pytest

import weft as wf

INF, NAN = np.inf, np.nan


def _both(inputs, out, *values):
    found = [wf.function(inputs, out, optimize=level, on_unused_input="ignore")(*values) for level in (0, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    return found[1]


def test_sums_of_powers_of_nothing_and_of_infinities():
    x = wf.matrix("x", ("n", "m"), "float64")
    log = wf.log(wf.exp(x).sum(1))
    assert _both([x], log, np.zeros((2, 0))).tolist() == [-INF, -INF]
    rows = np.array([[-INF, -INF], [INF, 1]])
    assert _both([x], log, rows).tolist() == [-INF, INF]
    assert _both([x], wf.logsumexp(x, 1), rows).tolist() == [-INF, INF]


def test_a_maximum_of_repeated_rows_needs_a_row():
    x, s = wf.vector("x", (3,)), wf.vector("s", ("n",))
    largest = wf.max(wf.broadcast_to(x, (s.shape[0], 3)), 0)
    for level in (0, 2):
        f = wf.function([x, s], largest, optimize=level)
        with pytest.raises(wf.ShapeError):
            f(np.ones(3, "f4"), np.ones(0, "f4"))


def test_integers_wrap_and_do_not_fit():
    j, i = wf.vector("j", ("n",), "int8"), wf.vector("i", ("n",), "int64")
    edge = np.array([-128, 3], "i1")
    assert _both([j], wf.max(-j), edge) == -3
    assert _both([j], wf.abs(wf.cast(j * j, "float64")), np.array([-128, 12], "i1")).tolist() == [0, 112]
    assert _both([j], wf.abs(wf.cast(wf.abs(j), "float64")), edge).tolist() == [128, 3]
    big = np.array([2**53 + 1])
    assert _both([i], wf.cast(wf.cast(i, "float64"), "int64"), big).tolist() == [2**53]


def test_a_branch_that_is_not_taken_has_no_gradient():
    x, y = wf.vector("x", (2,), "float64"), wf.vector("y", (2,), "float64")
    g = wf.grad(wf.sum(wf.where(y > 0, x * INF, 0)), x)
    assert _both([x, y], g, np.ones(2), np.array([-1.0, 1])).tolist() == [0, INF]


def test_scattered_elements_are_added_before_they_are_multiplied():
    y, v = wf.matrix("y", (2, 4), "float64"), wf.vector("v", (2,), "float64")
    rows, added = np.array([[1, NAN, 3, 4], [5, 6, INF, 8]]), np.array([2.0, 3])
    with np.errstate(all="ignore"):
        expected = rows * [0, 2, 0, 3]
    found = _both([y, v], y * wf.index_add(wf.zeros((4,), "float64"), [1, 3], v), rows, added)
    np.testing.assert_array_equal(found, expected)


def test_slices_with_steps_and_new_axes():
    a, b = wf.matrix("a", (3, 2), "float64"), wf.matrix("b", (5, 2), "float64")
    joined = np.arange(16.0).reshape(8, 2)
    assert _both([a, b], wf.concatenate([a, b])[0:7:3], joined[:3], joined[3:]).tolist() == joined[0:7:3].tolist()
    c, d = wf.vector("c", (3,)), wf.matrix("d", (2, 3))
    left, right = np.ones(3, "f4"), np.ones((2, 3), "f4")
    assert _both([c, d], wf.expand_dims(c, 1) + wf.expand_dims(d, 1), left, right).shape == (2, 3, 3)


@pytest.mark.parametrize("signed", ["int8", "int32", "int64"])
def test_signed_and_unsigned_integers_are_compared_as_integers(signed):
    i, u = wf.vector("i", ("n",), signed), wf.vector("u", ("n",), "uint64")
    limits = np.iinfo(signed)
    left = np.array([-1, limits.max, limits.min, limits.max, 0], signed)
    right = np.array([2**64 - 1, limits.max - 1, 2**63, limits.max, 0], "u8")
    for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
        ours, numpys = getattr(wf, name), getattr(np, name)
        np.testing.assert_array_equal(_both([i, u], ours(i, u), left, right), numpys(left, right))
        np.testing.assert_array_equal(_both([i, u], ours(u, i), left, right), numpys(right, left))


@pytest.mark.parametrize("divisor", [3.0, 10.0, 49.0, 98.0])
def test_a_division_by_a_number_is_a_division(divisor):
    x, data = wf.vector("x", ("n",), "float64"), np.arange(1.0, 200.0)
    assert np.array_equal(_both([x], x / divisor, data), data / divisor)
    assert np.array_equal(_both([x], x * 2 / divisor, data), data * 2 / divisor)
