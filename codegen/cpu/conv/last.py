"""Convolution over a copy of x with its channels last, padded: what a window reads of a line is one run of memory.

    C[place, o] = sum over y, (x, c) of x[place's origin + (y, x, c)] * w[(y, x, c)][o]

Seen from the tiles it is the way of channels.py for a convolution whose innermost axis is the channels, along
which the window, as long as the axis, has one place.  The copy costs a transposition, and the tiles run at their full
speed for any map, pitch or stride.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution, ConvOperand
from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import CONV_LAST_NS, LAST_MOVE_CYCLES
from ..params import Address
from ..tiles import code
from . import channels
from .pad import borders


def possible(problem: Convolution) -> bool:
    """Whether x has two spatial axes or one, lies without zeros in between, and its channels make a vector."""
    flat = problem.kernel[0] == problem.size[0] == problem.image[0] == 1 and problem.before[0] == 0
    return flat and problem.x_dilation == (1, 1, 1) and problem.c * problem.itemsize >= 32


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the transposition of x."""
    _, _, reach, _ = borders(problem)
    moved = math.prod((*problem.x_shape, *reach))
    return channels.time(_with_channels_last(problem, reach, 0)) + LAST_MOVE_CYCLES * moved


def plan(problem: Convolution, scratch: int) -> Plan:
    """The launches; `scratch` is the number of the first scratch buffer."""
    before, crop, reach, there = borders(problem)
    x, (n, c) = problem.x, problem.x_shape
    start = x.offset + sum(skip * step for skip, step in zip(crop, x.space, strict=True))
    params = LastParams(
        move=code.move(problem.dtype), itemsize=problem.itemsize, base=start, channels=c,
        x_image=x.axes[0], x_channel=x.axes[1], x_line=x.space[1], x_place=x.space[2], lines=reach[1], width=reach[2],
        above=before[1], left=before[2], high=there[1], wide=there[2],
    )  # fmt: skip
    elements = n * c * reach[1] * reach[2]
    copy = Launch(KernelRef(make_channels_last), (scratch, x.buffer), params, n * reach[1], CONV_LAST_NS * elements)
    rest = channels.plan(_with_channels_last(problem, reach, scratch), scratch + 1)
    way = f"conv channels last: x copied, {rest.way.removeprefix('conv channels: ')}"
    return Plan((copy, *rest.launches), (elements * problem.itemsize, *rest.scratch), way)


def _with_channels_last(problem: Convolution, reach: tuple[int, ...], buffer: int) -> Convolution:
    """The convolution over axes (y, x, channel) of the copy."""
    (n, channels), (_, height, width) = problem.x_shape, reach
    image = height * width * channels
    group = problem.c if problem.n == n else problem.n * image
    w, out = problem.w, problem.out
    return problem._replace(
        c=1, size=(*problem.size[1:], 1), kernel=(*problem.kernel[1:], problem.c), image=(height, width, channels),
        stride=(*problem.stride[1:], 1), before=(0, 0, 0), w_dilation=(*problem.w_dilation[1:], 1),
        x=ConvOperand(buffer, 0, group, (image, 0), (width * channels, channels, 1)),
        w=w._replace(axes=(w.axes[0], 0), space=(*w.space[1:], w.axes[1])),
        out=out._replace(space=(*out.space[1:], 0)),
    )  # fmt: skip


class LastParams(NamedTuple):
    """Of `make_channels_last`.  Sizes and steps are in elements."""

    move: Address
    itemsize: int  # bytes
    base: int  # the first element of x that is not cropped
    channels: int
    x_image: int  # steps of x
    x_channel: int
    x_line: int
    x_place: int
    lines: int  # of an image of the copy
    width: int  # of these lines, in places
    above: int  # lines of zeros above x
    left: int  # zeros to its left
    high: int  # lines of x
    wide: int  # places of x in a line


def make_channels_last() -> Kernel:
    """Lines of x as [image][line][place][channel], zeros around them; unit = (image, line)."""
    from ..tiles.intrinsics import call, pointer, read

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, LastParams)
        move, itemsize, base, channels, lines, width = p.move, p.itemsize, p.base, p.channels, p.lines, p.width
        x_image, x_channel, x_line, x_place = p.x_image, p.x_channel, p.x_line, p.x_place
        above, left, high, wide = p.above, p.left, p.high, p.wide
        place, line = channels * itemsize, width * channels * itemsize
        for unit in range(lo, hi):
            inside = unit % lines - above
            to, some = buffers[0] + unit * line, wide
            if inside < 0 or inside >= high:
                some = 0
            zeros = pointer(to, byte)
            for i in range(left * place if some else line):
                zeros[i] = 0
            for i in range((left + some) * place if some else line, line):
                zeros[i] = 0
            source = buffers[1] + (base + unit // lines * x_image + inside * x_line) * itemsize
            call(move, (to + left * place, 1, channels, source, x_channel, x_place, channels, some))
        return 0

    return kernel
