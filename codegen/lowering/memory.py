"""The memory plan: temporaries whose lives do not overlap share bytes of one arena."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

ALIGNMENT_BYTES = 64  # offsets are multiples of it, as wide vectors like it
GOOD = 1.03  # times the least that any plan takes: no better one is sought
MOST_LIVES = 4096  # of which a better plan is sought, since that takes the square of their number


class Life(NamedTuple):
    """Bytes that are needed from step `first` to step `last`."""

    size: int
    first: int
    last: int


def plan(lives: list[Life]) -> tuple[list[int], int]:
    """Offsets of the temporaries, and the arena's size."""
    aligned = [life._replace(size=-(-max(life.size, 1) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES) for life in lives]
    found = _place_by_time(aligned)
    if len(lives) <= MOST_LIVES and found[1] > GOOD * peak(aligned):
        return min(found, _place_by_size(aligned), key=lambda plan: plan[1])
    return found


def peak(lives: Sequence[Life]) -> int:
    """The most bytes that are needed at one time: no plan takes less."""
    changes: dict[int, int] = {}
    for life in lives:
        changes[life.first] = changes.get(life.first, 0) + life.size
        changes[life.last + 1] = changes.get(life.last + 1, 0) - life.size
    most = now = 0
    for time in sorted(changes):
        now += changes[time]
        most = max(most, now)
    return most


def _place_by_time(lives: list[Life]) -> tuple[list[int], int]:
    """Each goes to the smallest gap that fits among those freed before it starts, else to the end."""
    offsets = [0] * len(lives)
    gaps = _Gaps()
    running: list[tuple[int, int, int]] = []  # (last, offset, size): a heap
    end = 0
    for number in sorted(range(len(lives)), key=lambda n: (lives[n].first, -lives[n].size)):
        life = lives[number]
        while running and running[0][0] < life.first:
            _, place, freed = heappop(running)
            gaps.add(place, freed)
        found = gaps.take(life.size)
        if found is None:
            found, end = end, end + life.size
        offsets[number] = found
        heappush(running, (life.last, found, life.size))
    return offsets, end


def _place_by_size(lives: list[Life]) -> tuple[list[int], int]:
    """The largest first; each goes to the first place that is free all its life."""
    order = sorted(range(len(lives)), key=lambda n: (-lives[n].size, lives[n].first))
    sizes, firsts, lasts = (np.array([lives[n][field] for n in order], np.int64) for field in range(3))
    starts = np.zeros(len(order), np.int64)
    for place in range(len(order)):
        beside = (firsts[:place] <= lasts[place]) & (lasts[:place] >= firsts[place])
        taken = starts[:place][beside]
        sequence = np.argsort(taken)
        begins, ends = taken[sequence], (taken + sizes[:place][beside])[sequence]
        free = np.concatenate([[0], np.maximum.accumulate(ends)])  # where a gap may begin
        fits = np.flatnonzero(begins - free[:-1] >= sizes[place])
        starts[place] = free[fits[0]] if len(fits) else free[-1]
    offsets = np.zeros(len(order), np.int64)
    offsets[order] = starts
    return offsets.tolist(), int((starts + sizes).max(initial=0))


class _Gaps:
    """Free bytes between temporaries: found by size, and by where they start and end."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []  # (size, start), in order
        self.starts: dict[int, int] = {}  # start: size
        self.ends: dict[int, int] = {}  # end: start

    def add(self, start: int, size: int) -> None:
        """One more gap, joined with its neighbours."""
        before, after = self.ends.get(start), self.starts.get(start + size)
        if before is not None:
            size += start - before
            start = before
            self._remove(start)
        if after is not None:
            self._remove(start + size)
            size += after
        insort(self.sizes, (size, start))
        self.starts[start], self.ends[start + size] = size, start

    def take(self, size: int) -> int | None:
        """The start of the smallest gap of at least this size, whose rest stays a gap; None where there is none."""
        place = bisect_left(self.sizes, (size, -1))
        if place == len(self.sizes):
            return None
        length, start = self.sizes[place]
        self._remove(start)
        if length > size:
            self.add(start + size, length - size)
        return start

    def _remove(self, start: int) -> None:
        size = self.starts.pop(start)
        del self.ends[start + size]
        del self.sizes[bisect_left(self.sizes, (size, start))]
