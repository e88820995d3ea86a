"""Convolution with vectors along the contraction: few results, each of a long sum over lines that lie in order.

    C[place, o] = sum over c, ky of dot(w[o][c, ky, :], x[place + (c, ky)][:])

This is how gradients to weights come, of depthwise and of first layers above all: the `kernel` is a map, and both
operands are read where they lie (dot.py).  Pieces of the contraction that stay in the cache are gone through by all
tiles before the next; the pieces are dealt to chunks, whose number depends on the sizes alone, and a last launch adds
the chunks' sums.
"""

import math
from typing import Any, NamedTuple

from ...lowering.convolution import Convolution
from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import CONV_DOT_NS, DOT_RESULT_CYCLES, DOT_VECTOR, LATENCY, registers, width
from ..params import Address
from ..tiles import code
from .channels import add_chunks
from .contraction import times

_PIECE = 64 * 1024  # elements of both operands that all tiles go through: half of a second-level cache
_UNITS = 64


class Tiles(NamedTuple):
    """Results rows (output channels) x columns (places) at a time."""

    rows: int
    columns: int
    cycles: float  # of one vector of the contraction, for all tiles


def _tiles(problem: Convolution) -> Tiles:
    """Those that cover all results in the least time, with their sums in registers."""
    places = problem.n * math.prod(problem.size)
    best = Tiles(1, 1, math.inf)
    for rows in range(1, min(problem.o, 8) + 1):
        for columns in range(1, min(places, 9) + 1):
            if rows * columns + rows > registers() - 3:  # sums, rows, a column and the mask's numbers
                continue
            step = max(rows * columns, rows + 1.5 * columns, LATENCY) / 2  # arithmetic, loads, latency
            best = min(best, Tiles(rows, columns, math.ceil(problem.o / rows) * math.ceil(places / columns) * step),
                       key=lambda tiles: tiles.cycles)  # fmt: skip
    return best


def possible(problem: Convolution) -> bool:
    """Whether lines are contiguous in both operands and the results are few."""
    in_order = problem.x.space[2] * problem.w_dilation[2] == problem.w.space[2] == 1
    places = problem.n * math.prod(problem.size)
    return in_order and problem.kernel[0] == 1 and problem.o <= 256 and places <= 4096 and problem.kernel[2] >= 8


def time(problem: Convolution) -> float:
    """About how many cycles it takes."""
    vectors = problem.c * problem.kernel[1] * math.ceil(problem.kernel[2] / width(problem.dtype))
    results = problem.n * math.prod(problem.size) * problem.o
    return problem.groups * (
        DOT_VECTOR * vectors * _tiles(problem).cycles + DOT_RESULT_CYCLES * results * _pieces(problem)[2]
    )


def _pieces(problem: Convolution) -> tuple[int, int, int]:
    """Images and lines of a piece, and how many pieces there are."""
    line = (problem.o + problem.n) * problem.kernel[2]
    images = max(1, min(problem.c, _PIECE // (line * problem.kernel[1])))
    lines = problem.kernel[1] if images > 1 else max(1, min(problem.kernel[1], _PIECE // line))
    return images, lines, math.ceil(problem.c / images) * math.ceil(problem.kernel[1] / lines)


def plan(problem: Convolution, scratch: int) -> Plan:
    """The launches; `scratch` is the number of the scratch buffer."""
    tiles, (images, lines, pieces) = _tiles(problem), _pieces(problem)
    places = problem.n * math.prod(problem.size)
    chunks = min(pieces, math.ceil(_UNITS / problem.groups))
    in_chunk = math.ceil(pieces / chunks)
    chunks = math.ceil(pieces / in_chunk)
    x, w, dtype = problem.x, problem.w, problem.dtype
    last_rows, last_columns = (problem.o - 1) % tiles.rows + 1, (places - 1) % tiles.columns + 1
    x_z, x_y, x_x = times(x.space, problem.stride)
    params = ConvDotsParams(
        whole=code.dot(dtype, tiles.rows, tiles.columns), narrow=code.dot(dtype, tiles.rows, last_columns),
        low=code.dot(dtype, last_rows, tiles.columns), corner=code.dot(dtype, last_rows, last_columns),
        itemsize=problem.itemsize, groups=problem.groups, channels_out=problem.o, places=places,
        rows=tiles.rows, columns=tiles.columns, channels=problem.c, height=problem.kernel[1], length=problem.kernel[2],
        images=images, lines=lines, in_chunk=in_chunk, x_base=x.offset, x_group=x.group, x_channel=x.axes[1],
        x_line=x.space[1] * problem.w_dilation[1], w_base=w.offset, w_group=w.group, w_row=w.axes[0],
        w_channel=w.axes[1], w_line=w.space[1], out_depth=problem.size[0], out_height=problem.size[1],
        out_width=problem.size[2], x_n=x.axes[0], x_z=x_z, x_y=x_y, x_x=x_x,
    )  # fmt: skip
    cost = CONV_DOT_NS * problem.groups * problem.o * places * problem.depth
    extent = chunks * problem.groups
    launch = Launch(KernelRef(make_conv_dots), (scratch, x.buffer, w.buffer), params, extent, cost)
    size = extent * problem.o * places * problem.itemsize
    cut = f"contraction in {pieces} pieces, {chunks} chunks"
    way = f"conv dots: {dtype} {tiles.rows} x {tiles.columns} results at a time, {cut}, nothing packed"
    return Plan((launch, add_chunks(problem, problem.o, chunks, scratch)), (size,), way)


class ConvDotsParams(NamedTuple):
    """Of `make_conv_dots`: rows are output channels, columns places.  Sizes and steps are in elements."""

    whole: Address  # the function of rows x columns results
    narrow: Address  # of those in the last columns
    low: Address  # in the last rows
    corner: Address  # in both
    itemsize: int  # bytes
    groups: int
    channels_out: int
    places: int
    rows: int
    columns: int
    channels: int
    height: int  # lines of the kernel
    length: int  # of such a line
    images: int  # channels of a piece
    lines: int  # of a piece
    in_chunk: int  # pieces
    x_base: int
    x_group: int
    x_channel: int
    x_line: int
    w_base: int
    w_group: int
    w_row: int
    w_channel: int
    w_line: int
    out_depth: int
    out_height: int
    out_width: int
    x_n: int  # steps of x: to the next image, and to what the next place along each axis reads
    x_z: int
    x_y: int
    x_x: int


def make_conv_dots() -> Kernel:
    """Sums [chunk][group][place][o] of the pieces of each chunk; unit = (chunk, group)."""
    from ..tiles.intrinsics import address_of, call, read, stack

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, ConvDotsParams)
        whole, narrow, low, corner, itemsize = p.whole, p.narrow, p.low, p.corner, p.itemsize
        groups, channels_out, places, rows, columns = p.groups, p.channels_out, p.places, p.rows, p.columns
        channels, height, length, images, lines = p.channels, p.height, p.length, p.images, p.lines
        in_chunk, x_base, x_group, x_channel, x_line = p.in_chunk, p.x_base, p.x_group, p.x_channel, p.x_line
        w_base, w_group, w_row, w_channel, w_line = p.w_base, p.w_group, p.w_row, p.w_channel, p.w_line
        out_depth, out_height, out_width = p.out_depth, p.out_height, p.out_width
        x_n, x_z, x_y, x_x = p.x_n, p.x_z, p.x_y, p.x_x
        blocks = (height + lines - 1) // lines
        pieces = (channels + images - 1) // images * blocks
        offsets = stack(4096)
        for place in range(places):
            i, rest = place % out_width, place // out_width
            j, rest = rest % out_height, rest // out_height
            offsets[place] = i * x_x + j * x_y + rest % out_depth * x_z + rest // out_depth * x_n
        for unit in range(lo, hi):
            group, chunk = unit % groups, unit // groups
            sums = buffers[0] + unit * places * channels_out * itemsize
            for piece in range(chunk * in_chunk, min((chunk + 1) * in_chunk, pieces)):
                c, line = piece // blocks * images, piece % blocks * lines
                count, high = min(images, channels - c), min(lines, height - line)
                x = buffers[1] + (x_base + group * x_group + c * x_channel + line * x_line) * itemsize
                w = buffers[2] + (w_base + group * w_group + c * w_channel + line * w_line) * itemsize
                for panel in range((channels_out + rows - 1) // rows):
                    o = panel * rows
                    for tile in range((places + columns - 1) // columns):
                        place = tile * columns
                        inside, straight = o + rows <= channels_out, place + columns <= places
                        function = (whole if straight else narrow) if inside else (low if straight else corner)
                        call(
                            function,
                            (min(piece - chunk * in_chunk, 1), w + o * w_row * itemsize, w_row, w_channel, w_line, x,
                             address_of(offsets, place), x_channel, x_line, count, high, length,
                             sums + (place * channels_out + o) * itemsize, 1, channels_out),
                        )  # fmt: skip
        return 0

    return kernel
