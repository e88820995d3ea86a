"""The loop that runs every program, in Numba's subset of Python: a table of steps (table.py), one row after the other.

It is compiled once and kept like every kernel (walker.py); nothing here is imported where it was compiled before.

A step in one part runs on the calling thread; in more parts, on Numba's threads.  A strip of several steps runs a few
of its lines at a time, one step after the other.  The result is -1, or the number of the first step whose status was
not 0.

Every now and then, between two steps, the loop returns to Python, which handles signals and calls it again: so Ctrl-C
ends a call of many steps.  Once a step has written to a shared variable, it does not return before the end.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import intrinsics
from .intrinsics import address_of, stack
from .table import (
    ALTERNATING,
    BEGIN,
    BRANCH,
    DONE,
    END,
    JUMP,
    LEAST,
    PART,
    PATCH,
    PAUSE,
    PAUSED,
    SLOT,
    STEP,
    VARIABLE,
    Field,
)

_DONE, _LIMIT, _LENGTH, _COUNT, _TEST, _RESULT, _REVERSE, _VARIABLES, _, _SLOTS, _SLOT_COUNT = (8 * f for f in Field)

# Functions that the loop calls and that its process has to have by these names.
PARALLEL_FOR, THREADS = "numba_parallel_for", "get_num_threads"  # of Numba's threading layer; and PART

_compiled = numba.njit(nogil=True, error_model="numpy")


@intrinsic
def peek(typingctx: Any, address: Any) -> Any:
    """The int64 at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), emit


@intrinsic
def peek_byte(typingctx: Any, address: Any) -> Any:
    """The byte at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = builder.load(builder.inttoptr(args[0], ir.IntType(8).as_pointer()))
        return builder.zext(byte, ir.IntType(64))

    return types.int64(types.int64), emit


@intrinsic
def poke(typingctx: Any, address: Any, value: Any) -> Any:
    """Write an int64 at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def call(typingctx: Any, kernel: Any, buffers: Any, params: Any, low: Any, high: Any) -> Any:
    """kernel(buffers, params, low, high)."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        kind = ir.FunctionType(i64, [i64] * 4)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * 5), emit


@intrinsic
def thread_count(typingctx: Any) -> Any:
    """How many of Numba's threads the calling thread may use now."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        function = cgutils.get_or_insert_function(builder.module, kind, THREADS)
        return builder.zext(builder.call(function, []), ir.IntType(64))

    return types.int64(), emit


def _named(name: str) -> Any:
    """An intrinsic: the address of the function that the process has under a name."""

    @intrinsic
    def address(typingctx: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(ir.IntType(64), [])
            return builder.ptrtoint(cgutils.get_or_insert_function(builder.module, kind, name), ir.IntType(64))

        return types.int64(), emit

    return address


_parallel_for, _part = _named(PARALLEL_FOR), _named(PART)


def _make_patch(array_data: int) -> Callable[[int], None]:
    @_compiled
    def patch(header: int) -> None:
        """Put the addresses of this call's arrays where the steps look for them."""
        count, row, arrays = peek(header), peek(header + 8), peek(header + 16)
        for _ in range(count):
            array = peek(arrays + 8 * peek(row + 8))
            poke(peek(row), peek(array + array_data) + peek(row + 16))
            row += 8 * PATCH

    return patch


@_compiled
def _strip(row: int, low: int, high: int) -> int:
    """Lines low to high of a strip whose first step is at `row`; how many calls failed."""
    count, lines, at_once, failed = peek(row + 40), peek(row + 48), peek(row + 56), 0
    line = low
    while line < high:
        after = min(line + at_once, high)
        for number in range(count):
            step = row + 8 * STEP * number
            units = peek(step + 24) // lines  # in one line
            failed += call(peek(step), peek(step + 8), peek(step + 16), line * units, after * units) != 0
        line = after
    return failed


@_compiled
def _run(row: int, strip: int, part: int, parts: int) -> int:
    """One of the parts of a step, or of a strip of several; not 0 if a call failed."""
    if strip > 1:
        lines = peek(row + 48)
        return _strip(row, lines * part // parts, lines * (part + 1) // parts)
    units = peek(row + 24)
    return call(peek(row), peek(row + 8), peek(row + 16), units * part // parts, units * (part + 1) // parts)


@_compiled
def _moved(loop: int, variables: int, number: int, done: int) -> int:
    """Where a variable is after so many steps."""
    row = variables + 8 * VARIABLE * number
    last = max(peek(loop + _LIMIT) - 1, 0)
    if peek(row + 16) == ALTERNATING:
        place = done & 1
    elif peek(loop + _REVERSE):
        place = max(last - done, 0)
    else:
        place = min(done, last)  # after the last step it stays: nothing beyond the end is ever pointed at
    return peek(row) + place * peek(row + 8)


@_compiled
def _move(loop: int) -> None:
    """Write where the variables are to all slots."""
    variables, slot, done = peek(loop + _VARIABLES), peek(loop + _SLOTS), peek(loop + _DONE)
    for _ in range(peek(loop + _SLOT_COUNT)):
        number = peek(slot + 8)
        after = peek(variables + 8 * VARIABLE * number + 24)
        if after < 0:
            address = _moved(loop, variables, number, done)
        elif done == 0:
            address = peek(variables + 8 * VARIABLE * number)
        else:
            address = _moved(loop, variables, after, done - 1)
        poke(peek(slot), address + peek(slot + 16))
        slot += 8 * SLOT


@_compiled
def _jump(row: int) -> int:
    """What a row without a kernel does; how many rows to go."""
    kind, loop, distance = peek(row + 8), peek(row + 16), peek(row + 24)
    if kind == JUMP:
        return distance
    if kind == BRANCH:
        return 1 if peek_byte(peek(loop + _COUNT)) else distance
    if kind == BEGIN:
        limit = peek(loop + _LENGTH)
        if peek(loop + _COUNT):
            limit = min(limit, max(peek(peek(loop + _COUNT)), 0))
        poke(loop + _LIMIT, limit)
        done = 0
    else:
        limit, done = peek(loop + _LIMIT), peek(loop + _DONE) + 1
        if peek(loop + _TEST) and not peek_byte(peek(loop + _TEST)):
            limit = done
    poke(loop + _DONE, done)
    if peek(loop + _RESULT):
        poke(peek(loop + _RESULT), done)
    _move(loop)
    return distance if (kind == END) == (done < limit) else 1


@_compiled
def _alone(row: int, strip: int, parts: int) -> int:
    """All of a step on the calling thread; not 0 if a call failed."""
    return _run(row, strip, 0, 1)


# What the threads share of a step, on the stack of the thread that waits for them.
_FIRST, _ITEMS, _STRIDE, _ROW, _STRIP, _PARTS, _THREADS, _FAILED = range(8)


@_compiled
def _shared(row: int, strip: int, parts: int) -> int:
    """The parts of a step on Numba's threads, an item of work for each; not 0 if a call failed.

    The threading layer runs a function over items as NumPy runs its own over arrays: it gets the address of its first
    item, from a first one and a stride, and their number.  The address is the item's number here.
    """
    if parts == 1:
        return _run(row, strip, 0, 1)
    threads = thread_count()
    work = stack(8)
    work[_FIRST], work[_ITEMS], work[_STRIDE] = 0, threads, 1
    work[_ROW], work[_STRIP], work[_PARTS], work[_THREADS], work[_FAILED] = row, strip, parts, threads, 0
    first, items, stride = address_of(work, _FIRST), address_of(work, _ITEMS), address_of(work, _STRIDE)
    # function, arrays, items, strides, data; inner sizes, how many arrays, threads
    intrinsics.call(_parallel_for(), (_part(), first, items, stride, address_of(work, 0), 0, 1, threads))
    return work[_FAILED]


def make_part() -> FunctionType:
    """What a thread does for `_shared`: a kernel's four arguments are what NumPy gives such a function."""

    def kernel(arrays: Any, items: Any, strides: int, data: int) -> int:
        row, strip, parts = peek(data + 8 * _ROW), peek(data + 8 * _STRIP), peek(data + 8 * _PARTS)
        threads = peek(data + 8 * _THREADS)
        for item in range(arrays[0], arrays[0] + items[0]):
            for part in range(parts * item // threads, parts * (item + 1) // threads):
                if _run(row, strip, part, parts) != 0:
                    poke(data + 8 * _FAILED, 1)
        return 0

    return kernel


def make_walk(parallel: bool, array_data: int) -> FunctionType:
    """The loop, on the calling thread alone or on several; `array_data`: where an ndarray keeps its data pointer."""
    patch, run = _make_patch(array_data), _shared if parallel else _alone

    def walk(header: int) -> int:
        steps, rows, step, last = peek(header + 24), peek(header + 32), peek(header + 40), peek(header + 48)
        if step <= 0:
            patch(header)
            step = 0
        spent = 0
        while 0 <= step < steps:
            if spent > PAUSE and step <= last:
                poke(header + 40, step)
                return PAUSED
            row = rows + 8 * STEP * step
            spent += max(peek(row + 72), LEAST)
            if peek(row) == 0:
                step += _jump(row)
                continue
            strip = peek(row + 40)
            if not 1 < strip <= steps - step:
                strip = 1
            if run(row, strip, peek(row + 64) if strip > 1 else peek(row + 32)) != 0:
                poke(header + 40, 0)
                return step
            step += strip
        poke(header + 40, DONE)
        return -1

    return walk
