"""Running sums and orders along the last axis; work unit = one line."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import CUMSUM_NS, SORT_NS
from ..tiles.copy import merge

_SORTED_AT_ONCE = 16  # elements, which insertion sorts as fast as merging


def plan_cumsum(out: Array, x: Array, reverse: bool) -> Plan:
    """out[..., i] = x[..., 0] + ... + x[..., i], or from the other end."""
    kernel = KernelRef(make_cumsum, (x.dtype.name, reverse))
    return _over_lines(kernel, out, x, (), CUMSUM_NS, f"cumsum: {x.dtype}, line by line")


def plan_argsort(out: Array, x: Array, descending: bool) -> Plan:
    """The places of each line in the order of its elements."""
    kernel = KernelRef(make_argsort, (x.dtype.name, descending))
    cost = SORT_NS * max(1.0, math.log2(max(2, x.shape[-1])))
    way = f"argsort: {x.dtype}, line by line, runs of {_SORTED_AT_ONCE} merged"
    return _over_lines(kernel, out, x, (math.prod(x.shape) * 8,), cost, way)


def _over_lines(kernel: KernelRef, out: Array, x: Array, scratch: tuple[int, ...], element_ns: float, way: str) -> Plan:
    if 0 in x.shape:
        return Plan(())
    sizes, (steps,) = merge(x.shape[:-1], x.strides[:-1])
    lines = math.prod(sizes)
    params = LinesParams(x.shape[-1], x.strides[-1], len(sizes), sizes, steps)
    launch = Launch(kernel, (0, 1, 2)[: 2 + len(scratch)], params, lines, element_ns * lines * x.shape[-1])
    return Plan((launch,), scratch, way)


class LinesParams(NamedTuple):
    """Of `make_cumsum` and `make_argsort`."""

    length: int  # of a line
    step: int  # in elements
    axes: int  # the outer ones
    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def _make_start() -> Any:
    """Where the line of a unit begins in x."""
    from numba.extending import register_jitable

    @register_jitable
    def start(p: LinesParams, unit: int) -> int:
        axes, sizes, steps, place = p.axes, p.sizes, p.steps, 0
        for axis in range(axes - 1, -1, -1):
            place += unit % sizes[axis] * steps[axis]
            unit //= sizes[axis]
        return place

    return start


def make_cumsum(name: str, reverse: bool) -> Kernel:
    """Each line's running sum; floats add up in float64."""
    from ..tiles.intrinsics import pointer, read

    dtype, start = np.dtype(name), _make_start()
    wide = np.dtype("float64") if dtype.kind == "f" else dtype
    narrowed, widened = dtype.type, wide.type

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x = pointer(buffers[0], dtype), pointer(buffers[1], dtype)
        p = read(params, LinesParams)
        length, step = p.length, p.step
        for unit in range(lo, hi):
            at, total = start(p, unit), widened(0)
            for i in range(length):
                place = length - 1 - i if reverse else i
                total = widened(total + widened(x[at + place * step]))
                out[unit * length + place] = narrowed(total)
        return 0

    return kernel


def make_argsort(name: str, descending: bool) -> Kernel:
    """Each line's places, by merging sorted runs of twice the length, to and fro between out and scratch."""
    from numba.extending import register_jitable

    from ..tiles.intrinsics import pointer, read

    dtype, start = np.dtype("uint8" if name == "bool" else name), _make_start()
    floating, run = dtype.kind == "f", _SORTED_AT_ONCE

    @register_jitable
    def before(a: float, b: float) -> bool:
        """Whether b must not stand in front of a any more: strictly smaller, or larger; NaN is the largest."""
        small, large = (b, a) if descending else (a, b)
        if floating:
            return small < large or (large != large and small == small)
        return small < large

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, LinesParams)
        x, step, length = pointer(buffers[1], dtype), p.step, p.length
        for unit in range(lo, hi):
            at = start(p, unit)
            source = pointer(buffers[0] + 8 * unit * length, np.int64)
            target = pointer(buffers[2] + 8 * unit * length, np.int64)
            passes, width = 0, run
            while width < length:
                width, passes = 2 * width, passes + 1
            if passes % 2:
                source, target = target, source
            for first in range(0, length, run):
                for i in range(first, min(first + run, length)):
                    value, place = x[at + i * step], i
                    while place > first and before(value, x[at + source[place - 1] * step]):
                        source[place] = source[place - 1]
                        place -= 1
                    source[place] = i
            width = run
            for _ in range(passes):
                for first in range(0, length, 2 * width):
                    middle, end = min(first + width, length), min(first + 2 * width, length)
                    left, right = first, middle
                    for place in range(first, end):
                        take_right = left == middle
                        if left < middle and right < end:
                            take_right = before(x[at + source[right] * step], x[at + source[left] * step])
                        if take_right:
                            target[place] = source[right]
                            right += 1
                        else:
                            target[place] = source[left]
                            left += 1
                source, target = target, source
                width *= 2
        return 0

    return kernel
