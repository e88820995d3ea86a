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
from ..trace.builder import INT32, INT64, KernelBuilder, place_type
from ..trace.division import divide, divisor_numbers, divisor_types
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import THREADS, Arguments, Parameters, StridedAxes, blocks_for, merge_axes, thread_number
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
    passes = [bit for bit in range(TILE.bit_length() - 1, 64) if 1 << bit < length]
    key, kind = key_type(x.dtype), place_type(wide)
    pairs = [(scratch(first + 2 * i), scratch(first + 2 * i + 1)) for i in range(2)]

    def target(number: int) -> tuple[Slot, ...]:
        return (out,) if out is not None and number == len(passes) else pairs[number % 2]

    launches = [_tiles_launch(x, source, target(0), descending, wide)]
    count = rows * length
    for number, bit in enumerate(passes, 1):
        kernel = TraceRef(make_merge, (key.name, len(target(number)) == 1, wide))
        numbers = (*divisor_numbers(length, wide), bit, bit + 1)
        arguments: Arguments = (*target(number), *pairs[(number - 1) % 2], count, *numbers)
        launches.append(GridLaunch(kernel, blocks_for(count), arguments))
    kept = min(2, len(passes) + (out is None))  # pairs of buffers that something is written to
    sizes = (count * key.itemsize, count * kind.itemsize) * kept
    return RowSort(tuple(launches), sizes, *pairs[len(passes) % 2])


def _tiles_launch(x: Strided, source: Slot, targets: tuple[Slot, ...], descending: bool, wide: bool) -> GridLaunch:
    length, rows = x.shape[-1], math.prod(x.shape[:-1])
    bits = min(TILE - 1, length - 1).bit_length()
    sizes, (steps,) = merge_axes(x.shape[:-1], x.strides[:-1])
    axes = StridedAxes(len(sizes), 1, wide)
    parts = -(-length // (1 << bits))
    kernel = TraceRef(make_sort_tiles, (x.dtype.name, descending, axes.rank, len(targets) == 1, wide))
    numbers = (*divisor_numbers(parts, wide), *axes.numbers(sizes, (x.start, steps)))
    grid = blocks_for(rows * parts << bits, TILE)
    return GridLaunch(kernel, grid, (*targets, source, rows, length, x.strides[-1], bits, *numbers))


def make_sort_tiles(element: str, descending: bool, rank: int, final: bool, wide: bool) -> TracedKernel:
    """Sort segments of rows, 2**bits elements each, `TILE` elements a block.

    A segment that hangs over the end of its row is filled up with the largest key, which stays behind the row's own.
    `final`: the places are the result, as int64.
    """
    dtype, kind = np.dtype(np.uint8) if element == "bool" else np.dtype(element), place_type(wide)
    key, axes, by = key_type(dtype), StridedAxes(rank, 1, wide), len(divisor_types(wide))
    targets = (Pointer(INT64),) if final else (Pointer(key), Pointer(kind))

    def body(k: KernelBuilder, *given: Any) -> None:
        outs, (x, rows, length, step, bits, *numbers) = given[: len(targets)], given[len(targets) :]
        slots = [k.thread + THREADS * j for j in range(TILE // THREADS)]
        tile = _SharedPairs(k.shared_array(key, 2 * TILE), k.shared_array(INT32, 2 * TILE))
        segments, first = k.constant(INT32, TILE) >> bits, k.cast(k.block[0], kind)
        where = []
        for slot in slots:
            number = first * k.cast(segments, kind) + k.cast(slot >> bits, kind)
            row, part = divide(k, number, numbers[:by])
            begin, inside = part << k.cast(bits, kind), slot - ((slot >> bits) << bits)
            position = begin + k.cast(inside, kind)
            there = (row < rows) & (position < length)
            where.append((row * length + position, begin, there))
            found = k.register(key, np.iinfo(key).max)
            with k.when(there):
                place = axes.places(k, row, numbers[by:])[0] + position * step
                found.set(sort_key(k, x[place], descending))
            tile.keys[slot], tile.places[slot] = found.get(), inside
        k.barrier()
        for bit in k.range(0, bits):
            _merge_in_tile(k, slots, bit, tile)
            k.barrier()
        for slot, (at, begin, there) in zip(slots, where, strict=True):
            with k.when(there):
                sorted_at = slot + (bits & 1) * TILE
                origin = begin + k.cast(tile.places[sorted_at], kind)
                if final:
                    outs[0][at] = k.cast(origin, INT64)
                else:
                    outs[0][at], outs[1][at] = tile.keys[sorted_at], origin

    numbers = (kind, kind, kind, INT32, *divisor_types(wide), *axes.types)
    return TracedKernel("sort_tiles", (*targets, Pointer(dtype), *numbers), THREADS, body)


class _SharedPairs(NamedTuple):
    """Two tiles in shared memory, between which passes go to and fro."""

    keys: Any
    places: Any


def _merge_in_tile(k: KernelBuilder, slots: list[Any], bit: Any, tile: _SharedPairs) -> None:
    """Runs of 2**bit elements become runs of twice as many, in the other tile."""
    source, width = (bit & 1) * TILE, k.constant(INT32, 1) << bit
    keys = [tile.keys[source + slot] for slot in slots]
    ties = [(slot & width).ne(0) for slot in slots]
    others = [source + (((slot >> bit) ^ 1) << bit) for slot in slots]
    before = [k.register(INT32) for _ in slots]

    def halve(half: Any) -> None:
        for key, tie, other, count in zip(keys, ties, others, before, strict=True):
            found = tile.keys[other + count.get() + half - 1]
            smaller = (found < key) | (tie & found.eq(key))
            count.set(count.get() + k.select(smaller, half, 0))

    for further in k.range(0, bit):
        halve(width >> (further + 1))
    halve(k.constant(INT32, 1))
    for slot, key, tie, count in zip(slots, keys, ties, before, strict=True):
        to = TILE - source + slot + count.get() - k.select(tie, width, 0)
        tile.keys[to], tile.places[to] = key, tile.places[source + slot]


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
