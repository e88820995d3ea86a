"""From bound calls to the tables that the walker runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ....symbolic.errors import at_site
from ....symbolic.leaves import Constant
from ...lowering import memory, working
from ...lowering.bind import Array, Bound, BranchCall, Call, CopyCall, KernelCall, LoopCall, NestCall, beyond_counting
from ...lowering.buffers import Buffer, BufferedNest, Role
from ...lowering.program import Step
from ...lowering.working import WorkingMemory
from ...spans import span
from ..kernels import UsersKernel, planner_of
from ..launch import Plan
from ..model import GRAIN_NS
from ..nests.code import Count, Parameter
from ..nests.costs import nanoseconds
from ..nests.row_blocks import BLOCK_BYTES, may_share_rows, rows_of
from ..params import numbers
from ..tiles.copy import plan_copy
from . import checked
from .binding import Binding
from .compile import Nests
from .control import add_branch, add_loop, lay_out, write_slots
from .image import Image, link
from .rows import Block, CallArray, Control, FixedArray, Jump, Location, PlannedStep, TableRow
from .table import PAUSE_NS, STEP


class Setting(NamedTuple):
    """How a program is to run, besides its sizes."""

    threads: int  # at most
    moving: tuple[Buffer, ...]  # variables whose arrays may be others at each call
    checks: bool = False  # for the checked mode: constants are guarded copies
    at_end: bool = False  # whether these lie against the page behind them, or the page before
    debug: bool = False  # whether users' kernels are compared with the references of their ops


@span("encode")
def encode(bound: Bound, nests: Nests, setting: Setting) -> Binding:
    """The tables of a bound program: all code that it needs is compiled, or loaded, now."""
    encoder = Encoder(bound, nests, setting)
    encoder.plan()
    image = encoder.image()
    planned = (encoder.rows, encoder.blocks, encoder.plans, encoder.temporaries, bound)
    return Binding(link(image), image.links, image.objects, encoder.steps, *planned)


def measure(bound: Bound, nests: Nests, setting: Setting) -> WorkingMemory:
    """What a bound program takes in the arena, and about how long its steps take; nothing is compiled for it."""
    encoder = Encoder(bound, nests, setting)
    encoder.plan()
    blocks = [working.ArenaPart(memory.Life(b.size, b.first, b.last), b.buffer) for b in encoder.blocks]
    times = dict(working.repetitions(bound.calls))
    costs: dict[Step, float] = {}
    for row in encoder.rows:
        outer = bound.program.steps[row.number]
        costs[outer] = costs.get(outer, 0.0) + row.cost * times[row.step]
    return WorkingMemory(encoder.temporaries, blocks, costs)


class Encoder:
    """Rows, as planners cut them, then tables as an image.  Nothing is compiled for either."""

    def __init__(self, bound: Bound, nests: Nests, setting: Setting):
        self.bound, self.nests, self.setting = bound, nests, setting
        self.rows: list[TableRow] = []
        self.controls: list[Control] = []
        self.fixed: dict[tuple[int, int], FixedArray] = {}  # by address and bytes
        self.blocks: list[Block] = []
        self.plans: dict[int, PlannedStep] = {}  # by the number of its first row
        program = bound.program
        self.given = [*program.inputs, *program.results, *setting.moving]
        self.places: dict[Buffer, Location] = {b: (CallArray(i), 0) for i, b in enumerate(self.given)}
        self.numbers = {id(step): number for number, step in enumerate(program.steps)}

    def plan(self) -> None:
        """The rows, and where their temporaries are in the arena."""
        for call in self.bound.calls:
            self.number = self.numbers[id(call.step)]
            self.encode_calls((call,))
        self.row_blocks = self.cut_row_blocks()
        lives = [memory.Life(b.size, b.first, b.last) for b in self.blocks]
        offsets, self.temporaries = memory.plan(lives)
        for block, offset in zip(self.blocks, offsets, strict=True):
            block.offset = offset

    # ---- rows -----------------------------------------------------------------------------------------------------

    def encode_calls(self, calls: tuple[Call, ...]) -> None:
        """Append the rows of calls."""
        for call in calls:
            if isinstance(call, NestCall):
                self.nest(call)
            elif isinstance(call, KernelCall):
                self.kernel(call)
            elif isinstance(call, LoopCall):
                add_loop(self, call)
            elif isinstance(call, BranchCall):
                add_branch(self, call)
            else:
                self.copy(call)

    def nest(self, call: NestCall) -> None:
        """One launch of a nest."""
        nest, sizes = call.placed.nest, self.bound.sizes
        code = self.nests[nest]
        numbers = code.source.canonical.sizes(sizes)
        units = code.source.extent(numbers)
        if not units:
            return
        params = tuple([self.parameter(p, numbers, call.placed) for p in code.source.params])
        places = [self.place(b) for b in call.placed.buffers]
        cost = call.elements * nanoseconds(nest)
        nest_rows = rows_of(nest, sizes, [where for where, _ in places])
        self.rows.append(TableRow(code, places, params, units, cost, self.number, call.step, nest_rows))

    def parameter(self, param: Parameter, numbers: Mapping[str, int], placed: BufferedNest) -> int:
        """A parameter of a nest as a number."""
        if isinstance(param, Count):
            buffer = placed.buffers[param.buffer]
            return self.bytes(buffer) // buffer.dtype.itemsize
        return param.value(numbers)

    def kernel(self, call: KernelCall) -> None:
        """The launches that a kernel's planner asks for."""
        planner = planner_of(call.op)
        with at_site(call.step.node.site):
            if self.setting.debug and isinstance(planner, UsersKernel):
                planner = planner.plan_checks
            plan = planner(call.op, call.outputs, call.arguments)
        places = []
        for buffer, offset in call.places:
            where, start = self.place(buffer)
            places.append((where, start + offset))
        self.launch(call.step, plan, places, [buffer for buffer, _ in call.places])

    def copy(self, call: CopyCall) -> None:
        """A whole buffer to another."""
        array = self.array(call.step.target)
        buffers = [call.step.target, call.step.source]
        self.launch(call.step, plan_copy(array, array), list(map(self.place, buffers)), buffers)

    def launch(self, step: Step, plan: Plan, places: list[Location], buffers: Sequence[Buffer | None]) -> None:
        """Append the rows of a plan, whose operands are at these places, and are these buffers."""
        self.plans[len(self.rows)] = PlannedStep(plan, tuple(buffers))
        for size in plan.scratch:
            self.blocks.append(Block(int(size), step.time, step.time))
            places = [*places, (self.blocks[-1], 0)]
        for run in plan.launches:
            if run.extent:
                operands = [places[b] for b in run.buffers]
                row = TableRow(run.kernel, operands, run.params, run.extent, run.cost, self.number, step)
                row.caller = run.caller
                self.rows.append(row)

    def jump(self, step: Step, jump: Jump) -> TableRow:
        """Append a row that jumps."""
        self.rows.append(TableRow(None, [], (), 0, 0.0, self.number, step, jump=jump))
        return self.rows[-1]

    def cut_row_blocks(self) -> list[list[TableRow]]:
        """The rows, those that share row blocks in one list; the memory that they touch lives until the last ends."""
        groups: list[list[TableRow]] = []
        for row in self.rows:
            before = [r.nest_rows for r in groups[-1] if r.nest_rows] if groups else []
            if row.nest_rows and before and may_share_rows(before, row.nest_rows):
                groups[-1].append(row)
            else:
                groups.append([row])
        for group in groups:
            for block in {where for row in group for where, _ in row.buffers if isinstance(where, Block)}:
                block.last = max(block.last, group[-1].step.time)
        return groups

    # ---- memory ---------------------------------------------------------------------------------------------------

    def place(self, buffer: Buffer) -> Location:
        """Where a buffer is."""
        found = self.places.get(buffer)
        if found is None:
            found = self.places[buffer] = self.new_place(buffer)
        return found

    def put(self, buffer: Buffer, place: Location) -> None:
        """Have a buffer stand there."""
        self.places[buffer] = place

    def new_place(self, buffer: Buffer) -> Location:
        """A place for a buffer that has none."""
        if buffer.alias is not None:
            return self.place(buffer.alias)
        if buffer.role in (Role.SHARED, Role.CONSTANT):
            return self.keep(self.value(buffer)), 0
        return self.block(self.bytes(buffer), buffer), 0

    def value(self, buffer: Buffer) -> np.ndarray:
        """The array of a variable or a constant; of the latter in the checked mode a copy against a page."""
        if buffer.role is Role.SHARED:
            return buffer.storage.array
        assert buffer.node is not None
        op = buffer.node.op
        assert isinstance(op, Constant)
        return checked.copy(op.value, self.setting.at_end) if self.setting.checks else op.value

    def keep(self, array: np.ndarray) -> FixedArray:
        """An array that stays where it is."""
        return self.fixed.setdefault((int(array.ctypes.data), array.nbytes), FixedArray(array))

    def block(self, size: int, buffer: Buffer) -> Block:
        """So many bytes, for as long as a buffer is needed."""
        self.blocks.append(Block(size, buffer.first, buffer.last, buffer))
        return self.blocks[-1]

    def bytes(self, buffer: Buffer) -> int:
        """The size of a buffer."""
        return self.bound.bytes[buffer]

    def array(self, buffer: Buffer) -> Array:
        """A buffer as kernels see it."""
        return self.bound.array(buffer)

    # ---- tables ---------------------------------------------------------------------------------------------------

    def image(self) -> Image:
        """Everything as words, of which some get addresses when they are linked."""
        image = Image(len(self.given), len(self.rows))
        self.steps = image.room(STEP * max(1, len(self.rows)))
        for control in self.controls:
            lay_out(control, image)
        for number, row in enumerate(self.rows):
            self.write_row(image, self.steps + STEP * number, row)
        for control in self.controls:
            write_slots(control, image)
        self.mark_row_blocks(image)
        commit = self.bound.program.commit
        image.end(self.steps, next((n for n, row in enumerate(self.rows) if row.number >= commit), len(self.rows)))
        return image

    def write_row(self, image: Image, step: int, row: TableRow) -> None:
        """A row of the table of steps, with its buffers and parameters behind all that was written before."""
        if row.kernel is None:
            assert row.jump is not None
            image.write(step, 0, row.jump.kind, 0, row.jump.distance, 1, 1)
            image.point(step + 2, row.jump.control.word)
            return
        buffers = image.room(len(row.buffers))
        for place, where in enumerate(row.buffers):
            image.refer(buffers + place, where)
        listed = numbers(row.params)
        params = image.room(len(listed))
        for place, number in enumerate(listed):
            if not isinstance(number, int):
                image.run(params + place, number)
            elif -(1 << 63) <= number < 1 << 63:
                image.words[params + place] = number
            else:
                raise beyond_counting(row.step.node, tuple(self.bound.sizes.values()))
        parts, cost = self.parts(row.units, row.cost), int(min(row.cost, PAUSE_NS))
        image.write(step, 0, 0, 0, row.units, parts, 1, 0, 0, 0, cost)
        image.run(step, row.kernel)
        image.point(step + 1, buffers)
        image.point(step + 2, params)

    def mark_row_blocks(self, image: Image) -> None:
        """Tell the walker, at the first of the steps that share row blocks: steps, rows, rows at a time, threads."""
        number = 0
        for group in self.row_blocks:
            if len(group) > 1:
                count, at_once = cut_rows(group)
                parts = self.parts(count, sum(row.cost for row in group))
                cost = int(min(sum(row.cost for row in group), PAUSE_NS))
                image.write(self.steps + STEP * number + 5, len(group), count, at_once, parts, cost)
            number += len(group)

    def parts(self, units: int, cost: float) -> int:
        """On how many threads so many units run."""
        return max(1, min(self.setting.threads, units, int(cost / GRAIN_NS)))


def cut_rows(group: list[TableRow]) -> tuple[int, int]:
    """Of steps that share row blocks: how many rows their arrays have, and how many are run at a time."""
    nest_rows = [row.nest_rows for row in group if row.nest_rows]
    return nest_rows[0].count, max(1, BLOCK_BYTES // max(1, sum(one.bytes for one in nest_rows)))
