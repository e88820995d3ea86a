"""Convolution with a vector of output channels: rows of a tile are places in out, whatever lies between them in x.

    C[place, o] = sum over c, k of x[place's origin + (c, k)] * w[(c, k)][o]

w is packed into panels of output channels; x is read where it lies, one broadcast element at a time, so any stride or
dilation costs nothing and no place is computed in vain.  It is the way for strided convolutions, small maps and
gradients to weights, where the `kernel` is as large as the map and there are few places: then the contraction is cut
into chunks, a number that depends on the sizes alone, and a last launch adds their partial sums.
"""

import math
from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles import tile
from ..tiles.copy import merge
from ..tiles.move import move_address
from .contraction import contraction, times, weights
from .problem import Convolution

_DEPTH = 1024  # of the contraction: panels of that depth stay in the second-level cache
_PLACES = 504  # in one unit, at most: whole tiles of 9 and of 14
_SUMS = 64 * 1024  # bytes on the stack, for the sums of a unit
_UNITS = 64
_MULTIPLY_NS = 0.015
_TRANSPOSE_CYCLES = 0.5
_SEGMENT_STEPS = 0.5  # of the contraction, that the start of a segment takes as long as


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the transposition of what they leave."""
    places = problem.n * math.prod(problem.size)
    shape = tile.best_shape(problem.dtype, places, problem.o, packed=False)
    cycles = tile.cycles(shape, places, problem.o, problem.depth, packed=False)
    cycles *= 1 + _SEGMENT_STEPS / contraction(problem, _DEPTH).run
    return problem.groups * (cycles + (_TRANSPOSE_CYCLES * places + problem.depth) * problem.o)


def plan(problem: Convolution, scratch: int) -> tuple[list[Launch], list[int]]:
    """The launches, and the bytes of the scratch buffers from number `scratch` on."""
    places = problem.n * math.prod(problem.size)
    shape = tile.best_shape(problem.dtype, places, problem.o, packed=False)
    packed, size = weights(problem, shape.lanes, scratch)
    sums, chunks, buffers = _multiply(problem, shape, scratch)
    launches, sizes = [packed, sums], [size]
    if chunks > 1:
        launches.append(add_chunks(problem, shape.lanes, chunks, scratch + 1))
        sizes.append(chunks * buffers * problem.itemsize)
    return launches, sizes


def _multiply(problem: Convolution, shape: tile.Shape, buffer: int) -> tuple[Launch, int, int]:
    """The launch of the tiles, the number of chunks, and the elements of one chunk's sums."""
    order = contraction(problem, _DEPTH)
    places, panels = problem.n * math.prod(problem.size), math.ceil(problem.o / shape.lanes)
    most = min(_PLACES, _SUMS // (shape.lanes * problem.itemsize))
    rows = tile.even_rows(shape, min(places, most // shape.rows * shape.rows))
    tiles = min(math.ceil(places / rows), most // rows)
    units = problem.groups * panels * math.ceil(places / (rows * tiles))
    blocks = order.blocks
    chunks = min(blocks, _UNITS // units) if units <= _UNITS // 4 else 1
    in_chunk = math.ceil(blocks / max(chunks, 1))
    chunks = math.ceil(blocks / in_chunk)
    while chunks == 1 and tiles > 2 and units < _UNITS:
        tiles = math.ceil(tiles / 2)
        units = problem.groups * panels * math.ceil(places / (rows * tiles))
    functions = tuple(tile.address(shape, r, False, order.run) for r in (rows, (places - 1) % rows + 1))
    sizes = (
        problem.itemsize,
        problem.groups,
        places,
        problem.o,
        order.channels,
        rows,
        tiles,
        shape.lanes,
        chunks,
        in_chunk,
        int(_by_places(problem, rows * tiles, shape.lanes)),
    )
    cut = (order.run, order.run_step, order.lines, order.channels_in_block, order.lines_in_block)
    x = problem.x
    steps = (x.offset, x.group, x.axes[1], *problem.size, x.axes[0], *times(x.space, problem.stride))
    params = (*functions, move_address(problem.dtype), *sizes, *cut, *steps, *_store_params(problem), *order.starts)
    cost = _MULTIPLY_NS * problem.groups * places * problem.o * problem.depth
    target = buffer + 1 if chunks > 1 else problem.out.buffer
    launch = Launch(kernel_address(make_channels), (target, x.buffer, buffer), params, chunks * units, cost)
    return launch, chunks, problem.groups * panels * places * shape.lanes


def _by_places(problem: Convolution, block: int, lanes: int) -> bool:
    """Whether units one after the other share their panel of w, and not their places: what is larger stays cached."""
    line = problem.x.space[1] * problem.stride[1]
    taps = times(problem.x.space, problem.w_dilation)
    reach = sum((size - 1) * step for size, step in zip(problem.kernel, taps, strict=True))
    return problem.c * (abs(line * block) // problem.size[2] + abs(reach)) <= problem.depth * lanes


def _store_params(problem: Convolution) -> tuple[int, ...]:
    """Where out's elements lie; places as stretches of equal steps: sizes and steps outside of them, length, step."""
    out = problem.out
    sizes, (steps,) = merge((problem.n, *problem.size), (out.axes[0], *out.space))
    sizes, steps = (1,) * (4 - len(sizes)) + sizes, (1,) * (4 - len(sizes)) + steps
    return (out.offset, out.group, out.axes[1], *sizes[:3], *steps[:3], sizes[3], steps[3])


def add_chunks(problem: Convolution, lanes: int, chunks: int, buffer: int) -> Launch:
    """The launch that adds sums [chunk][group][tile of channels][place][lanes], in order, into out."""
    places, panels, block = problem.n * math.prod(problem.size), math.ceil(problem.o / lanes), 32
    sizes = (problem.itemsize, problem.groups, places, problem.o, lanes, chunks, block)
    params = (move_address(problem.dtype), *sizes, *_store_params(problem))
    extent = problem.groups * panels * math.ceil(places / block)
    cost = 0.3 * problem.groups * places * panels * lanes * chunks
    return Launch(kernel_address(make_add, problem.dtype), (problem.out.buffer, buffer), params, extent, cost)


def make_channels() -> FunctionType:
    """The sums of tiles of places x output channels; unit = (chunk, group, block of places, tile of channels).

    With `by_places` the last two are the other way round.  The sums go to out, or, of several chunks, as
    [chunk][group][tile of channels][place][lanes] to a buffer.
    """
    from ..tiles.intrinsics import address_of, call, stack, take

    store = make_store()

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        tile, last_tile, move, itemsize, groups, places, channels_out, channels = take(params, 0, 8)
        rows, tiles, lanes, chunks, in_chunk, by_places, run, run_step, lines, together, some = take(params, 8, 11)
        base, x_group, x_channel, depth, height, width, x_n, x_z, x_y, x_x = take(params, 19, 10)
        starts, contraction = 40, channels * lines * run
        block, panels, parts = rows * tiles, (channels_out + lanes - 1) // lanes, (lines + some - 1) // some
        place_blocks, blocks = (places + block - 1) // block, (channels + together - 1) // together * parts
        offsets, own_sums = stack(512), address_of(stack(8192), 0)
        for unit in range(lo, hi):
            inner, rest = unit % (place_blocks * panels), unit // (place_blocks * panels)
            panel, first = inner % panels, inner // panels * block
            if by_places:
                panel, first = inner // place_blocks, inner % place_blocks * block
            group, chunk = rest % groups, rest // groups
            end = min(first + block, places)
            sums = own_sums
            if chunks > 1:
                sums = buffers[0] + ((rest * panels + panel) * places + first) * lanes * itemsize
            i, j = first % width, first // width % height
            rest = first // (width * height)
            k, image = rest % depth, rest // depth
            for place in range(end - first):  # no division for each: they take as long as a short contraction
                offsets[place] = i * x_x + j * x_y + k * x_z + image * x_n
                i += 1
                if i == width:
                    i, j = 0, j + 1
                if j == height:
                    j, k = 0, k + 1
                if k == depth:
                    k, image = 0, image + 1
            channels_here = min(lanes, channels_out - panel * lanes)
            for part in range(chunk * in_chunk, min((chunk + 1) * in_chunk, blocks)):
                c, line = part // parts * together, part % parts * some
                segments = min(some, lines - line) * min(together, channels - c)
                a = buffers[1] + (base + group * x_group + c * x_channel) * itemsize
                b = buffers[2] + ((group * panels + panel) * contraction + (c * lines + line) * run) * lanes * itemsize
                for row in range((end - first + rows - 1) // rows):
                    place = first + row * rows
                    call(
                        tile if place + rows <= places else last_tile,
                        (min(lanes, channels_out - panel * lanes), min(part - chunk * in_chunk, 1), a, run_step,
                         address_of(offsets, place - first), b, lanes, address_of(params, starts + line), segments,
                         run, sums + (place - first) * lanes * itemsize, lanes, 0),
                    )  # fmt: skip
            if chunks == 1:
                store(
                    move, itemsize, buffers[0], params, 29, group, panel * lanes, channels_here, first, end, sums, lanes
                )
        return 0

    return kernel


def make_add(dtype: str) -> FunctionType:
    """Sums of chunks [chunk][group][tile of channels][place][lanes] into out; unit = (group, tile, block of places)."""
    from ..tiles.intrinsics import address_of, pointer, stack, take

    element, store = np.dtype(dtype).type, make_store()

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        move, itemsize, groups, places, channels_out, lanes, chunks, block = take(params, 0, 8)
        panels, place_blocks = (channels_out + lanes - 1) // lanes, (places + block - 1) // block
        own_sums = address_of(stack(8192), 0)
        sums, parts = pointer(own_sums, element), pointer(buffers[1], element)
        size = groups * panels * places * lanes
        for unit in range(lo, hi):
            first, item = unit % place_blocks * block, unit // place_blocks
            end, panel, group = min(first + block, places), item % panels, item // panels
            channels_here = min(lanes, channels_out - panel * lanes)
            for place in range(first, end):
                start, to = (item * places + place) * lanes, (place - first) * lanes
                for lane in range(channels_here):
                    sums[to + lane] = parts[start + lane]
                for chunk in range(1, chunks):
                    for lane in range(channels_here):
                        sums[to + lane] += parts[chunk * size + start + lane]
            store(
                move, itemsize, buffers[0], params, 8, group, panel * lanes, channels_here, first, end, own_sums, lanes
            )
        return 0

    return kernel


def make_store() -> Any:
    """Rows of sums, [place][lanes], to their places in out; params as _store_params wrote them."""
    from numba.extending import register_jitable

    from ..tiles.intrinsics import call, take

    @register_jitable(inline="always")  # type: ignore[untyped-decorator]
    def store(
        move: int, itemsize: int, out: int, params: Any, at: int, group: int, channel: int, channels: int,
        first: int, end: int, sums: int, lanes: int,
    ) -> None:  # fmt: skip
        base, out_group, out_channel, _, size_b, size_c, step_a, step_b, step_c, length, step = take(params, at, 11)
        place = first
        while place < end:
            rest, inside = place // length, place % length
            here = min(length - inside, end - place)
            to = base + group * out_group + channel * out_channel + inside * step
            to += rest % size_c * step_c + rest // size_c % size_b * step_b + rest // (size_c * size_b) * step_a
            target, source = out + to * itemsize, sums + (place - first) * lanes * itemsize
            call(move, (target, step, out_channel, source, lanes, 1, here, channels))
            place += here

    return store
