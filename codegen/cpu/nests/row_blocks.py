"""Row blocks: consecutive loop nests over the same rows of memory run a few rows at a time, one after the other.

    layer norm    for all rows: sum;  for all rows: variance;  for all rows: normalise     reads x three times
    row blocks    for a few rows: sum, variance, normalise                                 reads x once, then the cache

It is allowed where nothing that one of the nests writes is met by another at a row of its own other than the one that
is written.  The results are the same bits: work units are what they were, in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...lowering.loops import Access, Load, LoopNest
from ..model import FIRST_LEVEL_BYTES

BLOCK_BYTES = FIRST_LEVEL_BYTES  # that the nests touch in one row block: they stay in the cache
MOST_NESTS = 16  # that share row blocks


class RowAccess(NamedTuple):
    """What a nest reads or writes of a buffer in row i: bytes from first + i * step to first + i * step + size."""

    memory: Any
    writes: bool
    first: int
    step: int
    size: int


@dataclass(frozen=True)
class NestRows:
    """A nest as rows: how many there are, and what each reads and writes."""

    count: int
    accesses: tuple[RowAccess, ...]

    @property
    def bytes(self) -> int:
        """About how much memory a row takes."""
        return sum({a.memory: a.size for a in self.accesses}.values())


def rows_of(nest: LoopNest, sizes: Mapping[str, int], memories: list[Any]) -> NestRows | None:
    """The rows of a nest: the indices of its first axis, where that is what its work units are made of."""
    outer = [k for k in nest.parallel if k != len(nest.axes) - 1]
    if not outer or nest.chunks:
        return None
    reads = [(v.access, False) for v in nest.body if isinstance(v, Load)]
    accesses = reads + [(w.access, True) for w in nest.writes]
    extents = [axis.value(dict(sizes)) for axis in nest.axes]
    found = tuple(_row_access(access, writes, outer[0], extents, sizes, memories) for access, writes in accesses)
    return NestRows(extents[outer[0]], found)


def _row_access(
    access: Access, writes: bool, axis: int, extents: list[int], sizes: Mapping[str, int], memories: list[Any]
) -> RowAccess:
    known = dict(sizes)
    steps = [stride.value(known) * access.dtype.itemsize for stride in access.strides]
    first = sum(o.value(known) for o in access.offset) * access.dtype.itemsize
    reach = [(extent - 1) * step for k, (extent, step) in enumerate(zip(extents, steps, strict=True)) if k != axis]
    first += sum(r for r in reach if r < 0)
    return RowAccess(memories[access.buffer], writes, first, steps[axis], sum(map(abs, reach)) + access.dtype.itemsize)


def may_share_rows(nests: list[NestRows], more: NestRows) -> bool:
    """Whether a nest may join others in row blocks: the same rows, and what is written is met row by row only."""
    if len(nests) == MOST_NESTS or more.count != nests[0].count or more.count < 2:
        return False
    before = [access for rows in nests for access in rows.accesses]
    return all(
        _row_by_row(old, new)
        for new in more.accesses
        for old in before
        if old.memory == new.memory and (old.writes or new.writes)
    )


def _row_by_row(one: RowAccess, other: RowAccess) -> bool:
    low, high = min(one.first, other.first), max(one.first + one.size, other.first + other.size)
    return one.step == other.step and high - low <= one.step
