"""Large results use memory again that the user has let go of, and never memory that somebody still reads."""

import gc
import pickle
import threading

import numpy as np

import weft as wf
from weft.codegen.cpu.run import results

SHAPE = (2100, 2000)  # 17 MB of float32


def doubled():
    x = wf.matrix("x", SHAPE)
    return wf.function([x], x * 2)


def test_memory_comes_back():
    f, values = doubled(), np.ones(SHAPE, np.float32)
    results.clear()
    first = f(values)
    address = first.ctypes.data
    del first
    gc.collect()
    assert [[raw.ctypes.data for raw in found] for found in results._free.values()] == [[address]]
    again = f(values)
    assert again.ctypes.data == address
    assert [*results._free.values()] == [[]]


def test_what_is_read_is_left_alone():
    f = doubled()
    kept = [f(np.full(SHAPE, i, np.float32)) for i in range(4)]
    view, row = kept[0][::2, 1:], kept[1][3]
    copy = pickle.loads(pickle.dumps(kept[2]))
    below = kept[3].base[:8]  # what stands below may be looked at, too
    kept.clear()
    gc.collect()
    for i in range(10, 20):
        f(np.full(SHAPE, i, np.float32))
    assert np.all(view == 0)
    assert np.all(row == 2)
    assert np.all(copy == 4)
    assert below.tobytes() == np.float32(6).tobytes() * 2


def test_no_more_is_kept_than_said():
    f = doubled()
    count = results.KEPT_BYTES // (4 * SHAPE[0] * SHAPE[1]) + 4
    many = [f(np.ones(SHAPE, np.float32)) for _ in range(count)]
    many.clear()
    gc.collect()
    assert sum(size * len(found) for size, found in results._free.items()) <= results.KEPT_BYTES


def test_threads_share_it():
    f, wrong = doubled(), []

    def work(number):
        for i in range(8):
            value = float(100 * number + i)
            if not np.all(f(np.full(SHAPE, value, np.float32)) == 2 * value):
                wrong.append((number, i))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
