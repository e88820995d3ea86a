"""Panels: the order in which the tiles read their operands.

A panel holds `width` neighbouring rows (of a) or columns (of b) as [k][width], so that a tile reads it from its first
element to its last.
"""

import math
from typing import Any, NamedTuple

from ..launch import Kernel, KernelRef, Launch
from ..model import PACK_ELEMENT_NS
from ..params import Address
from . import code


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
    params = PanelsParams(
        move=code.move(dtype), itemsize=itemsize, begin=begin, base=offset, items=count, width=width, step=step,
        depth=math.prod(k.sizes), batch_axes=len(batch.sizes), batch=batch.sizes, batch_steps=batch.steps,
        axes=len(k.sizes), sizes=k.sizes, steps=k.steps, to_steps=to,
    )  # fmt: skip
    extent = math.prod(batch.sizes) * math.ceil(count / width) * k.sizes[0]
    cost = PACK_ELEMENT_NS * panels_size(batch, count, k, width)
    return Launch(KernelRef(make_panels), buffers, params, extent, cost)


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


class PanelsParams(NamedTuple):
    """Of `make_panels`.  Sizes and steps are in elements, those in a panel in rows of `width`."""

    move: Address
    itemsize: int  # bytes
    begin: int  # of the panels in their buffer
    base: int  # of the array
    items: int  # rows or columns
    width: int
    step: int  # from one of the items to the next
    depth: int  # of a panel
    batch_axes: int
    batch: tuple[int, ...]  # their sizes
    batch_steps: tuple[int, ...]
    axes: int  # of k, two at least
    sizes: tuple[int, ...]  # of k
    steps: tuple[int, ...]
    to_steps: tuple[int, ...]  # in the panel


def make_panels() -> Kernel:
    """The kernel of `panels`; unit = (batch item, tile, index on k's first axis)."""
    from .intrinsics import call, read

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PanelsParams)
        move, itemsize, count, width, step, depth = p.move, p.itemsize, p.items, p.width, p.step, p.depth
        batch_axes, batch, batch_steps = p.batch_axes, p.batch, p.batch_steps
        axes, sizes, steps, to_steps = p.axes, p.sizes, p.steps, p.to_steps
        tiles, outer, inner = (count + width - 1) // width, sizes[0], sizes[axes - 1]
        inner_step, inner_to = steps[axes - 1], to_steps[axes - 1] * width
        blocks = 1
        for axis in range(1, axes - 1):
            blocks *= sizes[axis]
        panels, start = buffers[0] + p.begin * itemsize, buffers[1] + p.base * itemsize
        if inner_step < 0:  # backwards on both sides, so that a reversed kernel is still contiguous
            panels, inner_to = panels + (inner - 1) * inner_to * itemsize, -inner_to
            start, inner_step = start + (inner - 1) * inner_step * itemsize, -inner_step
        for unit in range(lo, hi):
            panel, first = unit // outer, unit // outer % tiles * width
            item, block_offset = panel // tiles, first * step + unit % outer * steps[0]
            block_to = panel * depth + unit % outer * to_steps[0]
            for axis in range(batch_axes - 1, -1, -1):
                block_offset += item % batch[axis] * batch_steps[axis]
                item //= batch[axis]
            for block in range(blocks):
                offset, to, rest = block_offset, block_to, block
                for axis in range(axes - 2, 0, -1):
                    offset += rest % sizes[axis] * steps[axis]
                    to += rest % sizes[axis] * to_steps[axis]
                    rest //= sizes[axis]
                target, source = panels + to * width * itemsize, start + offset * itemsize
                call(move, (target, inner_to, 1, source, inner_step, step, inner, min(width, count - first)))
        return 0

    return kernel
