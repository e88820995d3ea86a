"""Stable sorting of rows: tiles of a row in shared memory, then tiles merged to runs of twice the length.

In every merge a thread owns an element, and finds by bisection how many of the other run come before it: so it knows
where the element goes.  Keys are integers (`sort_keys.py`), which move together with their places in the row.
n log(n)^2 comparisons, of which all of a pass are made at once.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..launch import GridLaunch, Slot, Strided, scratch
from ..trace.builder import INT32, INT64, KernelBuilder
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import (
    THREADS,
    Arguments,
    Parameters,
    StridedAxes,
    blocks_for,
    divide,
    divisor_numbers,
    divisor_types,
    merge_axes,
    place_type,
    thread_number,
)
from .sort_keys import count_before, key_type, sort_key

TILE = 1024  # elements that a block sorts in shared memory


class RowSort(NamedTuple):
    """Launches that sort rows.

    scratch : bytes of each buffer that they use
    keys, places : the buffers where sorted keys, and the places from which they came, stand in the end
    """

    launches: tuple[GridLaunch, ...]
    scratch: tuple[int, ...]
    keys: Slot
    places: Slot


def sort_rows(x: Strided, source: Slot, descending: bool, wide: bool, out: Slot | None, first: int) -> RowSort:
    """Sort the rows along the last axis of x, which has elements.

    out : where the places go as int64; None: both keys and places are kept
    first : the number of the first scratch buffer
    """
    length, rows = x.shape[-1], math.prod(x.shape[:-1])
    segment = min(TILE, 1 << (length - 1).bit_length())
    passes = [bit for bit in range(TILE.bit_length() - 1, 64) if 1 << bit < length]
    key, kind = key_type(x.dtype), place_type(wide)
    pairs = [(scratch(first + 2 * i), scratch(first + 2 * i + 1)) for i in range(2)]

    def target(number: int) -> tuple[Slot, ...]:
        return (out,) if out is not None and number == len(passes) else pairs[number % 2]

    launches = [_tiles_launch(x, source, target(0), descending, segment, wide)]
    count = rows * length
    for number, bit in enumerate(passes, 1):
        kernel = TraceRef(make_merge, (key.name, len(target(number)) == 1, wide))
        numbers = (*divisor_numbers(length, wide), bit, bit + 1)
        arguments: Arguments = (*target(number), *pairs[(number - 1) % 2], count, *numbers)
        launches.append(GridLaunch(kernel, blocks_for(count), arguments))
    kept = min(2, len(passes) + (out is None))  # pairs of buffers that something is written to
    sizes = (count * key.itemsize, count * kind.itemsize) * kept
    return RowSort(tuple(launches), sizes, *pairs[len(passes) % 2])


def _tiles_launch(
    x: Strided, source: Slot, targets: tuple[Slot, ...], descending: bool, segment: int, wide: bool
) -> GridLaunch:
    length, rows = x.shape[-1], math.prod(x.shape[:-1])
    sizes, (steps,) = merge_axes(x.shape[:-1], x.strides[:-1])
    axes = StridedAxes(len(sizes), 1, wide)
    parts = -(-length // segment)
    kernel = TraceRef(make_sort_tiles, (x.dtype.name, descending, segment, axes.rank, len(targets) == 1, wide))
    numbers = (*divisor_numbers(parts, wide), *axes.numbers(sizes, (x.start, steps)))
    grid = (-(-rows * parts // (TILE // segment)),)
    return GridLaunch(kernel, grid, (*targets, source, rows, length, x.strides[-1], *numbers))


def make_sort_tiles(element: str, descending: bool, segment: int, rank: int, final: bool, wide: bool) -> TracedKernel:
    """Sort segments of rows, a power of two elements each, `TILE` elements a block.

    The segment that hangs over the end of a row is filled with the largest key: it stays behind the row's own.
    `final`: the places are the result, as int64.
    """
    dtype, kind = np.dtype(np.uint8) if element == "bool" else np.dtype(element), place_type(wide)
    key, axes, by = key_type(dtype), StridedAxes(rank, 1, wide), len(divisor_types(wide))
    each, bits = TILE // THREADS, segment.bit_length() - 1
    targets = (Pointer(INT64),) if final else (Pointer(key), Pointer(kind))

    def body(k: KernelBuilder, *given: Any) -> None:
        outs, (x, rows, length, step), numbers = given[: len(targets)], given[len(targets) :][:4], given[-more:]
        keys = [k.shared_array(key, TILE) for _ in range(2)]
        places = [k.shared_array(INT32, TILE) for _ in range(2)]
        slots = [k.thread + THREADS * j for j in range(each)]
        where = []
        for slot in slots:
            number = k.cast(k.block[0], kind) * (TILE // segment) + k.cast(slot >> bits, kind)
            row, part = divide(k, number, numbers[:by])
            inside = slot & (segment - 1)
            position = part * segment + k.cast(inside, kind)
            where.append((row, position, (row < rows) & (position < length)))
            found = k.register(key, np.iinfo(key).max)
            with k.when(where[-1][2]):
                place = axes.places(k, row, numbers[by:])[0] + position * step
                found.set(sort_key(k, x[place], descending))
            keys[0][slot], places[0][slot] = found.get(), inside
        k.barrier()
        for bit in range(bits):
            _merge_in_tile(k, slots, bit, keys[bit % 2], places[bit % 2], keys[1 - bit % 2], places[1 - bit % 2])
            k.barrier()
        for slot, (row, position, there) in zip(slots, where, strict=True):
            with k.when(there):
                at, origin = row * length + position, places[bits % 2][slot]
                origin = k.cast(origin, kind) + (position - k.cast(slot & (segment - 1), kind))
                if final:
                    outs[0][at] = k.cast(origin, INT64)
                else:
                    outs[0][at], outs[1][at] = keys[bits % 2][slot], origin

    more = by + len(axes.types)
    parameters: Parameters = (*targets, Pointer(dtype), kind, kind, kind, *divisor_types(wide), *axes.types)
    return TracedKernel("sort_tiles", parameters, THREADS, body)


def _merge_in_tile(
    k: KernelBuilder, slots: list[Any], bit: int, keys: Any, places: Any, to_keys: Any, to_places: Any
) -> None:
    """Runs of 2**bit elements become runs of twice as many."""
    width = 1 << bit
    for slot in slots:
        key, place = keys[slot], places[slot]
        right = (slot & width).ne(0)
        other = (slot ^ width) & -width
        before = k.constant(INT32, 0)
        for half in [*(1 << b for b in range(bit - 1, -1, -1)), 1]:
            found = keys[other + before + (half - 1)]
            smaller = (found < key) | (right & found.eq(key))
            before = before + k.select(smaller, k.constant(INT32, half), 0)
        to = slot + before - k.select(right, k.constant(INT32, width), 0)
        to_keys[to], to_places[to] = key, place


def make_merge(key: str, final: bool, wide: bool) -> TracedKernel:
    """Runs of 2**bit elements of each row become runs of twice as many.  `final`: places are the result, as int64."""
    kind, keyed, by = place_type(wide), np.dtype(key), len(divisor_types(wide))
    targets = (Pointer(INT64),) if final else (Pointer(keyed), Pointer(kind))

    def body(k: KernelBuilder, *given: Any) -> None:
        outs, (keys, places, count, *numbers) = given[: len(targets)], given[len(targets) :]
        length, bit, steps = numbers[0], numbers[by], numbers[by + 1]
        number = thread_number(k, wide)
        with k.when(number < count):
            position = divide(k, number, numbers[:by])[1]
            row, own = number - position, keys[number]
            run, width = position >> bit, k.constant(kind, 1) << bit
            right = (run & 1).ne(0)
            other = (run ^ 1) << bit
            low, high = k.minimum(other, length), k.minimum(other + width, length)
            before = count_before(k, keys, row + low, row + high, own, right, steps)
            to = number + before - k.select(right, width, 0)
            if final:
                outs[0][to] = k.cast(places[number], INT64)
            else:
                outs[0][to], outs[1][to] = own, places[number]

    parameters: Parameters = (*targets, Pointer(keyed), Pointer(kind), kind, *divisor_types(wide), kind, INT32)
    return TracedKernel("merge", parameters, THREADS, body)
