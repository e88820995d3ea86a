"""A program: the steps that compute a graph, and the buffers that they read and write.  Plain data, without sizes.

    NestStep     loop nests that compute a fusion group
    KernelStep   an op, by a kernel of the target
    LoopStep     a body, step after step
    BranchStep   one of two bodies
    CopyStep     one buffer to another

Which buffer stands in the memory of which other one, and from when to when each is needed, does not depend on sizes,
and is said here; bytes are said by bind.py, and addresses by a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...ops.callback import Callback
from ...symbolic.dims import Dim
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from .buffers import Buffer, BufferedNest, Operand
from .loops import LoopNest


@dataclass(eq=False, repr=False)
class Step:
    """What all steps have: the node that errors and profiles name, and when it runs."""

    node: Expr
    time: int

    @property
    def label(self) -> str:
        """Its name in profiles."""
        return self.node.op.name


@dataclass(eq=False, repr=False)
class NestStep(Step):
    """The nests of a fusion group, which compute `roots`."""

    roots: tuple[Expr, ...]
    nests: tuple[BufferedNest, ...]

    @property
    def label(self) -> str:
        """Its name in profiles."""
        return " + ".join(r.op.name for r in self.roots)


@dataclass(eq=False, repr=False)
class KernelStep(Step):
    """An op by a kernel of the target."""

    outputs: tuple[Buffer, ...]
    arguments: tuple[Operand, ...]


class CarryBuffers(NamedTuple):
    """What a loop hands from step to step: its first value, where a step reads it and writes it, and the last value."""

    start: Buffer
    before: Buffer
    after: Buffer
    result: Buffer


class Slices(NamedTuple):
    """An array of which each step of a loop has an element of the first axis: to read, or to write."""

    whole: Buffer
    element: Buffer


@dataclass(eq=False, repr=False)
class LoopStep(Step):
    """`body`, as often as `length` and the others say; see ops/loop.py."""

    body: list[Step]
    carries: tuple[CarryBuffers, ...]
    sequences: tuple[Slices, ...]
    stacked: tuple[Slices, ...]
    length: Dim  # steps at most
    reverse: bool
    count: Buffer | None  # an int64: how many steps, where that is an argument
    test: Buffer | None  # a bool that the body writes: whether to go on
    taken: Buffer | None  # an int64 that gets the number of steps, where there is a test

    @property
    def may_end_early(self) -> bool:
        """Whether there may be fewer steps than `length`: what is stacked is 0 there."""
        return self.count is not None or self.test is not None


@dataclass(eq=False, repr=False)
class BranchStep(Step):
    """`bodies[0]` where the condition is true, else `bodies[1]`; both write the same buffers."""

    condition: Buffer
    bodies: tuple[list[Step], list[Step]]
    outputs: tuple[Buffer, ...]


@dataclass(eq=False, repr=False)
class CopyStep(Step):
    """All of one buffer to another of the same shape."""

    target: Buffer
    source: Buffer


class Recomputed(NamedTuple):
    """Which steps run again so that a call takes less memory, and what that costs."""

    limit: int  # bytes of results and temporaries, at most
    before: int  # what they took without it
    after: int
    steps: tuple[Step, ...]  # those that run again, in order
    work: float  # that these take, as a part of all other work


@dataclass(eq=False, repr=False)
class Program:
    """Steps in order, and their buffers.

    From step `commit` on variables are written: until then a call may fail and leave them as they were.
    """

    graph: Graph
    steps: list[Step]
    buffers: list[Buffer]
    inputs: tuple[Buffer, ...]
    results: tuple[Buffer, ...]  # the outputs, and new arrays of variables whose size may be another
    shared: tuple[Buffer, ...]
    replaced: tuple[tuple[Expr, Expr], ...]  # (variable, new value): a new array takes the place of the old one
    commit: int
    recomputed: Recomputed | None = None  # where memory is limited

    @property
    def all_steps(self) -> Iterator[Step]:
        """The steps, and those of bodies."""
        return each_step(self.steps)

    @property
    def nests(self) -> list[LoopNest]:
        """All loop nests, each once."""
        steps = [step for step in self.all_steps if isinstance(step, NestStep)]
        return list(dict.fromkeys(nest for step in steps for nest, _ in step.nests))

    @property
    def calls_back(self) -> bool:
        """Whether one of its steps runs a function of the user's in Python."""
        return any(isinstance(step.node.op, Callback) for step in self.all_steps)


def each_step(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps, each before those of its bodies."""
    for step in steps:
        yield step
        for body in bodies_of(step):
            yield from each_step(body)


def bodies_of(step: Step) -> Sequence[list[Step]]:
    """The steps of a loop's body, or of a branch's two."""
    if isinstance(step, LoopStep):
        return (step.body,)
    return step.bodies if isinstance(step, BranchStep) else ()
