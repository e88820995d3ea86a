"""LLVM functions with the kernels' common signature, made of loops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from ..run.processor import vector_bytes

I64 = ir.IntType(64)
PARALLEL = "llvm.loop.parallel_accesses"  # iterations are independent but for accumulations
PLAIN = "llvm.loop.vectorize.enable"  # false, that is: iterations one after the other


class LoopBuilder:
    """A function, and the place in it where instructions are added; `entry` is run once."""

    def __init__(self, name: str):
        self.module = ir.Module()
        kind = ir.FunctionType(I64, [I64.as_pointer(), I64.as_pointer(), I64, I64])
        self.function = ir.Function(self.module, kind, name)
        self.entry = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.b = self.entry
        self.group = self.module.add_metadata(["access group"])
        self.loops = 0

    def text(self) -> str:
        """The module.

        With what llvmlite cannot write: nodes distinct from all others, and the vector width for this processor.
        """
        text = re.sub(r'!(\d+) = !\{ !"loop \d+", ', r"!\1 = distinct !{ !\1, ", str(self.module))
        text = re.sub(r'!(\d+) = !\{ !"access group" \}', r"!\1 = distinct !{}", text)
        width = 8 * vector_bytes()
        return re.sub(r"^(define [^\n]*\))\s*$", rf'\1 "prefer-vector-width"="{width}" nounwind', text, flags=re.M)

    def larger(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """max of two signed numbers."""
        return self.b.select(self.b.icmp_signed(">", a, b), a, b)

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
        values = self.group if kind == PARALLEL else ir.Constant(ir.IntType(1), 0)
        described = self.module.add_metadata([ir.MetaDataString(self.module, kind), values])
        return self.module.add_metadata([ir.MetaDataString(self.module, f"loop {self.loops}"), described])
