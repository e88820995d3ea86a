"""Runs of equal targets among sorted ones, and what is moved to each: its last value, or the sum of all.

A target is a place in the result, and `places` says for each which row of v goes there.  The largest number there is
stands for no target.  For sums the sorted targets are cut into pieces.  A thread goes through one piece, for one
element of the rows: runs that begin there it adds to the result, in order; of a run that began in front of it, it keeps
the sum as a part.  The parts are added, in order too, by the thread in whose piece the run begins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....symbolic.types import BOOL
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.division import divide, divisor_types
from ..trace.kernel import Pointer, TracedKernel
from .places import THREADS, Parameters, StridedAxes, thread_number
from .sort_keys import count_before

PIECE = 8  # targets, which a thread loads all at once


def make_last_of_runs(element: str, index_rank: int, rest_rank: int, wide: bool) -> TracedKernel:
    """out at the target of each run = the row of v that is the last of the run: a thread for each element of it."""
    dtype, kind, rows = np.dtype(element), place_type(wide), StridedAxes(index_rank, 1, wide)
    within, by, nowhere = StridedAxes(rest_rank, 2, wide), len(divisor_types(wide)), np.iinfo(place_type(wide)).max
    split = by + len(rows.types)

    def body(
        k: KernelBuilder, out: Any, v: Any, targets: Any, places: Any, threads: Any, count: Any, *given: Any
    ) -> None:
        number = thread_number(k, wide)
        with k.when(number < threads):
            p, column = divide(k, number, given[:by])
            target, after = targets[p], targets[k.minimum(p + 1, count - 1)]
            with k.when((p.eq(count - 1) | after.ne(target)) & target.ne(nowhere)):
                at, start = within.places(k, column, given[split:])
                out[target + at] = v[rows.places(k, places[p], given[by:split])[0] + start]

    pointers = (Pointer(dtype), Pointer(dtype), Pointer(kind), Pointer(kind))
    parameters: Parameters = (*pointers, kind, kind, *divisor_types(wide), *rows.types, *within.types)
    return TracedKernel("last_of_runs", parameters, THREADS, body)


def make_run_sums(element: str, index_rank: int, rest_rank: int, wide: bool) -> TracedKernel:
    """out at the target of each run += what its first piece has of it; parts = of a run that began in front."""
    dtype, kind, rows = np.dtype(element), place_type(wide), StridedAxes(index_rank, 1, wide)
    within, by, nowhere = StridedAxes(rest_rank, 2, wide), len(divisor_types(wide)), np.iinfo(place_type(wide)).max
    split = by + len(rows.types)

    def body(
        k: KernelBuilder, out: Any, v: Any, targets: Any, places: Any, parts: Any, threads: Any, count: Any, *given: Any
    ) -> None:
        number = thread_number(k, wide)
        with k.when(number < threads):
            piece, column = divide(k, number, given[:by])
            at, start = within.places(k, column, given[split:])
            first = piece * PIECE
            where = [k.minimum(first + j, count - 1) for j in range(PIECE)]
            before = k.select(first > 0, targets[k.maximum(first - 1, 0)], nowhere)
            found = [k.select(first + j < count, targets[p], nowhere) for j, p in enumerate(where)]
            values = [v[rows.places(k, places[p], given[by:split])[0] + start] for p in where]
            begins = [now.ne(last) & now.ne(nowhere) for last, now in zip([before, *found], found, strict=False)]
            totals = []
            for target, value, beginning in zip(found, values, begins, strict=True):
                total = k.register(dtype, value)
                with k.when(beginning):
                    total.set(combine(out[target + at], value))
                totals.append(total.get())
            begun = begins[0]
            for j, (target, beginning) in enumerate(zip(found, begins, strict=True)):
                if j:
                    begun = begun | beginning
                    totals[j] = k.select(beginning, totals[j], combine(totals[j - 1], values[j]))
                ends = target.ne(nowhere)
                if j < PIECE - 1:
                    ends = ends & found[j + 1].ne(target)
                with k.when(ends & begun):
                    out[target + at] = totals[j]
                with k.when(ends & ~begun):
                    parts[number] = totals[j]

    pointers = (Pointer(dtype), Pointer(dtype), Pointer(kind), Pointer(kind), Pointer(dtype))
    parameters: Parameters = (*pointers, kind, kind, *divisor_types(wide), *rows.types, *within.types)
    return TracedKernel("run_sums", parameters, THREADS, body)


def make_run_rests(element: str, rest_rank: int, wide: bool) -> TracedKernel:
    """out at the target of a run that goes beyond the piece in which it begins += its parts."""
    dtype, kind, by = np.dtype(element), place_type(wide), len(divisor_types(wide))
    within, nowhere = StridedAxes(rest_rank, 2, wide), np.iinfo(place_type(wide)).max

    def body(
        k: KernelBuilder, out: Any, targets: Any, parts: Any, threads: Any, count: Any, steps: Any, *given: Any
    ) -> None:
        number = thread_number(k, wide)
        with k.when(number < threads):
            piece, column = divide(k, number, given[:by])
            first, behind = piece * PIECE, (piece + 1) * PIECE
            target = targets[k.minimum(behind, count) - 1]
            goes_on = (behind < count) & targets[k.minimum(behind, count - 1)].eq(target)
            begins = first.eq(0) | targets[k.maximum(first - 1, 0)].ne(target)
            with k.when(goes_on & begins & target.ne(nowhere)):
                place = target + within.places(k, column, given[by:])[0]
                more = count_before(k, targets, behind, count, target, target.eq(target), steps)
                total, row = k.register(dtype, out[place]), given[0]
                for other in k.range(piece + 1, piece + 1 + k.quotient(more + (PIECE - 1), PIECE)):
                    total.set(combine(total.get(), parts[other * row + column]))
                out[place] = total.get()

    pointers = (Pointer(dtype), Pointer(kind), Pointer(dtype))
    parameters: Parameters = (*pointers, kind, kind, INT32, *divisor_types(wide), *within.types)
    return TracedKernel("run_rests", parameters, THREADS, body)


def combine(x: Any, y: Any) -> Any:
    """x + y, and for bools x or y."""
    return x | y if x.dtype == BOOL else x + y
