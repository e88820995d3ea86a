"""Convolution over a copy of x with its channels last, padded: what a window reads of a line is one run of memory.

    C[place, o] = sum over y, (x, c) of x[place's origin + (y, x, c)] * w[(y, x, c)][o]

Seen from the tiles it is the way of channels.py for a convolution whose innermost axis is the channels, along
which the window, as long as the axis, has one place.  The copy costs a transposition, and the tiles run at their full
speed for any map, pitch or stride.
"""

import math
from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles.move import move_address
from . import channels
from .pad import borders
from .problem import Convolution, View

_MOVE_CYCLES = 1.5  # of transposing one element
_ELEMENT_NS = 0.4


def possible(problem: Convolution) -> bool:
    """Whether x has two spatial axes or one, lies without zeros in between, and its channels make a vector."""
    flat = problem.kernel[0] == problem.size[0] == problem.image[0] == 1 and problem.before[0] == 0
    return flat and problem.x_dilation == (1, 1, 1) and problem.c * problem.itemsize >= 32


def time(problem: Convolution) -> float:
    """About how many cycles it takes: the tiles, and the transposition of x."""
    _, _, reach, _ = borders(problem)
    return channels.time(_seen(problem, reach, 0)) + _MOVE_CYCLES * math.prod((*problem.x_shape, *reach))


def plan(problem: Convolution, scratch: int) -> tuple[list[Launch], list[int]]:
    """The launches, and the bytes of the scratch buffers from number `scratch` on."""
    before, crop, reach, there = borders(problem)
    x, (n, c) = problem.x, problem.x_shape
    start = x.offset + sum(skip * step for skip, step in zip(crop, x.space, strict=True))
    sizes = (c, *x.axes, *x.space[1:], reach[1], reach[2], before[1], before[2], there[1], there[2])
    params = (move_address(problem.dtype), problem.itemsize, start, *sizes)
    elements = n * c * reach[1] * reach[2]
    kernel = kernel_address(make_channels_last)
    copy = Launch(kernel, (scratch, x.buffer), params, n * reach[1], _ELEMENT_NS * elements)
    launches, more = channels.plan(_seen(problem, reach, scratch), scratch + 1)
    return [copy, *launches], [elements * problem.itemsize, *more]


def _seen(problem: Convolution, reach: tuple[int, ...], buffer: int) -> Convolution:
    """The convolution over axes (y, x, channel) of the copy."""
    (n, channels), (_, height, width) = problem.x_shape, reach
    image = height * width * channels
    group = problem.c if problem.n == n else problem.n * image
    w, out = problem.w, problem.out
    return problem._replace(
        c=1, size=(*problem.size[1:], 1), kernel=(*problem.kernel[1:], problem.c), image=(height, width, channels),
        stride=(*problem.stride[1:], 1), before=(0, 0, 0), w_dilation=(*problem.w_dilation[1:], 1),
        x=View(buffer, 0, group, (image, 0), (width * channels, channels, 1)),
        w=w._replace(axes=(w.axes[0], 0), space=(*w.space[1:], w.axes[1])),
        out=out._replace(space=(*out.space[1:], 0)),
    )  # fmt: skip


def make_channels_last() -> FunctionType:
    """Lines of x as [image][line][place][channel], zeros around them; unit = (image, line)."""
    from ..tiles.intrinsics import call, pointer, take

    byte = np.uint8

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        move, itemsize, base, channels, x_image, x_channel, x_line, x_place = take(params, 0, 8)
        lines, width, above, left, high, wide = take(params, 8, 6)
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
