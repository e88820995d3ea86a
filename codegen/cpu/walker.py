"""The loop that runs every program: a table of steps (table.py), walked by one function compiled once and kept on disk.

A step in one part runs on the calling thread; in more parts, on Numba's threads.  A strip of several steps runs a few
of its lines at a time, one step after the other.  The result is -1, or the number of the first step whose status was
not 0.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .table import ALTERNATING, BEGIN, BRANCH, END, JUMP, PATCH, SLOT, STEP, VARIABLE, Field

_DONE, _LIMIT, _LENGTH, _COUNT, _TEST, _RESULT, _REVERSE, _VARIABLES, _, _SLOTS, _SLOT_COUNT = (8 * f for f in Field)

ARRAY_DATA = object.__basicsize__  # where an ndarray object keeps its data pointer: its first field


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


def _patch(header: int) -> None:
    """Put the addresses of this call's arrays where the steps look for them."""
    count, row, arrays = peek(header), peek(header + 8), peek(header + 16)
    for _ in range(count):
        array = peek(arrays + 8 * peek(row + 8))
        poke(peek(row), peek(array + ARRAY_DATA) + peek(row + 16))
        row += 8 * PATCH


_patch_compiled = numba.njit(nogil=True, error_model="numpy")(_patch)


def _strip(row: int, low: int, high: int) -> int:
    """Lines low to high of a strip whose first step is at `row`; how many calls failed."""
    count, lines, at_once, failed = peek(row + 40), peek(row + 48), peek(row + 56), 0
    for line in range(low, high, at_once):
        for step in range(row, row + 8 * STEP * count, 8 * STEP):
            units = peek(step + 24) // lines  # in one line
            first, last = line * units, min(line + at_once, high) * units
            failed += call(peek(step), peek(step + 8), peek(step + 16), first, last) != 0
    return failed


_strip_compiled = numba.njit(nogil=True, error_model="numpy")(_strip)


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


_moved_compiled = numba.njit(nogil=True, error_model="numpy")(_moved)


def _move(loop: int) -> None:
    """Write where the variables are to all slots."""
    variables, slot, done = peek(loop + _VARIABLES), peek(loop + _SLOTS), peek(loop + _DONE)
    for _ in range(peek(loop + _SLOT_COUNT)):
        number = peek(slot + 8)
        after = peek(variables + 8 * VARIABLE * number + 24)
        if after < 0:
            address = _moved_compiled(loop, variables, number, done)
        elif done == 0:
            address = peek(variables + 8 * VARIABLE * number)
        else:
            address = _moved_compiled(loop, variables, after, done - 1)
        poke(peek(slot), address + peek(slot + 16))
        slot += 8 * SLOT


_move_compiled = numba.njit(nogil=True, error_model="numpy")(_move)


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
    _move_compiled(loop)
    return distance if (kind == END) == (done < limit) else 1


_jump_compiled = numba.njit(nogil=True, error_model="numpy")(_jump)


@numba.njit("int64(int64)", nogil=True, cache=True, error_model="numpy")
def walk_serial(header: int) -> int:
    """Run all steps on the calling thread."""
    _patch_compiled(header)
    steps, rows, step = peek(header + 24), peek(header + 32), 0
    while 0 <= step < steps:
        row = rows + 8 * STEP * step
        if peek(row) == 0:
            step += _jump_compiled(row)
            continue
        strip = peek(row + 40)
        if 1 < strip <= steps - step:
            failed = _strip_compiled(row, 0, peek(row + 48))
        else:
            strip = 1
            failed = call(peek(row), peek(row + 8), peek(row + 16), 0, peek(row + 24))
        if failed != 0:
            return step
        step += strip
    return -1


@numba.njit("int64(int64)", nogil=True, parallel=True, cache=True, error_model="numpy")
def walk_parallel(header: int) -> int:
    """Run all steps, those in several parts on Numba's threads."""
    _patch_compiled(header)
    steps, rows, step = peek(header + 24), peek(header + 32), 0
    while 0 <= step < steps:
        row = rows + 8 * STEP * step
        if peek(row) == 0:
            step += _jump_compiled(row)
            continue
        kernel, buffers, params = peek(row), peek(row + 8), peek(row + 16)
        units, parts, strip = peek(row + 24), peek(row + 32), peek(row + 40)
        failed = 0
        if 1 < strip <= steps - step:
            lines, parts = peek(row + 48), peek(row + 64)
            if parts == 1:
                failed = _strip_compiled(row, 0, lines)
            else:
                for part in numba.prange(parts):
                    failed += _strip_compiled(row, lines * part // parts, lines * (part + 1) // parts)
        else:
            strip = 1
            if parts == 1:
                failed = call(kernel, buffers, params, 0, units)
            else:
                for part in numba.prange(parts):
                    status = call(kernel, buffers, params, units * part // parts, units * (part + 1) // parts)
                    failed += status != 0
        if failed != 0:
            return step
        step += strip
    return -1
