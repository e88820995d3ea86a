"""Working memory: sizes and functions share arenas, idle ones are limited, and they come back after an exception."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import arenas

FLOAT = "float32"


def ones(*shape):
    return np.ones(shape, FLOAT)


@pytest.fixture
def idle():
    """The pool of arenas, empty."""
    kept = arenas._idle[:]
    arenas._idle.clear()
    yield arenas._idle
    arenas._idle[:] = kept


def working(rows):
    """A function whose temporaries take some `rows` KB for as many rows."""
    x = wf.matrix("x", ("n", 256))
    return wf.function([x], wf.cumsum(wf.cumsum(x, 0), 1).sum() + rows)


def test_sizes_and_functions_share_an_arena(idle):
    f, g = working(0), working(1)
    sizes = range(400, 500, 10)
    for n in sizes:
        assert f(ones(n, 256)) == g(ones(n, 256)) - 1
    assert len(idle) == 1
    kept = idle[0]
    f(ones(450, 256))
    assert idle == [kept]
    assert kept.bytes.nbytes < 4 * max(sizes) * 256 * 4


def test_idle_arenas_are_limited(idle, monkeypatch):
    monkeypatch.setattr(arenas, "IDLE_BYTES", 1000)
    taken = [arenas.Arena(400) for _ in range(5)]
    for one in taken:
        arenas.give(one)
    assert idle == taken[-2:]
    arenas.give(large := arenas.Arena(5000))
    assert idle == [large]
    assert arenas.take(10, taken[0]) is large
    assert arenas.take(10, None) is not large


def test_a_call_takes_its_own_arena_else_the_smallest_and_the_largest_makes_room(idle):
    small, large, middle, other = (arenas.Arena(size) for size in (400, 1000, 600, 700))
    for one in (small, large, middle, other):
        arenas.give(one)
    assert arenas.take(500, None) is middle
    assert arenas.take(500, middle) is other  # middle is not idle any more
    arenas.give(middle)
    assert arenas.take(600, large) is large
    assert arenas.take(600, small) is middle  # small is too small
    assert idle == [small]
    arenas.give(large)
    arenas.give(other)
    made = arenas.take(1001, small)
    assert made.bytes.nbytes == 1001 + 1001 // 8
    assert idle == [small, other]


def test_an_arena_comes_back_after_an_exception(idle):
    x, i = wf.matrix("x", ("n", 256)), wf.vector("i", ("k",), "int64")
    f = wf.function([x, i], wf.take(wf.cumsum(wf.cumsum(x, 0), 1), i, 0).sum())
    f(ones(300, 256), np.int64([1]))
    (kept,) = idle
    for _ in range(3):
        with pytest.raises(IndexError):
            f(ones(300, 256), np.int64([300]))
        assert idle == [kept]
    assert f(ones(300, 256), np.int64([1])) == 2 * np.arange(1, 257).sum()


def test_a_call_without_memory_gives_back_nothing(idle, monkeypatch):
    f = working(0)
    f(ones(300, 256))
    elsewhere = arenas.take(1, None)  # the arena that the function had: another call has it now
    assert idle == []

    def none(size):
        raise MemoryError

    monkeypatch.setattr(arenas, "raw_memory", none)
    for _ in range(2):
        with pytest.raises(wf.OutOfMemoryError):
            f(ones(300, 256))
        assert idle == []
    monkeypatch.undo()
    f(ones(300, 256))
    assert len(idle) == 1
    assert idle != [elsewhere]


def test_idle_memory_makes_room_for_what_is_asked_for(idle, monkeypatch):
    arenas.give(arenas.Arena(100))
    real, asked = arenas.raw_memory, []

    def once(size):
        asked.append(size)
        if len(asked) == 1:
            raise MemoryError
        return real(size)

    monkeypatch.setattr(arenas, "raw_memory", once)
    assert arenas.take(5000, None).bytes.nbytes >= 5000
    assert len(asked) == 2
    assert not idle
