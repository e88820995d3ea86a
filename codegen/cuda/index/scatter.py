"""x with v added or written at indices.

The places that the indices mean are sorted, stably, so that those of one element of the result stand together, in the
order of the indices: these are runs, and are added up in that order (`runs.py`), without atomics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..launch import GridLaunch, GridPlan, Processor, Slot, Strided, operand, scratch
from ..trace.builder import place_type
from ..trace.division import divisor_numbers
from ..trace.kernel import TraceRef
from .copy import bits_type, copy_launch
from .merge_sort import RowSort, sort_rows
from .places import Arguments, StridedAxes, blocks_for, is_wide, merge_axes
from .runs import PIECE, make_last_of_runs, make_run_rests, make_run_sums
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
    sizes = (count * kind.itemsize, *found.scratch)
    last, more = _runs_launches(out, v, len(indices[0].shape), axes, found, how, wide, scratch(len(sizes)))
    way = f"scatter: {how} by runs of {count} sorted places"
    return GridPlan((*launches, targets, *found.launches, *last), (*sizes, *more), way=way)


def _runs_launches(
    out: Strided, v: Strided, dims: int, axes: Sequence[int], order: RowSort, how: str, wide: bool, parts: Slot
) -> tuple[tuple[GridLaunch, ...], tuple[int, ...]]:
    """The launches that move v, of whose axes the first `dims` are those of the indices; and the size of `parts`."""
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
    sizes = (rows.rank, within.rank, wide)
    moved = (operand(0), operand(2), order.keys, order.places)
    if how == "set":
        kernel = TraceRef(make_last_of_runs, (bits_type(out.dtype).name, *sizes))
        return (GridLaunch(kernel, blocks_for(count * row), (*moved, count * row, count, *numbers)),), ()
    threads = -(-count // PIECE) * row
    first = TraceRef(make_run_sums, (out.dtype.name, *sizes))
    launch = GridLaunch(first, blocks_for(threads), (*moved, parts, threads, count, *numbers))
    if count <= PIECE:
        return (launch,), (threads * out.dtype.itemsize,)
    rest = TraceRef(make_run_rests, (out.dtype.name, within.rank, wide))
    numbers = (*divisor_numbers(row, wide), *within.numbers(inner, (0, steps[0]), (0, steps[1])))
    arguments: Arguments = (operand(0), order.keys, parts, threads, count, count.bit_length(), *numbers)
    return (launch, GridLaunch(rest, blocks_for(threads), arguments)), (threads * out.dtype.itemsize,)
