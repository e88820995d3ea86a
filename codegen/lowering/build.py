"""From a graph to a program: the steps of its schedule, over buffers."""

from __future__ import annotations

from collections.abc import Sequence

from ...ops.branch import Branch
from ...ops.loop import Loop
from ...symbolic.expr import Expr
from ...symbolic.graph import Graph
from ...symbolic.leaves import Constant, Shared
from ..target import Target
from . import views
from .buffers import Buffer, BufferedNest, Operand, Role
from .fuse import fuse
from .groups import Group, Schedule, Scratch, Single
from .program import BranchStep, CarryBuffers, CopyStep, KernelStep, LoopStep, NestStep, Program, Slices, Step
from .reuse import Placement, place_temporaries, place_updates
from .views import View


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
        table, role = self.scope, Role.TEMPORARY
        if isinstance(node, Scratch):
            role = Role.SCRATCH
        elif isinstance(node.op, Shared):
            table, role = self.everywhere, Role.SHARED
        elif isinstance(node.op, Constant):
            table, role = self.everywhere, Role.CONSTANT
        table[node] = self.new(node, role)
        return table[node]

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
