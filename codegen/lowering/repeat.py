"""A program whose steps are those of another, some of them more than once: their later values stand in buffers anew."""

from __future__ import annotations

from bisect import bisect_right
from collections import ChainMap
from collections.abc import Sequence
from dataclasses import replace

from .buffers import STAYS, Buffer, Role
from .program import LoopStep, NestStep, Program, Step, each_step
from .timeline import Occurrence, Version
from .touched import over, reads_of, writes_of


def repeat_steps(program: Program, occurrences: Sequence[Occurrence]) -> Program:
    """The program of these occurrences: its own steps in their order, and some of them again in between."""
    return _Repetition(program).program(occurrences) if occurrences else program


class _Repetition:
    def __init__(self, old: Program):
        self.old = old
        self.buffers: list[Buffer] = []
        self.first: dict[Buffer, Buffer] = {}  # what stands for each buffer of the old program
        for buffer in old.buffers:
            self.first[buffer] = self.copy(buffer)
        self.later: dict[Version, Buffer] = {}  # of values that are computed again

    def copy(self, buffer: Buffer) -> Buffer:
        """A buffer of the new program; what stays for the whole call is the same in both."""
        new = buffer
        if buffer.role not in STAYS:
            new = replace(buffer, alias=None if buffer.alias is None else self.first[buffer.alias])
        self.buffers.append(new)
        return new

    def program(self, occurrences: Sequence[Occurrence]) -> Program:
        """All of it."""
        steps: list[Step] = []
        shifts: list[int] = []  # of the old steps: by how much later each runs
        begin = iter([step.time for step in self.old.steps])
        waiting: list[Occurrence] = []
        for one in occurrences:
            if one.again:
                waiting.append(one)
                continue
            time = next(begin)
            for ready in waiting:
                steps.append(self.again(ready, time + len(steps) - len(shifts)))
            waiting = []
            shifts.append(len(steps) - len(shifts))
            steps.append(self.once(one, shifts[-1]))
        self.shift_lives(shifts)
        self.count_lives(steps)
        return replace(self.old, steps=steps, buffers=self.buffers, commit=self.old.commit + shifts[-1])

    # ---- steps ------------------------------------------------------------------------------------------------------

    def once(self, one: Occurrence, shift: int) -> Step:
        """A step of the old program, so much later, which reads the values that it is to read."""
        changed = {b: self.later[b, number] for b, number in one.reads if number}
        for step in each_step([one.step]) if changed else ():
            for whole, element in step.sequences if isinstance(step, LoopStep) else ():
                if whole in changed:
                    self.first[element].alias = changed[whole]
        return over(one.step, ChainMap(changed, self.first), shift)

    def again(self, one: Occurrence, time: int) -> Step:
        """A step once more, at this time: what it writes has memory of its own."""
        step = one.step
        changed = {b: self.later[b, number] for b, number in one.reads if number}
        for version in one.writes:
            if version not in self.later:  # several steps may write one
                self.later[version] = self.new(version[0], Role.TEMPORARY, time)
            changed[version[0]] = self.later[version]
        for placed in step.nests if isinstance(step, NestStep) else ():
            for buffer in placed.buffers:
                if buffer.role is Role.SCRATCH and buffer not in changed:
                    changed[buffer] = self.new(buffer, Role.SCRATCH, time)
        return over(step, ChainMap(changed, self.first), time - step.time)

    def new(self, buffer: Buffer, role: Role, time: int) -> Buffer:
        """Memory like that of a buffer."""
        new = replace(buffer, number=len(self.buffers), role=role, alias=None, first=time, last=time)
        self.buffers.append(new)
        return new

    # ---- lives ------------------------------------------------------------------------------------------------------

    def shift_lives(self, shifts: Sequence[int]) -> None:
        """What belongs to one step, its scratch memory and what its bodies compute, moves with it."""
        times = [step.time for step in self.old.steps]
        for old, new in self.first.items():
            if new is not old:
                shift = shifts[max(0, bisect_right(times, old.first) - 1)]
                new.first, new.last = old.first + shift, old.last + shift

    def count_lives(self, steps: Sequence[Step]) -> None:
        """What steps hand to others is there from the first that writes it to the last that reads it."""
        made: set[Buffer] = set()
        for step, end in zip(steps, self.ends(steps), strict=True):
            for buffer in writes_of(step):
                if buffer.role not in STAYS and buffer not in made:
                    made.add(buffer)
                    buffer.first = step.time
            for buffer in (*writes_of(step), *reads_of(step)):
                if buffer in made:
                    buffer.last = end

    def ends(self, steps: Sequence[Step]) -> list[int]:
        """The last time of each step: those with bodies take several."""
        last = max([steps[-1].time, *(b.last for b in self.first.values() if b.role not in STAYS)])
        return [*(step.time - 1 for step in steps[1:]), last]
