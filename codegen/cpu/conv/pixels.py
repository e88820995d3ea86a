"""Convolution with a vector of neighbouring places: rows of a tile are output channels, x is read where it lies.

    C[o, place] = sum over c, k of w[o][(c, k)] * x[place + (c, k)]

Where the window moves by single elements, the places of a whole sheet (y, x) are one row of x with the pitch of its
lines: vectors run on over the ends of lines, and what they compute there is left out when the sums are stored.  It is
the way for large maps and few output channels.

Where x has to be padded and a group's channels are small, a unit pads those that it reads to the stack: they never
leave the first caches.
"""

import math
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles import tile
from ..tiles.move import move_address
from .contraction import contraction, times, weights
from .problem import Convolution

_SUMS = 64 * 1024  # bytes on the stack, for the sums of a row of tiles
_PADDED = 96 * 1024  # bytes on the stack, for the channels of one image and group
OWN_PADDING = 0.2  # the part of a padded copy's time that it takes to pad there
_UNITS = 64
_MULTIPLY_NS = 0.015
_STORE_CYCLES = 0.15
_SPLIT = 1.1  # vectors that begin anywhere lie in two cache lines


def possible(problem: Convolution) -> bool:
    """Whether neighbouring places read neighbouring elements, and a table can say where the segments are."""
    return problem.x.space[2] == problem.stride[2] == 1 and problem.c * math.prod(problem.kernel[:2]) <= 1 << 14


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the copy of what they leave."""
    sheets, _, _, length = _sheets(problem)
    shape = tile.best_shape(problem.dtype, problem.o, length)
    cycles = tile.cycles(shape, problem.o, length, problem.depth)
    store = 0.0 if _direct(problem) else _STORE_CYCLES
    places = sheets * (_SPLIT * cycles + store * problem.o * length)
    return problem.groups * (places + problem.o * problem.depth)


def _sheets(problem: Convolution) -> tuple[int, int, int, int]:
    """How many sheets there are in a group; the lines in one, their pitch, and all places from first to last."""
    lines, pitch = problem.size[1], problem.x.space[1]
    if problem.stride[1] != 1 or pitch < problem.size[2]:
        lines, pitch = 1, problem.size[2]
    return problem.n * math.prod(problem.size[:2]) // lines, lines, pitch, (lines - 1) * pitch + problem.size[2]


def _direct(problem: Convolution) -> bool:
    """Whether a sheet lies in out as it is computed."""
    _, lines, pitch, _ = _sheets(problem)
    follow = lines == 1 or problem.size[2] == problem.out.space[1] == pitch
    return problem.out.space[2] == 1 and follow


class Padding(NamedTuple):
    """The launch that would pad x, and the bytes that this would write."""

    launch: Launch
    size: int

    def item(self, problem: Convolution) -> int:
        """Bytes of the channels of one image and group, once they are padded."""
        return problem.c * problem.x.axes[1] * problem.itemsize

    def behind(self, problem: Convolution) -> int:
        """Bytes behind the last channel, which are read as zeros."""
        return self.size - math.prod(problem.x_shape) * problem.x.axes[1] * problem.itemsize

    def fits(self, problem: Convolution) -> bool:
        """Whether a unit can pad what it reads, given the convolution of the padded x."""
        return problem.n == problem.x_shape[0] and self.item(problem) + self.behind(problem) <= _PADDED


def plan(problem: Convolution, scratch: int, padding: Padding | None = None) -> tuple[list[Launch], list[int]]:
    """The launches, and the bytes of the scratch buffers from number `scratch` on; `padding` is done by the units."""
    sheets, lines, pitch, length = _sheets(problem)
    shape = tile.best_shape(problem.dtype, problem.o, length)
    rows = tile.even_rows(shape, problem.o)
    packed, size = weights(problem, rows, scratch)
    order = contraction(problem, problem.depth)
    direct = _direct(problem)
    row_tiles, panels = math.ceil(problem.o / rows), math.ceil(length / shape.lanes)
    wide = math.ceil(panels / math.ceil(panels / (_SUMS // (rows * shape.lanes * problem.itemsize))))
    units, tall = problem.groups * sheets * math.ceil(panels / wide), row_tiles
    while tall > 1 and units * math.ceil(row_tiles / tall) < _UNITS:
        tall = math.ceil(tall / 2)
    while wide > 4 and problem.groups * sheets * math.ceil(panels / wide) * math.ceil(row_tiles / tall) < _UNITS:
        wide = math.ceil(wide / 2)
    extent = problem.groups * sheets * math.ceil(panels / wide) * math.ceil(row_tiles / tall)
    x, out = problem.x, problem.out
    functions = tuple(tile.address(shape, r, True, order.run) for r in (rows, (problem.o - 1) % rows + 1))
    sizes = (
        problem.itemsize,
        problem.groups,
        sheets,
        lines,
        length,
        problem.o,
        rows,
        shape.lanes,
        tall,
        wide,
        int(direct),
    )
    cut = (problem.depth, order.run, order.run_step, len(order.starts))
    space = (*problem.size, pitch, x.offset, x.group, x.axes[0], *times(x.space, problem.stride)[:2])
    to = (out.offset, out.group, *out.axes, *out.space)
    source, own, tail = x.buffer, (0, 0, 0, 0, 0), ()
    if padding:
        pad, planes = padding.launch, padding.launch.extent // math.prod(problem.x_shape)
        own = (pad.kernel, problem.c * planes, padding.item(problem), padding.behind(problem), 39 + len(order.starts))
        source, tail = pad.buffers[1], pad.params
    params = (*functions, move_address(problem.dtype), *sizes, *cut, *space, *to, *own, *order.starts, *tail)
    cost = _MULTIPLY_NS * problem.groups * sheets * length * problem.o * problem.depth
    launch = Launch(kernel_address(make_pixels), (out.buffer, source, scratch), params, extent, cost)
    return [packed, launch], [size]


def make_pixels() -> FunctionType:
    """The sums of tiles of output channels x places; unit = (group, sheet, block of places, block of channels)."""
    from ..tiles.intrinsics import address_of, call, pointer, stack, take

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        tile, last_tile, move, itemsize, groups, sheets, lines, length, channels = take(params, 0, 9)
        rows, lanes, tall, wide, direct, k, run, run_step, segments = take(params, 9, 9)
        depth, height, width, pitch, base, x_group, x_n, x_z, x_y = take(params, 18, 9)
        out_base, out_group, out_n, out_channel, out_z, out_y, out_x = take(params, 27, 7)
        pad, planes, item_size, behind, pad_params = take(params, 34, 5)
        starts, own_sums, own_x = address_of(params, 39), address_of(stack(8192), 0), address_of(stack(12288), 0)
        places, held = stack(2), -1  # the buffers of `pad`, and what own_x (_PADDED bytes) holds
        row_tiles, panels = (channels + rows - 1) // rows, (length + lanes - 1) // lanes
        row_blocks, blocks = (row_tiles + tall - 1) // tall, (panels + wide - 1) // wide
        for unit in range(lo, hi):
            row_block, rest = unit % row_blocks, unit // row_blocks
            first, rest = rest % blocks * wide * lanes, rest // blocks
            sheet, group = rest % sheets, rest // sheets
            y, rest = sheet % (height // lines), sheet // (height // lines)
            z, n = rest % depth, rest // depth
            end = min(first + wide * lanes, length)
            x = buffers[1] + (base + group * x_group + n * x_n + z * x_z + y * x_y) * itemsize
            if pad != 0:
                item = n * groups + group
                if item != held:  # as if all were padded, and this one were here
                    places[0], places[1], held = own_x - item * item_size, buffers[1], item
                    call(pad, (address_of(places, 0), address_of(params, pad_params), item * planes,
                               item * planes + planes))  # fmt: skip
                    nothing = pointer(own_x + item_size, byte)
                    for i in range(behind):
                        nothing[i] = 0
                x = own_x + (z * x_z + y * x_y) * itemsize
            out = out_base + group * out_group + n * out_n + z * out_z + y * out_y
            for row in range(row_block * tall, min(row_block * tall + tall, row_tiles)):
                a = buffers[2] + (group * row_tiles + row) * k * rows * itemsize
                here = buffers[0] + (out + row * rows * out_channel) * itemsize
                sums, step = own_sums, wide * lanes
                if direct:
                    sums, step = here + first * itemsize, out_channel
                for panel in range((end - first + lanes - 1) // lanes):
                    place = panel * lanes
                    call(
                        tile if row + 1 < row_tiles else last_tile,
                        (min(lanes, end - first - place), 0, a, rows, 0, x + (first + place) * itemsize, run_step,
                         starts, segments, run, sums + place * itemsize, step, 0),
                    )  # fmt: skip
                if direct:
                    continue
                for line in range(first // pitch, (end - 1) // pitch + 1):
                    start, stop = max(first, line * pitch), min(end, line * pitch + width)
                    target = here + (line * out_y + (start - line * pitch) * out_x) * itemsize
                    source = sums + (start - first) * itemsize
                    here_rows = min(rows, channels - row * rows)
                    call(move, (target, out_channel, out_x, source, step, 1, here_rows, stop - start))
        return 0

    return kernel
