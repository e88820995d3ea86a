"""Convolution with a vector of neighbouring places: rows of a tile are output channels, x is read where it lies.

    C[o, place] = sum over c, k of w[o][(c, k)] * x[place + (c, k)]

Where the window moves by single elements, the places of a whole sheet (y, x) are one row of x with the pitch of its
lines: vectors run on over the ends of lines, and what they compute there is left out when the sums are stored.  It is
the way for large maps and few output channels.

Where x has to be padded and a group's channels are small, a unit pads those that it reads to the stack: they never
leave the first caches.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution
from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import CONV_MULTIPLY_NS, PIXELS_SPLIT, PIXELS_STORE_CYCLES
from ..params import Address, Params
from ..tiles import code, shapes
from .contraction import contraction, times, weights

_SUMS_BYTES = 64 * 1024  # bytes on the stack, for the sums of a row of tiles
_PADDED_BYTES = 96 * 1024  # bytes on the stack, for the channels of one image and group
_UNITS = 64


def possible(problem: Convolution) -> bool:
    """Whether neighbouring places read neighbouring elements, and a table can say where the segments are."""
    return problem.x.space[2] == problem.stride[2] == 1 and problem.c * math.prod(problem.kernel[:2]) <= 1 << 14


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the copy of what they leave."""
    sheets, _, _, length = _sheets(problem)
    shape = shapes.best_shape(problem.dtype, problem.o, length)
    cycles = shapes.cycles(shape, problem.o, length, problem.depth)
    store = 0.0 if _direct(problem) else PIXELS_STORE_CYCLES
    places = sheets * (PIXELS_SPLIT * cycles + store * problem.o * length)
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


class OwnPadding(NamedTuple):
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
        return problem.n == problem.x_shape[0] and self.item(problem) + self.behind(problem) <= _PADDED_BYTES


def plan(problem: Convolution, scratch: int, padding: OwnPadding | None = None) -> Plan:
    """The launches; `scratch` is the number of the scratch buffer; `padding` is done by the units."""
    sheets, lines, pitch, length = _sheets(problem)
    shape = shapes.best_shape(problem.dtype, problem.o, length)
    rows = shapes.even_rows(shape, problem.o)
    packed, size = weights(problem, rows, scratch)
    order = contraction(problem, problem.depth)
    direct = _direct(problem)
    row_tiles, panels = math.ceil(problem.o / rows), math.ceil(length / shape.lanes)
    wide = math.ceil(panels / math.ceil(panels / (_SUMS_BYTES // (rows * shape.lanes * problem.itemsize))))
    units, tall = problem.groups * sheets * math.ceil(panels / wide), row_tiles
    while tall > 1 and units * math.ceil(row_tiles / tall) < _UNITS:
        tall = math.ceil(tall / 2)
    while wide > 4 and problem.groups * sheets * math.ceil(panels / wide) * math.ceil(row_tiles / tall) < _UNITS:
        wide = math.ceil(wide / 2)
    extent = problem.groups * sheets * math.ceil(panels / wide) * math.ceil(row_tiles / tall)
    x, out = problem.x, problem.out
    x_z, x_y, _ = times(x.space, problem.stride)
    params = PixelsParams(
        tile=code.tile(shape, rows, True, order.run),
        last_tile=code.tile(shape, (problem.o - 1) % rows + 1, True, order.run),
        move=code.move(problem.dtype), itemsize=problem.itemsize, groups=problem.groups, sheets=sheets, lines=lines,
        length=length, channels=problem.o, rows=rows, lanes=shape.lanes, tall=tall, wide=wide, direct=int(direct),
        k=problem.depth, run=order.run, run_step=order.run_step, segments=len(order.starts),
        depth=problem.size[0], height=problem.size[1], width=problem.size[2], pitch=pitch, base=x.offset,
        x_group=x.group, x_n=x.axes[0], x_z=x_z, x_y=x_y, out_base=out.offset, out_group=out.group, out_n=out.axes[0],
        out_channel=out.axes[1], out_z=out.space[0], out_y=out.space[1], out_x=out.space[2],
        pad=0, planes=0, item_bytes=0, bytes_behind=0, pad_params=(), starts=order.starts,
    )  # fmt: skip
    source = x.buffer
    if padding:
        planes = padding.launch.extent // math.prod(problem.x_shape)
        params = params._replace(
            pad=padding.launch.kernel, planes=problem.c * planes, item_bytes=padding.item(problem),
            bytes_behind=padding.behind(problem), pad_params=padding.launch.params,
        )  # fmt: skip
        source = padding.launch.buffers[1]
    cost = CONV_MULTIPLY_NS * problem.groups * sheets * length * problem.o * problem.depth
    launch = Launch(KernelRef(make_pixels), (out.buffer, source, scratch), params, extent, cost)
    blocks = math.ceil(row_tiles / tall)
    own = ", x padded by its readers" if padding else ""
    cut = f"{blocks} block{'s' * (blocks > 1)} of channels"
    way = f"conv pixels: tile {shape.dtype} {rows} x {shape.lanes}, {cut}{own}, w packed"
    return Plan((packed, launch), (size,), way)


class PixelsParams(NamedTuple):
    """Of `make_pixels`.  Sizes and steps are in elements; a sheet is a run of `length` places of one image."""

    tile: Address  # the function of all rows of tiles but the last
    last_tile: Address
    move: Address  # what stores sums
    itemsize: int  # bytes
    groups: int
    sheets: int  # of a group
    lines: int  # of a sheet
    length: int
    channels: int  # of out
    rows: int  # channels of a tile
    lanes: int  # places of a tile
    tall: int  # rows of tiles of a unit
    wide: int  # tiles in such a row
    direct: int  # 1: tiles write out themselves
    k: int  # the whole contraction
    run: int  # steps of a segment
    run_step: int
    segments: int
    depth: int  # out
    height: int
    width: int
    pitch: int  # from one line of x to the next
    base: int  # the first element of x
    x_group: int
    x_n: int
    x_z: int
    x_y: int
    out_base: int
    out_group: int
    out_n: int
    out_channel: int
    out_z: int
    out_y: int
    out_x: int
    pad: Address  # the kernel by which a unit pads what it reads; 0: it lies padded
    planes: int  # that it pads: units of that kernel
    item_bytes: int  # that it writes
    bytes_behind: int  # zeros after these
    pad_params: Params  # of `pad`
    starts: tuple[int, ...]  # of the segments, in x


def make_pixels() -> Kernel:
    """The sums of tiles of output channels x places; unit = (group, sheet, block of places, block of channels)."""
    from ..tiles.intrinsics import address_of, call, pointer, read, stack

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, PixelsParams)
        tile, last_tile, move, itemsize, groups, sheets = p.tile, p.last_tile, p.move, p.itemsize, p.groups, p.sheets
        lines, length, channels, rows, lanes = p.lines, p.length, p.channels, p.rows, p.lanes
        tall, wide, direct, k, run, run_step, segments = p.tall, p.wide, p.direct, p.k, p.run, p.run_step, p.segments
        depth, height, width, pitch, base = p.depth, p.height, p.width, p.pitch, p.base
        x_group, x_n, x_z, x_y, out_base, out_group = p.x_group, p.x_n, p.x_z, p.x_y, p.out_base, p.out_group
        out_n, out_channel, out_z, out_y, out_x = p.out_n, p.out_channel, p.out_z, p.out_y, p.out_x
        pad, planes, item_size, behind = p.pad, p.planes, p.item_bytes, p.bytes_behind
        pad_params, starts = address_of(p.pad_params, 0), address_of(p.starts, 0)
        own_sums, own_x = address_of(stack(8192), 0), address_of(stack(12288), 0)
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
                    call(pad, (address_of(places, 0), pad_params, item * planes,
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
