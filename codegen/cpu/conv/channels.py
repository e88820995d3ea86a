"""Convolution with a vector of output channels: rows of a tile are places in out, whatever lies between them in x.

    C[place, o] = sum over c, k of x[place's origin + (c, k)] * w[(c, k)][o]

w is packed into panels of output channels; x is read where it lies, one broadcast element at a time, so any stride or
dilation costs nothing and no place is computed in vain.  It is the way for strided convolutions, small maps and
gradients to weights, where the `kernel` is as large as the map and there are few places: then the contraction is cut
into chunks, a number that depends on the sizes alone, and a last launch adds their partial sums.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution
from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import CHANNELS_TRANSPOSE_CYCLES, CONV_ADD_NS, CONV_MULTIPLY_NS, SEGMENT_STEPS
from ..params import Address
from ..tiles import code, shapes
from ..tiles.copy import merge
from .contraction import contraction, times, weights

_DEPTH = 1024  # of the contraction: panels of that depth stay in the second-level cache
_PLACES = 504  # in one unit, at most: whole tiles of 9 and of 14
_SUMS_BYTES = 64 * 1024  # bytes on the stack, for the sums of a unit
_UNITS = 64


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the transposition of what they leave."""
    places = problem.n * math.prod(problem.size)
    shape = shapes.best_shape(problem.dtype, places, problem.o, packed=False)
    cycles = shapes.cycles(shape, places, problem.o, problem.depth, packed=False)
    cycles *= 1 + SEGMENT_STEPS / contraction(problem, _DEPTH).run
    return problem.groups * (cycles + (CHANNELS_TRANSPOSE_CYCLES * places + problem.depth) * problem.o)


def plan(problem: Convolution, scratch: int) -> Plan:
    """The launches; `scratch` is the number of the first scratch buffer."""
    places = problem.n * math.prod(problem.size)
    shape = shapes.best_shape(problem.dtype, places, problem.o, packed=False)
    packed, size = weights(problem, shape.lanes, scratch)
    params, sums, elements = _multiply(problem, shape, scratch)
    launches, sizes, chunks = [packed, sums], [size], params.chunks
    if chunks > 1:
        launches.append(add_chunks(problem, shape.lanes, chunks, scratch + 1))
        sizes.append(chunks * elements * problem.itemsize)
    cut = f"contraction in {chunks} chunks" if chunks > 1 else "contraction in one chunk"
    tile = f"tile {shape.dtype} {params.rows} x {shape.lanes}"
    return Plan(tuple(launches), tuple(sizes), f"conv channels: {tile}, {cut}, w packed")


def _multiply(problem: Convolution, shape: shapes.TileShape, buffer: int) -> tuple["ChannelsParams", Launch, int]:
    """The launch of the tiles, its parameters, and the elements of one chunk's sums."""
    order = contraction(problem, _DEPTH)
    places, panels = problem.n * math.prod(problem.size), math.ceil(problem.o / shape.lanes)
    most = min(_PLACES, _SUMS_BYTES // (shape.lanes * problem.itemsize))
    rows = shapes.even_rows(shape, min(places, most // shape.rows * shape.rows))
    tiles = min(math.ceil(places / rows), most // rows)
    units = problem.groups * panels * math.ceil(places / (rows * tiles))
    blocks = order.blocks
    chunks = min(blocks, _UNITS // units) if units <= _UNITS // 4 else 1
    in_chunk = math.ceil(blocks / max(chunks, 1))
    chunks = math.ceil(blocks / in_chunk)
    while chunks == 1 and tiles > 2 and units < _UNITS:
        tiles = math.ceil(tiles / 2)
        units = problem.groups * panels * math.ceil(places / (rows * tiles))
    x = problem.x
    x_z, x_y, x_x = times(x.space, problem.stride)
    params = ChannelsParams(
        tile=code.tile(shape, rows, False, order.run),
        last_tile=code.tile(shape, (places - 1) % rows + 1, False, order.run),
        move=code.move(problem.dtype), itemsize=problem.itemsize, groups=problem.groups, places=places,
        channels_out=problem.o, channels=order.channels, rows=rows, tiles=tiles, lanes=shape.lanes,
        chunks=chunks, in_chunk=in_chunk, by_places=int(_by_places(problem, rows * tiles, shape.lanes)),
        run=order.run, run_step=order.run_step, lines=order.lines,
        channels_in_block=order.channels_in_block, lines_in_block=order.lines_in_block,
        base=x.offset, x_group=x.group, x_channel=x.axes[1], x_n=x.axes[0], x_z=x_z, x_y=x_y, x_x=x_x,
        depth=problem.size[0], height=problem.size[1], width=problem.size[2],
        store=_store_params(problem), starts=order.starts,
    )  # fmt: skip
    cost = CONV_MULTIPLY_NS * problem.groups * places * problem.o * problem.depth
    target = buffer + 1 if chunks > 1 else problem.out.buffer
    launch = Launch(KernelRef(make_channels), (target, x.buffer, buffer), params, chunks * units, cost)
    return params, launch, problem.groups * panels * places * shape.lanes


def _by_places(problem: Convolution, block: int, lanes: int) -> bool:
    """Whether units one after the other share their panel of w, and not their places: what is larger stays cached."""
    line = problem.x.space[1] * problem.stride[1]
    taps = times(problem.x.space, problem.w_dilation)
    reach = sum((size - 1) * step for size, step in zip(problem.kernel, taps, strict=True))
    return problem.c * (abs(line * block) // problem.size[2] + abs(reach)) <= problem.depth * lanes


def _store_params(problem: Convolution) -> "StoreParams":
    """Where out's elements lie."""
    out = problem.out
    sizes, (steps,) = merge((problem.n, *problem.size), (out.axes[0], *out.space))
    sizes, steps = (1,) * (4 - len(sizes)) + sizes, (1,) * (4 - len(sizes)) + steps
    (_, size_b, size_c, length), (step_a, step_b, step_c, step) = sizes, steps
    return StoreParams(
        base=out.offset, group=out.group, channel=out.axes[1], size_b=size_b, size_c=size_c,
        step_a=step_a, step_b=step_b, step_c=step_c, length=length, step=step,
    )  # fmt: skip


def add_chunks(problem: Convolution, lanes: int, chunks: int, buffer: int) -> Launch:
    """The launch that adds sums [chunk][group][tile of channels][place][lanes], in order, into out."""
    places, panels, block = problem.n * math.prod(problem.size), math.ceil(problem.o / lanes), 32
    params = AddParams(
        code.move(problem.dtype), problem.itemsize, problem.groups, places, problem.o, lanes, chunks, block,
        _store_params(problem),
    )  # fmt: skip
    extent = problem.groups * panels * math.ceil(places / block)
    cost = CONV_ADD_NS * problem.groups * places * panels * lanes * chunks
    kernel = KernelRef(make_add, (problem.dtype,))
    return Launch(kernel, (problem.out.buffer, buffer), params, extent, cost)


class StoreParams(NamedTuple):
    """Where sums go in out: places are stretches of equal steps, over three axes.  Steps are in elements."""

    base: int  # the first element of out
    group: int
    channel: int
    size_b: int  # of the second and the third axis outside of a stretch
    size_c: int
    step_a: int
    step_b: int
    step_c: int
    length: int  # of a stretch
    step: int


class ChannelsParams(NamedTuple):
    """Of `make_channels`.  Sizes and steps are in elements."""

    tile: Address  # the function of all tiles but the last
    last_tile: Address
    move: Address  # what stores sums
    itemsize: int  # bytes
    groups: int
    places: int  # of out, of one group
    channels_out: int
    channels: int  # of x that the contraction tells apart
    rows: int  # places of a tile
    tiles: int  # in a unit
    lanes: int  # output channels of a tile
    chunks: int  # of the contraction
    in_chunk: int  # blocks in one
    by_places: int  # 1: neighbouring units share their panel of w
    run: int  # steps of a segment
    run_step: int
    lines: int  # segments of a channel
    channels_in_block: int
    lines_in_block: int
    base: int  # the first element of x
    x_group: int
    x_channel: int
    x_n: int  # steps of x: to the next image, and to what the next place along each axis reads
    x_z: int
    x_y: int
    x_x: int
    depth: int  # places along the axes
    height: int
    width: int
    store: StoreParams
    starts: tuple[int, ...]  # where the segments of a block begin in x


class AddParams(NamedTuple):
    """Of `make_add`."""

    move: Address
    itemsize: int  # bytes
    groups: int
    places: int
    channels_out: int
    lanes: int
    chunks: int
    block: int  # places of a unit
    store: StoreParams


def make_channels() -> Kernel:
    """The sums of tiles of places x output channels; unit = (chunk, group, block of places, tile of channels).

    With `by_places` the last two are the other way round.  The sums go to out, or, of several chunks, as
    [chunk][group][tile of channels][place][lanes] to a buffer.
    """
    from ..tiles.intrinsics import address_of, call, read, stack

    store = make_store()

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, ChannelsParams)
        tile, last_tile, move, itemsize = p.tile, p.last_tile, p.move, p.itemsize
        groups, places, channels_out, channels = p.groups, p.places, p.channels_out, p.channels
        rows, tiles, lanes, chunks, in_chunk, by_places = p.rows, p.tiles, p.lanes, p.chunks, p.in_chunk, p.by_places
        run, run_step, lines, in_block, some = p.run, p.run_step, p.lines, p.channels_in_block, p.lines_in_block
        base, x_group, x_channel, x_n, x_z, x_y, x_x = p.base, p.x_group, p.x_channel, p.x_n, p.x_z, p.x_y, p.x_x
        depth, height, width, starts, contraction = p.depth, p.height, p.width, p.starts, channels * lines * run
        block, panels, parts = rows * tiles, (channels_out + lanes - 1) // lanes, (lines + some - 1) // some
        place_blocks, blocks = (places + block - 1) // block, (channels + in_block - 1) // in_block * parts
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
                c, line = part // parts * in_block, part % parts * some
                segments = min(some, lines - line) * min(in_block, channels - c)
                a = buffers[1] + (base + group * x_group + c * x_channel) * itemsize
                b = buffers[2] + ((group * panels + panel) * contraction + (c * lines + line) * run) * lanes * itemsize
                for row in range((end - first + rows - 1) // rows):
                    place = first + row * rows
                    call(
                        tile if place + rows <= places else last_tile,
                        (min(lanes, channels_out - panel * lanes), min(part - chunk * in_chunk, 1), a, run_step,
                         address_of(offsets, place - first), b, lanes, address_of(starts, line), segments,
                         run, sums + (place - first) * lanes * itemsize, lanes, 0),
                    )  # fmt: skip
            if chunks == 1:
                store(move, itemsize, buffers[0], p.store, group, panel * lanes, channels_here, first, end, sums, lanes)
        return 0

    return kernel


def make_add(dtype: str) -> Kernel:
    """Sums of chunks [chunk][group][tile of channels][place][lanes] into out; unit = (group, tile, block of places)."""
    from ..tiles.intrinsics import address_of, pointer, read, stack

    element, store = np.dtype(dtype).type, make_store()

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, AddParams)
        move, itemsize, groups, places = p.move, p.itemsize, p.groups, p.places
        channels_out, lanes, chunks, block = p.channels_out, p.lanes, p.chunks, p.block
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
            store(move, itemsize, buffers[0], p.store, group, panel * lanes, channels_here, first, end, own_sums, lanes)
        return 0

    return kernel


def make_store() -> Any:
    """Rows of sums, [place][lanes], to their places in out."""
    from numba.extending import register_jitable

    from ..tiles.intrinsics import call

    @register_jitable(inline="always")
    def store(
        move: int, itemsize: int, out: int, to_out: StoreParams, group: int, channel: int, channels: int,
        first: int, end: int, sums: int, lanes: int,
    ) -> None:  # fmt: skip
        base, out_group, out_channel = to_out.base, to_out.group, to_out.channel
        length, step, size_b, size_c = to_out.length, to_out.step, to_out.size_b, to_out.size_c
        step_a, step_b, step_c = to_out.step_a, to_out.step_b, to_out.step_c
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
