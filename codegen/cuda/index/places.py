"""From the number of an element to where it stands in strided operands; sizes and strides are known when a launch is.

Places are int32 where everything that a kernel counts stays below 2**29, else int64: `wide`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..launch import LaunchArgument, Strided
from ..trace.builder import KernelBuilder, place_type
from ..trace.division import divide, divisor_numbers, divisor_types
from ..trace.kernel import Parameter

THREADS = 256  # of a block
Arguments = tuple[LaunchArgument, ...]
Parameters = tuple[Parameter, ...]
_NARROW = 1 << 29  # room for sums of a few places, and for numbers that are rounded up to whole blocks


def is_wide(*operands: Strided, farthest: int = 0) -> bool:
    """Whether places in these operands, or numbers of their elements, need int64; or other places, as far as this."""
    return max(farthest, *(max(reach(x), math.prod(x.shape)) for x in operands)) >= _NARROW


def reach(x: Strided) -> int:
    """A bound of all distances from the begin of the buffer, on the way to any element."""
    return x.start + sum(abs(step) * max(size - 1, 0) for size, step in zip(x.shape, x.strides, strict=True))


def blocks_for(count: int, threads: int = THREADS) -> tuple[int, ...]:
    """The grid that has a thread for each of `count` elements."""
    return (-(-count // threads),)


def contiguous_steps(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of an array of this shape in C order."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= max(size, 1)
    return tuple(reversed(steps))


def merge_axes(shape: Sequence[int], *strides: Sequence[int]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The same elements, in the same order, with as few axes as possible, and one at least: sizes, and all strides."""
    sizes: list[int] = []
    steps: list[tuple[int, ...]] = []
    for size, *step in zip(shape, *strides, strict=True):
        if size == 1:
            continue
        if sizes and all(outer == inner * size for outer, inner in zip(steps[-1], step, strict=True)):
            sizes[-1], steps[-1] = sizes[-1] * size, tuple(step)
        else:
            sizes.append(size)
            steps.append(tuple(step))
    if not sizes:
        return (1,), ((0,),) * len(strides)
    return tuple(sizes), tuple(tuple(step[i] for step in steps) for i in range(len(strides)))


def count_together(itemsize: int, size: int, operands: Sequence[tuple[int, Sequence[int]]]) -> int:
    """How many neighbours along the last axis, of that size, are one access of at most 16 bytes.

    operands : start and strides of each.
    """
    count = 16 // itemsize if itemsize >= 4 else 1
    while count > 1:
        steps = [step for start, (*outer, _) in operands for step in (start, *outer)]
        if all(last == 1 for _, (*_, last) in operands) and all(n % count == 0 for n in (size, *steps)):
            return count
        count //= 2
    return 1


# ---- elements ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StridedAxes:
    """Axes that a kernel counts over in C order, with the steps of its operands: how many of each it was made for.

    What a launch gives, and a body gets, is one list of numbers: a divisor for each axis, then for each operand its
    start and its steps.
    """

    rank: int
    operands: int
    wide: bool

    @property
    def types(self) -> tuple[np.dtype, ...]:
        """The dtypes of the numbers."""
        return divisor_types(self.wide) * self.rank + (place_type(self.wide),) * (self.operands * (1 + self.rank))

    def numbers(self, sizes: Sequence[int], *operands: tuple[int, Sequence[int]]) -> tuple[int, ...]:
        """What a launch gives: sizes of the axes, and start and steps of each operand."""
        assert (len(sizes), len(operands)) == (self.rank, self.operands)
        divisors = [n for size in sizes for n in divisor_numbers(size, self.wide)]
        return (*divisors, *(n for start, steps in operands for n in (start, *steps)))

    def indices(self, k: KernelBuilder, number: Any, given: Sequence[Any]) -> list[Any]:
        """The index along each axis of the element of that number."""
        each, found = len(divisor_types(self.wide)), []
        for axis in range(self.rank - 1, 0, -1):
            number, index = divide(k, number, given[axis * each : (axis + 1) * each])
            found.append(index)
        return [*reversed([*found, number])]

    def steps(self, given: Sequence[Any]) -> list[tuple[Any, Sequence[Any]]]:
        """Start and steps of each operand."""
        first, each = self.rank * len(divisor_types(self.wide)), 1 + self.rank
        parts = [given[first + i * each : first + (i + 1) * each] for i in range(self.operands)]
        return [(start, steps) for start, *steps in parts]

    def places(self, k: KernelBuilder, number: Any, given: Sequence[Any]) -> list[Any]:
        """Where the element of that number stands in each operand."""
        indices = self.indices(k, number, given)
        return [place_at(start, indices, steps) for start, steps in self.steps(given)]


def place_at(start: Any, indices: Sequence[Any], steps: Sequence[Any]) -> Any:
    """start + indices[0] * steps[0] + ..."""
    for index, step in zip(indices, steps, strict=True):
        start = start + index * step
    return start


def thread_number(k: KernelBuilder, wide: bool) -> Any:
    """The number of the thread in its grid, which has one axis."""
    kind = place_type(wide)
    return k.cast(k.block[0], kind) * k.threads + k.cast(k.thread, kind)
