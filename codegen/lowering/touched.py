"""Which buffers a step reads and writes, those of its bodies included, and the same step over other buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from .buffers import Buffer, BufferedNest, Operand, Role
from .loops import Load
from .program import BranchStep, CarryBuffers, CopyStep, KernelStep, LoopStep, NestStep, Slices, Step

Change = Callable[[Buffer], Buffer]


def reads_of(step: Step) -> list[Buffer]:
    """The buffers that a step reads which stood there before it, each once."""
    written = set(writes_of(step))
    return [b for b in dict.fromkeys(_find_reads(step)) if b not in written and _is_outside(b, step)]


def writes_of(step: Step) -> list[Buffer]:
    """The buffers that a step leaves for others, each once."""
    return [b for b in dict.fromkeys(_find_writes(step)) if _is_outside(b, step)]


def _is_outside(buffer: Buffer, step: Step) -> bool:
    """Whether a buffer that a step names is not its own: no scratch memory, nothing that a body computes."""
    if buffer.role in (Role.SHARED, Role.CONSTANT):
        return True
    inner = isinstance(step, LoopStep | BranchStep) and buffer.first > step.time
    return not inner and buffer.role not in (Role.SCRATCH, Role.CARRY, Role.ELEMENT)


def _find_reads(step: Step) -> Iterator[Buffer]:
    if isinstance(step, NestStep):
        for nest, buffers in step.nests:
            yield from (buffers[v.access.buffer] for v in nest.body if isinstance(v, Load))
    elif isinstance(step, KernelStep):
        yield from (operand.buffer for operand in step.arguments)
    elif isinstance(step, CopyStep):
        yield step.source
    elif isinstance(step, BranchStep):
        yield step.condition
        for body in step.bodies:
            for inner in body:
                yield from _find_reads(inner)
    elif isinstance(step, LoopStep):
        yield from (carry.start for carry in step.carries)
        yield from (part.whole for part in step.sequences)
        if step.count is not None:
            yield step.count
        for inner in step.body:
            yield from _find_reads(inner)


def _find_writes(step: Step) -> Iterator[Buffer]:
    if isinstance(step, NestStep):
        for nest, buffers in step.nests:
            yield from (buffers[write.access.buffer] for write in nest.writes)
    elif isinstance(step, KernelStep | BranchStep):
        yield from step.outputs
    elif isinstance(step, CopyStep):
        yield step.target
    elif isinstance(step, LoopStep):
        yield from (carry.result for carry in step.carries)
        yield from (part.whole for part in step.stacked)
        if step.taken is not None:
            yield step.taken


# ---- the same step over other buffers --------------------------------------------------------------------------------


def over(step: Step, buffers: Mapping[Buffer, Buffer], later: int) -> Step:
    """The step with other buffers in place of those that are named, and so many times later."""

    def change(buffer: Buffer) -> Buffer:
        return buffers.get(buffer, buffer)

    return _change(step, change, later)


def _change(step: Step, change: Change, later: int) -> Step:
    time = step.time + later
    if isinstance(step, NestStep):
        nests = tuple(BufferedNest(p.nest, tuple(map(change, p.buffers))) for p in step.nests)
        return replace(step, time=time, nests=nests)
    if isinstance(step, KernelStep):
        arguments = tuple(Operand(change(o.buffer), o.view) for o in step.arguments)
        return replace(step, time=time, outputs=tuple(map(change, step.outputs)), arguments=arguments)
    if isinstance(step, CopyStep):
        return replace(step, time=time, target=change(step.target), source=change(step.source))
    if isinstance(step, BranchStep):
        then, otherwise = ([_change(inner, change, later) for inner in body] for body in step.bodies)
        outputs = tuple(map(change, step.outputs))
        return replace(step, time=time, condition=change(step.condition), bodies=(then, otherwise), outputs=outputs)
    assert isinstance(step, LoopStep)
    return _change_loop(step, change, later)


def _change_loop(step: LoopStep, change: Change, later: int) -> LoopStep:
    def maybe(buffer: Buffer | None) -> Buffer | None:
        return None if buffer is None else change(buffer)

    return replace(
        step,
        time=step.time + later,
        body=[_change(inner, change, later) for inner in step.body],
        carries=tuple(CarryBuffers(*map(change, carry)) for carry in step.carries),
        sequences=tuple(Slices(*map(change, part)) for part in step.sequences),
        stacked=tuple(Slices(*map(change, part)) for part in step.stacked),
        count=maybe(step.count),
        test=maybe(step.test),
        taken=maybe(step.taken),
    )
