"""Convolution with a vector of images: one place of out at a time, for many images at once.

    C[o, n] = sum over those (k, c) that lie inside of x: w[o][(k, c)] * x[place + k][c][n]

x is transposed into panels of images, [place][channel][image], which the tiles then read on end to end.  Every place
has taps of its own, so padding is never multiplied, strides cost nothing and small maps leave no lane empty: it is the
way for batches of images.  What the tiles leave is transposed back as it is stored.

Where x is dilated, a place meets every `dilation`-th tap only: of its phase, for which w is packed apart.  All phases
are one launch, so that out is written in order.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution, Triple, count_taps, has_phases
from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import CONV_MULTIPLY_NS, IMAGES_TRANSPOSE_CYCLES
from ..params import Address
from ..tiles import code, pack, shapes

_SUMS_BYTES = 64 * 1024  # bytes on the stack, for the sums of some places
_DEPTH = 6144  # of the contraction: what one place reads of a panel of images fits into the second-level cache
_UNITS = 64
_PHASES = 64  # of a dilated x, at most: each is a launch that packs w


def possible(problem: Convolution) -> bool:
    """Whether vectors of images are filled, panels fit the cache, units are enough, and a dilated x has phases."""
    units = problem.groups * math.prod(problem.size) * math.ceil(problem.n / 32) * math.ceil(problem.o / 16)
    fits = problem.n >= 8 and problem.depth <= _DEPTH and units >= _UNITS // 4
    return fits and math.prod(problem.x_dilation) <= _PHASES and all(has_phases(problem, axis) for axis in range(3))


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and both transpositions."""
    shape = shapes.best_shape(problem.dtype, problem.o, problem.n)
    places = math.prod(problem.size)
    depth = problem.c * math.prod(sum(_taps(problem, axis)) for axis in range(3)) / places
    moved = problem.n * (problem.c * math.prod(problem.image) + problem.o * places) + problem.o * problem.depth
    cycles = places * shapes.cycles(shape, problem.o, problem.n, depth)
    return problem.groups * (cycles + IMAGES_TRANSPOSE_CYCLES * moved)


def _taps(problem: Convolution, axis: int) -> Iterator[int]:
    """How many elements of the kernel lie inside of x, for each place along the axis."""
    step, apart, image = problem.w_dilation[axis], problem.x_dilation[axis], problem.image[axis]
    for place in range(problem.size[axis]):
        origin = place * problem.stride[axis] - problem.before[axis]
        phase = -origin % apart
        origin = (origin + phase) // apart
        first, last = max(0, -(origin // step)), (image - 1 - origin) // step
        yield max(0, min(count_taps(problem.kernel[axis], phase, apart), last + 1) - first)


def plan(problem: Convolution, scratch: int) -> Plan:
    """The launches; `scratch` is the number of the first scratch buffer."""
    shape = shapes.best_shape(problem.dtype, problem.o, problem.n)
    rows = shapes.even_rows(shape, problem.o)
    images, images_size = _images(problem, shape.lanes, scratch)
    weights, starts = _weights(problem, rows, scratch + 1)
    launches = (images, *weights, _multiply(problem, shape, rows, scratch, tuple(starts[:-1])))
    phases = f", {len(starts) - 1} phases of taps" if len(starts) > 2 else ""
    way = f"conv images: tile {shape.dtype} {rows} x {shape.lanes}{phases}, x and w packed"
    return Plan(launches, (images_size, starts[-1] * problem.itemsize), way)


def _images(problem: Convolution, lanes: int, buffer: int) -> tuple[Launch, int]:
    """x as [group][tile of images][(z, y, x)][channel][lanes], and its bytes."""
    x, c, (depth, height, width) = problem.x, problem.c, problem.image
    batch = pack.Axes((problem.groups,), (x.group,))
    k = pack.Axes((c, depth, height, width), (x.axes[1], *x.space))
    order: tuple[int, ...] = (1, height * width * c, width * c, c)
    if x.space[1] == width * x.space[2]:
        k = pack.Axes((c, depth, height * width), (x.axes[1], x.space[0], x.space[2]))
        order = (1, height * width * c, c)
    buffers = (buffer, x.buffer)
    launch = pack.panels(
        problem.dtype, problem.itemsize, buffers, x.offset, batch, problem.n, x.axes[0], k, lanes, order
    )
    return launch, pack.panels_size(batch, problem.n, k, lanes) * problem.itemsize


def _weights(problem: Convolution, rows: int, buffer: int) -> tuple[list[Launch], list[int]]:
    """w as [phase][group][tile of output channels][(kz, ky, kx)][channel][rows]: launches, and where phases start."""
    w, starts = problem.w, [0]
    batch = pack.Axes((problem.groups,), (w.group,))
    launches = []
    for phase in itertools.product(*map(range, problem.x_dilation)):
        kernel, first = _kernel(problem, phase), sum(p * step for p, step in zip(phase, w.space, strict=True))
        steps = tuple(step * d for step, d in zip(w.space, problem.x_dilation, strict=True))
        k = pack.Axes((*kernel, problem.c), (*steps, w.axes[1]))
        size = pack.panels_size(batch, problem.o, k, rows)
        if size:
            launches.append(
                pack.panels(
                    problem.dtype, problem.itemsize, (buffer, w.buffer), w.offset + first, batch, problem.o, w.axes[0],
                    k, rows, begin=starts[-1],
                )
            )  # fmt: skip
        starts.append(starts[-1] + size)
    return launches, starts


def _kernel(problem: Convolution, phase: tuple[int, ...]) -> Triple:
    """How many taps a phase has along each axis: phase, phase + dilation, ..."""
    z, y, x = map(count_taps, problem.kernel, phase, problem.x_dilation)
    return z, y, x


def _multiply(
    problem: Convolution, shape: shapes.TileShape, rows: int, scratch: int, phases: tuple[int, ...]
) -> Launch:
    out, (depth, height, width) = problem.out, problem.size
    row_tiles, panels = math.ceil(problem.o / rows), math.ceil(problem.n / shape.lanes)
    sheet = height * width
    line = sheet if out.space[1] == width * out.space[2] else width
    most = min(sheet, _SUMS_BYTES // (rows * shape.lanes * problem.itemsize))
    blocks = max(math.ceil(sheet / most), min(sheet, math.ceil(_UNITS / (problem.groups * panels * depth * row_tiles))))
    in_unit = math.ceil(sheet / blocks)
    units, tall = problem.groups * panels * depth * math.ceil(sheet / in_unit), row_tiles
    while tall > 1 and units * math.ceil(row_tiles / tall) < _UNITS:
        tall = math.ceil(tall / 2)
    extent = units * math.ceil(row_tiles / tall)
    in_line = 1 if problem.w_dilation[2] == 1 else problem.kernel[2]  # runs of taps
    element = problem.c * shape.lanes
    (x_depth, x_height, x_width), (k_z, k_y, k_x), (s_z, s_y, s_x) = problem.image, problem.kernel, problem.stride
    before_z, before_y, before_x = problem.before
    (d_z, d_y, d_x), (apart_z, apart_y, apart_x) = problem.w_dilation, problem.x_dilation
    starts = tuple((y * d_y * x_width + x * d_x) * element for y in range(k_y) for x in range(in_line))
    params = ImagesParams(
        tile=code.tile(shape, rows, True), last_tile=code.tile(shape, (problem.o - 1) % rows + 1, True),
        move=code.move(problem.dtype), itemsize=problem.itemsize, images=problem.n, channels_out=problem.o,
        channels=problem.c, rows=rows, lanes=shape.lanes, tall=tall, in_unit=in_unit, line=line, taps=in_line,
        depth=depth, height=height, width=width, x_depth=x_depth, x_height=x_height, x_width=x_width,
        k_z=k_z, k_y=k_y, k_x=k_x, s_z=s_z, s_y=s_y, s_x=s_x, before_z=before_z, before_y=before_y, before_x=before_x,
        d_z=d_z, d_y=d_y, d_x=d_x, apart_z=apart_z, apart_y=apart_y, apart_x=apart_x,
        out_base=out.offset, out_group=out.group, out_n=out.axes[0], out_channel=out.axes[1],
        out_z=out.space[0], out_y=out.space[1], out_x=out.space[2], phases=phases, starts=starts,
    )  # fmt: skip
    products = problem.groups * depth * sheet * problem.n * problem.o * problem.depth
    cost = CONV_MULTIPLY_NS * products / math.prod(problem.x_dilation)
    return Launch(KernelRef(make_images), (out.buffer, scratch, scratch + 1), params, extent, cost)


class ImagesParams(NamedTuple):
    """Of `make_images`.  Sizes and steps are in elements; z, y and x are the axes of space."""

    tile: Address  # the function of all rows of tiles but the last
    last_tile: Address
    move: Address  # what stores sums
    itemsize: int  # bytes
    images: int
    channels_out: int
    channels: int
    rows: int  # output channels of a tile
    lanes: int  # images of a tile
    tall: int  # rows of tiles of a unit
    in_unit: int  # places of a unit
    line: int  # places of out that lie in order
    taps: int  # segments of a line of taps: 1 where w is not dilated along it
    depth: int  # out
    height: int
    width: int
    x_depth: int
    x_height: int
    x_width: int
    k_z: int  # the kernel
    k_y: int
    k_x: int
    s_z: int  # strides of the window
    s_y: int
    s_x: int
    before_z: int  # padding in front
    before_y: int
    before_x: int
    d_z: int  # dilation of w
    d_y: int
    d_x: int
    apart_z: int  # dilation of x
    apart_y: int
    apart_x: int
    out_base: int
    out_group: int
    out_n: int
    out_channel: int
    out_z: int
    out_y: int
    out_x: int
    phases: tuple[int, ...]  # where each phase's panels of w begin
    starts: tuple[int, ...]  # of the segments, in a panel of images


def make_images() -> Kernel:
    """The sums of tiles of output channels x images; unit = (group, tile of images, plane, places, rows of tiles)."""
    from ..tiles.intrinsics import address_of, call, pointer, read, stack

    byte, store = np.uint8, make_store()

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, ImagesParams)
        tile, last_tile, move, itemsize, images = p.tile, p.last_tile, p.move, p.itemsize, p.images
        channels_out, channels, rows, lanes = p.channels_out, p.channels, p.rows, p.lanes
        tall, in_unit, taps, phases, starts = p.tall, p.in_unit, p.taps, p.phases, p.starts
        depth, height, width, x_depth, x_height, x_width = p.depth, p.height, p.width, p.x_depth, p.x_height, p.x_width
        k_z, k_y, k_x, s_z, s_y, s_x, d_z, d_y, d_x = p.k_z, p.k_y, p.k_x, p.s_z, p.s_y, p.s_x, p.d_z, p.d_y, p.d_x
        before_z, before_y, before_x = p.before_z, p.before_y, p.before_x
        apart_z, apart_y, apart_x = p.apart_z, p.apart_y, p.apart_x
        out_base, out_group, out_n, out_z = p.out_base, p.out_group, p.out_n, p.out_z
        own_sums = address_of(stack(8192), 0)
        row_tiles, panels, sheet = (channels_out + rows - 1) // rows, (images + lanes - 1) // lanes, height * width
        row_blocks, blocks = (row_tiles + tall - 1) // tall, (sheet + in_unit - 1) // in_unit
        for unit in range(lo, hi):
            row_block, rest = unit % row_blocks, unit // row_blocks
            first, rest = rest % blocks * in_unit, rest // blocks
            z, rest = rest % depth, rest // depth
            panel, group = rest % panels, rest // panels
            end, here = min(first + in_unit, sheet), min(lanes, images - panel * lanes)
            x = buffers[1] + rest * x_depth * x_height * x_width * channels * lanes * itemsize
            out = out_base + group * out_group + panel * lanes * out_n + z * out_z
            z_origin = z * s_z - before_z
            z_phase = -z_origin % apart_z
            z_origin, z_taps = (z_origin + z_phase) // apart_z, (k_z - z_phase + apart_z - 1) // apart_z
            z_first, z_end = max(0, -(z_origin // d_z)), min(z_taps, (x_depth - 1 - z_origin) // d_z + 1)
            for row in range(row_block * tall, min(row_block * tall + tall, row_tiles)):
                function = tile if row + 1 < row_tiles else last_tile
                for place in range(first, end):
                    y_origin, x_origin = place // width * s_y - before_y, place % width * s_x - before_x
                    y_phase, x_phase = -y_origin % apart_y, -x_origin % apart_x
                    y_origin, y_taps = (y_origin + y_phase) // apart_y, (k_y - y_phase + apart_y - 1) // apart_y
                    x_origin, x_taps = (x_origin + x_phase) // apart_x, (k_x - x_phase + apart_x - 1) // apart_x
                    y_first, y_end = max(0, -(y_origin // d_y)), min(y_taps, (x_height - 1 - y_origin) // d_y + 1)
                    x_first, x_end = max(0, -(x_origin // d_x)), min(x_taps, (x_width - 1 - x_origin) // d_x + 1)
                    lines, wide = y_end - y_first, x_end - x_first
                    sums = own_sums + (place - first) * rows * lanes * itemsize
                    if z_first >= z_end or lines <= 0 or wide <= 0:
                        nothing = pointer(sums, byte)
                        for i in range(rows * lanes * itemsize):
                            nothing[i] = 0
                        continue
                    w = phases[(z_phase * apart_y + y_phase) * apart_x + x_phase]
                    w += (group * row_tiles + row) * z_taps * y_taps * x_taps * channels * rows
                    # a line of taps is one run, or, dilated, one per tap; lines follow each other where all are whole
                    apart = taps > 1
                    segments, run = (wide, channels) if apart else (1, wide * channels)
                    at_once = lines if wide == x_taps else 1
                    for part in range((z_end - z_first) * (lines // at_once)):
                        k, y = z_first + part // (lines // at_once), y_first + part % (lines // at_once)
                        a = w + ((k * y_taps + y) * x_taps + x_first) * channels * rows
                        b = ((z_origin + k * d_z) * x_height + y_origin) * x_width + x_origin
                        b += 0 if apart else x_first
                        start = address_of(starts, y * taps + (x_first if apart else 0))
                        call(
                            function,
                            (here, min(part, 1), buffers[2] + a * itemsize, rows, 0,
                             x + b * channels * lanes * itemsize, lanes, start, at_once * segments, run, sums, lanes,
                             0),
                        )  # fmt: skip
                store(move, itemsize, buffers[0] + out * itemsize, p, first, end, row * rows,
                      min(rows, channels_out - row * rows), rows, here, own_sums)  # fmt: skip
        return 0

    return kernel


def make_store() -> Any:
    """Sums [place][row][lanes] transposed to their places in out."""
    from numba.extending import register_jitable

    from ..tiles.intrinsics import call

    @register_jitable(inline="always")
    def store(
        move: int, itemsize: int, out: int, p: ImagesParams, first: int, end: int, channel: int, channels: int,
        rows: int, images: int, sums: int,
    ) -> None:  # fmt: skip
        lanes, line, out_n, out_channel, out_y, out_x = p.lanes, p.line, p.out_n, p.out_channel, p.out_y, p.out_x
        for row in range(channels):
            place = first
            while place < end:
                stop = min(end, (place // line + 1) * line)
                to = (channel + row) * out_channel + place // line * out_y + place % line * out_x
                source = sums + ((place - first) * rows + row) * lanes * itemsize
                call(move, (out + to * itemsize, out_x, out_n, source, rows * lanes, 1, stop - place, images))
                place = stop

    return store
