"""Loop nests as LLVM IR: one function for each nest, with the kernels' common signature.

A work unit is one index of the outer parallel axes, and a block of the inner axis where that is parallel.  What a
value does not depend on, it is computed outside of: every value is emitted at the outermost loop that has its indices.
The innermost loop is left to LLVM's vectoriser, which is told that its iterations are independent.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from ....symbolic.dims import Dim
from ....symbolic.types import BOOL, INT64
from ...llvm.apply import apply_function
from ...llvm.emitters import cast, constant, llvm_type
from ...lowering.bind import MOST
from ...lowering.loops import (
    ZERO,
    Access,
    Accumulate,
    Apply,
    Extent,
    Index,
    Literal,
    Load,
    LoopNest,
    Store,
    Value,
)
from . import accumulate, rare
from .code import Count, NestCode, Parameter
from .loop_builder import I64, PARALLEL, PLAIN, LoopBuilder
from .units import loop_over_units

SUMMED = 1024  # values along the inner axis that are summed before they join the total
PLACED = 256  # values among which the place of an extreme is looked for
ROWS = 64  # values that one of them takes before it joins its total


def emit(code: NestCode) -> str:
    """The IR of a nest's function.  Its axes are in the order of loops.order_axes."""
    return _Emitter(code).finish()


class _Emitter(LoopBuilder):
    def __init__(self, code: NestCode):
        self.code, self.nest = code, code.canonical.nest
        nest: LoopNest = self.nest
        super().__init__(code.name)
        self.slots = {what: slot for slot, what in enumerate(code.params)}
        self.params: dict[Parameter, ir.Value] = {}
        self.bases: dict[int, ir.Value] = {}
        self.indices: dict[int, ir.Value] = {}
        self.values: dict[int, ir.Value] = {}
        axes = range(len(nest.axes))
        self.inner = len(nest.axes) - 1 if nest.axes else None
        inner_reduced = self.inner in nest.reduced
        self.outer = [k for k in axes if k not in nest.reduced and k != self.inner]
        self.reduced = [k for k in axes if k in nest.reduced]
        self.blocked = self.inner is not None and not inner_reduced
        self.levels = self._levels()
        self.size = self.extent(nest.axes[-1]) if self.blocked else ir.Constant(I64, 0)
        self.cut = not isinstance(self.size, ir.Constant) or self.size.constant > code.block

    # ---- which loop a value belongs to ----------------------------------------------------------------------------

    def _levels(self) -> list[int]:
        """For every value the depth of the loop it is computed in: 0 is the work unit."""
        depth = dict.fromkeys(self.outer, 0)
        loops = self.reduced + ([self.inner] if self.blocked and self.inner is not None else [])
        depth.update({k: n + 1 for n, k in enumerate(loops)})
        levels: list[int] = []
        for v in self.nest.body:
            if isinstance(v, Load):
                levels.append(max((depth[k] for k, s in enumerate(v.access.strides) if s != ZERO), default=0))
            elif isinstance(v, Index):
                levels.append(max((depth[axis] for axis, _ in v.terms), default=0))
            elif isinstance(v, Apply):
                levels.append(max((levels[o] for o in v.operands), default=0))
            else:
                levels.append(0)
        return levels

    def compute(self, level: int) -> None:
        """Emit the values that belong to this loop."""
        for number, v in enumerate(self.nest.body):
            if self.levels[number] == level:
                self.values[number] = self.value(v)

    # ---- the function ---------------------------------------------------------------------------------------------

    def finish(self) -> str:
        """The whole function."""
        start, stop = self.function.args[2:]
        body = self.function.append_basic_block("body")
        self.b = ir.IRBuilder(body)
        self.bounds = ir.Constant(I64, 0), self.size
        # Without a loop inside, the units would be what LLVM makes vectors of: there is one, and LLVM's search for a
        # way takes twice as long with each operation.
        kind = PLAIN if self.inner is None else None
        loop_over_units(self, start, stop, self.digits(), self.unit, kind)
        self.b.ret(ir.Constant(I64, 0))
        self.entry.branch(body)
        rare.define(self.module)
        return self.text()

    def digits(self) -> list[ir.Value]:
        """How many values the indices have that are counted within the first one: later outer axes, and blocks."""
        sizes = [self.extent(self.nest.axes[k]) for k in self.outer[1:]]
        if self.cut and self.outer:
            rounded = self.b.add(self.size, ir.Constant(I64, self.code.block - 1))
            sizes.append(self.b.udiv(rounded, ir.Constant(I64, self.code.block)))
        return sizes

    def place(self, digits: list[ir.Value]) -> None:
        """The outer indices, and the inner axis' bounds, of a work unit."""
        self.indices.update(zip(self.outer, digits, strict=False))
        if self.cut:
            width = ir.Constant(I64, self.code.block)
            low = self.b.mul(digits[-1], width)
            self.bounds = low, self.smaller(self.b.add(low, width), self.size)

    def unit(self, digits: list[ir.Value], number: ir.Value) -> None:
        """One work unit."""
        self.place(digits)
        self.compute(0)
        if not self.nest.reduced:
            self.map()
        elif self.blocked:
            self.reduce_columns()
        else:
            self.reduce_rows()

    def map(self) -> None:
        """No reduction: the body for every index of the inner axis."""
        if self.inner is None:
            self.stores()
            return
        with self.loop(*self.bounds, "inner", kind=self.map_kind()) as i:
            self.indices[self.inner] = i
            self.compute(1)
            self.stores()

    def map_kind(self) -> str:
        """Of a map's loop: vectors of elements that stand apart are put together one by one, for much work alone."""
        apart = any(not access.strides[-1].is_static for access in self.nest.accesses)
        expensive = any(isinstance(v, Apply) and v.function.expensive for v in self.nest.body)
        return PLAIN if apart and not expensive else PARALLEL

    def stores(self) -> None:
        """The writes that are not accumulations."""
        for w in self.nest.writes:
            if isinstance(w, Store):
                self.store(w.access, self.values[w.value])

    def reduce_rows(self) -> None:
        """The inner axis is reduced: accumulators are scalars."""
        accumulators = [self.accumulator(w, None) for w in self.nest.writes if isinstance(w, Accumulate)]
        for a in accumulators:
            a.start_total(None)
        self.reduce_loops(1, lambda level: self.row(level, accumulators))
        self.find([a for a in accumulators if a.positions])
        for a in accumulators:
            self.store(a.access, a.result(None))

    def find(self, accumulators: list[accumulate.Accumulator]) -> None:
        """A second look at the block of the reduced axis that has the extreme: where it is."""
        axis, level = self.reduced[-1] if self.reduced else 0, len(self.reduced)
        for a in accumulators:
            first = a.start_search()
            last = self.smaller(self.b.add(first, ir.Constant(I64, PLACED)), self.range(axis)[1])
            with self.loop(first, last, "find", kind=PARALLEL) as i:
                self.indices[axis] = i
                self.compute(level)
                a.search(self.values[a.value], i)

    def row(self, level: int, accumulators: list[accumulate.Accumulator]) -> None:
        """The innermost reduced axis, in blocks where sums are kept short or places are found again."""
        axis = self.reduced[-1]
        low, high = self.range(axis)
        placed, summed = any(a.positions for a in accumulators), any(a.total is not None for a in accumulators)
        with self.blocks(low, high, PLACED if placed else SUMMED if summed else None) as (first, last):
            for a in accumulators:
                a.start_part(None)
            with self.loop(first, last, "inner", kind=PARALLEL) as i:
                self.indices[axis] = i
                self.compute(level)
                for a in accumulators:
                    a.add(None, self.values[a.value], i)
                self.stores()
            for a in accumulators:
                a.end_part(None)
                if a.positions:
                    a.keep_block(first)

    def reduce_columns(self) -> None:
        """The inner axis is parallel: a block of accumulators side by side."""
        accumulators = [self.accumulator(w, self.code.block) for w in self.nest.writes if isinstance(w, Accumulate)]
        low, high = self.bounds
        self.columns(accumulators, accumulate.Accumulator.start_total)
        self.reduce_loops(1, lambda level: self.rows_of_columns(level, accumulators))
        with self.loop(low, high, "out", kind=PARALLEL) as i:
            assert self.inner is not None
            self.indices[self.inner] = i
            column = self.b.sub(i, low)
            for a in accumulators:
                self.store(a.access, a.result(column))

    def rows_of_columns(self, level: int, accumulators: list[accumulate.Accumulator]) -> None:
        axis = self.reduced[-1]
        low, high = self.range(axis)
        with self.blocks(low, high, ROWS) as (first, last):
            self.columns(accumulators, accumulate.Accumulator.start_part)
            with self.loop(first, last, "row") as r:
                self.indices[axis] = r
                self.compute(level)
                with self.loop(*self.bounds, "column", kind=PARALLEL) as i:
                    assert self.inner is not None
                    self.indices[self.inner] = i
                    self.compute(level + 1)
                    column = self.b.sub(i, self.bounds[0])
                    for a in accumulators:
                        a.add(column, self.values[a.value], r)
                    self.stores()
            self.columns(accumulators, accumulate.Accumulator.end_part)

    def columns(
        self, accumulators: list[accumulate.Accumulator], work: Callable[[accumulate.Accumulator, ir.Value], None]
    ) -> None:
        """Something for every accumulator of the block."""
        width = self.b.sub(self.bounds[1], self.bounds[0])
        with self.loop(ir.Constant(I64, 0), width, "column", kind=PARALLEL) as c:
            for accumulator in accumulators:
                work(accumulator, c)

    def reduce_loops(self, level: int, innermost: Callable[[int], None]) -> None:
        """Loops over the reduced axes but the last, which `innermost` runs."""
        if level == len(self.reduced):
            innermost(level)
            return
        axis = self.reduced[level - 1]
        with self.loop(*self.range(axis), "reduce") as i:
            self.indices[axis] = i
            self.compute(level)
            self.reduce_loops(level + 1, innermost)

    def range(self, axis: int) -> tuple[ir.Value, ir.Value]:
        """The bounds of a reduced axis: all of it, or the chunk that the first parallel axis names."""
        size = self.extent(self.nest.axes[axis])
        if self.nest.chunks is None or self.nest.chunks[0] != axis:
            return ir.Constant(I64, 0), size
        count = ir.Constant(I64, self.nest.chunks[1])
        length = self.b.udiv(self.b.add(size, ir.Constant(I64, self.nest.chunks[1] - 1)), count)
        low = self.b.mul(self.indices[0], length)
        return self.smaller(low, size), self.smaller(self.b.add(low, length), size)

    # ---- values ---------------------------------------------------------------------------------------------------

    def value(self, v: Value) -> ir.Value:
        """One value of the body."""
        if isinstance(v, Load):
            return self.load(v.access)
        if isinstance(v, Literal):
            return constant(v.dtype, v.number)
        if isinstance(v, Index):
            return self.index(v)
        operands = [
            cast(self.b, self.values[o], self.nest.body[o].dtype, to) for o, to in zip(v.operands, v.casts, strict=True)
        ]
        return apply_function(self.b, v.function, v.casts, v.dtype, operands)

    def index(self, v: Index) -> ir.Value:
        """start + the sum of step * index, in the dtype asked for."""
        found = self.number(v.start)
        for axis, step in v.terms:
            found = self.b.add(self.b.mul(self.indices[axis], ir.Constant(I64, step)), found)
        return cast(self.b, found, INT64, v.dtype)

    def pointer(self, access: Access) -> ir.Value:
        """The address of the element that the present indices name."""
        memory = ir.IntType(8) if access.dtype == BOOL else llvm_type(access.dtype)
        if access.buffer not in self.bases:
            slot = self.entry.gep(self.function.args[0], [ir.Constant(I64, access.buffer)])
            self.bases[access.buffer] = self.entry.load(slot)
        base = self.b.inttoptr(self.bases[access.buffer], memory.as_pointer())
        place = self.offset(access)
        for k, stride in enumerate(access.strides):
            if stride != ZERO:
                place = self.b.add(place, self.b.mul(self.indices[k], self.step(k, stride)))
        if self.code.checked:
            self.check(access.buffer, place)
        return self.b.gep(base, [place])

    def check(self, buffer: int, place: ir.Value) -> None:
        """End with status 1 where the place is outside of a buffer."""
        outside, inside = (self.function.append_basic_block(name) for name in ("outside", "inside"))
        self.b.cbranch(self.b.icmp_unsigned("<", place, self.param(Count(buffer))), inside, outside)
        ir.IRBuilder(outside).ret(ir.Constant(I64, 1))
        self.b.position_at_end(inside)

    def load(self, access: Access) -> ir.Value:
        """An element; bools are bytes in memory."""
        loaded = self.b.load(self.pointer(access))
        loaded.set_metadata("llvm.access.group", self.group)
        return self.b.icmp_unsigned("!=", loaded, ir.Constant(loaded.type, 0)) if access.dtype == BOOL else loaded

    def store(self, access: Access, value: ir.Value) -> None:
        """Write an element."""
        stored = self.b.zext(value, ir.IntType(8)) if access.dtype == BOOL else value
        self.b.store(stored, self.pointer(access)).set_metadata("llvm.access.group", self.group)

    def accumulator(self, write: Accumulate, columns: int | None) -> accumulate.Accumulator:
        """Where a reduction gathers; its memory is on the stack, and in registers once LLVM has seen it."""
        return accumulate.Accumulator(self, write, self.nest.body[write.value].dtype, columns)

    # ---- numbers and loops ----------------------------------------------------------------------------------------

    def extent(self, e: Extent) -> ir.Value:
        """An extent or stride: a constant, or a parameter."""
        return self.number(e.number if e.is_static else e.symbols[0])

    def step(self, axis: int, stride: Extent) -> ir.Value:
        """A stride.  Where a map's inner one is a parameter it is hidden: LLVM would make vectors for 1 alone."""
        found, shown = self.extent(stride), stride.is_static or axis != self.inner or self.nest.reduced
        return found if shown else self.larger(found, ir.Constant(I64, -MOST))

    def offset(self, access: Access) -> ir.Value:
        """Where an access begins: a constant, or a parameter."""
        return self.number(access.offset[0].start if access.offset else 0)

    def number(self, number: Dim) -> ir.Value:
        """A constant, or a parameter."""
        return ir.Constant(I64, number) if isinstance(number, int) else self.param(number)

    def param(self, what: Parameter) -> ir.Value:
        """A number of the launch, loaded once."""
        if what not in self.params:
            slot = self.entry.gep(self.function.args[1], [ir.Constant(I64, self.slots[what])])
            self.params[what] = self.entry.load(slot)
        return self.params[what]
