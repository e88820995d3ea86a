"""Chains of affine movement beside NumPy's views: every stride and the place of the first element."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.views import through, view_of
from weft.symbolic.index_maps import AxisMap, along, broadcast, compose, identity

SHAPES = [(3, 4, 5), (1, 4, 2), (2, 1, 1), (4, 0, 3), (1, 1, 1), (6, 5), (7,)]


def cut(rng, x, a):
    axis = rng.integers(x.ndim)
    n = a.shape[axis]
    key = [slice(None)] * x.ndim
    low, high = sorted(rng.integers(0, n + 1, size=2))
    step = int(rng.choice([-3, -2, -1, 1, 2]))
    key[axis] = slice(int(low), int(high), step) if step > 0 else slice(int(high) - 1 if high else 0, None, step)
    return x[tuple(key)], a[tuple(key)]


def turned(rng, x, a):
    order = [int(i) for i in rng.permutation(x.ndim)]
    return wf.transpose(x, order), a.transpose(order)


def diagonal(rng, x, a):
    if x.ndim < 2:
        return x, a
    one, other = (int(i) for i in rng.permutation(x.ndim)[:2])
    offset = int(rng.integers(-2, 3))
    return wf.diagonal(x, offset, one, other), np.diagonal(a, offset, one, other)


def windows(rng, x, a):
    axis, window, stride, dilation = (int(v) for v in (rng.integers(x.ndim), *rng.integers(1, 4, size=3)))
    reach = (window - 1) * dilation + 1
    if a.shape[axis] < reach or x.ndim > 4:
        return x, a
    every = np.lib.stride_tricks.sliding_window_view(a, reach, axis)[..., ::dilation]
    return wf.sliding_windows(x, window, axis, stride, dilation), every[
        (slice(None),) * axis + (slice(None, None, stride),)
    ]


def wider(rng, x, a):
    if x.ndim > 4:
        return x, a
    place = int(rng.integers(x.ndim + 1))
    shape = [*a.shape[:place], 3, *a.shape[place:]]
    return wf.broadcast_to(wf.expand_dims(x, place), shape), np.broadcast_to(np.expand_dims(a, place), shape)


MOVES = (cut, turned, diagonal, windows, wider)


@pytest.mark.parametrize("seed", range(150))
def test_a_chain_of_movement_is_the_view_that_numpy_makes(seed):
    rng = np.random.default_rng(seed)
    shape = SHAPES[rng.integers(len(SHAPES))]
    values = np.arange(float(np.prod(shape))).reshape(shape)
    x = wf.tensor("x", shape, "float64")
    node, array = x, values
    for _ in range(rng.integers(1, 6)):
        if node.ndim:
            node, array = MOVES[rng.integers(len(MOVES))](rng, node, array)
    view = view_of(node, lambda n: n is x)
    assert view.shape == array.shape
    if array.size:  # strides matter along axes with several elements
        strides = [8 * s.value({}) for s in view.strides]
        assert all(mine == its for mine, its, n in zip(strides, array.strides, array.shape, strict=True) if n > 1)
        first = (array.__array_interface__["data"][0] - values.__array_interface__["data"][0]) // 8
        assert sum(o.value({}) for o in view.offset) == first
    f = wf.function([x], node * 2)
    np.testing.assert_array_equal(f(values), array * 2)


def test_maps_are_sums_over_axes():
    sheared = (AxisMap(((0, 1), (1, 2)), 3), along(1, -1, 5))
    twice = compose(sheared, sheared)
    assert twice == (along(0, 1, 3 + 3 + 2 * 5), along(1, 1, 5 - 5))  # i + 2 j + 3 + 2 (5 - j) + 3: without j
    assert compose(sheared, identity(2)) == sheared
    assert compose(identity(2), sheared) == sheared


def test_maps_that_are_equal_are_one_object():
    x = wf.matrix("x")
    there_and_back = x.T.T
    assert through(x.T, through(wf.transpose(x.T), identity(2))) is identity(2)
    assert there_and_back is x or view_of(there_and_back, lambda n: n is x).whole
    assert broadcast(identity(2), (None, 3)) is identity(2)
