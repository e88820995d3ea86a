"""The memory plan: temporaries whose lives do not overlap share bytes of one arena."""

from __future__ import annotations

import mmap
from typing import NamedTuple

import numpy as np

ALIGNMENT = 64
_HUGE = 1 << 21


class Life(NamedTuple):
    """Bytes that are needed from step `first` to step `last`."""

    size: int
    first: int
    last: int


def plan(lives: list[Life]) -> tuple[list[int], int]:
    """Offsets of the temporaries, and the arena's size.

    Each goes to the smallest gap that fits among those freed before it starts, else to the end.
    """
    offsets = [0] * len(lives)
    gaps: list[tuple[int, int]] = []  # (offset, size)
    running: list[tuple[int, int, int]] = []  # (last, offset, size)
    end = 0
    for number in sorted(range(len(lives)), key=lambda n: (lives[n].first, -lives[n].size)):
        life = lives[number]
        size = -(-max(life.size, 1) // ALIGNMENT) * ALIGNMENT
        for ended in [r for r in running if r[0] < life.first]:
            running.remove(ended)
            gaps = _with_gap(gaps, ended[1], ended[2])
        fitting = [gap for gap in gaps if gap[1] >= size]
        if fitting:
            place, length = min(fitting, key=lambda gap: gap[1])
            gaps.remove((place, length))
            if length > size:
                gaps.append((place + size, length - size))
        else:
            place, end = end, end + size
        offsets[number] = place
        running.append((life.last, place, size))
    return offsets, end


def _with_gap(gaps: list[tuple[int, int]], offset: int, size: int) -> list[tuple[int, int]]:
    """The gaps with one more, neighbours joined."""
    merged = []
    for place, length in gaps:
        if place + length == offset:
            offset, size = place, size + length
        elif offset + size == place:
            size += length
        else:
            merged.append((place, length))
    return [*merged, (offset, size)]


def arena(size: int) -> np.ndarray:
    """Bytes aligned for vectors; in huge pages where the system has them, since page faults cost more than the work."""
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        memory = mmap.mmap(-1, size + _HUGE)
        memory.madvise(mmap.MADV_HUGEPAGE)
        raw = np.frombuffer(memory, np.uint8)
        return raw[-raw.ctypes.data % _HUGE :][:size]
    raw = np.empty(size + ALIGNMENT, np.uint8)
    return raw[-raw.ctypes.data % ALIGNMENT :][:size]
