"""Panels: the order in which the tiles read their operands.

A panel holds `width` neighbouring rows (of a) or columns (of b) as [k][width], so that a tile reads it from its first
element to its last.
"""

import math
from types import FunctionType
from typing import Any, NamedTuple

from .launch import Launch
from .move import move_address
from .native import kernel_address


class Axes(NamedTuple):
    """Nested loops, outermost first: how often each runs, and by how many elements it steps."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def panels_size(batch: Axes, count: int, k: Axes, width: int) -> int:
    """How many elements the panels take."""
    return math.prod(batch.sizes) * math.ceil(count / width) * math.prod(k.sizes) * width


def panels(
    dtype: str, itemsize: int, buffers: tuple[int, int], offset: int, batch: Axes, count: int, step: int, k: Axes,
    width: int,
) -> Launch:  # fmt: skip
    """The launch that writes panels [batch][tile][k][width] of a strided array [batch][count][k].

    `buffers` are the panels and the array, which starts at `offset`; `step` leads from one of the `count` rows or
    columns to the next.  Lanes beyond `count` in the last panel are not written.
    """
    k = _cut(k)
    axes = (len(batch.sizes), *batch.sizes, *batch.steps, len(k.sizes), *k.sizes, *k.steps)
    params = (move_address(dtype), itemsize, offset, count, width, step, *axes)
    extent = math.prod(batch.sizes) * math.ceil(count / width) * k.sizes[0]
    cost = 0.5 * panels_size(batch, count, k, width)
    return Launch(kernel_address(make_panels), buffers, params, extent, cost)


def _cut(k: Axes) -> Axes:
    """At least two axes, of which the first is what units are made of."""
    if len(k.sizes) > 1:
        return k
    inner = next((size for size in range(512, 127, -1) if k.sizes[0] % size == 0), k.sizes[0])
    return Axes((k.sizes[0] // inner, inner), (k.steps[0] * inner, k.steps[0]))


def make_panels() -> FunctionType:
    """The kernel of `panels`; unit = (batch item, tile, index on k's first axis)."""
    from .intrinsics import call, take

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        move, itemsize, base, count, width, step, batch_axes = take(params, 0, 7)
        tiles, axes = (count + width - 1) // width, params[7 + 2 * batch_axes]
        sizes, steps = 8 + 2 * batch_axes, 8 + 2 * batch_axes + axes
        outer, inner, inner_step = params[sizes], params[sizes + axes - 1], params[steps + axes - 1]
        blocks = 1
        for axis in range(1, axes - 1):
            blocks *= params[sizes + axis]
        to, start, row = buffers[0], buffers[1] + base * itemsize, width
        if inner_step < 0:  # backwards on both sides, so that a reversed kernel is still contiguous
            to, row = to + (inner - 1) * width * itemsize, -width
            start, inner_step = start + (inner - 1) * inner_step * itemsize, -inner_step
        for unit in range(lo, hi):
            item, first = unit // (outer * tiles), unit // outer % tiles * width
            offset = first * step + unit % outer * params[steps]
            for axis in range(batch_axes - 1, -1, -1):
                offset += item % params[7 + axis] * params[7 + batch_axes + axis]
                item //= params[7 + axis]
            for block in range(blocks):
                at, rest = offset, block
                for axis in range(axes - 2, 0, -1):
                    at += rest % params[sizes + axis] * params[steps + axis]
                    rest //= params[sizes + axis]
                target = to + (unit * blocks + block) * inner * width * itemsize
                lanes = min(width, count - first)
                call(move, (target, row, 1, start + at * itemsize, inner_step, step, inner, lanes))
        return 0

    return kernel
