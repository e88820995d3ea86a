"""Loop nests as LLVM IR: one function for each nest, with the kernels' common signature.

A work unit is one index of the outer parallel axes, and a block of the inner axis where that is parallel.  What a
value does not depend on, it is computed outside of: every value is emitted at the outermost loop that has its indices.
The innermost loop is left to LLVM's vectoriser, which is told that its iterations are independent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir

from ....symbolic.dims import Dim
from ....symbolic.types import BOOL, INT64
from ...llvm.apply import apply_function
from ...llvm.emitters import cast, constant, llvm_type
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
    Offset,
    Store,
    Value,
)
from ..run.processor import vector_bytes
from . import accumulate, rare

I64 = ir.IntType(64)
BLOCK = 4096  # elements of the inner axis in one work unit
SUMMED = 1024  # values along the inner axis that are summed before they join the total
PLACED = 256  # values among which the place of an extreme is looked for
COLUMNS = 256, 4096  # accumulators kept side by side where the inner axis is not the reduced one: least and most
SHARED = 4  # among so many units the columns are shared, before they become more than the least
ROWS = 64  # values that one of them takes before it joins its total

_PARALLEL = "llvm.loop.parallel_accesses"  # iterations are independent but for accumulations
_PLAIN = "llvm.loop.vectorize.enable"  # false, that is: iterations one after the other


class Count(NamedTuple):
    """The number of elements of a buffer."""

    buffer: int


Parameter = Extent | tuple[Offset, ...] | Dim | Count


class EmittedNest(NamedTuple):
    """IR of one nest and what it has to be called with."""

    name: str
    ir: str
    params: tuple[Parameter, ...]
    units: tuple[Extent, ...]  # the outer axes
    inner: Extent | None  # the inner axis, where it is cut into blocks
    block: int

    def extent(self, sizes: dict[str, int]) -> int:
        """The number of work units."""
        count = 1
        for axis in self.units:
            count *= axis.value(sizes)
        if self.inner is not None:
            count *= -(-self.inner.value(sizes) // self.block)
        return count


def emit(nest: LoopNest, name: str, checked: bool = False) -> EmittedNest:
    """One function for a nest whose axes are in the order of loops.ordered.

    `checked`: each place is compared with the number of elements there are; outside, the status is 1.
    """
    return _Emitter(nest, name, checked).finish()


class _Emitter:
    def __init__(self, nest: LoopNest, name: str, checked: bool):
        self.nest, self.checked = nest, checked
        self.module = ir.Module()
        kind = ir.FunctionType(I64, [I64.as_pointer(), I64.as_pointer(), I64, I64])
        self.function = ir.Function(self.module, kind, name)
        self.entry = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.b = self.entry
        self.params: list[Parameter] = []
        self.param_values: dict[Parameter, ir.Value] = {}
        self.bases: dict[int, ir.Value] = {}
        self.indices: dict[int, ir.Value] = {}
        self.values: dict[int, ir.Value] = {}
        self.group = self.module.add_metadata(["access group"])
        self.loops = 0
        axes = range(len(nest.axes))
        self.inner = len(nest.axes) - 1 if nest.axes else None
        inner_reduced = self.inner in nest.reduced
        self.outer = [k for k in axes if k not in nest.reduced and k != self.inner]
        self.reduced = [k for k in axes if k in nest.reduced]
        self.blocked = self.inner is not None and not inner_reduced
        self.block = self._columns() if nest.reduced else BLOCK
        self.levels = self._levels()

    def _columns(self) -> int:
        """As many columns as leave some units: the longer a run in each row, the faster memory is read."""
        least, most = COLUMNS
        sizes = [self.nest.axes[k] for k in self.outer + ([] if self.inner is None else [self.inner])]
        if not all(size.is_static for size in sizes):
            return most // SHARED
        there, block = math.prod(size.number for size in sizes), least
        while block < most and 2 * block * SHARED <= there:
            block *= 2
        return block

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

    def finish(self) -> EmittedNest:
        """The whole function, and the parameters it turned out to need."""
        start, stop = self.function.args[2:]
        body = self.function.append_basic_block("body")
        self.b = ir.IRBuilder(body)
        # Without a loop inside, the units would be what LLVM makes vectors of: there is one, and LLVM's search for a
        # way takes twice as long with each operation.
        with self.loop(start, stop, "unit", kind=_PLAIN if self.inner is None else None) as unit:
            self.decode(unit)
            self.unit()
        self.b.ret(ir.Constant(I64, 0))
        self.entry.branch(body)
        rare.define(self.module)
        inner = self.nest.axes[self.inner] if self.blocked and self.inner is not None else None
        return EmittedNest(
            self.function.name,
            _finish(str(self.module)),
            tuple(self.params),
            tuple(self.nest.axes[k] for k in self.outer),
            inner,
            self.block,
        )

    def decode(self, unit: ir.Value) -> None:
        """The outer indices, and the inner axis' bounds, from a work unit's number."""
        rest = unit
        if self.blocked and self.inner is not None:
            size = self.extent(self.nest.axes[self.inner])
            if isinstance(size, ir.Constant) and size.constant <= self.block:
                self.bounds = ir.Constant(I64, 0), size
            else:
                width = ir.Constant(I64, self.block)
                count = self.b.udiv(self.b.add(size, ir.Constant(I64, self.block - 1)), width)
                low = self.b.mul(self.b.urem(rest, count), width)
                rest = self.b.udiv(rest, count)
                self.bounds = low, self.smaller(self.b.add(low, width), size)
        for k in reversed(self.outer):
            if k == self.outer[0]:
                self.indices[k] = rest
            else:
                size = self.extent(self.nest.axes[k])
                self.indices[k] = self.b.urem(rest, size)
                rest = self.b.udiv(rest, size)

    def unit(self) -> None:
        """One work unit."""
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
        with self.loop(*self.bounds, "inner", kind=_PARALLEL) as i:
            self.indices[self.inner] = i
            self.compute(1)
            self.stores()

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
            with self.loop(first, last, "find", kind=_PARALLEL) as i:
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
            with self.loop(first, last, "inner", kind=_PARALLEL) as i:
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
        accumulators = [self.accumulator(w, self.block) for w in self.nest.writes if isinstance(w, Accumulate)]
        low, high = self.bounds
        self.columns(accumulators, accumulate.Accumulator.start_total)
        self.reduce_loops(1, lambda level: self.rows_of_columns(level, accumulators))
        with self.loop(low, high, "out", kind=_PARALLEL) as i:
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
                with self.loop(*self.bounds, "column", kind=_PARALLEL) as i:
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
        with self.loop(ir.Constant(I64, 0), width, "column", kind=_PARALLEL) as c:
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
        found = self.param(v.start)
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
        place: ir.Value = self.param(access.offset) if access.offset else ir.Constant(I64, 0)
        for k, stride in enumerate(access.strides):
            if stride != ZERO:
                place = self.b.add(place, self.b.mul(self.indices[k], self.extent(stride)))
        if self.checked:
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
        return ir.Constant(I64, e.number) if e.is_static else self.param(e)

    def param(self, what: Parameter) -> ir.Value:
        """A number known when the function is bound to sizes, loaded once."""
        if isinstance(what, int):
            return ir.Constant(I64, what)
        if isinstance(what, tuple) and not isinstance(what, Extent | Count):
            offsets: tuple[Offset, ...] = what
            if all(isinstance(o.start, int) and o.stride.is_static for o in offsets):
                return ir.Constant(I64, sum(o.value({}) for o in offsets))
        if what not in self.param_values:
            slot = self.entry.gep(self.function.args[1], [ir.Constant(I64, len(self.params))])
            self.param_values[what] = self.entry.load(slot)
            self.params.append(what)
        return self.param_values[what]

    def smaller(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """min of two signed numbers."""
        return self.b.select(self.b.icmp_signed("<", a, b), a, b)

    def alloca(self, kind: ir.Type, count: int | None) -> ir.Value:
        """Stack memory, taken once for the whole function."""
        size = None if count is None else ir.Constant(I64, count)
        return self.entry.alloca(kind, size)

    @contextmanager
    def blocks(self, low: ir.Value, high: ir.Value, width: int | None) -> Iterator[tuple[ir.Value, ir.Value]]:
        """[low, high) in pieces of `width`; one piece where it is known to be short, or no width is given."""
        known = all(isinstance(v, ir.Constant) for v in (low, high))
        if width is None or (known and high.constant - low.constant <= width):
            yield low, high
            return
        with self.loop(low, high, "block", step=width) as first:
            yield first, self.smaller(self.b.add(first, ir.Constant(I64, width)), high)

    @contextmanager
    def loop(
        self, low: ir.Value, high: ir.Value, name: str, kind: str | None = None, step: int = 1
    ) -> Iterator[ir.Value]:
        """for i in range(low, high, step); of a kind that LLVM is told, or none."""
        before = self.b.block
        head = self.function.append_basic_block(name)
        body = self.function.append_basic_block(name + ".body")
        done = self.function.append_basic_block(name + ".end")
        self.b.branch(head)
        self.b.position_at_end(head)
        i = self.b.phi(I64, name)
        i.add_incoming(low, before)
        self.b.cbranch(self.b.icmp_signed("<", i, high), body, done)
        self.b.position_at_end(body)
        yield i
        after = self.b.add(i, ir.Constant(I64, step), flags=("nsw",))
        i.add_incoming(after, self.b.block)
        back = self.b.branch(head)
        if kind is not None:
            back.set_metadata("llvm.loop", self._loop_metadata(kind))
        self.b.position_at_end(done)

    def _loop_metadata(self, kind: str) -> Any:
        """Metadata of a loop: its memory accesses do not meet, or it is left as it is."""
        self.loops += 1
        values = self.group if kind == _PARALLEL else ir.Constant(ir.IntType(1), 0)
        described = self.module.add_metadata([ir.MetaDataString(self.module, kind), values])
        return self.module.add_metadata([ir.MetaDataString(self.module, f"loop {self.loops}"), described])


def _finish(text: str) -> str:
    """What llvmlite cannot write: nodes distinct from all others, and the vector width for this processor."""
    text = re.sub(r'!(\d+) = !\{ !"loop \d+", ', r"!\1 = distinct !{ !\1, ", text)
    text = re.sub(r'!(\d+) = !\{ !"access group" \}', r"!\1 = distinct !{}", text)
    width = 8 * vector_bytes()
    return re.sub(r"^(define [^\n]*\))\s*$", rf'\1 "prefer-vector-width"="{width}" nounwind', text, flags=re.M)
