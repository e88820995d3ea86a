"""Diagonals, windows and rolls: numbers beside NumPy's, their adjoints beside plain loops, and what does not fit."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import weft as wf
from weft.codegen.lowering.program import KernelStep
from weft.symbolic.errors import ShapeError

from ..sampling import every_row


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


@pytest.mark.parametrize("offset", [-9, -2, -1, 0, 1, 3, 10**6])
@pytest.mark.parametrize("shape", [(4, 5), (5, 4), (1, 1), (0, 3), (3, 0), (2, 4, 3)], ids=str)
def test_a_diagonal_and_its_adjoint(shape, offset):
    x = wf.tensor("x", (None,) * len(shape), "float64")
    axes = (0, 1) if len(shape) == 2 else (2, 0)
    y = wf.diagonal(x, offset, *axes)
    f = wf.function([x], [y * 2, wf.grad((y * y).sum(), x)])
    values = draw(*shape)
    expected = np.diagonal(values, offset, *axes)
    gradient = np.zeros(shape)
    places = np.diagonal(np.arange(values.size).reshape(shape), offset, *axes)
    gradient.flat[places.ravel()] = 2 * expected.ravel()
    found = f(values)
    np.testing.assert_array_equal(found[0], expected * 2)
    np.testing.assert_array_equal(found[1], gradient)


def test_a_matrix_of_a_diagonal():
    v = wf.vector("v", dtype="float64")
    for k in (-2, 0, 3):
        f = wf.function([v], [wf.diag(v, k), wf.diag(wf.diag(v, k), k)])
        for n in (0, 1, 4):
            matrix, back = f(draw(n))
            np.testing.assert_array_equal(matrix, np.diag(draw(n), k))
            np.testing.assert_array_equal(back, draw(n))


WINDOWS = [(3, 1, 1), (3, 2, 1), (2, 1, 3), (2, 3, 1), (2, 2, 1), (1, 2, 1), (2, 2, 2), (5, 1, 1), (3, 7, 1), (3, 3, 2)]


@pytest.mark.parametrize("known", [True, False], ids=["numbers", "symbols"])
@pytest.mark.parametrize(("window", "stride", "dilation"), every_row(2, WINDOWS))
def test_windows_and_their_adjoint(window, stride, dilation, known):
    reach = (window - 1) * dilation + 1
    for n in (reach, reach + 1, reach + 2 * stride, 19):
        x = wf.matrix("x", (3, n) if known else None, "float64")
        c = wf.tensor("c", (None, None, None), "float64")
        y = wf.sliding_windows(x, window, 1, stride, dilation)
        gradient = wf.grad((y * c).sum(), x)
        f = wf.function([x, c], [y + 0, gradient, wf.grad((wf.sin(gradient)).sum(), c)])
        values = draw(3, n)
        expected = sliding_window_view(values, reach, 1)[:, ::stride, ::dilation]
        weights = draw(*expected.shape)
        sums = np.zeros((3, n))
        for i in range(expected.shape[1]):
            for k in range(window):
                sums[:, i * stride + k * dilation] += weights[:, i, k]
        found = f(values, weights)
        np.testing.assert_array_equal(found[0], expected)
        np.testing.assert_allclose(found[1], sums, atol=1e-14)
        back = sliding_window_view(np.cos(sums), reach, 1)[:, ::stride, ::dilation]
        np.testing.assert_allclose(found[2], back, atol=1e-14)


def test_windows_along_all_axes_and_one_axis_twice():
    x = wf.matrix("x", dtype="float64")
    f = wf.function([x], [wf.sliding_windows(x, (2, 3)) * 1, wf.sliding_windows(x, (2, 3), (1, 1)) * 1])
    values = draw(4, 7)
    both, twice = f(values)
    np.testing.assert_array_equal(both, sliding_window_view(values, (2, 3)))
    np.testing.assert_array_equal(twice, sliding_window_view(values, (2, 3), (1, 1)))


def test_a_convolution_by_windows_copies_nothing():
    x, w = wf.vector("x", dtype="float64"), wf.matrix("w", (9, 4), "float64")
    f = wf.function([x, w], wf.sliding_windows(x, 9) @ w)
    (step,) = f.program.steps
    assert isinstance(step, KernelStep)
    for n in (9, 10, 200):
        np.testing.assert_allclose(f(draw(n), draw(9, 4)), sliding_window_view(draw(n), 9) @ draw(9, 4), atol=1e-12)


def test_indices_of_windows_are_computed_on_the_spot():
    x = wf.vector("x", dtype="float64")
    places = wf.sliding_windows(wf.arange(x.shape[0]), 3, stride=2)
    f = wf.function([x], places * 10 + wf.diagonal(places))
    expected = sliding_window_view(np.arange(8), 3)[::2]
    np.testing.assert_array_equal(f(draw(8)), expected * 10 + np.diagonal(expected))


def test_what_is_dear_is_not_computed_again_for_every_window():
    x = wf.matrix("x", dtype="float64")
    f = wf.function([x], wf.sliding_windows(wf.exp(x), 5, 1).sum(2))
    assert len(f.program.steps) == 2
    np.testing.assert_allclose(f(draw(3, 9)), sliding_window_view(np.exp(draw(3, 9)), 5, 1).sum(2))


@pytest.mark.parametrize("shift", [-12, -1, 0, 3, 5, 7, 10**9])
def test_rolls(shift):
    x = wf.matrix("x", dtype="float64")
    f = wf.function([x], [wf.roll(x, shift, 1), wf.roll(x, shift), wf.roll(x, (shift, 1), (0, -1))])
    for shape in ((3, 5), (1, 1), (0, 4), (4, 0)):
        values = draw(*shape)
        expected = np.roll(values, shift, 1), np.roll(values, shift), np.roll(values, (shift, 1), (0, -1))
        for found, wanted in zip(f(values), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_what_does_not_fit_is_told_where_it_is_written():
    x = wf.matrix("x", (3, 4))
    with pytest.raises(ShapeError, match=r"window of 5 elements does not fit in axis 1 of \(3, 4\)") as caught:
        wf.sliding_windows(x, 3, 1, dilation=2)
    assert any("test_strided.py" in note for note in caught.value.__notes__)
    with pytest.raises(ShapeError, match="axis1 and axis2 are both axis 1"):
        wf.diagonal(x, 0, 1, -1)
    with pytest.raises(ShapeError, match=r"two axes, and this expression has shape \(4,\)"):
        wf.diagonal(x[0])
    with pytest.raises(ShapeError, match="diag takes a vector or a matrix"):
        wf.diag(wf.zeros((1, 2, 3)))


def test_what_does_not_fit_is_told_when_it_is_called():
    x = wf.vector("x", dtype="float64")
    f = wf.function([x], wf.sliding_windows(x, 4).sum())
    with pytest.raises(ShapeError, match=r"a window of 4 does not fit in axis 0, which has 3 elements in this call"):
        f(draw(3))
    g = wf.function([x], wf.grad((wf.sliding_windows(x, 4) ** 2).sum(), x))
    with pytest.raises(ShapeError, match="a window of 4 does not fit"):
        g(draw(3))


def test_a_trace_of_einsum_wants_a_square():
    with pytest.raises(ShapeError, match="the axis 'i' has the sizes 3 and 1"):
        wf.einsum("ii", wf.zeros((3, 1)))
    x = wf.matrix("x", dtype="float64")
    f = wf.function([x], wf.einsum("ii", x))
    with pytest.raises(wf.GuardError, match="have to be the same size, and in this call they are 4 and 3"):
        f(draw(3, 4))
