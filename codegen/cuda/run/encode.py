"""From a bound program to segments: what every step does with which memory.

A loop of a known length becomes nodes of a graph, each step with the addresses that it has; where the steps depend on
data, or are very many, the host counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....symbolic.errors import at_site
from ...lowering.bind import Array, Bound, BranchCall, Call, CopyCall, KernelCall, LoopCall, NestCall
from ...lowering.buffers import Buffer, Role
from ...lowering.loops import Load
from ...lowering.program import KernelStep, Step
from ..driver.device import CopyNode, FillNode, GraphNode, KernelNode
from ..kernels import is_on_host, planner_of
from ..launch import Failure, GridPlan, LaunchArgument, Processor, Slot, SlotKind, Strided
from ..model import UNROLLED
from ..nests.plan import plan_nest
from ..trace.kernel import TraceRef
from ..trace.protect import COPY_THREADS, make_conditional, make_copy
from .regions import PlannedNode, RefusalFlags, Region, RegionPart, whole
from .segments import CarryParts, GraphSegment, HostBranch, HostLoop, HostStep, LoopParts, Segment


class Encoded:
    """The segments, and the regions that they touch."""

    def __init__(self, flags: RefusalFlags) -> None:
        self.flags = flags
        self.segments: list[Segment] = []
        self.regions: dict[Buffer, Region] = {}  # of buffers that are at home there
        self.others: list[Region] = []  # of no buffer: scratch
        self.tables: list[tuple[Region, np.ndarray]] = []  # what is copied there once


class GraphEncoder:
    """Segments of one bound program, for a processor."""

    def __init__(self, bound: Bound, processor: Processor):
        self.bound, self.processor = bound, processor
        kernels = sum(isinstance(step, KernelStep) for step in bound.program.all_steps)
        self.flags = RefusalFlags(kernels)  # as many as may refuse their input
        self.to = Encoded(self.flags)
        self.places: dict[Buffer, RegionPart] = {}  # of buffers that move, or that stand in for others
        self.nodes: list[PlannedNode] = []
        self.segments = self.to.segments
        program = bound.program
        self.numbers = {id(step): number for number, step in enumerate(program.steps)}
        self.committing = False
        self.outermost: Step | None = None  # of the program's own steps the one that is encoded

    def encode(self) -> Encoded:
        """All of it."""
        for call in self.bound.calls:
            self.outermost = call.step
            self.committing = self.numbers[id(call.step)] >= self.bound.program.commit
            self.calls((call,))
        self.end_graph()
        return self.to

    def end_graph(self) -> None:
        """What follows waits for what was recorded so far."""
        if self.nodes:
            self.segments.append(GraphSegment(self.nodes))
            self.nodes = []

    def calls(self, calls: Sequence[Call]) -> None:
        """These calls, in order."""
        for call in calls:
            if isinstance(call, NestCall):
                self.nest(call)
            elif isinstance(call, KernelCall):
                self.kernel(call)
            elif isinstance(call, LoopCall):
                self.loop(call)
            elif isinstance(call, BranchCall):
                self.branch(call)
            else:
                assert isinstance(call, CopyCall)
                self.copy(call.step, self.part(call.step.target), self.part(call.step.source))

    # ---- memory ---------------------------------------------------------------------------------------------------

    def part(self, buffer: Buffer) -> RegionPart:
        """Where a buffer is."""
        size = self.bound.bytes[buffer]
        if buffer in self.places:
            found = self.places[buffer]
            return RegionPart(found.region, found.offset, size)
        if buffer.alias is not None:
            return self.part(buffer.alias)._replace(size=size)
        region = self.to.regions.get(buffer)
        if region is None:
            apart = buffer.role in (Role.SHARED, Role.CONSTANT, Role.INPUT, Role.OUTPUT)
            region = self.to.regions[buffer] = Region(size, buffer.first, buffer.last, buffer, apart)
        return whole(region)

    def new(self, size: int, step: Step, last: int | None = None) -> RegionPart:
        """Memory for a step, or until a later time."""
        self.to.others.append(Region(size, step.time, step.time if last is None else last))
        return whole(self.to.others[-1])

    # ---- nodes ----------------------------------------------------------------------------------------------------

    def add(self, node: PlannedNode) -> None:
        """One node more."""
        self.nodes.append(node)

    def launch(
        self,
        step: Step,
        kernel: TraceRef,
        grid: tuple[int, ...],
        arguments: Sequence[RegionPart | int | float],
        reads: Sequence[RegionPart],
        writes: Sequence[RegionPart],
        way: str,
    ) -> None:
        """A kernel; where it writes to variables, only if no step has refused its input."""
        if self.committing and self.flags.steps:
            kernel = TraceRef(make_conditional, (kernel,))
            arguments, reads = (*arguments, self.flags.any), (*reads, self.flags.any)
        given = tuple(arguments)

        def resolve() -> GraphNode:
            return KernelNode(kernel, grid, tuple(a.span if isinstance(a, RegionPart) else a for a in given))

        self.add(PlannedNode(step, resolve, tuple(reads), tuple(writes), f"{way}; {describe_grid(grid)}"))

    def copy(self, step: Step, target: RegionPart, source: RegionPart) -> None:
        """Bytes from one place to another."""
        if not target.size or (target.region is source.region and target.offset == source.offset):
            return
        if self.committing and self.flags.steps:
            self._copy_if_well(step, target, source)
            return
        self.add(
            PlannedNode(
                step, lambda: CopyNode(target.span, source.span), (source,), (target,), f"copy {target.size} bytes"
            )
        )

    def _copy_if_well(self, step: Step, target: RegionPart, source: RegionPart) -> None:
        blocks = -(-target.size // COPY_THREADS)
        self.launch(step, TraceRef(make_copy), (blocks,), (target, source, target.size), (source,), (target,), "a copy")

    def fill(self, step: Step, target: RegionPart, byte: int) -> None:
        """Every byte of it."""
        if target.size:
            self.add(PlannedNode(step, lambda: FillNode(target.span, byte), (), (target,), f"fill {target.size} bytes"))

    # ---- steps ----------------------------------------------------------------------------------------------------

    def nest(self, call: NestCall) -> None:
        """A loop nest."""
        nest, buffers = call.placed
        parts = {number: self.part(buffers[number]) for number in sorted({a.buffer for a in nest.accesses})}
        # those that begin at one place are one array, as long as the longest
        given: dict[tuple[Region, int], RegionPart] = {}
        for part in parts.values():
            before = given.setdefault((part.region, part.offset), part)
            given[part.region, part.offset] = max(before, part, key=lambda p: p.size)
        starts = list(given)
        places = [starts.index((parts[n].region, parts[n].offset)) if n in parts else 0 for n in range(len(buffers))]
        plan = plan_nest(nest, tuple(places), self.bound.sizes)
        if plan is None:
            return
        writes = [parts[w.access.buffer] for w in nest.writes]
        reads = [parts[v.access.buffer] for v in nest.body if isinstance(v, Load)]
        way = f"{str(nest).splitlines()[0]} {plan.way}"
        self.launch(call.step, plan.kernel, (plan.blocks,), (*given.values(), *plan.numbers), reads, writes, way)

    def kernel(self, call: KernelCall) -> None:
        """An op by a kernel, or by the host."""
        parts = [self.part(place.buffer) for place in call.places]
        if is_on_host(call.op):
            self.end_graph()
            count = len(call.outputs)
            self.segments.append(HostStep(call, self.flags, self.bound.sizes, parts[:count], parts[count:]))
            return
        outputs = [_operand(array, 0) for array in call.outputs]
        starts = [place.offset for place in call.places[len(outputs) :]]
        arguments = [_operand(array, start) for array, start in zip(call.arguments, starts, strict=True)]
        with at_site(call.step.node.site):
            plan = planner_of(call.op)(call.op, tuple(outputs), tuple(arguments), self.processor)
        self.launches(call.step, plan, parts, len(outputs))

    def launches(self, step: Step, plan: GridPlan, parts: list[RegionPart], outputs: int) -> None:
        """The launches of a plan."""
        scratch = [self.new(size, step) for size in plan.scratch]
        tables = [self.table(array) for array in plan.tables]
        groups: Mapping[SlotKind, Sequence[RegionPart]] = {
            SlotKind.OPERAND: parts,
            SlotKind.SCRATCH: scratch,
            SlotKind.TABLE: tables,
        }
        for launch in plan.launches:
            if 0 in launch.grid:
                continue
            slots = [a for a in launch.arguments if isinstance(a, Slot)]
            written = [s for s in slots if s.source is not SlotKind.OPERAND or s.number < outputs]
            writes = [groups[s.source][s.number] for s in written]
            reads = [groups[s.source][s.number] for s in slots]
            arguments = [self.argument(a, groups) for a in launch.arguments]
            if any(isinstance(a, Failure) for a in launch.arguments):
                writes.append(whole(self.flags.region))
            way = f"{plan.way} ({launch.kernel.make.__name__.removeprefix('make_')})"
            self.launch(step, launch.kernel, launch.grid, arguments, reads, writes, way)

    def argument(
        self, argument: LaunchArgument, groups: Mapping[SlotKind, Sequence[RegionPart]]
    ) -> RegionPart | int | float:
        """What a launch gets for a parameter."""
        if isinstance(argument, Slot):
            region, offset, size = groups[argument.source][argument.number]
            return RegionPart(region, offset + argument.offset, size - argument.offset)
        if argument is Failure.FLAGS:
            return whole(self.flags.region)
        if argument is Failure.NUMBER:
            assert self.outermost is not None
            return self.flags.number(self.outermost)
        assert not isinstance(argument, Failure)
        return argument

    def table(self, array: np.ndarray) -> RegionPart:
        """Numbers that stand on the device from the begin on."""
        region = Region(array.nbytes, 0, 0, apart=True)
        self.to.tables.append((region, array))
        return whole(region)

    # ---- loops and branches ---------------------------------------------------------------------------------------

    def loop(self, call: LoopCall) -> None:
        """A loop."""
        if not call.step.may_end_early and call.length * count_calls(call.body) <= UNROLLED:
            self.unroll(call)
        else:
            self.count_on_host(call)

    def unroll(self, call: LoopCall) -> None:
        """Every step as nodes: elements where they stand, carries in two places by turns."""
        step = call.step
        carried = [self.part(c.start) for c in step.carries]
        turns = [[self.new(self.bound.bytes[c.after], step, c.after.last) for _ in range(2)] for c in step.carries]
        for number in range(call.length):
            place = call.length - 1 - number if step.reverse else number
            for one, element in (*step.sequences, *step.stacked):
                size = self.bound.bytes[element]
                part = self.part(one)
                self.places[element] = RegionPart(part.region, part.offset + place * size, size)
            for carry, before, two in zip(step.carries, carried, turns, strict=True):
                self.places[carry.before], self.places[carry.after] = before, two[number % 2]
            self.calls(call.body)
            carried = [self.part(c.after) for c in step.carries]
        for carry, last in zip(step.carries, carried, strict=True):
            self.copy(step, self.part(carry.result), last)

    def count_on_host(self, call: LoopCall) -> None:
        """The body as segments of its own, which the host runs as often as the data say."""
        step, parts = call.step, LoopParts()
        for pairs, found in ((step.sequences, parts.sequences), (step.stacked, parts.stacked)):
            for one, element in pairs:
                self.places[element] = self.new(self.bound.bytes[element], step, element.last)
                found.append((self.part(one), self.part(element)))
        for carry in step.carries:
            for inner in (carry.before, carry.after):
                self.places[inner] = self.new(self.bound.bytes[inner], step, carry.after.last)
            parts.carries.append(CarryParts(*map(self.part, carry)))
        if step.may_end_early:
            for one, _ in step.stacked:
                self.fill(step, self.part(one), 0)
        parts.count = None if step.count is None else self.part(step.count)
        parts.test = None if step.test is None else self.part(step.test)
        parts.taken = None if step.taken is None else self.part(step.taken)
        self.segments.append(HostLoop(call, self.flags, parts, self.body(call.body)))

    def branch(self, call: BranchCall) -> None:
        """A branch."""
        condition = self.part(call.step.condition)
        then, otherwise = (self.body(body) for body in call.bodies)
        self.segments.append(HostBranch(call, self.flags, condition, (then, otherwise)))

    def body(self, calls: Sequence[Call]) -> list[Segment]:
        """The calls of a body as segments of their own; what was recorded before is ended."""
        self.end_graph()
        outer, self.segments = self.segments, []
        self.calls(calls)
        self.end_graph()
        found, self.segments = self.segments, outer
        return found


def _operand(array: Array, offset: int) -> Strided:
    return Strided(array.dtype, array.shape, array.strides, offset // array.dtype.itemsize)


def describe_grid(grid: tuple[int, ...]) -> str:
    """As 3 x 2 blocks."""
    count = " x ".join(map(str, grid))
    return f"{count} block{'s' * (count != '1')}"


def count_calls(calls: Sequence[Call]) -> int:
    """How many nodes calls become, about."""
    total = 0
    for call in calls:
        if isinstance(call, LoopCall):
            total += max(1, call.length) * count_calls(call.body)
        elif isinstance(call, BranchCall):
            total += sum(map(count_calls, call.bodies))
        else:
            total += 1
    return max(total, 1)
