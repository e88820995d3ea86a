"""The working memory of a call, as a target plans it: what stands in the arena and when, and what its steps cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...ops.conv import Conv
from ...ops.linalg import MatMul
from . import memory
from .bind import Bound, BranchCall, Call, KernelCall, LoopCall, NestCall
from .buffers import Buffer, Role
from .memory import Life, peak
from .program import Step


class ArenaPart(NamedTuple):
    """Bytes of the arena; `buffer`: whose they are, None where they are scratch memory of a kernel."""

    life: Life
    buffer: Buffer | None


class WorkingMemory(NamedTuple):
    """The arena, in bytes, what stands in it, and about how long each step of the program takes."""

    arena: int
    blocks: Sequence[ArenaPart]
    costs: dict[Step, float]  # in one unit, whatever it is

    @property
    def scratch(self) -> int:
        """The most bytes that kernels use at once besides the program's buffers."""
        return peak([block.life for block in self.blocks if block.buffer is None])


def estimate(bound: Bound) -> WorkingMemory:
    """What the buffers of a program take, and what its steps cost in operations, where no target says more."""
    blocks = [ArenaPart(_life(b, bound), b) for b in bound.program.buffers if b.alias is None and b.role in IN_ARENA]
    costs: dict[Step, float] = {}
    for call in bound.calls:
        costs[call.step] = costs.get(call.step, 0.0) + _operations(call)
    return WorkingMemory(memory.plan([block.life for block in blocks])[1], blocks, costs)


IN_ARENA = frozenset((Role.TEMPORARY, Role.SCRATCH, Role.CARRY))


def _life(buffer: Buffer, bound: Bound) -> Life:
    return Life(bound.bytes[buffer], buffer.first, buffer.last)


def _operations(call: Call) -> float:
    """About how many operations a call takes."""
    if isinstance(call, NestCall):
        return float(call.elements * (len(call.placed.nest.body) + 1))
    if isinstance(call, KernelCall):
        sizes = [math.prod(array.shape) for array in (*call.outputs, *call.arguments)]
        if isinstance(call.op, MatMul | Conv):
            return math.sqrt(math.prod(sizes))  # m k n, out of m n, m k and k n
        return float(sum(sizes))
    if isinstance(call, LoopCall):
        return call.length * sum(map(_operations, call.body))
    if isinstance(call, BranchCall):
        return max(sum(map(_operations, body)) for body in call.bodies)
    return 1.0


def repetitions(calls: Sequence[Call], times: int = 1) -> Iterator[tuple[Step, int]]:
    """Each step, those of bodies too, and how often a call runs it at most."""
    for call in calls:
        yield call.step, times
        if isinstance(call, LoopCall):
            yield from repetitions(call.body, times * call.length)
        elif isinstance(call, BranchCall):
            for body in call.bodies:
                yield from repetitions(body, times)
