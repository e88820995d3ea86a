"""How reductions gather: parts of bounded length in the values' own dtype, and a total that does not lose digits.

Sums of float32 join a float64 total; sums of float64 a total with Neumaier's compensation (ZAMM 54, 1974).  Within a
part LLVM may reorder, which is what lets it use vectors; the parts' bounds do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from ....ops.reduce import KINDS
from ....symbolic.types import BOOL, FLOAT64, INT64, DType
from ...llvm.emitters import cast, constant, llvm_type
from ...lowering.loops import Accumulate

I32, I64 = ir.IntType(32), ir.IntType(64)
INT32 = np.dtype(np.int32)


class Gathering(NamedTuple):
    """How values of one kind of reduction gather; bools are bytes of 0 and 1.

    neutral : what leaves every other value as it is
    combine : (builder, dtype, x, y) -> two values as one
    order : ">" or "<" of an extreme, which a NaN is, too; else nothing
    totalled : parts of floats join a total that loses no digits
    """

    neutral: Callable[[DType], Any]
    combine: Callable[[ir.IRBuilder, DType, ir.Value, ir.Value], ir.Value]
    order: str = ""
    totalled: bool = False


def _add(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    if dtype == BOOL:
        return b.or_(x, y)
    return b.fadd(x, y, flags=("reassoc",)) if dtype.kind == "f" else b.add(x, y)


def _multiply(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    if dtype == BOOL:
        return b.and_(x, y)
    return b.fmul(x, y, flags=("reassoc",)) if dtype.kind == "f" else b.mul(x, y)


def _either(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.or_(x, y)


def _both(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.and_(x, y)


def _larger(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    """Of integers and bools; of floats it is an Accumulator's business, since NaN is."""
    if dtype == BOOL:
        return b.or_(x, y)
    return b.select((b.icmp_signed if dtype.kind == "i" else b.icmp_unsigned)(">", x, y), x, y)


def _smaller(b: ir.IRBuilder, dtype: DType, x: ir.Value, y: ir.Value) -> ir.Value:
    if dtype == BOOL:
        return b.and_(x, y)
    return b.select((b.icmp_signed if dtype.kind == "i" else b.icmp_unsigned)("<", x, y), x, y)


def _lowest(dtype: DType) -> Any:
    return 0 if dtype == BOOL else -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: DType) -> Any:
    return 1 if dtype == BOOL else np.inf if dtype.kind == "f" else np.iinfo(dtype).max


GATHERINGS: dict[str, Gathering] = {
    "sum": Gathering(lambda dtype: 0, _add, totalled=True),
    "prod": Gathering(lambda dtype: 1, _multiply),
    "max": Gathering(_lowest, _larger, ">"),
    "min": Gathering(_highest, _smaller, "<"),
    "any": Gathering(lambda dtype: 0, _either),
    "all": Gathering(lambda dtype: 1, _both),
    "argmax": Gathering(_lowest, _larger, ">"),
    "argmin": Gathering(_highest, _smaller, "<"),
}


class Accumulator:
    """One reduction, or a block of them side by side: `at` is the column, or None where there is one."""

    def __init__(self, emitter: Any, write: Accumulate, dtype: DType, columns: int | None):
        self.e, self.value, self.positions = emitter, write.value, write.places
        self.how = GATHERINGS[write.kind]
        self.access, self.dtype = write.access, dtype
        self.byte = dtype == BOOL
        totalled = self.how.totalled and dtype.kind == "f"
        self.wide = KINDS[write.kind].partial(dtype)
        self.part = self._memory(dtype, columns)
        self.total = self._memory(self.wide, columns) if totalled else None
        self.rest = self._memory(FLOAT64, columns) if totalled and dtype == FLOAT64 else None
        self.place = self._memory(INT64, columns) if self.positions else None
        extreme = bool(self.how.order) and dtype.kind == "f"
        # One register for the extreme of what is no NaN and one for whether there is a NaN are quicker than
        # llvm.maximum, and LLVM makes vectors of both.
        self.nan = self._memory(INT32, None) if extreme and columns is None else None
        self.block = self._memory(INT64, None) if self.positions and columns is None else None
        self.best = self._memory(dtype, None) if self.block is not None else None

    def _memory(self, dtype: DType, columns: int | None) -> ir.Value:
        return self.e.alloca(ir.IntType(8) if dtype == BOOL else llvm_type(dtype), columns)

    def _get(self, memory: ir.Value, at: ir.Value | None) -> ir.Value:
        loaded = self.e.b.load(memory if at is None else self.e.b.gep(memory, [at]))
        if at is not None:
            loaded.set_metadata("llvm.access.group", self.e.group)
        return loaded

    def _put(self, memory: ir.Value, at: ir.Value | None, value: ir.Value) -> None:
        stored = self.e.b.store(value, memory if at is None else self.e.b.gep(memory, [at]))
        if at is not None:
            stored.set_metadata("llvm.access.group", self.e.group)

    def _neutral(self) -> ir.Constant:
        number = self.how.neutral(self.dtype)
        return ir.Constant(ir.IntType(8), number) if self.byte else constant(self.dtype, number)

    def start_total(self, at: ir.Value | None) -> None:
        """Before the first element."""
        if self.total is not None:
            self._put(self.total, at, constant(self.wide, 0.0))
            if self.rest is not None:
                self._put(self.rest, at, constant(FLOAT64, 0.0))
            return
        self._put(self.part, at, self._neutral())
        if self.nan is not None:
            self._put(self.nan, None, ir.Constant(I32, 0))
        if self.block is not None:
            self._put(self.block, None, ir.Constant(I64, 0))
            self._put(self.best, None, self._neutral())
        elif self.place is not None:
            self._put(self.place, at, ir.Constant(I64, 0))

    def start_part(self, at: ir.Value | None) -> None:
        """Before each part."""
        if self.total is not None:
            self._put(self.part, at, constant(self.dtype, 0.0))
        elif self.block is not None:
            self._put(self.part, None, self._neutral())

    def add(self, at: ir.Value | None, value: ir.Value, index: ir.Value) -> None:
        """One element; `index` is its position along the reduced axis."""
        b = self.e.b
        if self.byte:
            value = b.zext(value, ir.IntType(8))
        before = self._get(self.part, at)
        if self.positions and at is not None:
            self._position(at, before, value, index)
        elif self.nan is not None:
            self._put(self.part, None, self._extreme(before, value, flags=("nnan", "nsz")))
            is_nan = b.fcmp_unordered("uno", value, value)
            self._put(self.nan, None, b.select(is_nan, ir.Constant(I32, 1), self._get(self.nan, None)))
        elif self.dtype.kind == "f" and self.how.order:
            larger = self._extreme(before, value)
            self._put(self.part, at, b.select(b.fcmp_unordered("uno", value, value), value, larger))
        else:
            self._put(self.part, at, self.how.combine(b, self.dtype, before, value))

    def _extreme(self, before: ir.Value, value: ir.Value, flags: tuple[str, ...] = ()) -> ir.Value:
        """The larger (smaller) of two floats, the first of them where they cannot be compared."""
        b, sign = self.e.b, self.how.order
        return b.select(b.fcmp_ordered(sign, value, before, flags=flags), value, before, flags=flags)

    def _whole(self) -> ir.Value:
        """The extreme of a row so far, NaN if there is one."""
        part = self._get(self.part, None)
        if self.nan is None:
            return part
        is_nan = self.e.b.icmp_signed("!=", self._get(self.nan, None), ir.Constant(I32, 0))
        return self.e.b.select(is_nan, constant(self.dtype, np.nan), part)

    def keep_block(self, first: ir.Value) -> None:
        """After a block of a row that begins here: whether the extreme is in it."""
        b, part, best = self.e.b, self._whole(), self._get(self.best, None)
        better = self._better(part, best)
        self._put(self.best, None, b.select(better, part, best))
        self._put(self.block, None, b.select(better, first, self._get(self.block, None)))

    def start_search(self) -> ir.Value:
        """Before the second look, at the block that has the extreme, whose begin is returned."""
        self._put(self.place, None, ir.Constant(I64, np.iinfo(np.int64).max))
        return self._get(self.block, None)

    def search(self, value: ir.Value, index: ir.Value) -> None:
        """The first place of the extreme that is known by now, or of a NaN: a minimum over places, which vectorises."""
        b, extreme = self.e.b, self._get(self.best, None)
        if self.byte:
            value = b.zext(value, ir.IntType(8))
        if self.dtype.kind == "f":  # if there is a NaN, it is the extreme
            same = b.or_(b.fcmp_ordered("==", value, extreme), b.fcmp_unordered("uno", value, value))
        else:
            same = b.icmp_signed("==", value, extreme)
        before = self._get(self.place, None)
        place = b.select(same, index, ir.Constant(I64, np.iinfo(np.int64).max))
        self._put(self.place, None, b.select(b.icmp_signed("<", place, before), place, before))

    def _position(self, at: ir.Value | None, before: ir.Value, value: ir.Value, index: ir.Value) -> None:
        """The first largest (smallest) element, or the first NaN."""
        b, better = self.e.b, self._better(value, before)
        # The neutral element itself may be the extreme: the first element always counts.
        better = b.or_(better, b.icmp_signed("==", index, ir.Constant(I64, 0)))
        self._put(self.part, at, b.select(better, value, before))
        self._put(self.place, at, b.select(better, index, self._get(self.place, at)))

    def _better(self, value: ir.Value, before: ir.Value) -> ir.Value:
        """Whether a value is larger (smaller) than the extreme so far; NaN is, than all but another NaN."""
        b, sign = self.e.b, self.how.order
        if self.dtype.kind == "f":
            better = b.or_(b.fcmp_ordered(sign, value, before), b.fcmp_unordered("uno", value, value))
            return b.and_(better, b.fcmp_ordered("ord", before, before))
        return (b.icmp_signed if self.dtype.kind == "i" else b.icmp_unsigned)(sign, value, before)

    def end_part(self, at: ir.Value | None) -> None:
        """After each part."""
        if self.total is None:
            return
        b, part = self.e.b, self._get(self.part, at)
        total = self._get(self.total, at)
        if self.rest is None:
            self._put(self.total, at, b.fadd(total, b.fpext(part, ir.DoubleType())))
            return
        new = b.fadd(total, part)
        magnitude = self.e.module.declare_intrinsic("llvm.fabs", [ir.DoubleType()])
        larger = b.fcmp_ordered(">=", b.call(magnitude, [total]), b.call(magnitude, [part]))
        big, small = b.select(larger, total, part), b.select(larger, part, total)
        lost = b.fadd(b.fsub(big, new), small)
        # Infinities make the lost digits NaN: then there is nothing to compensate.
        finite = b.fcmp_ordered("ord", lost, lost)
        lost = b.select(finite, lost, constant(FLOAT64, 0.0))
        self._put(self.rest, at, b.fadd(self._get(self.rest, at), lost))
        self._put(self.total, at, new)

    def result(self, at: ir.Value | None) -> ir.Value:
        """After the last element, in the dtype that is written."""
        b = self.e.b
        if self.positions:
            return self._get(self.place, at)
        if self.total is not None:
            total = self._get(self.total, at)
            if self.rest is not None:
                total = b.fadd(total, self._get(self.rest, at))
            return cast(b, total, self.wide, self.access.dtype)
        found = self._whole() if self.nan is not None else self._get(self.part, at)
        return b.icmp_unsigned("!=", found, ir.Constant(found.type, 0)) if self.byte else found
