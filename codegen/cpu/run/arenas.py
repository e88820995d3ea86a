"""The working memory of calls: arenas, which functions and sets of sizes share one after the other.

A call takes an idle arena that is large enough, and gives it back.  So as many arenas exist as there are calls at once,
and not one for each size of a batch.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from . import results
from .raw import raw_memory

PRIVATE_BYTES = 1 << 16  # up to which a binding keeps an arena of its own
IDLE_BYTES = 1 << 28  # that idle arenas take together, at most; the one used last is kept whatever its size
_SLACK = 8  # arenas are larger than asked for by one part in so many: sizes often grow a little

T = TypeVar("T")


class Arena:
    """Bytes at one address for as long as it lives."""

    __slots__ = ("address", "bytes")

    def __init__(self, size: int):
        self.bytes: np.ndarray = raw_memory(size)
        self.address = int(self.bytes.ctypes.data)


_lock = threading.Lock()
_idle: list[Arena] = []  # those used last at the end


def take(size: int, wanted: Arena | None) -> Arena:
    """An arena of at least `size` bytes: the one `wanted` if it is idle, else the smallest that is, else a new one."""
    with _lock:
        fitting = [a for a in _idle if a.bytes.nbytes >= size]
        if fitting:
            found = wanted if wanted in fitting else min(fitting, key=lambda a: a.bytes.nbytes)
            assert found is not None
            _idle.remove(found)
            return found
        if _idle:  # the largest makes room for a larger one
            _idle.remove(max(_idle, key=lambda a: a.bytes.nbytes))
    return allocate(lambda: Arena(size + size // _SLACK))


def give(arena: Arena) -> None:
    """Take an arena back."""
    with _lock:
        _idle.append(arena)
        while len(_idle) > 1 and sum(a.bytes.nbytes for a in _idle) > IDLE_BYTES:
            _idle.pop(0)


def allocate(make: Callable[[], T]) -> T:
    """What `make` allocates; where there is no memory for it, all that is idle is given back first."""
    try:
        return make()
    except MemoryError:
        clear()
        return make()


def clear() -> None:
    """Give all back that is idle, and the memory that is kept for large results."""
    with _lock:
        _idle.clear()
    results.clear()


def _restart() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart)
