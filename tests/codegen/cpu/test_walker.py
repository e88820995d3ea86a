"""The loop over a program's steps, on tables made by hand: every unit runs once, in any parts, and the GIL is free."""

import threading

import numpy as np
import pytest

from weft.codegen.cpu.launch import KernelRef
from weft.codegen.cpu.run import walker
from weft.codegen.cpu.run.table import BEGIN, DONE, END, FIELDS, PAUSE_NS, PAUSED, STEP, LoopField

WALKERS = {"serial": walker.walk_serial, "parallel": lambda: walker.walk_parallel(3)}


@pytest.fixture(params=WALKERS)
def walk(request):
    return WALKERS[request.param]()


def make_count():
    """Counts each unit in buffers[0]; bad from unit params[0] on, which it does not count."""
    from weft.codegen.cpu.tiles.intrinsics import pointer

    def kernel(buffers, params, lo, hi):
        counts = pointer(buffers[0], np.int64)
        for i in range(lo, hi):
            if i >= params[0]:
                return 7
            counts[i] += 1
        return 0

    return kernel


def make_nothing():
    def kernel(buffers, params, lo, hi):
        return 0

    return kernel


class Tables:
    """Steps that count, each into memory of its own."""

    def __init__(self, steps):
        self.table = np.zeros((len(steps), STEP), np.int64)
        self.counts, self.keep = [], []
        for row, (units, parts, bad) in zip(self.table, steps, strict=True):
            counts, params = np.zeros(units, np.int64), np.array([units if bad is None else bad])
            buffers = np.array([counts.ctypes.data])
            row[:6] = KernelRef(make_count).address(), buffers.ctypes.data, params.ctypes.data, units, parts, 1
            self.counts.append(counts)
            self.keep += [buffers, params]
        self.header = np.array([0, 0, 0, len(steps), self.table.ctypes.data, 0, len(steps)])

    def run(self, walk):
        return walk(int(self.header.ctypes.data))


@pytest.mark.parametrize("units", [1, 2, 7, 100])
@pytest.mark.parametrize("parts", [1, 2, 3, 7, 50])
def test_every_unit_runs_once(walk, units, parts):
    tables = Tables([(units, parts, None), (units + 1, 1, None), (2 * units, parts, None)])
    assert tables.run(walk) == -1
    for counts in tables.counts:
        np.testing.assert_array_equal(counts, 1)


@pytest.mark.parametrize("parts", [1, 2, 5])
@pytest.mark.parametrize("bad", [0, 3, 9])
def test_the_first_row_that_fails_is_told_and_ends_the_walk(walk, parts, bad):
    tables = Tables([(10, parts, None), (10, parts, bad), (10, parts, 0)])
    assert tables.run(walk) == 1
    np.testing.assert_array_equal(tables.counts[0], 1)
    np.testing.assert_array_equal(tables.counts[1][:bad].max(initial=0), min(bad, 1))
    np.testing.assert_array_equal(tables.counts[1][bad:], 0)
    np.testing.assert_array_equal(tables.counts[2], 0)


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("parts", [1, 2, 4])
@pytest.mark.parametrize("bad", [None, 5])
def test_row_blocks_run_all_their_rows(walk, parts, at_once, bad):
    rows = 12
    tables = Tables([(rows, 1, None), (3 * rows, 1, bad), (rows, 1, None)])
    tables.table[0, 5:9] = 2, rows, at_once, parts
    assert tables.run(walk) == (-1 if bad is None else 0)
    np.testing.assert_array_equal(tables.counts[0], 1)
    if bad is None:
        np.testing.assert_array_equal(tables.counts[1], 1)
    np.testing.assert_array_equal(tables.counts[2], bad is None)


def test_a_walk_that_pauses_goes_on_where_it_was(walk):
    tables = Tables([(5, 1, None)] * 6)
    tables.table[:, 9] = PAUSE_NS + 1
    tables.header[6] = 4  # the first step that no pause comes before any more, but for itself
    for step in range(1, 5):
        assert tables.run(walk) == PAUSED
        assert tables.header[5] == step
        assert [int(counts.sum()) for counts in tables.counts] == [5] * step + [0] * (6 - step)
    assert tables.run(walk) == -1
    assert tables.header[5] == DONE
    assert tables.run(walk) == PAUSED  # a new walk begins at the first step
    assert [int(counts.sum()) for counts in tables.counts] == [10, 5, 5, 5, 5, 5]


def test_after_a_walk_that_paused_and_failed_a_new_one_begins_at_the_first_step(walk):
    tables = Tables([(5, 1, None), (5, 1, None), (5, 1, 3)])
    tables.table[:2, 9] = PAUSE_NS + 1
    for times in (1, 2):
        assert [tables.run(walk) for _ in range(3)] == [PAUSED, PAUSED, 2]
        assert [int(counts[0]) for counts in tables.counts] == [times] * 3


def test_several_threads_of_python_walk_at_once():
    walk = walker.walk_parallel(1)
    failures = []

    def run():
        for _ in range(200):
            tables = Tables([(50, 2, None), (30, 2, None)])
            if tables.run(walk) != -1 or any((counts != 1).any() for counts in tables.counts):
                failures.append(tables)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_other_threads_run_while_it_walks(walk):
    steps, most = np.zeros((3, STEP), np.int64), 2**31
    fields, go_on = np.zeros(FIELDS, np.int64), np.ones(1, np.uint8)
    fields[LoopField.LENGTH], fields[LoopField.TEST] = most, go_on.ctypes.data
    steps[0, 1:4] = BEGIN, fields.ctypes.data, 3
    steps[1, 0], steps[1, 3:6] = KernelRef(make_nothing).address(), 1
    steps[2, 1:4] = END, fields.ctypes.data, -1
    header = np.array([0, 0, 0, 3, steps.ctypes.data, 0, -1])
    thread = threading.Thread(target=walk, args=(int(header.ctypes.data),))
    thread.start()
    while fields[LoopField.DONE] == 0:  # it has begun; whoever kept the GIL would let us look only after the last step
        pass
    go_on[0] = 0
    thread.join()
    assert 0 < fields[LoopField.DONE] < most


def test_what_is_no_address_is_refused(walk):
    with pytest.raises(TypeError):
        walk("header")
    with pytest.raises(OverflowError):
        walk(2**70)
