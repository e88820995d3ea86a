"""Convolution with vectors along the contraction: few results, each of a long sum over lines that lie in order.

    C[place, o] = sum over c, ky of dot(w[o][c, ky, :], x[place + (c, ky)][:])

This is how gradients to weights come, of depthwise and of first layers above all: the `kernel` is a map, and both
operands are read where they lie (dot.py).  Pieces of the contraction that stay in the cache are gone through by all
tiles before the next; the pieces are dealt to chunks, whose number depends on the sizes alone, and a last launch adds
the chunks' sums.
"""

import math
from types import FunctionType
from typing import Any, NamedTuple

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles import dot
from ..tiles.vectors import registers, width
from .channels import add_chunks
from .contraction import times
from .problem import Convolution

_PIECE = 64 * 1024  # elements of both operands that all tiles go through: half of a second-level cache
_UNITS = 64
_MULTIPLY_NS = 0.02


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
            step = max(rows * columns, rows + 1.5 * columns, 8) / 2  # arithmetic, loads, latency
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
    return problem.groups * (1.8 * vectors * _tiles(problem).cycles + 10.0 * results * _pieces(problem)[2])


def _pieces(problem: Convolution) -> tuple[int, int, int]:
    """Images and lines of a piece, and how many pieces there are."""
    line = (problem.o + problem.n) * problem.kernel[2]
    images = max(1, min(problem.c, _PIECE // (line * problem.kernel[1])))
    lines = problem.kernel[1] if images > 1 else max(1, min(problem.kernel[1], _PIECE // line))
    return images, lines, math.ceil(problem.c / images) * math.ceil(problem.kernel[1] / lines)


def plan(problem: Convolution, scratch: int) -> tuple[list[Launch], list[int]]:
    """The launches, and the bytes of the scratch buffer of that number."""
    tiles, (images, lines, pieces) = _tiles(problem), _pieces(problem)
    places = problem.n * math.prod(problem.size)
    chunks = min(pieces, math.ceil(_UNITS / problem.groups))
    in_chunk = math.ceil(pieces / chunks)
    chunks = math.ceil(pieces / in_chunk)
    functions = tuple(
        dot.address(problem.dtype, rows, columns)
        for rows in (tiles.rows, (problem.o - 1) % tiles.rows + 1)
        for columns in (tiles.columns, (places - 1) % tiles.columns + 1)
    )
    x, w = problem.x, problem.w
    sizes = (problem.itemsize, problem.groups, problem.o, places, tiles.rows, tiles.columns)
    cut = (problem.c, problem.kernel[1], problem.kernel[2], images, lines, in_chunk)
    x_steps = (x.offset, x.group, x.axes[1], x.space[1] * problem.w_dilation[1])
    w_steps = (w.offset, w.group, *w.axes, w.space[1])
    origins = (*problem.size, x.axes[0], *times(x.space, problem.stride))
    params = (*functions, *sizes, *cut, *x_steps, *w_steps, *origins)
    cost = _MULTIPLY_NS * problem.groups * problem.o * places * problem.depth
    extent = chunks * problem.groups
    launch = Launch(kernel_address(make_conv_dots), (scratch, x.buffer, w.buffer), params, extent, cost)
    size = extent * problem.o * places * problem.itemsize
    return [launch, add_chunks(problem, problem.o, chunks, scratch)], [size]


def make_conv_dots() -> FunctionType:
    """Sums [chunk][group][place][o] of the pieces of each chunk; unit = (chunk, group)."""
    from ..tiles.intrinsics import address_of, call, stack, take

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        whole, narrow, low, corner, itemsize, groups, channels_out, places, rows, columns = take(params, 0, 10)
        channels, height, length, images, lines, in_chunk = take(params, 10, 6)
        x_base, x_group, x_channel, x_line = take(params, 16, 4)
        w_base, w_group, w_row, w_channel, w_line = take(params, 20, 5)
        out_depth, out_height, out_width, x_n, x_z, x_y, x_x = take(params, 25, 7)
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
                for strip in range((channels_out + rows - 1) // rows):
                    o = strip * rows
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
