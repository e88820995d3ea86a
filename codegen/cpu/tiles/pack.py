"""Panels: the order in which the tiles read their operands.

A panel holds `width` neighbouring rows (of a) or columns (of b) as [k][width], so that a tile reads it from its first
element to its last.
"""

import math
from types import FunctionType
from typing import Any, NamedTuple

from ..launch import Launch
from ..run.native import kernel_address
from .move import move_address


class Axes(NamedTuple):
    """Nested loops, outermost first: how often each runs, and by how many elements it steps."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def panels_size(batch: Axes, count: int, k: Axes, width: int) -> int:
    """How many elements the panels take."""
    return math.prod(batch.sizes) * math.ceil(count / width) * math.prod(k.sizes) * width


def panels(
    dtype: str, itemsize: int, buffers: tuple[int, int], offset: int, batch: Axes, count: int, step: int, k: Axes,
    width: int, order: tuple[int, ...] | None = None, begin: int = 0,
) -> Launch:  # fmt: skip
    """The launch that writes panels [batch][tile][k][width] of a strided array [batch][count][k].

    `buffers` are those of the panels, from element `begin` on, and of the array, which starts at `offset`; `step`
    leads from one of the `count` rows or columns to the next.  `order` gives k's place in a panel per axis of k, where
    it is not that of k itself.  Lanes beyond `count` in the last panel are not written.
    """
    to = order or tuple(math.prod(k.sizes[axis + 1 :]) for axis in range(len(k.sizes)))
    k, to = _contiguous_last(*_cut(k, to))
    axes = (len(batch.sizes), *batch.sizes, *batch.steps, len(k.sizes), *k.sizes, *k.steps, *to)
    params = (move_address(dtype), itemsize, begin, offset, count, width, step, math.prod(k.sizes), *axes)
    extent = math.prod(batch.sizes) * math.ceil(count / width) * k.sizes[0]
    cost = 0.5 * panels_size(batch, count, k, width)
    return Launch(kernel_address(make_panels), buffers, params, extent, cost)


def _cut(k: Axes, to: tuple[int, ...]) -> tuple[Axes, tuple[int, ...]]:
    """At least two axes, of which the first is what units are made of."""
    if len(k.sizes) > 1:
        return k, to
    inner = next((size for size in range(512, 127, -1) if k.sizes[0] % size == 0), k.sizes[0])
    return Axes((k.sizes[0] // inner, inner), (k.steps[0] * inner, k.steps[0])), (to[0] * inner, to[0])


def _contiguous_last(k: Axes, to: tuple[int, ...]) -> tuple[Axes, tuple[int, ...]]:
    """The axis along which the array is contiguous as the innermost, so that `move` can transpose in registers."""
    axes = sorted(range(len(k.sizes)), key=lambda axis: k.sizes[axis] > 1 and abs(k.steps[axis]) == 1)
    return Axes(*(tuple(values[axis] for axis in axes) for values in k)), tuple(to[axis] for axis in axes)


def make_panels() -> FunctionType:
    """The kernel of `panels`; unit = (batch item, tile, index on k's first axis)."""
    from .intrinsics import call, take

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        move, itemsize, begin, base, count, width, step, depth, batch_axes = take(params, 0, 9)
        tiles, axes = (count + width - 1) // width, params[9 + 2 * batch_axes]
        sizes = 10 + 2 * batch_axes
        steps, to_steps = sizes + axes, sizes + 2 * axes
        outer, inner = params[sizes], params[sizes + axes - 1]
        inner_step, inner_to = params[steps + axes - 1], params[to_steps + axes - 1] * width
        blocks = 1
        for axis in range(1, axes - 1):
            blocks *= params[sizes + axis]
        panels, start = buffers[0] + begin * itemsize, buffers[1] + base * itemsize
        if inner_step < 0:  # backwards on both sides, so that a reversed kernel is still contiguous
            panels, inner_to = panels + (inner - 1) * inner_to * itemsize, -inner_to
            start, inner_step = start + (inner - 1) * inner_step * itemsize, -inner_step
        for unit in range(lo, hi):
            panel, first = unit // outer, unit // outer % tiles * width
            item, block_offset = panel // tiles, first * step + unit % outer * params[steps]
            block_to = panel * depth + unit % outer * params[to_steps]
            for axis in range(batch_axes - 1, -1, -1):
                block_offset += item % params[9 + axis] * params[9 + batch_axes + axis]
                item //= params[9 + axis]
            for block in range(blocks):
                offset, to, rest = block_offset, block_to, block
                for axis in range(axes - 2, 0, -1):
                    offset += rest % params[sizes + axis] * params[steps + axis]
                    to += rest % params[sizes + axis] * params[to_steps + axis]
                    rest //= params[sizes + axis]
                target, source = panels + to * width * itemsize, start + offset * itemsize
                call(move, (target, inner_to, 1, source, inner_step, step, inner, min(width, count - first)))
        return 0

    return kernel
