"""Functions over 64-bit words as LLVM IR, written statement by statement: numbers, addresses, objects of Python's.

What surrounds kernels is written so: LLVM compiles it in a tenth of a second, where Numba takes seconds.  Functions of
Python's interface for C are called by name; whoever calls those holds the GIL, and counts references.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from llvmlite import ir

I64, I32, DOUBLE, FLOAT = ir.IntType(64), ir.IntType(32), ir.DoubleType(), ir.FloatType()
Word: TypeAlias = Any  # of 64 bits: a value of llvmlite's, or an int
Test: TypeAlias = Any  # of one bit


class Words:
    """A module of such functions."""

    def __init__(self) -> None:
        self.module = ir.Module()

    def external(self, name: str, count: int) -> ir.Function:
        """A function of the process, of so many words."""
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(I64, [I64] * count), name)

    def function(self, name: str, count: int, *, entry: bool = False) -> Statements:
        """The body of a new function of so many words; one that is no `entry` only this module knows."""
        made = ir.Function(self.module, ir.FunctionType(I64, [I64] * count), name)
        if not entry:
            made.linkage = "internal"
        return Statements(self, made)

    def __str__(self) -> str:
        return str(self.module)


class Statements:
    """The body of a function, statement by statement."""

    def __init__(self, words: Words, function: ir.Function):
        self.words, self.function, self.arguments = words, function, function.args
        self.builder = ir.IRBuilder(function.append_basic_block())

    # ---- memory -------------------------------------------------------------------------------------------------

    def load(self, address: Word, offset: int = 0) -> Word:
        """The word so many bytes from an address."""
        return self.builder.load(self._pointer(address, offset, I64))

    def load_double(self, address: Word, offset: int) -> Word:
        """The float64 there."""
        return self.builder.load(self._pointer(address, offset, DOUBLE))

    def store(self, value: Word, address: Word, offset: int = 0) -> None:
        """Write a word, or a number of another type, there."""
        number = as_word(value)
        self.builder.store(number, self._pointer(address, offset, number.type))

    def exchange(self, address: Word, offset: int, old: int, new: int) -> Word:
        """What was there, in whose place `new` is if it was `old`.  No other thread comes between."""
        place = self._pointer(address, offset, I64)
        return self.builder.extract_value(self.builder.cmpxchg(place, I64(old), I64(new), "seq_cst", "seq_cst"), 0)

    def release(self, address: Word, offset: int) -> None:
        """Write 0 there, behind all that was written before."""
        self.builder.store_atomic(I64(0), self._pointer(address, offset, I64), "seq_cst", 8)

    def on_stack(self) -> Word:
        """The address of a word, which is 0, until the function returns."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(I64)
        self.builder.store(I64(0), place)
        return self.builder.ptrtoint(place, I64)

    def _pointer(self, address: Word, offset: int, kind: ir.Type) -> Word:
        return self.builder.inttoptr(self.add(address, offset), kind.as_pointer())

    # ---- numbers ------------------------------------------------------------------------------------------------

    def add(self, a: Word, b: Word) -> Word:
        """a + b"""
        return self.builder.add(as_word(a), as_word(b))

    def times(self, a: Word, b: Word) -> Word:
        """a * b"""
        return self.builder.mul(as_word(a), as_word(b))

    def mask(self, a: Word, bits: int) -> Word:
        """Those bits of a word."""
        return self.builder.and_(as_word(a), I64(bits))

    def equal(self, a: Word, b: Word) -> Test:
        """a == b"""
        return self.builder.icmp_signed("==", as_word(a), as_word(b))

    def unequal(self, a: Word, b: Word) -> Test:
        """a != b"""
        return self.builder.icmp_signed("!=", as_word(a), as_word(b))

    def less(self, a: Word, b: Word) -> Test:
        """a < b"""
        return self.builder.icmp_signed("<", as_word(a), as_word(b))

    # ---- calls --------------------------------------------------------------------------------------------------

    def call(self, function: Statements, *arguments: Word) -> Word:
        """What another function of the module returns."""
        return self.builder.call(function.function, [as_word(a) for a in arguments])

    def python(self, name: str, *arguments: Word) -> Word:
        """What a function of Python's returns: a word, of which an int is the lower half."""
        return self.builder.call(self.words.external(name, len(arguments)), [as_word(a) for a in arguments])

    def call_at(self, address: Word, *arguments: Word) -> Word:
        """What the function at an address returns."""
        kind = ir.FunctionType(I64, [I64] * len(arguments))
        function = self.builder.inttoptr(as_word(address), kind.as_pointer())
        return self.builder.call(function, [as_word(a) for a in arguments])

    # ---- order --------------------------------------------------------------------------------------------------

    @contextmanager
    def when(self, test: Test) -> Iterator[None]:
        """What follows, if that holds."""
        with self.builder.if_then(test):
            yield

    @contextmanager
    def each(self, count: Word) -> Iterator[Word]:
        """What follows for each number from 0 on."""
        counter, blocks = self.on_stack(), [self.function.append_basic_block() for _ in range(3)]
        head, body, after = blocks
        self.builder.branch(head)
        self.builder.position_at_end(head)
        number = self.load(counter)
        self.builder.cbranch(self.less(number, count), body, after)
        self.builder.position_at_end(body)
        yield number
        self.store(self.add(number, 1), counter)
        self.builder.branch(head)
        self.builder.position_at_end(after)

    @contextmanager
    def forever(self) -> Iterator[None]:
        """What follows, again and again, until it gives a result."""
        body = self.function.append_basic_block()
        self.builder.branch(body)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(body)
        self.builder.position_at_end(self.function.append_basic_block())
        self.builder.unreachable()

    def give(self, value: Word) -> None:
        """Return a word, or whether something holds."""
        found = as_word(value)
        self.builder.ret(self.builder.zext(found, I64) if found.type == ir.IntType(1) else found)


def as_word(value: Word) -> Word:
    """A number as a constant."""
    return I64(value) if isinstance(value, int) else value
