"""Strips: consecutive loop nests over the same lines of memory run a few lines at a time, one after the other.

    layer norm    for all rows: sum;  for all rows: variance;  for all rows: normalise     reads x three times
    in strips     for a few rows: sum, variance, normalise                                 reads x once, then the cache

It is allowed where nothing that one of the nests writes is met by another at a line of its own other than the one that
is written.  The results are the same bits: work units are what they were, in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...lowering.loops import Access, Load, LoopNest
from ..model import FIRST_LEVEL_BYTES

STRIP = FIRST_LEVEL_BYTES  # that the nests of one strip touch: they stay in the cache
LONGEST = 16  # nests in one strip


class Touch(NamedTuple):
    """What a nest reads or writes of a buffer in line i: bytes from first + i * step to first + i * step + size."""

    memory: Any
    writes: bool
    first: int
    step: int
    size: int


@dataclass(frozen=True)
class Lines:
    """A nest as lines: how many there are, and what each touches."""

    count: int
    touches: tuple[Touch, ...]

    @property
    def bytes(self) -> int:
        """About how much memory a line takes."""
        return sum({t.memory: t.size for t in self.touches}.values())


def lines_of(nest: LoopNest, sizes: Mapping[str, int], memories: list[Any]) -> Lines | None:
    """The lines of a nest: the indices of its first axis, where that is what its work units are made of."""
    outer = [k for k in nest.parallel if k != len(nest.axes) - 1]
    if not outer or nest.chunks:
        return None
    reads = [(v.access, False) for v in nest.body if isinstance(v, Load)]
    accesses = reads + [(w.access, True) for w in nest.writes]
    extents = [axis.value(dict(sizes)) for axis in nest.axes]
    touches = tuple(_touch(access, writes, outer[0], extents, sizes, memories) for access, writes in accesses)
    return Lines(extents[outer[0]], touches)


def _touch(
    access: Access, writes: bool, axis: int, extents: list[int], sizes: Mapping[str, int], memories: list[Any]
) -> Touch:
    known = dict(sizes)
    steps = [stride.value(known) * access.dtype.itemsize for stride in access.strides]
    first = sum(o.value(known) for o in access.offset) * access.dtype.itemsize
    reach = [(extent - 1) * step for k, (extent, step) in enumerate(zip(extents, steps, strict=True)) if k != axis]
    first += sum(r for r in reach if r < 0)
    return Touch(memories[access.buffer], writes, first, steps[axis], sum(map(abs, reach)) + access.dtype.itemsize)


def together(strip: list[Lines], more: Lines) -> bool:
    """Whether a nest may join a strip: the same lines, and whatever is written is met line by line only."""
    if len(strip) == LONGEST or more.count != strip[0].count or more.count < 2:
        return False
    before = [touch for lines in strip for touch in lines.touches]
    return all(
        _line_by_line(old, new)
        for new in more.touches
        for old in before
        if old.memory == new.memory and (old.writes or new.writes)
    )


def _line_by_line(one: Touch, other: Touch) -> bool:
    low, high = min(one.first, other.first), max(one.first + one.size, other.first + other.size)
    return one.step == other.step and high - low <= one.step
