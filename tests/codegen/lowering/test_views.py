"""Views and rows: what a chain of movement reads, and which bytes a loop touches, beside NumPy and beside counting."""

from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.cpu.nests.row_blocks import NestRows, RowAccess, rows_of
from weft.codegen.lowering.fuse import fuse
from weft.codegen.lowering.groups import Group
from weft.codegen.lowering.loops import Load
from weft.codegen.lowering.views import view_of
from weft.symbolic.evaluate import evaluate
from weft.symbolic.graph import Graph

SIZES = {"n": 3, "m": 4}
VALUES = np.arange(3 * 4 * 5.0).reshape(3, 4, 5)

MOVED = {  # whether it can be read without a copy; of (n, m, 5)
    "as it is": (lambda x: x, True),
    "axes turned": (lambda x: x.transpose((2, 0, 1)), True),
    "turned twice": (lambda x: x.transpose((2, 0, 1)).transpose((1, 0, 2)), True),
    "a part": (lambda x: x[1:, ::2, 3:], True),
    "from the end": (lambda x: x[::-1, 1:, ::-2], True),
    "a part of a part": (lambda x: x[:, 1:][1:, ::-1, ::2][:, 1:, 1:], True),
    "a part of what is turned": (lambda x: x.transpose((1, 2, 0))[::-2, 1:-1][1:], True),
    "a row": (lambda x: x[1], True),
    "a column": (lambda x: x[:, 2], True),
    "a place": (lambda x: x[1, 2, 3], True),
    "axes of 1": (lambda x: wf.expand_dims(wf.expand_dims(x[1:], 0), 2), True),
    "axes of 1 and without": (lambda x: wf.squeeze(wf.expand_dims(x[1:2, 1:], 3), (0, 3)), True),
    "repeated": (lambda x: wf.broadcast_to(x[:, :, 1:2], (2, x.shape[0], x.shape[1], 6)), True),
    "a repeated row, turned": (lambda x: wf.broadcast_to(x[2], (2, x.shape[1], 5)).transpose((2, 0, 1)), True),
    "one axis": (lambda x: x.reshape((-1,)), True),
    "other axes": (lambda x: x.reshape((2, -1)), True),
    "two axes of rows": (lambda x: x[1:].reshape((-1, 5)), True),
    "a part of other axes": (lambda x: x[2:].reshape((-1,))[3::4], True),
    "axes of 1 among turned ones": (lambda x: x.transpose((2, 0, 1)).reshape((5, 1, -1, x.shape[1], 1)), True),
    "without axes of 1 among turned ones": (
        lambda x: wf.expand_dims(x, 1).transpose((3, 1, 0, 2)).reshape((5, x.shape[0], x.shape[1])),
        True,
    ),
    "a diagonal": (lambda x: wf.diagonal(x), True),
    "a diagonal beside, of what is backwards": (lambda x: wf.diagonal(x[::-1, :, ::-2], 1, 2, 1), True),
    "the diagonal of a cube": (lambda x: wf.diagonal(wf.diagonal(x, 0, 0, 1)), True),
    "windows": (lambda x: wf.sliding_windows(x, 3, 2), True),
    "windows apart": (lambda x: wf.sliding_windows(x, (2, 2), (0, 1), (1, 2)), True),
    "windows with gaps, a part, backwards": (lambda x: wf.sliding_windows(x, 2, 2, 1, 3)[1:, ::-1, ::-1, ::-1], True),
    "windows of windows, turned": (
        lambda x: wf.sliding_windows(x, (3, 2), (2, 2)).transpose((4, 3, 0, 2, 1)),
        True,
    ),
    "the diagonal of windows, backwards": (
        lambda x: wf.diagonal(wf.sliding_windows(x, 2, 2)[..., ::-1], 0, 2, 3),
        True,
    ),
    "axes of one window of rows": (lambda x: wf.sliding_windows(x.reshape((-1,)), 7)[3:, ::2], True),
    "one axis of windows": (lambda x: wf.sliding_windows(x, 2, 2).reshape((-1,)), False),
    "one axis of turned ones": (lambda x: x.transpose((2, 0, 1)).reshape((-1,)), False),
    "one axis of every other": (lambda x: x[:, :, ::2].reshape((-1,)), False),
    "one axis of a part": (lambda x: x[:, 1:].reshape((-1,)), False),
    "one axis of what is backwards": (lambda x: x[::-1].reshape((-1,)), False),
    "one axis of repeated ones": (lambda x: wf.broadcast_to(x[0], (2, x.shape[1], 5)).reshape((-1,)), False),
    "turned sizes in other axes": (lambda x: x.transpose((1, 0, 2)).reshape((x.shape[0], x.shape[1], 5)), False),
}


@pytest.mark.parametrize("shape", [(3, 4, 5), ("n", "m", 5)], ids=str)
@pytest.mark.parametrize("kind", MOVED)
def test_a_view_reads_what_movement_leaves(kind, shape):
    move, free = MOVED[kind]
    x = wf.tensor("x", shape, dtype="float64")
    node = move(x)
    view = view_of(node, lambda n: n is x)
    assert (view is not None) == free
    if view is None:
        return
    assert view.base is x
    assert view.shape == node.shape
    expected = evaluate(node, {x: VALUES})
    start = sum(o.value(SIZES) for o in view.offset)
    strides = [8 * s.value(SIZES) for s in view.strides]
    found = as_strided(VALUES.reshape(-1)[start:], expected.shape, strides)
    np.testing.assert_array_equal(found, expected)
    assert view.contiguous <= found.flags.c_contiguous  # sizes may be 1 by chance, and nobody says so
    assert view.whole == (view.contiguous and found.size == VALUES.size and expected.shape == VALUES.shape)


def any_part(rng, size):
    """A slice of an axis, in either direction."""
    step = int(rng.choice([1, 1, 2, -1, -2]))
    first, last = sorted(rng.integers(0, size + 1, 2))
    return slice(first, last, step) if step > 0 else slice(last - 1 if last else 0, first or None, step)


def moved_at_random(rng, x, a):
    """The same step of movement, of an expression and of a NumPy array, which makes a view of it."""
    kind = rng.integers(6)
    axis = int(rng.integers(a.ndim))
    if kind == 0:
        order = tuple(int(k) for k in rng.permutation(a.ndim))
        return x.transpose(order), a.transpose(order)
    if kind == 1:
        key = (*[slice(None)] * axis, any_part(rng, a.shape[axis]))
        return x[key], a[key]
    if kind == 2 and a.ndim < 5:
        return wf.expand_dims(x, axis), np.expand_dims(a, axis)
    if kind == 3 and a.ndim > 1 and a.shape[axis]:
        key = (*[slice(None)] * axis, int(rng.integers(-a.shape[axis], a.shape[axis])))
        return x[key], a[key]
    if kind == 4 and a.ndim < 5:
        return wf.broadcast_to(x, (2, *a.shape)), np.broadcast_to(a, (2, *a.shape))
    if a.ndim > 1:
        other = (axis + 1) % a.ndim
        return wf.diagonal(x, 0, axis, other), np.diagonal(a, 0, axis, other)
    return wf.flip(x, axis), np.flip(a, axis)


@pytest.mark.parametrize("seed", range(60))
def test_chains_of_movement_have_the_strides_that_numpy_gives_them(seed):
    rng = np.random.default_rng(seed)
    x = node = wf.tensor("x", (3, 4, 5), dtype="float64")
    a = VALUES
    for _ in range(rng.integers(1, 7)):
        node, a = moved_at_random(rng, node, a)
    view = view_of(node, lambda n: n is x)
    assert view.base is x
    assert view.shape == a.shape
    start = sum(o.value({}) for o in view.offset)
    strides = [s.value({}) for s in view.strides]
    if a.size:
        assert 8 * start == a.ctypes.data - VALUES.ctypes.data
        for size, mine, theirs in zip(a.shape, strides, a.strides, strict=True):
            assert size == 1 or 8 * mine == theirs


def test_what_is_contiguous():
    x = wf.tensor("x", (3, 4, 5))
    for move, contiguous in (
        (lambda x: x[1:], True),
        (lambda x: x[1:, :], True),
        (lambda x: x[:, 1:], False),
        (lambda x: x[1], True),
        (lambda x: x[:, 1], False),
        (lambda x: x[1, 1:3], True),
        (lambda x: x[1:2, 1:3], True),
        (lambda x: wf.expand_dims(x, 1), True),
        (lambda x: x.transpose((0, 2, 1)), False),
        (lambda x: wf.expand_dims(x, 0).transpose((1, 0, 2, 3)), True),
        (lambda x: wf.broadcast_to(x[0], (2, 4, 5)), False),
    ):
        view = view_of(move(x), lambda n: n is x)
        assert view.contiguous == contiguous
        assert not view.whole or move(x) is x


def nests(inputs, outputs):
    schedule = fuse(Graph(tuple(inputs), tuple(outputs)), CPU)
    return [placed for step in schedule.steps if isinstance(step, Group) for placed in step.nests]


def touched(access, nest, line, axis):
    """The bytes that an access touches at one index of an axis."""
    ranges = [range(e.value(SIZES)) if k != axis else [line] for k, e in enumerate(nest.axes)]
    start = sum(o.value(SIZES) for o in access.offset)
    strides = [s.value(SIZES) for s in access.strides]
    places = [start + sum(i * s for i, s in zip(index, strides, strict=True)) for index in product(*ranges)]
    return min(places) * access.dtype.itemsize, (max(places) + 1) * access.dtype.itemsize


LINED = {
    "rows": lambda x, v: x * 2,
    "rows of sums": lambda x, v: wf.sum(x, (1, 2)),
    "columns of sums": lambda x, v: wf.sum(x, 0),
    "a part backwards": lambda x, v: x[::-1, 1:, ::-2] + v[::2],
    "turned": lambda x, v: x.transpose((2, 1, 0)) * v.astype("float32")[::-1].reshape((5, 1, 1)),
    "parts": lambda x, v: wf.concatenate([x[:, 1:3], x[:, ::-1, :]], 1),
    "a border": lambda x, v: wf.pad(x, ((1, 0), (0, 2), (1, 1))),
}


@pytest.mark.parametrize("kind", LINED)
def test_rows_are_the_bytes_that_are_touched(kind):
    x, v = wf.tensor("x", ("n", "m", 5)), wf.vector("v", (5,), "float64")
    found = 0
    for placed in nests([x, v], [LINED[kind](x, v)]):
        nest = placed.nest
        memories = [object() for _ in placed.buffers]
        rows = rows_of(nest, SIZES, memories)
        outer = [k for k in nest.parallel if k != len(nest.axes) - 1]
        assert (rows is None) == (not outer)
        if rows is None:
            continue
        found += 1
        accesses = [(v.access, False) for v in nest.body if isinstance(v, Load)]
        accesses += [(w.access, True) for w in nest.writes]
        assert rows.count == nest.axes[outer[0]].value(SIZES)
        assert len(rows.accesses) == len(accesses)
        for found_access, (access, writes) in zip(rows.accesses, accesses, strict=True):
            assert found_access.memory is memories[access.buffer]
            assert found_access.writes is writes
            for row in range(rows.count):
                low = found_access.first + row * found_access.step
                assert (low, low + found_access.size) == touched(access, nest, row, outer[0])
    assert found or kind in ("rows", "columns of sums")  # of which there is one row, or none


def test_a_long_sum_has_no_rows():
    x = wf.vector("x", (1_000_003,))
    assert [rows_of(placed.nest, {}, [0, 1]) for placed in nests([x], [x.sum()])] == [None, None]


def test_the_bytes_of_a_row_count_each_memory_once():
    accesses = (RowAccess("a", True, 0, 40, 40), RowAccess("a", False, 8, 40, 24), RowAccess("b", False, 0, 0, 100))
    assert NestRows(8, accesses).bytes == 124
