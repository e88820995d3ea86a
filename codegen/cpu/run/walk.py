"""The loop that runs every program, in Numba's subset of Python: a table of steps (table.py), one row after the other.

It is compiled once and kept like every kernel (walker.py); nothing here is imported where it was compiled before.

A step in one part runs on the calling thread; one in more parts is shared (teamwork.py).  Several steps in row
blocks run a few rows of their arrays at a time, one step after the other.  The result is -1, or the number of the
first step whose status was not 0.

Every now and then, between two steps, the loop returns to Python, which handles signals and calls it again: so Ctrl-C
ends a call of many steps.  Once a step has written to a shared variable, it does not return before the end.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

import numba

from ..tiles.intrinsics import peek, peek_byte, poke
from .part import run_part
from .table import (
    ALTERNATING,
    BEGIN,
    BRANCH,
    DONE,
    END,
    JUMP,
    LEAST_STEP_NS,
    PATCH,
    PAUSE_NS,
    PAUSED,
    SLOT,
    STEP,
    VARIABLE,
    LoopField,
)
from .teamwork import share

_DONE, _LIMIT, _LENGTH, _COUNT, _TEST, _RESULT, _REVERSE, _VARIABLES, _, _SLOTS, _SLOT_COUNT = (
    8 * f for f in LoopField
)

_njit = numba.njit(nogil=True, error_model="numpy")


def _make_patch(array_data: int) -> Callable[[int], None]:
    @_njit
    def patch(header: int) -> None:
        """Put the addresses of this call's arrays where the steps look for them."""
        count, row, arrays = peek(header), peek(header + 8), peek(header + 16)
        for _ in range(count):
            array = peek(arrays + 8 * peek(row + 8))
            poke(peek(row), peek(array + array_data) + peek(row + 16))
            row += 8 * PATCH

    return patch


@_njit
def _address_after(loop: int, variables: int, number: int, done: int) -> int:
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


@_njit
def _move(loop: int) -> None:
    """Write where the variables are to all slots."""
    variables, slot, done = peek(loop + _VARIABLES), peek(loop + _SLOTS), peek(loop + _DONE)
    for _ in range(peek(loop + _SLOT_COUNT)):
        number = peek(slot + 8)
        after = peek(variables + 8 * VARIABLE * number + 24)
        if after < 0:
            address = _address_after(loop, variables, number, done)
        elif done == 0:
            address = peek(variables + 8 * VARIABLE * number)
        else:
            address = _address_after(loop, variables, after, done - 1)
        poke(peek(slot), address + peek(slot + 16))
        slot += 8 * SLOT


@_njit
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


@_njit
def _alone(row: int, steps: int, parts: int) -> int:
    """All of a step on the calling thread; not 0 if a call failed."""
    return run_part(row, steps, 0, 1)


def make_walk(parallel: bool, array_data: int) -> FunctionType:
    """The loop, on the calling thread alone or on several; `array_data`: where an ndarray keeps its data pointer."""
    patch, run = _make_patch(array_data), share if parallel else _alone

    def walk(header: int) -> int:
        steps, rows, step, last = peek(header + 24), peek(header + 32), peek(header + 40), peek(header + 48)
        if step <= 0:
            patch(header)
            step = 0
        spent = 0
        while 0 <= step < steps:
            if spent > PAUSE_NS and step <= last:
                poke(header + 40, step)
                return PAUSED
            row = rows + 8 * STEP * step
            spent += max(peek(row + 72), LEAST_STEP_NS)
            if peek(row) == 0:
                step += _jump(row)
                continue
            count = peek(row + 40)
            if not 1 < count <= steps - step:
                count = 1
            if run(row, count, peek(row + 64) if count > 1 else peek(row + 32)) != 0:
                poke(header + 40, 0)
                return step
            step += count
        poke(header + 40, DONE)
        return -1

    return walk
