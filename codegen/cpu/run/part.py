"""One of the parts of a step, or of a strip of several steps, in Numba's subset of Python."""

from __future__ import annotations

import numba

from ..tiles.intrinsics import peek, run_kernel
from .table import STEP

_njit = numba.njit(nogil=True, error_model="numpy")


@_njit
def _strip(row: int, low: int, high: int) -> int:
    """Lines low to high of a strip whose first step is at `row`; how many calls failed."""
    count, lines, at_once, failed = peek(row + 40), peek(row + 48), peek(row + 56), 0
    line = low
    while line < high:
        after = min(line + at_once, high)
        for number in range(count):
            step = row + 8 * STEP * number
            units = peek(step + 24) // lines  # in one line
            failed += run_kernel(peek(step), peek(step + 8), peek(step + 16), line * units, after * units) != 0
        line = after
    return failed


@_njit
def run_part(row: int, strip: int, part: int, parts: int) -> int:
    """One of the parts of a step, or of a strip of several; not 0 if a call failed."""
    if strip > 1:
        lines = peek(row + 48)
        return _strip(row, lines * part // parts, lines * (part + 1) // parts)
    units = peek(row + 24)
    return run_kernel(peek(row), peek(row + 8), peek(row + 16), units * part // parts, units * (part + 1) // parts)
