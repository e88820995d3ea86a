"""The memory plan: temporaries whose lives do not overlap share bytes of one arena."""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappop, heappush
from typing import NamedTuple

ALIGNMENT_BYTES = 64  # offsets are multiples of it, as wide vectors like it


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
    gaps = _Gaps()
    running: list[tuple[int, int, int]] = []  # (last, offset, size): a heap
    end = 0
    for number in sorted(range(len(lives)), key=lambda n: (lives[n].first, -lives[n].size)):
        life = lives[number]
        size = -(-max(life.size, 1) // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        while running and running[0][0] < life.first:
            _, place, freed = heappop(running)
            gaps.add(place, freed)
        found = gaps.take(size)
        if found is None:
            found, end = end, end + size
        offsets[number] = found
        heappush(running, (life.last, found, size))
    return offsets, end


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
