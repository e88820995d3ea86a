"""The steps of a program in order, some of them more than once, and the memory that is taken while each runs.

A value of a buffer is a `Version`: 0 as it was first computed, 1 and on as it was computed again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .bind import Bound
from .buffers import Buffer, Role
from .memory import peak
from .program import Step
from .touched import reads_of, writes_of
from .working import ArenaPart, WorkingMemory

Version = tuple[Buffer, int]


class VersionSizes(NamedTuple):
    """The bytes of versions in the arena."""

    first: Mapping[Buffer, int]  # of what stands there as the program is; the rest stands in results or variables
    bytes: Mapping[Buffer, int]

    def of(self, version: Version) -> int:
        """What a version takes."""
        return self.bytes[version[0]] if version[1] else self.first.get(version[0], 0)

    def again(self, buffer: Buffer) -> int:
        """What a buffer takes that is computed again."""
        return self.bytes[buffer]


class Occurrence(NamedTuple):
    """A step in its place; `inner`: the bytes that it takes while it runs, and nobody else sees."""

    step: Step
    reads: tuple[Version, ...]
    writes: tuple[Version, ...]
    inner: int
    cost: float
    again: bool = False


def sizes_of(bound: Bound, working: WorkingMemory) -> VersionSizes:
    """The bytes of a program's buffers, by themselves and in the arena."""
    first = {block.buffer: block.life.size for block in working.blocks if block.buffer is not None}
    return VersionSizes(first, bound.bytes)


def occurrences_of(bound: Bound, working: WorkingMemory) -> list[Occurrence]:
    """The steps of a program as they are."""
    steps = bound.program.steps
    made = {b for step in steps for b in writes_of(step) if b.role is not Role.SHARED}  # variables change at the end
    inner = _inner_bytes(steps, working.blocks, made)
    found = []
    for number, step in enumerate(steps):
        reads = tuple((b, 0) for b in reads_of(step) if b in made)
        writes = tuple((b, 0) for b in writes_of(step) if b in made)
        found.append(Occurrence(step, reads, writes, inner[number], working.costs.get(step, 0.0)))
    return found


def _inner_bytes(steps: Sequence[Step], blocks: Sequence[ArenaPart], made: set[Buffer]) -> list[int]:
    """For each step the most that it takes at once of what stands in the arena and is no value of the program's."""
    times = [step.time for step in steps]
    own: list[list[ArenaPart]] = [[] for _ in steps]
    for block in blocks:
        if block.buffer not in made and steps:
            own[max(0, bisect_right(times, block.life.first) - 1)].append(block)
    return [peak([block.life for block in found]) for found in own]


class Presence(NamedTuple):
    """Of a version: the first and last positions at which it is written, and those at which it is read."""

    first: int
    made: int
    uses: list[int]

    @property
    def last(self) -> int:
        """The last position at which it is needed."""
        return self.uses[-1] if self.uses else self.made


class Timeline:
    """When each version is there, and how many bytes that makes at each position."""

    def __init__(self, occurrences: list[Occurrence], sizes: VersionSizes):
        self.occurrences, self.sizes = occurrences, sizes
        self.lives: dict[Version, Presence] = {}
        self.versions: dict[Buffer, list[int]] = {}  # of each buffer, in the order in which they are made
        for position, one in enumerate(occurrences):
            for version in one.writes:
                life = self.lives.get(version)
                if life is None:
                    self.versions.setdefault(version[0], []).append(version[1])
                self.lives[version] = Presence(position if life is None else life.first, position, [])
        for position, one in enumerate(occurrences):
            for version in one.reads:
                self.lives[version].uses.append(position)
        self._count()

    def _count(self) -> None:
        count = len(self.occurrences)
        changes = np.zeros(count + 1, np.int64)
        entering = np.zeros(count + 1, np.int64)
        for version, life in self.lives.items():
            size = self.sizes.of(version)
            if size:
                changes[life.first] += size
                changes[life.last + 1] -= size
                if life.last > life.first:
                    entering[life.first + 1] += size
                    entering[life.last + 1] -= size
        self.entering = np.cumsum(entering)[:count]  # bytes that are there before a step and still needed
        self.taken = np.cumsum(changes)[:count] + [one.inner for one in self.occurrences]

    @property
    def peak(self) -> int:
        """The most bytes at one position."""
        return int(self.taken.max(initial=0))

    def above(self, limit: int) -> int:
        """By how many bytes all steps together are above a limit."""
        return int(np.maximum(self.taken - limit, 0).sum())

    def latest(self, buffer: Buffer, before: int) -> Version | None:
        """The version of a buffer that was made last before a position."""
        found = [k for k in self.versions.get(buffer, ()) if self.lives[buffer, k].made < before]
        return (buffer, found[-1]) if found else None

    def gap(self, version: Version, at: int) -> tuple[int, int] | None:
        """Around a position at which a version lies idle: its last use before, and its first after; None: no such."""
        first, made, uses = self.lives[version]
        if not first <= made < at or not uses or uses[-1] <= at:
            return None
        place = bisect_right(uses, at)
        before = uses[place - 1] if place else made
        return None if before == at else (before, uses[place])
