"""out[n, o, q] = sum over c, k of x[n, c, q * stride + k * dilation - padding] w[o, c, k]: any convolution.

A plan pads x where it must (pad.py), packs w (tiles/pack.py), and multiplies in one of three ways with the tiles of
tiles/tile.py: vectors of output channels at one place (channels.py), of neighbouring places (pixels.py), or of
images (images.py); a fourth has vectors along the contraction (dots.py, tiles/dot.py).  What a way costs is
estimated from the sizes, and the cheapest is taken.
"""

import math
from collections.abc import Sequence
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from ..launch import Array, Launch, Plan
from ..run.native import kernel_address
from ..tiles.copy import merge
from . import (
    channels as conv_channels,
)
from . import (
    dots as conv_dots,
)
from . import (
    images as conv_images,
)
from . import (
    last as conv_last,
)
from . import (
    pixels as conv_pixels,
)
from .pad import padded
from .problem import Convolution, normalise, phases


def plan_conv(
    out: Array,
    x: Array,
    w: Array,
    *,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    x_dilation: Sequence[int],
    w_dilation: Sequence[int],
    groups: int = 1,
    batch_groups: int = 1,
) -> Plan:
    """The launches for the cross-correlation of x with w, as XLA's conv_general_dilated.

    Parameters
    ----------
    out : Array
        (n // batch_groups, o, *spatial), float32 or float64, any strides; 1 to 3 spatial axes.
    x : Array
        (n, groups * c, *spatial), any strides.
    w : Array
        (o, c, *kernel), any strides.
    strides : sequence of int
        Steps of the window over the padded, dilated x, per spatial axis.
    padding : sequence of (int, int)
        Zeros before and after each spatial axis of x; negative ones crop.  How many are read behind x follows from
        out's shape.
    x_dilation, w_dilation : sequence of int
        One plus the number of zeros between neighbouring elements.
    groups, batch_groups : int
        Output channel o reads the channels of group o // (o_total // groups), or the images of batch group
        o // (o_total // batch_groups).
    """
    if 0 in out.shape:
        return Plan(())
    before = [pair[0] for pair in padding]
    problem = normalise(out, x, w, strides, before, x_dilation, w_dilation, groups, batch_groups)
    parts, launches, scratch = list(phases(problem)), list[Launch](), list[int]()
    if len(parts) > 1 and conv_images.possible(problem):
        apart = sum(_cheapest(part, 3).cycles for part in parts if part.depth)
        if conv_images.time(problem) <= apart:
            parts = [problem]
    if not all(part.depth for part in parts):  # elements of out that meet no element of the kernel, or of x
        launches.append(_zeros(problem))
    for part in parts:
        if part.depth:
            _add(_cheapest(part, 3 + len(scratch)), launches, scratch)
    return Plan(tuple(launches), tuple(scratch))


class _Way(NamedTuple):
    """A way to compute a convolution, and about how many cycles it takes."""

    cycles: float
    module: Any
    problem: Convolution
    pad: Launch | None = None  # what it needs first
    size: int = 0  # bytes that this writes
    options: tuple[Any, ...] = ()  # of the way's plan


def _cheapest(problem: Convolution, buffer: int) -> _Way:
    """The way that is estimated to take the least time; `buffer` is that of a padded x."""
    plain, pad, size = padded(problem, buffer)
    padding = size / problem.itemsize
    ways = [_Way(conv_channels.time(plain) + padding, conv_channels, plain, pad, size)]
    own = conv_pixels.Padding(pad, size) if pad else None
    if conv_pixels.possible(plain) and own and own.fits(plain):
        cycles = conv_pixels.time(plain) + conv_pixels.OWN_PADDING * padding
        ways.append(_Way(cycles, conv_pixels, plain, options=(own,)))
    elif conv_pixels.possible(plain):
        ways.append(_Way(conv_pixels.time(plain) + padding, conv_pixels, plain, pad, size))
    if conv_dots.possible(plain):
        ways.append(_Way(conv_dots.time(plain) + padding, conv_dots, plain, pad, size))
    for module in (conv_images, conv_last):
        if module.possible(problem):
            ways.append(_Way(module.time(problem), module, problem))
    return min(ways, key=lambda way: way.cycles)


def _add(way: _Way, launches: list[Launch], scratch: list[int]) -> None:
    if way.pad:
        launches.append(way.pad)
        scratch.append(way.size)
    more, sizes = way.module.plan(way.problem, 3 + len(scratch), *way.options)
    launches += more
    scratch += sizes


def _zeros(problem: Convolution) -> Launch:
    """Zeros all over out."""
    sizes, (steps,) = merge((problem.n, problem.o, *problem.size), (*problem.out.axes, *problem.out.space))
    sizes, steps = (1,) * (6 - len(sizes)) + sizes, (0,) * (6 - len(sizes)) + steps
    params = (problem.out.offset, *sizes[1:], problem.out.group, *steps[1:])
    extent = problem.groups * math.prod(sizes[1:-1])
    cost = 0.3 * problem.groups * math.prod(sizes)
    return Launch(kernel_address(make_zeros, problem.dtype), (problem.out.buffer,), params, extent, cost)


def make_zeros(dtype: str) -> FunctionType:
    """Zeros in a strided out of a group and five axes; unit = all of these but the last."""
    from ..tiles.intrinsics import pointer

    element, zero = np.dtype(dtype).type, np.dtype(dtype).type(0)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        base, length, step = params[0], params[5], params[11]
        out = pointer(buffers[0], element)
        for unit in range(lo, hi):
            start, rest = base, unit
            for axis in range(4, 0, -1):
                start += rest % params[axis] * params[axis + 6]
                rest //= params[axis]
            start += rest * params[6]
            if step == 1:
                for i in range(length):
                    out[start + i] = zero
            else:
                for i in range(length):
                    out[start + i * step] = zero
        return 0

    return kernel
