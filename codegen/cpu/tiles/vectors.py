"""Small LLVM functions over vectors of one dtype, written by hand and called by address from Numba kernels."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ..model import width

I32, I64 = ir.IntType(32), ir.IntType(64)
Values = Sequence[ir.Value]


def number(value: int) -> ir.Constant:
    """An int64 in LLVM IR."""
    return ir.Constant(I64, value)


class VectorFunction:
    """A function of int64 arguments (addresses, counts, steps in elements) under construction; it returns nothing."""

    def __init__(self, entry: str, dtype: str, arguments: Sequence[str]) -> None:
        self.width, self.itemsize = width(dtype), np.dtype(dtype).itemsize
        self.module = ir.Module(entry)
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [I64] * len(arguments)), entry)
        self.given = dict(zip(arguments, function.args, strict=True))
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.element = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.element, self.width)

    def finish(self) -> str:
        """The function returns: its LLVM IR."""
        self.builder.ret_void()
        return str(self.module)

    def repeat(self, count: ir.Value, carried: Values, body: Callable[..., Values]) -> list[ir.Value]:
        """Run body(index, *carried) -> carried `count` >= 1 times, the values in registers; what it leaves."""
        builder = self.builder
        before, block = builder.block, builder.append_basic_block("loop")
        builder.branch(block)
        builder.position_at_end(block)
        entering = [number(0), *carried]
        phis = [builder.phi(value.type) for value in entering]
        left = body(*phis)
        leaving = [builder.add(phis[0], number(1)), *left]
        for phi, first, value in zip(phis, entering, leaving, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(value, builder.block)
        after = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", leaving[0], count), block, after)
        builder.position_at_end(after)
        return list(left)

    def pointer(self, name: str, element: ir.Type | None = None) -> ir.Value:
        """The argument as a pointer, to elements unless said otherwise."""
        return self.builder.inttoptr(self.given[name], (element or self.element).as_pointer())

    def at(self, base: ir.Value, offset: ir.Value | int) -> ir.Value:
        """base + offset, in elements."""
        return self.builder.gep(base, [number(offset) if isinstance(offset, int) else offset])

    def load(self, base: ir.Value, offset: ir.Value | int) -> ir.Value:
        """base[offset]"""
        return self.builder.load(self.at(base, offset))

    def splat(self, value: ir.Value) -> ir.Value:
        """A vector of equal values."""
        kind = ir.VectorType(value.type, self.width)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, value, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(I32, self.width), None))

    def mask(self, count: ir.Value, first: int = 0) -> ir.Value:
        """Which of the elements first, first + 1 ... are below `count`."""
        counts = self.splat(self.builder.trunc(count, I32))
        numbers = ir.Constant(counts.type, [first + i for i in range(self.width)])
        return self.builder.icmp_signed("<", numbers, counts)

    def load_vector(self, base: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """A vector from any address; lanes outside the mask are zero and not read."""
        pointer = self.builder.bitcast(base, self.vector.as_pointer())
        if mask is None:
            return self.builder.load(pointer, align=self.itemsize)
        kinds = [self.vector.as_pointer(), I32, mask.type, self.vector]
        load = self.intrinsic("llvm.masked.load", kinds, self.vector)
        return self.builder.call(load, [pointer, ir.Constant(I32, self.itemsize), mask, ir.Constant(self.vector, None)])

    def store_vector(self, value: ir.Value, base: ir.Value, mask: ir.Value | None = None) -> None:
        """A vector to any address; lanes outside the mask are not written."""
        pointer = self.builder.bitcast(base, self.vector.as_pointer())
        if mask is None:
            self.builder.store(value, pointer, align=self.itemsize)
            return
        kinds = [self.vector, self.vector.as_pointer(), I32, mask.type]
        store = self.intrinsic("llvm.masked.store", kinds, ir.VoidType())
        self.builder.call(store, [value, pointer, ir.Constant(I32, self.itemsize), mask])

    def prefetch(self, place: ir.Value, write: bool = True) -> None:
        """Ask for the cache line of an address that will be written (or read): any address will do."""
        kind = ir.FunctionType(ir.VoidType(), [place.type, I32, I32, I32])
        function = self.module.globals.get("llvm.prefetch.p0") or ir.Function(self.module, kind, "llvm.prefetch.p0")
        self.builder.call(function, [place, *(ir.Constant(I32, value) for value in (int(write), 3 if write else 2, 1))])

    def fma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """x * y + z, rounded once where the processor can."""
        return self.builder.call(self.intrinsic("llvm.fmuladd", [self.vector] * 3, self.vector), [x, y, z])

    def intrinsic(self, name: str, kinds: Sequence[ir.Type], result: ir.Type) -> Any:
        """LLVM's function of that name for these vectors, declared once."""
        name = f"{name}.v{self.width}f{8 * self.itemsize}" + (".p0" if "masked" in name else "")
        return self.module.globals.get(name) or ir.Function(self.module, ir.FunctionType(result, kinds), name)
