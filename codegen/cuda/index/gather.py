"""out = x[indices]: a thread moves up to 16 bytes of neighbours, as bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..launch import Failure, GridLaunch, GridPlan, Processor, Strided, operand, scratch
from ..trace.builder import INT32, INT64, KernelBuilder, place_type
from ..trace.division import divide, divisor_numbers, divisor_types
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .copy import bits_type
from .places import (
    THREADS,
    Arguments,
    Parameters,
    StridedAxes,
    blocks_for,
    contiguous_steps,
    count_together,
    is_wide,
    merge_axes,
    thread_number,
)
from .targets import check_number, merge_indices, resolve_index, targets_launch


def plan_gather(out: Strided, x: Strided, *rest: Strided | Processor, axes: Sequence[int]) -> GridPlan:
    """out[i..., r...] = x at (indices[0][i...], ...) along `axes`, which are sorted, and at r along the others.

    rest : the index arrays, then the processor
    """
    indices = [index for index in rest if isinstance(index, Strided)]
    count = check_number(indices, axes)
    if count == 0:
        return GridPlan(())
    shape, steps = [x.shape[axis] for axis in axes], [x.strides[axis] for axis in axes]
    slots = [operand(2 + i) for i in range(len(indices))]
    if 0 in out.shape:  # what is out of range is refused all the same
        launch = targets_launch(shape, [0] * len(axes), indices, (scratch(0), slots), False)
        return GridPlan((launch,), (4 * count,), way="gather: of nothing, indices checked")
    others = [axis for axis in range(len(x.shape)) if axis not in axes]
    sizes, (inner,) = merge_axes([x.shape[a] for a in others], [x.strides[a] for a in others])
    dtype, wide = bits_type(x.dtype), is_wide(out, x, *indices)
    outs = (0, contiguous_steps(sizes))
    together = count_together(dtype.itemsize, sizes[-1], (outs, (x.start, inner), *((step, inner) for step in steps)))
    columns = (*sizes[:-1], sizes[-1] // together)
    row, threads = math.prod(columns), count * math.prod(columns)
    outer, starts = merge_indices(indices)
    rows, within = StridedAxes(len(outer), len(indices), wide), StridedAxes(len(columns), 1, wide)
    numbers = (
        *divisor_numbers(row, wide),
        *rows.numbers(outer, *starts),
        *within.numbers(columns, (x.start, (*inner[:-1], inner[-1] * together))),
    )
    names = tuple(index.dtype.name for index in indices)
    kernel = TraceRef(make_gather, (dtype.name, names, rows.rank, within.rank, together, wide))
    arguments: Arguments = (
        operand(0),
        operand(1),
        *slots,
        Failure.FLAGS,
        Failure.NUMBER,
        threads,
        *shape,
        *steps,
        *numbers,
    )
    way = f"gather: {math.prod(sizes)} elements for each index, {together} at a time"
    return GridPlan((GridLaunch(kernel, blocks_for(threads), arguments),), way=way)


def make_gather(
    element: str, elements: tuple[str, ...], index_rank: int, rest_rank: int, together: int, wide: bool
) -> TracedKernel:
    """out[i, r] = x[targets of i + r], in C order, `together` neighbours a thread."""
    dtype, kind, several = np.dtype(element), place_type(wide), len(elements)
    rows, within = StridedAxes(index_rank, several, wide), StridedAxes(rest_rank, 1, wide)
    by, split = len(divisor_types(wide)), len(divisor_types(wide)) + len(rows.types)

    def body(k: KernelBuilder, out: Any, x: Any, *given: Any) -> None:
        indices, (flags, step, threads), rest = given[:several], given[several : several + 3], given[several + 3 :]
        sizes, steps, numbers = rest[:several], rest[several : 2 * several], rest[2 * several :]
        number = thread_number(k, wide)
        with k.when(number < threads):
            row, column = divide(k, number, numbers[:by])
            places = rows.places(k, row, numbers[by:split])
            good, target = resolve_index(k, indices, places, sizes, steps)
            with k.when(good):
                start = target + within.places(k, column, numbers[split:])[0]
                out.store(number * together, x.load(start, together))
            with k.when(~good):
                k.refuse(flags, step)

    pointers = (Pointer(dtype), Pointer(dtype), *(Pointer(np.dtype(name)) for name in elements), Pointer(INT32))
    more = (*divisor_types(wide), *rows.types, *within.types)
    parameters: Parameters = (*pointers, INT32, kind, *(INT64,) * several, *(kind,) * several, *more)
    return TracedKernel("gather", parameters, THREADS, body)
