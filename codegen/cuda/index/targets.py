"""Index arrays: checked, and turned into places of what they index.

Index arrays have one shape, strides of 0 where they were broadcast, and any integer dtype.  They may be negative: they
count from the end then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..launch import Failure, GridLaunch, Slot, Strided
from ..trace.builder import INT32, INT64, KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from .places import THREADS, Arguments, Parameters, StridedAxes, blocks_for, is_wide, merge_axes, thread_number


def resolve_index(
    k: KernelBuilder, indices: Sequence[Any], places: Sequence[Any], sizes: Sequence[Any], steps: Sequence[Any]
) -> tuple[Any, Any]:
    """Whether the elements of the index arrays at `places` lie in their axes, of these sizes; and the sum of
    index * step, in which an index that does not counts as 0."""
    good, target = None, None
    for array, place, size, step in zip(indices, places, sizes, steps, strict=True):
        index = k.cast(array[place], INT64)  # beyond int64 it becomes negative
        if array.dtype.kind == "i":
            index = k.select(index < 0, index + size, index)
        inside = (index >= 0) & (index < size)
        part = k.cast(k.select(inside, index, 0), step.dtype) * step
        good = inside if good is None else good & inside
        target = part if target is None else target + part
    return good, target


def merge_indices(indices: Sequence[Strided]) -> tuple[tuple[int, ...], list[tuple[int, Sequence[int]]]]:
    """The axes of the index arrays, as few as possible: their sizes, and start and steps of each array."""
    sizes, steps = merge_axes(indices[0].shape, *[index.strides for index in indices])
    return sizes, [(index.start, step) for index, step in zip(indices, steps, strict=True)]


def check_number(indices: Sequence[Strided], axes: Sequence[int]) -> int:
    """How many elements each index array has.  Raises ValueError unless there is one array for each axis."""
    if len(indices) != len(axes) or not indices:
        raise ValueError(f"{len(indices)} index arrays for axes {tuple(axes)}")
    return math.prod(indices[0].shape)


def targets_launch(
    shape: Sequence[int],
    steps: Sequence[int],
    indices: Sequence[Strided],
    slots: tuple[Slot, Sequence[Slot]],
    wide: bool,
) -> GridLaunch:
    """The launch that writes to the first slot, for each element of the index arrays, index * step summed over axes
    of these sizes; where one lies outside, the launch refuses, and writes the largest number there is."""
    sizes, operands = merge_indices(indices)
    far = wide or is_wide(*indices)
    axes = StridedAxes(len(sizes), len(indices), far)
    count = math.prod(sizes)
    kernel = TraceRef(make_targets, (tuple(index.dtype.name for index in indices), axes.rank, far, wide))
    numbers = axes.numbers(sizes, *operands)
    arguments: Arguments = (slots[0], *slots[1], Failure.FLAGS, Failure.NUMBER, count, *shape, *steps, *numbers)
    return GridLaunch(kernel, blocks_for(count), arguments)


def make_targets(elements: tuple[str, ...], rank: int, far: bool, wide: bool) -> TracedKernel:
    """targets[i] = the sum of index * step over the index arrays.

    `far`: places in these are int64; `wide`: the sums are.
    """
    several, kind = len(elements), place_type(wide)
    axes, nowhere = StridedAxes(rank, several, far), np.iinfo(kind).max

    def body(k: KernelBuilder, targets: Any, *given: Any) -> None:
        indices, (flags, step, count), rest = given[:several], given[several : several + 3], given[several + 3 :]
        sizes, steps, numbers = rest[:several], rest[several : 2 * several], rest[2 * several :]
        number = thread_number(k, far)
        with k.when(number < count):
            places = axes.places(k, number, numbers)
            good, target = resolve_index(k, indices, places, sizes, steps)
            targets[number] = k.select(good, target, nowhere)
            with k.when(~good):
                k.refuse(flags, step)

    pointers = (Pointer(kind), *(Pointer(np.dtype(name)) for name in elements), Pointer(INT32))
    parameters: Parameters = (*pointers, INT32, place_type(far), *(INT64,) * several, *(kind,) * several, *axes.types)
    return TracedKernel("targets", parameters, THREADS, body)
