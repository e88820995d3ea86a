"""Strided copies: a thread moves up to 16 bytes of neighbours of the result, as bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..launch import GridLaunch, Slot, Strided
from ..trace.builder import KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import (
    THREADS,
    StridedAxes,
    blocks_for,
    contiguous_steps,
    count_together,
    is_wide,
    merge_axes,
    thread_number,
)


def bits_type(dtype: np.dtype) -> np.dtype:
    """The unsigned integer that moves an element as bits."""
    return np.dtype(f"uint{8 * dtype.itemsize}")


def make_copy(element: str, rank: int, count: int, vector: bool, wide: bool) -> TracedKernel:
    """out = x, in C order: `count` neighbours a thread, which are so in x as well if it is a `vector`."""
    dtype, axes = np.dtype(element), StridedAxes(rank, 1, wide)

    def body(k: KernelBuilder, out: Any, x: Any, threads: Any, step: Any, *numbers: Any) -> None:
        number = thread_number(k, wide)
        with k.when(number < threads):
            place = axes.places(k, number, numbers)[0]
            if count == 1:
                out[number] = x[place]
            else:
                found = x.load(place, count) if vector else [x[place + j * step] for j in range(count)]
                out.store(number * count, found)

    kind = place_type(wide)
    return TracedKernel("copy", (Pointer(dtype), Pointer(dtype), kind, kind, *axes.types), THREADS, body)


def copy_launch(x: Strided, slots: tuple[Slot, Slot]) -> GridLaunch:
    """The launch that writes x, which has elements, in C order from the begin of the first slot on."""
    dtype, wide = bits_type(x.dtype), is_wide(x)
    sizes, (steps,) = merge_axes(x.shape, x.strides)
    *outer, columns = sizes
    to = (0, contiguous_steps(sizes))
    count = count_together(dtype.itemsize, columns, (to,))
    vector = count > 1 and count_together(dtype.itemsize, columns, (to, (x.start, steps))) == count
    threads = (*outer, columns // count)
    axes = StridedAxes(len(threads), 1, wide)
    numbers = axes.numbers(threads, (x.start, (*steps[:-1], steps[-1] * count)))
    total = int(np.prod(threads))
    kernel = TraceRef(make_copy, (dtype.name, axes.rank, count, vector, wide))
    return GridLaunch(kernel, blocks_for(total), (*slots, total, steps[-1], *numbers))
