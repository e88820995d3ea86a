"""One of the parts of a step, or of a row block of several steps, in Numba's subset of Python."""

from __future__ import annotations

import numba

from ..tiles.intrinsics import peek, run_kernel
from .table import STEP

_njit = numba.njit(nogil=True, error_model="numpy")


@_njit
def _row_blocks(row: int, low: int, high: int) -> int:
    """Rows low to high of the arrays, in blocks, by the steps that begin at `row`; how many calls failed."""
    count, rows, at_once, failed = peek(row + 40), peek(row + 48), peek(row + 56), 0
    first = low
    while first < high:
        after = min(first + at_once, high)
        for number in range(count):
            step = row + 8 * STEP * number
            units = peek(step + 24) // rows  # in one row
            failed += run_kernel(peek(step), peek(step + 8), peek(step + 16), first * units, after * units) != 0
        first = after
    return failed


@_njit
def run_part(row: int, steps: int, part: int, parts: int) -> int:
    """One of the parts of a step, or of several `steps` in row blocks; not 0 if a call failed."""
    if steps > 1:
        rows = peek(row + 48)
        return _row_blocks(row, rows * part // parts, rows * (part + 1) // parts)
    units = peek(row + 24)
    return run_kernel(peek(row), peek(row + 8), peek(row + 16), units * part // parts, units * (part + 1) // parts)
