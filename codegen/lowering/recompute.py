"""Which steps run a second time, later, so that what they computed need not be kept until then.

Where the most memory is taken, some value lies idle: it was read before, and is read again later.  Its readers from
then on get another value, of the same steps run again just before.  Those may have to have their own arguments run
again, or kept longer; both are tried.  Of all such changes the one is made that takes most off what is above the limit
for the time that it costs, and so on, until all is below.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...ops.callback import Callback
from .buffers import Buffer, Role
from .program import KernelStep, NestStep, Program, Step
from .timeline import Occurrence, Timeline, Version, VersionSizes
from .touched import reads_of

MOST_STEPS = 64  # that are run again for one value
KEPT = 8  # what is smaller than a value by this factor is kept for it rather than computed again
STRIDE = 0.95  # of the present peak, that the least memory is sought by
MOST_TRIED = 4  # changes, of those that seem to help
MOST_TIMES = 5  # as long as it was does a program become, at most


class Idle(NamedTuple):
    """A version from a position on, until which it has to stay, or from which on it need not."""

    version: Version
    begin: int


class Change(NamedTuple):
    """Steps, by their first positions, to run again before a position; what may go until then, and what has to stay."""

    before: int
    steps: tuple[int, ...]
    freed: tuple[Idle, ...]
    kept: tuple[Idle, ...]


class Recomputation:
    """The search over one program for given sizes."""

    def __init__(self, program: Program, occurrences: list[Occurrence], sizes: VersionSizes):
        self.first, self.sizes = occurrences, sizes
        self.commit = program.commit  # steps from there on write to variables: nothing is run again among them
        self.calls_back = program.calls_back  # functions of the user's may give variables values in between
        self.makers: dict[Buffer, list[int]] = {}
        for number, one in enumerate(occurrences):
            for buffer, _ in one.writes:
                self.makers.setdefault(buffer, []).append(number)
        self.free = {b for b, made in self.makers.items() if all(map(self._may_run_again, made))}

    def _may_run_again(self, number: int) -> bool:
        step = self.first[number].step
        moved = self.calls_back and any(b.role is Role.SHARED for b in reads_of(step))
        return number < self.commit and may_run_again(step) and not moved

    # ---- the search -------------------------------------------------------------------------------------------------

    def within(self, limit: int, occurrences: list[Occurrence]) -> list[Occurrence] | None:
        """These and more between them, so that all take at most so many bytes; None where that is not found."""
        *_, last = self._improve(occurrences, limit)
        return last.occurrences if last.peak <= limit else None

    def descend(self) -> Iterator[list[Occurrence]]:
        """Orders that take less and less: the last one takes the least that is found."""
        occurrences, before = self.first, -1
        yield occurrences
        least = Timeline(occurrences, self.sizes).peak
        while least != before:
            before = least
            for found in self._improve(occurrences, int(before * STRIDE)):
                occurrences = found.occurrences
                if found.peak < least:
                    least = found.peak
                    yield occurrences

    def _improve(self, occurrences: list[Occurrence], limit: int) -> Iterator[Timeline]:
        """Change after change, each for the better, until all is below the limit, or no change helps."""
        timeline: Timeline | None = Timeline(occurrences, self.sizes)
        while timeline is not None:
            yield timeline
            timeline = self._better(timeline, limit) if timeline.peak > limit else None

    def _better(self, timeline: Timeline, limit: int) -> Timeline | None:
        """After the change that takes most off what is above the limit for the time that it costs."""
        at = int(timeline.taken.argmax())
        changes = [(self._worth(timeline, change, limit), change) for change in self._changes(timeline, at)]
        changes = [(worth, change) for worth, change in changes if worth > 0]
        changes.sort(key=lambda pair: -pair[0])
        for _, change in changes[:MOST_TRIED]:
            if len(timeline.occurrences) + len(change.steps) <= MOST_TIMES * len(self.first):
                found = Timeline(self._apply(timeline, change), self.sizes)
                if found.above(limit) < timeline.above(limit):
                    return found
        return None

    def _worth(self, timeline: Timeline, change: Change, limit: int) -> float:
        cost = sum(self.first[number].cost for number in change.steps)
        return self._gain(timeline, change, limit) / (1.0 + cost)

    def _changes(self, timeline: Timeline, at: int) -> Iterator[Change]:
        """What may be done about the memory that is taken at a position."""
        commit = self._commit(timeline)
        seen: set[Change] = set()
        for version in timeline.lives:
            if version[0] not in self.free or not self.sizes.of(version):
                continue
            gap = timeline.gap(version, at)
            if gap is None or min(gap[1], commit) <= at:
                continue
            for deep in (False, True):
                change = self._change(timeline, version, at, min(gap[1], commit), deep)
                if change is not None and change not in seen:
                    seen.add(change)
                    yield change
                if change is not None and not change.kept:
                    break  # all that the steps read is there

    def _commit(self, timeline: Timeline) -> int:
        return self.commit + len(timeline.occurrences) - len(self.first)

    def _change(self, timeline: Timeline, version: Version, at: int, before: int, deep: bool) -> Change | None:
        """Running again what makes a version; `deep`: its large arguments too, rather than keep them."""
        steps: set[int] = set()
        kept: dict[Version, None] = {}
        wanted = [version[0]]
        while wanted:
            buffer = wanted.pop()
            if steps.issuperset(self.makers[buffer]):
                continue
            steps.update(self.makers[buffer])
            if len(steps) > MOST_STEPS:
                return None
            for number in self.makers[buffer]:
                for argument, _ in self.first[number].reads:
                    if argument.role is Role.OUTPUT or argument is buffer:
                        continue
                    latest = timeline.latest(argument, before)
                    assert latest is not None
                    if timeline.lives[latest].last >= before:
                        continue
                    large = deep and self.sizes.again(argument) * KEPT > self.sizes.again(version[0])
                    if argument in self.free and (large or argument.alias is not None):
                        wanted.append(argument)
                    elif argument.alias is None:
                        kept[latest] = None
                    else:
                        return None
        made = {b for number in steps for b, _ in self.first[number].writes if steps.issuperset(self.makers[b])}
        stays = tuple(Idle(v, timeline.lives[v].last + 1) for v in kept if v[0] not in made)
        return Change(before, tuple(sorted(steps)), tuple(self._idle(timeline, made, at, before)), stays)

    def _idle(self, timeline: Timeline, made: set[Buffer], at: int, before: int) -> Iterator[Idle]:
        """Versions of buffers that lie idle at a position and until another."""
        for buffer in sorted(made, key=lambda b: b.number):
            for number in timeline.versions[buffer]:
                gap = timeline.gap((buffer, number), at)
                if gap is not None and gap[1] >= before:
                    yield Idle((buffer, number), gap[0] + 1)

    # ---- what a change does -----------------------------------------------------------------------------------------

    def _gain(self, timeline: Timeline, change: Change, limit: int) -> float:
        """By how many bytes less the steps together are above the limit, about."""
        begins = [(idle.begin, -self.sizes.of(idle.version)) for idle in change.freed]
        begins += [(idle.begin, self.sizes.of(idle.version)) for idle in change.kept]
        start = min(begin for begin, _ in begins)
        old = timeline.taken[start : change.before]
        new = old.copy()
        for begin, size in begins:
            new[begin - start :] += size
        less = np.maximum(old - limit, 0).sum() - np.maximum(new - limit, 0).sum()
        there = int(timeline.entering[change.before]) + sum(size for _, size in begins)
        return float(less) - self._above_again(change, there, limit)

    def _above_again(self, change: Change, there: int, limit: int) -> float:
        """By how many bytes the steps that run again are above the limit; so many are there before."""
        freed = {idle.version[0] for idle in change.freed}
        last = {
            buffer: place
            for place, number in enumerate(change.steps)
            for buffer, _ in (*self.first[number].reads, *self.first[number].writes)
        }
        above = 0.0
        made: set[Buffer] = set()
        for place, number in enumerate(change.steps):
            one = self.first[number]
            new = {buffer for buffer, _ in one.writes} - made
            made |= new
            there += sum(map(self.sizes.again, new))
            above += max(0, there + one.inner - limit)
            over = {buffer for buffer in made - freed if last[buffer] == place}
            made -= over
            there -= sum(map(self.sizes.again, over))
        return above

    def _apply(self, timeline: Timeline, change: Change) -> list[Occurrence]:
        """The steps with those of a change once more."""
        new: dict[Buffer, Version] = {}
        for number in change.steps:
            for buffer, _ in self.first[number].writes:
                new[buffer] = buffer, max(timeline.versions[buffer]) + 1
        again = []
        for number in change.steps:
            one = self.first[number]
            reads = tuple(new.get(b) or self._source(timeline, b, change.before) for b, _ in one.reads)
            again.append(one._replace(reads=reads, writes=tuple(new[b] for b, _ in one.writes), again=True))
        moved = {idle.version: new[idle.version[0]] for idle in change.freed}
        occurrences = list(timeline.occurrences)
        after = [i._replace(reads=tuple(moved.get(v, v) for v in i.reads)) for i in occurrences[change.before :]]
        return [*occurrences[: change.before], *again, *after]

    def _source(self, timeline: Timeline, buffer: Buffer, before: int) -> Version:
        found = timeline.latest(buffer, before)
        assert found is not None
        return found


def may_run_again(step: Step) -> bool:
    """Whether a step computes the same whenever it runs, and nothing besides; loops are left as they are."""
    op = step.node.op
    return isinstance(step, NestStep | KernelStep) and not (op.effects or isinstance(op, Callback))
