"""Running sums along the last axis, in float64 for floats; always in the same order.

A warp walks along a row.  Where there are few rows, and long ones, each is cut into chunks: the sums of these, running
sums of the sums, and then the chunks, each of which begins with what stands in front of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....symbolic.types import BOOL
from ..launch import GridLaunch, GridPlan, Processor, Slot, Strided, operand, scratch
from ..trace.builder import INT32, WARP, KernelBuilder, place_type
from ..trace.division import divide, divisor_numbers, divisor_types
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import THREADS, Parameters, StridedAxes, is_wide, merge_axes

WARPS = THREADS // WARP
CHUNK = 2048  # elements that a block adds up
_RESIDENT = 8  # rows for each multiprocessor: with fewer ones, most of it has nothing to do


def sum_type(dtype: np.dtype) -> np.dtype:
    """The dtype that elements add up in; integers wrap around in their own."""
    return np.dtype(np.float64) if dtype.kind == "f" else INT32 if dtype == BOOL else dtype


def plan_cumsum(out: Strided, x: Strided, processor: Processor, *, reverse: bool) -> GridPlan:
    """out[..., i] = x[..., 0] + ... + x[..., i], or from the other end."""
    if 0 in x.shape:
        return GridPlan(())
    length, rows = x.shape[-1], math.prod(x.shape[:-1])
    wide = is_wide(out, x)
    if length <= 2 * CHUNK or rows >= _RESIDENT * processor.multiprocessors:
        launch = _rows_launch(x, (operand(0), operand(1)), reverse, wide)
        return GridPlan((launch,), way=f"cumsum: {x.dtype}, a warp for each row")
    chunks, kind = -(-length // CHUNK), sum_type(x.dtype)
    size = rows * chunks * kind.itemsize
    sums = Strided(kind, (rows, chunks), (chunks, 1))
    launches = (
        _chunks_launch(x, (scratch(0), operand(1)), reverse, False, wide),
        _rows_launch(sums, (scratch(1), scratch(0)), False, wide),
        _chunks_launch(x, (operand(0), operand(1), scratch(1)), reverse, True, wide),
    )
    return GridPlan(launches, (size, size), way=f"cumsum: {x.dtype}, {chunks} chunks of each row")


def _rows_of(x: Strided, wide: bool) -> tuple[StridedAxes, tuple[int, ...]]:
    sizes, (steps,) = merge_axes(x.shape[:-1], x.strides[:-1])
    axes = StridedAxes(len(sizes), 1, wide)
    return axes, axes.numbers(sizes, (x.start, steps))


def _rows_launch(x: Strided, slots: tuple[Slot, Slot], reverse: bool, wide: bool) -> GridLaunch:
    axes, numbers = _rows_of(x, wide)
    rows = math.prod(x.shape[:-1])
    kernel = TraceRef(make_row_scan, (x.dtype.name, reverse, axes.rank, wide))
    return GridLaunch(kernel, (-(-rows // WARPS),), (*slots, rows, x.shape[-1], x.strides[-1], *numbers))


def _chunks_launch(x: Strided, slots: tuple[Slot, ...], reverse: bool, writes: bool, wide: bool) -> GridLaunch:
    axes, numbers = _rows_of(x, wide)
    chunks = -(-x.shape[-1] // CHUNK)
    kernel = TraceRef(make_chunk_scan if writes else make_chunk_sum, (x.dtype.name, reverse, axes.rank, wide))
    numbers = (x.shape[-1], x.strides[-1], *divisor_numbers(chunks, wide), *numbers)
    return GridLaunch(kernel, (math.prod(x.shape[:-1]) * chunks,), (*slots, *numbers))


def scan_warp(k: KernelBuilder, lane: Any, x: Any) -> tuple[Any, Any]:
    """The sum over this thread's and all lower ones of the warp, and that over all.

    Halves of twice the size meet in every step; the upper one's sums get the lower one's total.
    """
    total = x
    for mask in (1, 2, 4, 8, 16):
        other = k.shuffle_xor(total, mask)
        x = k.select((lane & mask).ne(0), other + x, x)
        total = total + other
    return x, total


def _read(k: KernelBuilder, x: Any, kind: np.dtype, valid: Any, place: Any) -> Any:
    """An element in the dtype that is added in, or 0."""
    found = k.register(kind)
    with k.when(valid):
        found.set(k.cast(x[place], kind))
    return found.get()


def make_row_scan(element: str, reverse: bool, rank: int, wide: bool) -> TracedKernel:
    """Running sums, a warp for each row."""
    dtype, places = np.dtype(element), place_type(wide)
    kind, axes = sum_type(dtype), StridedAxes(rank, 1, wide)

    def body(k: KernelBuilder, out: Any, x: Any, rows: Any, length: Any, step: Any, *numbers: Any) -> None:
        lane = k.thread & (WARP - 1)
        row = k.cast(k.block[0], places) * WARPS + k.cast(k.quotient(k.thread, WARP), places)
        with k.when(row < rows):
            start, carry = axes.places(k, row, numbers)[0], k.register(kind)
            for first in k.range(k.constant(places, 0), length, WARP):
                i = first + k.cast(lane, places)
                valid, place = i < length, length - 1 - i if reverse else i
                found, total = scan_warp(k, lane, _read(k, x, kind, valid, start + place * step))
                with k.when(valid):
                    out[row * length + place] = k.cast(carry.get() + found, dtype)
                carry.set(carry.get() + total)

    parameters: Parameters = (Pointer(dtype), Pointer(dtype), places, places, places, *axes.types)
    return TracedKernel("row_scan", parameters, THREADS, body)


def make_chunk_sum(element: str, reverse: bool, rank: int, wide: bool) -> TracedKernel:
    """The sum of each chunk of the rows, a block for each."""
    dtype, places = np.dtype(element), place_type(wide)
    kind, axes, by = sum_type(dtype), StridedAxes(rank, 1, wide), len(divisor_types(wide))

    def body(k: KernelBuilder, sums: Any, x: Any, length: Any, step: Any, *numbers: Any) -> None:
        block, shared = k.cast(k.block[0], places), k.shared_array(kind, WARPS)
        row, chunk = divide(k, block, numbers[:by])
        start, total = axes.places(k, row, numbers[by:])[0], k.constant(kind, 0)
        for j in range(CHUNK // THREADS):
            i = chunk * CHUNK + k.cast(k.thread + THREADS * j, places)
            place = length - 1 - i if reverse else i
            total = total + _read(k, x, kind, i < length, start + place * step)
        total = _sum_of_block(k, k.sum_of_warp(total), shared, 0)[1]
        with k.when(k.thread.eq(0)):
            sums[block] = total

    parameters: Parameters = (Pointer(kind), Pointer(dtype), places, places, *divisor_types(wide), *axes.types)
    return TracedKernel("chunk_sum", parameters, THREADS, body)


def make_chunk_scan(element: str, reverse: bool, rank: int, wide: bool) -> TracedKernel:
    """Running sums of each chunk, which begin with the running sum of the chunks in front of it."""
    dtype, places = np.dtype(element), place_type(wide)
    kind, axes, by = sum_type(dtype), StridedAxes(rank, 1, wide), len(divisor_types(wide))

    def body(k: KernelBuilder, out: Any, x: Any, sums: Any, length: Any, step: Any, *numbers: Any) -> None:
        block, shared = k.cast(k.block[0], places), k.shared_array(kind, 2 * WARPS)
        row, chunk = divide(k, block, numbers[:by])
        start, carry = axes.places(k, row, numbers[by:])[0], k.register(kind)
        with k.when(chunk > 0):
            carry.set(sums[block - 1])
        for j in k.range(0, CHUNK // THREADS):
            i = chunk * CHUNK + k.cast(k.thread + j * THREADS, places)
            valid, place = i < length, length - 1 - i if reverse else i
            found, total = scan_warp(k, k.thread & (WARP - 1), _read(k, x, kind, valid, start + place * step))
            before, whole = _sum_of_block(k, total, shared, (j & 1) * WARPS)
            with k.when(valid):
                out[row * length + place] = k.cast(carry.get() + (before + found), dtype)
            carry.set(carry.get() + whole)

    parameters: Parameters = (
        Pointer(dtype),
        Pointer(dtype),
        Pointer(kind),
        places,
        places,
        *divisor_types(wide),
        *axes.types,
    )
    return TracedKernel("chunk_scan", parameters, THREADS, body)


def _sum_of_block(k: KernelBuilder, total: Any, shared: Any, first: Any) -> tuple[Any, Any]:
    """Of the sums of all warps: that over the warps in front of this thread's, and that over all.

    first : where the sums stand in `shared`; who writes there again does so behind another barrier
    """
    warp = k.quotient(k.thread, WARP)
    with k.when((k.thread & (WARP - 1)).eq(0)):
        shared[warp + first] = total
    k.barrier()
    before = whole = k.constant(total.dtype, 0)
    for j in range(WARPS):
        part = shared[k.constant(INT32, j) + first]
        before = k.select(warp > j, before + part, before)
        whole = whole + part
    return before, whole
