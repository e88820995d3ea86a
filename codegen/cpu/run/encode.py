"""From a program and sizes to the tables that the walker runs; and which walker that is."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....ops.branch import Branch
from ....ops.loop import Loop
from ....symbolic.dims import Shape, value
from ....symbolic.errors import LoweringError, OutOfMemoryError, at_site, blame
from ....symbolic.evaluate import resolved
from ....symbolic.expr import Expr
from ....symbolic.leaves import Constant, Shared
from ...lowering import memory
from ...lowering.fuse import KernelStep, NestStep, Step
from ...lowering.loops import Extent
from ...lowering.nests import Launch, Scratch
from ...lowering.program import CompiledNest, Program
from ...lowering.views import View, whole
from ..kernels import KERNELS, UsersKernel
from ..launch import Array, Plan
from ..nests.costs import nanoseconds
from ..nests.emit import Count
from ..nests.row_blocks import STRIP, lines_of, together
from . import checked
from .binding import Binding, Row, Walk
from .control import Block, Control, Links, Place, add_branch, add_loop, refer
from .table import BEST, PAUSE, STEP

GRAIN = 10_000.0  # nanoseconds of work below which a thread more is not worth waking
MOST = 1 << 62  # bytes and steps of one array or loop: sums of two such numbers still fit in 64 bits

_functions: weakref.WeakSet[Any] = weakref.WeakSet()  # those with bindings


def _after_fork() -> None:
    for function in list(_functions):
        function.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@dataclass(eq=False)
class Scope:
    """What stands where: `given` are a graph's inputs and results; its other nodes have blocks of this scope."""

    given: dict[Expr, Place]


class Binder:
    """Makes bindings of a program."""

    def __init__(self, program: Program, sizes: dict[str, int], threads: int, at_end: bool = False):
        self.program, self.sizes, self.threads, self.at_end = program, sizes, threads, at_end
        self.rows: list[Row] = []
        self.blocks: dict[Any, Block] = {}
        self.controls: list[Control] = []
        self.keep: list[Any] = []
        self.time = 0
        self.part: Step | None = None
        graph, updates = program.graph, program.updates
        self.made = [*graph.outputs, *(new for _, new in updates.replaced)]
        given = [*graph.inputs, *self.made, *program.resizable]
        call: dict[Expr, Place] = {x: (("call", i), 0) for i, x in enumerate(given)}
        call |= {lodger: call[output] for lodger, output in program.lodgers.items()}
        self.scope = Scope(call)
        call |= {new: self.memory(shared) for new, shared in updates.in_place.items()}

    def bind(self) -> Binding:
        """The tables."""
        for number, step in enumerate(self.program.steps):
            self.number = number
            self.step(step)
        for shared, new in self.program.updates.copied:
            self.number += 1
            self.time += 1
            array = self.array(whole(shared))
            self.copy(array, self.memory(shared), self.memory(new))
        self.strips = self.cut_strips()
        self.allocate()
        return self.tables()

    def shape(self, shape: Shape) -> tuple[int, ...]:
        """Sizes as numbers."""
        return tuple(value(d, self.sizes) for d in shape)

    def count(self, node: Expr | Scratch) -> int:
        """The number of elements."""
        if isinstance(node, Scratch):
            return math.prod(e.value(self.sizes) for e in node.axes)
        return self.bytes(self.shape(node.shape), node) // node.dtype.itemsize

    def bytes(self, shape: tuple[int, ...], node: Expr) -> int:
        """The bytes of an array.  Raises OutOfMemoryError where 64 bits do not count them."""
        size = math.prod(shape) * node.dtype.itemsize
        if size >= MOST:
            raise beyond_counting(node, shape)
        return size

    def step(self, step: Step) -> None:
        """The rows of one step."""
        self.time += 1
        outer, self.part = self.part, step
        if isinstance(step, NestStep):
            for launch in step.launches:
                self.nest(step, launch)
        elif isinstance(step.node.op, Loop):
            add_loop(self, step)
        elif isinstance(step.node.op, Branch):
            add_branch(self, step)
        else:
            self.kernel(step)
        self.part = outer

    # ---- rows -----------------------------------------------------------------------------------------------------

    def nest(self, step: NestStep, launch: Launch) -> None:
        """One launch of an emitted nest."""
        compiled: CompiledNest = self.program.nests[launch.nest]
        params = [self.parameter(p, launch) for p in compiled.emitted.params]
        units = compiled.emitted.extent(self.sizes)
        elements = 1
        for axis in launch.nest.axes:
            elements *= axis.value(self.sizes)
        if elements >= MOST:
            raise beyond_counting(step.node, tuple(axis.value(self.sizes) for axis in launch.nest.axes))
        buffers = [self.memory(b) for b in launch.buffers]
        if units:
            cost = elements * nanoseconds(launch.nest)
            lines = lines_of(launch.nest, self.sizes, [where for where, _ in buffers])
            self.rows.append(
                Row(compiled.address, buffers, params, units, cost, self.number, self.part, self.time, lines)
            )

    def parameter(self, param: Any, launch: Launch) -> int:
        """A parameter of a nest as a number."""
        if isinstance(param, Count):
            return self.count(launch.buffers[param.buffer])
        if isinstance(param, Extent):
            return param.value(self.sizes)
        if isinstance(param, tuple):
            return sum(o.value(self.sizes) for o in param)
        return value(param, self.sizes)

    def kernel(self, step: KernelStep) -> None:
        """The launches that a kernel's planner asks for."""
        op = resolved(step.node.op, self.sizes)
        planner = KERNELS.get(type(op))
        if planner is None:
            raise no_kernel(step.node)
        outputs = [self.array(whole(o)) for o in step.outputs]
        arguments = [self.array(v) for v in step.arguments]
        with at_site(step.node.site):
            debugged = self.program.debug and isinstance(planner, UsersKernel)
            plan: Plan = (planner.debugged if debugged else planner)(op, tuple(outputs), tuple(arguments))
        self.run(plan, [self.memory(o) for o in step.outputs] + [self.place(v) for v in step.arguments])

    def run(self, plan: Plan, places: list[Place]) -> None:
        """The rows of a plan, whose buffers these are."""
        places = places + [(self.block(size), 0) for size in plan.scratch]
        for run in plan.launches:
            if run.extent:
                buffers = [places[b] for b in run.buffers]
                kernel, params = run.resolve()
                row = Row(kernel, buffers, params, run.extent, run.cost, self.number, self.part, self.time)
                row.caller = run.caller
                self.rows.append(row)

    def block(self, size: int) -> Block:
        """So many bytes, for now."""
        block = Block(int(size), self.time, self.time)
        self.blocks[block] = block
        return block

    def array(self, view: View) -> Array:
        """A view as planners see it."""
        shape = self.shape(view.shape)
        return Array(view.base.dtype, shape, tuple(s.value(self.sizes) for s in view.strides))

    def place(self, view: View) -> Place:
        """A view's memory and where in it it starts."""
        where, start = self.memory(view.base)
        return where, start + sum(o.value(self.sizes) for o in view.offset) * view.base.dtype.itemsize

    def copy(self, array: Array, to: Place, source: Place) -> None:
        """Copy a contiguous array."""
        from ..tiles.copy import plan_copy

        self.run(plan_copy(array, array), [to, source])

    def cut_strips(self) -> list[list[Row]]:
        """The rows, those that run strip by strip in one list; memory that a strip touches lives until it ends."""
        strips: list[list[Row]] = []
        for row in self.rows:
            lines = [r.lines for r in strips[-1] if r.lines] if strips else []
            if row.lines and lines and together(lines, row.lines):
                strips[-1].append(row)
            else:
                strips.append([row])
        for strip in strips:
            for block in {where for row in strip for where, _ in row.buffers if isinstance(where, Block)}:
                block.last = max(block.last, strip[-1].time)
        return strips

    # ---- memory ---------------------------------------------------------------------------------------------------

    def memory(self, node: Any) -> Place:
        """Where a buffer is: an address, the number of one of the call's arrays, a Block or a loop's Variable."""
        given = self.scope.given.get(node)
        if given is not None:
            return given
        if isinstance(node, Expr) and isinstance(node.op, Shared):
            return self.address(node.op.cell.value), 0
        if isinstance(node, Expr) and isinstance(node.op, Constant):
            return self.address(self.constant(node.op.value)), 0
        key = (self.scope, node)
        if key not in self.blocks:
            size = self.count(node) * node.dtype.itemsize
            self.blocks[key] = Block(size, self.time, self.time, node)
        self.blocks[key].last = self.time
        return self.blocks[key], 0

    def constant(self, value: np.ndarray) -> np.ndarray:
        """The array of a constant; in the checked mode a copy against the page behind it (`at_end`) or before it."""
        return checked.copy(value, self.at_end) if self.program.checks else value

    def address(self, array: np.ndarray) -> int:
        self.keep.append(array)
        return int(array.ctypes.data)

    def allocate(self) -> None:
        """Give every block its place in the arena."""
        self.placed = list(dict.fromkeys(self.blocks.values()))
        offsets, self.temporaries = memory.plan([memory.Life(b.size, b.first, b.last) for b in self.placed])
        for block, offset in zip(self.placed, offsets, strict=True):
            block.offset = offset

    # ---- tables ---------------------------------------------------------------------------------------------------

    def tables(self) -> Binding:
        """Everything as int64 arrays, whose addresses go into the header."""
        buffers = np.zeros(max(1, sum(len(r.buffers) for r in self.rows)), np.int64)
        params = np.zeros(max(1, sum(len(r.params) for r in self.rows)), np.int64)
        steps = np.zeros((max(1, len(self.rows)), STEP), np.int64)
        links = Links()
        for control in self.controls:
            control.prepare(links)
        b = p = 0
        for number, row in enumerate(self.rows):
            first = buffers.ctypes.data + 8 * b
            for place in row.buffers:
                refer(place, buffers.ctypes.data + 8 * b, links)
                b += 1
            if row.jump is not None:
                steps[number] = (0, row.jump.kind, row.jump.control.address, row.jump.distance, 1, 1, 0, 0, 0, 0, 0)
                continue
            parts = self.parts(row.units, row.cost)
            cost = int(min(row.cost, PAUSE))
            steps[number] = (row.kernel, first, params.ctypes.data + 8 * p, row.units, parts, 1, 0, 0, 0, cost, 0)
            try:
                params[p : p + len(row.params)] = row.params
            except OverflowError:
                assert row.part is not None
                raise beyond_counting(row.part.node, tuple(self.sizes.values())) from None
            p += len(row.params)
        for control in self.controls:
            control.settle()
        self.mark_strips(steps)
        patches = np.array(links.arrays or [(0, 0, 0)], np.int64)
        objects = np.zeros(max(1, len(self.scope.given)), np.int64)
        first = next((n for n, row in enumerate(self.rows) if row.step >= self.program.updates.commit), len(self.rows))
        addresses = [patches.ctypes.data, objects.ctypes.data, len(self.rows), steps.ctypes.data]
        header = np.array([len(links.arrays), *addresses, 0, first], np.int64)
        shapes = [(self.shape(o.shape), o) for o in self.made]
        most = int(steps[: len(self.rows), [4, 8]].max(initial=1))
        return Binding(
            int(header.ctypes.data),
            header[5:6],
            objects,
            [(shape, o.dtype, self.bytes(shape, o)) for shape, o in shapes],
            self.rows,
            steps,
            walker(most),
            links,
            self.temporaries,
            [*self.keep, *(table for c in self.controls for table in c.tables), buffers, params, patches, header],
            self.placed,
            self.sizes,
        )

    def mark_strips(self, steps: np.ndarray) -> None:
        """Tell the walker, at the first row of each strip: rows, lines, lines at a time, threads."""
        number = 0
        for strip in self.strips:
            lines = [row.lines for row in strip if row.lines]
            if len(strip) > 1:
                at_once = max(1, STRIP // max(1, sum(one.bytes for one in lines)))
                parts = self.parts(lines[0].count, sum(row.cost for row in strip))
                cost = int(min(sum(row.cost for row in strip), PAUSE))
                steps[number, 5:BEST] = (len(strip), lines[0].count, at_once, parts, cost)
            number += len(strip)

    def parts(self, units: int, cost: float) -> int:
        """On how many threads so many units run."""
        return max(1, min(self.threads, units, int(cost / GRAIN)))


def beyond_counting(node: Expr, shape: tuple[int, ...]) -> OutOfMemoryError:
    """The error for sizes whose product is no number of 64 bits."""
    sizes = " x ".join(map(str, shape))
    text = f"{node.op.name} has {sizes} elements in this call, more than any memory holds."
    return blame(OutOfMemoryError(text), node.site, *[a.site for a in node.args])


def no_kernel(node: Expr) -> LoweringError:
    """The error for an op that the target cannot run."""
    error = LoweringError(f"{type(node.op).__name__} has no kernel for the target 'cpu'.")
    hint = f'give it one with @wf.kernel({type(node.op).__name__}, "cpu"), or an `expand` method in terms of other ops.'
    return blame(error, node.site, hint=hint)


@functools.cache
def _array_layout() -> None:
    """Make sure that an ndarray keeps its address where the walker looks for it."""
    from .walker import ARRAY_DATA

    probe = np.arange(3)
    assert ctypes.c_int64.from_address(id(probe) + ARRAY_DATA).value == probe.ctypes.data, "unknown layout of ndarray"


def walker(parts: int) -> Walk:
    """The function that runs a binding's table, given its header; -1, or the row that failed."""
    from .walker import walk_parallel, walk_serial

    _array_layout()
    if parts == 1:
        return walk_serial()
    return walk_parallel(parts - 1)


def live(function: Any) -> None:
    """Note a function whose bindings a fork makes useless."""
    _functions.add(function)


def describe(step: Step) -> str:
    """A step's name for profiles."""
    if isinstance(step, KernelStep):
        return step.node.op.name
    return " + ".join(r.op.name for r in step.roots)
