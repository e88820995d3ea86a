"""x with v added or written at indices.

The places that the indices mean are sorted, stably, so that those of one element of the result stand together, in the
order of the indices.  A thread then walks through all of them: sums are the same every time, and those of the
reference to the last bit.  An element that gets very many is one thread's work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..launch import GridLaunch, GridPlan, Processor, Strided, operand, scratch
from ..trace.builder import INT32, KernelBuilder
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .copy import bits_type, copy_launch
from .merge_sort import RowSort, sort_rows
from .places import (
    THREADS,
    Arguments,
    StridedAxes,
    blocks_for,
    divide,
    divisor_numbers,
    divisor_types,
    is_wide,
    merge_axes,
    place_at,
    place_type,
    thread_number,
)
from .sort_keys import count_before
from .targets import check_number, targets_launch


def plan_scatter_add(out: Strided, x: Strided, v: Strided, *rest: Strided | Processor, axes: Sequence[int]) -> GridPlan:
    """out = x, with v[i..., r...] added where plan_gather would read; where several meet, in the order of i."""
    return _plan(out, x, v, rest, axes, "or" if out.dtype.kind == "b" else "add")


def plan_scatter_set(out: Strided, x: Strided, v: Strided, *rest: Strided | Processor, axes: Sequence[int]) -> GridPlan:
    """out = x, with v[i..., r...] written where plan_gather would read; where several meet, the last one stays."""
    return _plan(out, x, v, rest, axes, "set")


def _plan(
    out: Strided, x: Strided, v: Strided, rest: Sequence[Strided | Processor], axes: Sequence[int], how: str
) -> GridPlan:
    indices = [index for index in rest if isinstance(index, Strided)]
    count = check_number(indices, axes)
    launches = [] if 0 in out.shape else [copy_launch(x, (operand(0), operand(1)))]
    if count == 0:
        return GridPlan(tuple(launches), way="scatter: of nothing")
    wide = is_wide(out, v, *indices)
    shape, steps = [out.shape[axis] for axis in axes], [out.strides[axis] for axis in axes]
    slots = scratch(0), [operand(3 + i) for i in range(len(indices))]
    kind = place_type(wide)
    targets = targets_launch(shape, steps, indices, slots, wide)
    if 0 in out.shape or 0 in v.shape:  # what is out of range is refused all the same
        return GridPlan((*launches, targets), (count * kind.itemsize,), way="scatter: of nothing, indices checked")
    found = sort_rows(Strided(kind, (count,), (1,)), scratch(0), False, wide, None, 1)
    last = _runs_launch(out, v, len(indices[0].shape), axes, found, how, wide)
    way = f"scatter: {how} by runs of {count} sorted places"
    return GridPlan((*launches, targets, *found.launches, last), (count * kind.itemsize, *found.scratch), way=way)


def _runs_launch(
    out: Strided, v: Strided, dims: int, axes: Sequence[int], order: RowSort, how: str, wide: bool
) -> GridLaunch:
    """The launch that moves v, of whose axes the first `dims` are those of the indices."""
    others = [axis for axis in range(len(out.shape)) if axis not in axes]
    outer, (rows_step,) = merge_axes(v.shape[:dims], v.strides[:dims])
    inner, steps = merge_axes(v.shape[dims:], [out.strides[axis] for axis in others], v.strides[dims:])
    rows, within = StridedAxes(len(outer), 1, wide), StridedAxes(len(inner), 2, wide)
    count, row = math.prod(outer), math.prod(inner)
    numbers = (
        *divisor_numbers(row, wide),
        *rows.numbers(outer, (v.start, rows_step)),
        *within.numbers(inner, (0, steps[0]), (0, steps[1])),
    )
    dtype = bits_type(out.dtype) if how == "set" else out.dtype
    kernel = TraceRef(make_scatter, (dtype.name, how, rows.rank, within.rank, wide))
    arguments: Arguments = (
        operand(0),
        operand(2),
        order.keys,
        order.places,
        count * row,
        count,
        count.bit_length(),
        *numbers,
    )
    return GridLaunch(kernel, blocks_for(count * row), arguments)


def make_scatter(element: str, how: str, index_rank: int, rest_rank: int, wide: bool) -> TracedKernel:
    """out at targets[p] + r = (add, or: what is there with) v at places[p] + r, for each run of equal targets.

    targets : sorted; the largest number stands for none
    how : "add", "or" or "set"; a thread for each r of the first of a run, and of its last one for "set"
    """
    dtype, kind = np.dtype(element), place_type(wide)
    rows, within = StridedAxes(index_rank, 1, wide), StridedAxes(rest_rank, 2, wide)
    by, split, nowhere = len(divisor_types(wide)), len(divisor_types(wide)) + len(rows.types), np.iinfo(kind).max

    def body(
        k: KernelBuilder, out: Any, v: Any, targets: Any, places: Any, threads: Any, count: Any, steps: Any, *given: Any
    ) -> None:
        number = thread_number(k, wide)
        with k.when(number < threads):
            p, column = divide(k, number, given[:by])
            target = targets[p]
            indices = within.indices(k, column, given[split:])
            at, start = (place_at(place, indices, step) for place, step in within.steps(given[split:]))
            after = k.minimum(p + 1, count - 1)
            ends = p.eq(count - 1) | targets[after].ne(target)
            if how == "set":
                with k.when(ends & target.ne(nowhere)):
                    out[target + at] = v[rows.places(k, places[p], given[by:split])[0] + start]
                return
            begins = p.eq(0) | targets[k.maximum(p - 1, 0)].ne(target)
            with k.when(begins & target.ne(nowhere)):
                end = k.register(kind, p + 1)
                with k.when(~ends):
                    everywhere = target.eq(target)
                    end.set(p + count_before(k, targets, p, count, target, everywhere, steps))
                total = k.register(dtype, out[target + at])
                for q in k.range(p, end.get()):
                    value = v[rows.places(k, places[q], given[by:split])[0] + start]
                    total.set(total.get() | value if how == "or" else total.get() + value)
                out[target + at] = total.get()

    pointers = (Pointer(dtype), Pointer(dtype), Pointer(kind), Pointer(kind))
    more = (*divisor_types(wide), *rows.types, *within.types)
    return TracedKernel("scatter", (*pointers, kind, kind, INT32, *more), THREADS, body)
