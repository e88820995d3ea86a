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
from enum import StrEnum
from typing import NamedTuple

from ...ops.branch import Branch
from ...ops.callback import Callback
from ...ops.loop import Loop
from ...symbolic.dims import Dim, show
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.leaves import Constant, Shared, storage_of
from ...symbolic.storage import Storage
from ...symbolic.types import DType
from ..target import Target
from . import views
from .fuse import fuse
from .groups import Group, Schedule, Scratch, Single
from .loops import Extent, LoopNest
from .reuse import Placement, place_temporaries, place_updates
from .views import View


class Role(StrEnum):
    """What a buffer is."""

    INPUT = "input"
    OUTPUT = "output"  # an array that the call makes: a result, or a variable's new array
    SHARED = "shared"
    CONSTANT = "constant"
    TEMPORARY = "temporary"
    SCRATCH = "scratch"  # between two nests of one reduction
    CARRY = "carry"  # of a loop: what one step leaves to the next
    ELEMENT = "element"  # of a loop: the part of an array that belongs to the present step


@dataclass(eq=False, repr=False)
class Buffer:
    """Memory of an array in C order.

    `alias`: the buffer in whose memory it stands: the same bytes, but that of an ELEMENT, whose alias is the array that
    it is a part of.  `first`, `last`: the times, as `Step.time` counts them, between which it is needed.
    """

    number: int
    dtype: DType
    shape: tuple[Dim | Extent, ...]
    role: Role
    node: Expr | None = None  # what it holds; None: of no node of the graph
    alias: Buffer | None = None
    first: int = 0
    last: int = 0

    @property
    def home(self) -> Buffer:
        """Whose memory it is, in the end; a part of an array is at home in itself."""
        found = self
        while found.alias is not None and found.role is not Role.ELEMENT:
            found = found.alias
        return found

    @property
    def label(self) -> str:
        """How it is printed: its number, and what it holds; scratch memory holds no node."""
        node = self.node
        return f"%{self.number} {self.role if node is None else node.name or node.op.name}"

    @property
    def storage(self) -> Storage:
        """What the shared variable holds whose buffer this is."""
        assert self.node is not None
        return storage_of(self.node)

    def __str__(self) -> str:
        sizes = show(self.shape)
        return f"{self.label}: {self.dtype.name}{sizes}"


class Operand(NamedTuple):
    """Elements of a buffer, as an array of another shape: what a kernel reads."""

    buffer: Buffer
    view: View


class BufferedNest(NamedTuple):
    """A nest, and the buffers that it numbers."""

    nest: LoopNest
    buffers: tuple[Buffer, ...]


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


def build(graph: Graph, target: Target) -> Program:
    """Fuse, decide which buffers stand where, and write down the steps.

    Raises LoweringError for an op that the target cannot run.
    """
    views.forget()
    schedule = fuse(graph, target)
    updates = place_updates(graph, schedule)
    return _ProgramBuilder(graph, schedule, updates, place_temporaries(graph, schedule)).program()


class _ProgramBuilder:
    def __init__(self, graph: Graph, schedule: Schedule, updates: Placement, reused: dict[Expr, Expr]):
        self.graph, self.schedule, self.updates = graph, schedule, updates
        self.buffers: list[Buffer] = []
        self.everywhere: dict[Expr | Scratch, Buffer] = {}  # shared variables and constants
        self.time = 0
        made = [*graph.outputs, *(new for _, new in updates.replaced)]
        self.inputs = tuple(self.new(x, Role.INPUT) for x in graph.inputs)
        self.results = tuple(self.new(x, Role.OUTPUT) for x in made)
        given = [*zip(graph.inputs, self.inputs, strict=True), *zip(made, self.results, strict=True)]
        self.scope: dict[Expr | Scratch, Buffer] = dict(given)
        for temporary, output in reused.items():
            self.scope[temporary] = self.new(temporary, Role.TEMPORARY, alias=self.scope[output])
        for new, variable in updates.in_place.items():
            self.scope[new] = self.new(new, Role.TEMPORARY, alias=self.buffer(variable))

    def program(self) -> Program:
        """All of it."""
        steps = self.steps(self.schedule)
        for variable, new in self.updates.copied:
            self.time += 1
            steps.append(CopyStep(variable, self.time, self.buffer(variable), self.buffer(new)))
        shared = tuple(b for b in self.everywhere.values() if b.role is Role.SHARED)
        replaced, commit = tuple(self.updates.replaced), self.updates.commit
        return Program(self.graph, steps, self.buffers, self.inputs, self.results, shared, replaced, commit)

    # ---- buffers --------------------------------------------------------------------------------------------------

    def new(self, node: Expr | Scratch, role: Role, alias: Buffer | None = None) -> Buffer:
        """A buffer for a node's value."""
        shape = node.axes if isinstance(node, Scratch) else node.shape
        of = None if isinstance(node, Scratch) else node
        found = Buffer(len(self.buffers), node.dtype, shape, role, of, alias, self.time, self.time)
        self.buffers.append(found)
        return found

    def buffer(self, node: Expr | Scratch) -> Buffer:
        """The buffer of a node in the present scope, which is needed now."""
        found = self.scope.get(node) or self.everywhere.get(node)
        if found is None:
            found = self.make_buffer(node)
        found.home.last = found.last = self.time
        return found

    def make_buffer(self, node: Expr | Scratch) -> Buffer:
        """A buffer for a node that has none."""
        if isinstance(node, Scratch):
            return self.scope.setdefault(node, self.new(node, Role.SCRATCH))
        if isinstance(node.op, Shared):
            return self.everywhere.setdefault(node, self.new(node, Role.SHARED))
        if isinstance(node.op, Constant):
            return self.everywhere.setdefault(node, self.new(node, Role.CONSTANT))
        return self.scope.setdefault(node, self.new(node, Role.TEMPORARY))

    def operand(self, view: View) -> Operand:
        return Operand(self.buffer(view.base), view)

    def whole(self, view: View) -> Buffer:
        """The buffer of a view of all of it: what bodies read (passes/outputs.py)."""
        assert view.whole, view
        return self.buffer(view.base)

    # ---- steps ----------------------------------------------------------------------------------------------------

    def steps(self, schedule: Schedule) -> list[Step]:
        """The steps of a schedule."""
        return [self.step(work) for work in schedule.steps]

    def step(self, work: Group | Single) -> Step:
        """One step."""
        self.time += 1
        if isinstance(work, Group):
            nests = tuple(BufferedNest(p.nest, tuple(map(self.buffer, p.buffers))) for p in work.nests)
            return NestStep(work.node, self.time, tuple(work.roots), nests)
        op = work.node.op
        if work.inner and isinstance(op, Loop):
            return self.loop(work, op)
        if work.inner and isinstance(op, Branch):
            return self.branch(work, op)
        outputs = tuple(map(self.buffer, work.outputs))
        return KernelStep(work.node, self.time, outputs, tuple(map(self.operand, work.arguments)))

    def loop(self, work: Single, op: Loop) -> LoopStep:
        """A loop.  What its body reads and writes are buffers of the body's own, but for what it captures."""
        begun = self.time
        parts = op.divide([self.whole(view) for view in work.arguments])
        results = list(map(self.buffer, work.outputs))
        inputs, outputs = op.body.inputs, op.body.outputs
        scope: dict[Expr | Scratch, Buffer] = dict(
            zip(inputs[op.carries + op.sequences :], parts.captured, strict=True)
        )
        carries = []
        for x, y, start, result in zip(inputs, outputs, parts.carries, results, strict=False):
            scope[x], scope[y] = self.new(x, Role.CARRY), self.new(y, Role.CARRY)
            carries.append(CarryBuffers(start, scope[x], scope[y], result))
        sequences = self.slices(scope, inputs[op.carries :], parts.sequences)
        stacked = self.slices(scope, op.stacked, results[op.carries :])
        test = taken = None
        if op.tested:
            test, taken = self.new(outputs[-1], Role.TEMPORARY), results[-1]
            scope[outputs[-1]] = test
        body = self.body(work.inner[0], scope)
        self.time += 1
        self.keep(begun)
        count = parts.steps[0] if parts.steps else None
        return LoopStep(
            work.node, begun, body, tuple(carries), sequences, stacked, op.length, op.reverse, count, test, taken
        )

    def slices(
        self, scope: dict[Expr | Scratch, Buffer], elements: Sequence[Expr], wholes: Sequence[Buffer]
    ) -> tuple[Slices, ...]:
        """Elements of whole arrays, which are put into the scope."""
        found = []
        for node, whole in zip(elements, wholes, strict=False):
            scope[node] = self.new(node, Role.ELEMENT, alias=whole)
            found.append(Slices(whole, scope[node]))
        return tuple(found)

    def branch(self, work: Single, op: Branch) -> BranchStep:
        """A branch, whose bodies read and write the buffers outside."""
        begun = self.time
        given = [self.whole(view) for view in work.arguments]
        results = tuple(map(self.buffer, work.outputs))
        bodies = []
        for graph, inner, values in zip(op.bodies, work.inner, op.divide(given), strict=True):
            scope: dict[Expr | Scratch, Buffer] = dict(zip(graph.inputs, values, strict=True))
            scope.update(zip(graph.outputs, results, strict=True))
            bodies.append(self.body(inner, scope))
        self.keep(begun)
        return BranchStep(work.node, begun, given[0], (bodies[0], bodies[1]), results)

    def body(self, schedule: Schedule, scope: dict[Expr | Scratch, Buffer]) -> list[Step]:
        """The steps of a body, whose inputs and results stand in the scope."""
        outer, self.scope = self.scope, scope
        steps = self.steps(schedule)
        self.scope = outer
        self.time += 1
        return steps

    def keep(self, begun: int) -> None:
        """What was there before a loop and is read in it is there until it ends; what it makes, from its begin."""
        for buffer in self.buffers:
            if buffer.first <= begun <= buffer.last:
                buffer.last = max(buffer.last, self.time)
