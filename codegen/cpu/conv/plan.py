"""out[n, o, q] = sum over c, k of x[n, c, q * stride + k * dilation - padding] w[o, c, k]: any convolution.

A plan pads x where it must (pad.py), packs w (tiles/pack.py), and multiplies in one of three ways with the tiles of
tiles/tile.py: vectors of output channels at one place (channels.py), of neighbouring places (pixels.py), or of
images (images.py); a fourth has vectors along the contraction (dots.py, tiles/dot.py).  What a way costs is
estimated from the sizes, and the cheapest is taken.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...lowering.convolution import Convolution, normalise, phases
from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import CONV_ZERO_NS, OWN_PADDING
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
from .pad import pad


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
    parts, launches, scratch, ways = list(phases(problem)), list[Launch](), list[int](), list[str]()
    if len(parts) > 1 and conv_images.possible(problem):
        apart = sum(_cheapest(part, 3).cycles for part in parts if part.depth)
        if conv_images.time(problem) <= apart:
            parts = [problem]
    if not all(part.depth for part in parts):  # elements of out that meet no element of the kernel, or of x
        launches.append(_zeros(problem))
    for part in parts:
        if part.depth:
            ways.append(_add(_cheapest(part, 3 + len(scratch)), launches, scratch))
    counts = [f"{count} x {way}" for way, count in Counter(ways).items()]
    way = f"conv in {len(ways)} phases: {'; '.join(counts)}" if len(ways) > 1 else "".join(ways) or "conv: zeros"
    return Plan(tuple(launches), tuple(scratch), way)


class _Way(NamedTuple):
    """A way to compute a convolution, and about how many cycles it takes."""

    cycles: float
    plan: Callable[[int], Plan]  # given the number of the first scratch buffer
    pad: Launch | None = None  # what it needs first
    size: int = 0  # bytes that this writes


def _cheapest(problem: Convolution, buffer: int) -> _Way:
    """The way that is estimated to take the least time; `buffer` is that of a padded x."""
    plain, first, size = pad(problem, buffer)
    padding = size / problem.itemsize
    ways = [_Way(conv_channels.time(plain) + padding, partial(conv_channels.plan, plain), first, size)]
    own = conv_pixels.OwnPadding(first, size) if first else None
    if conv_pixels.possible(plain) and own and own.fits(plain):
        cycles = conv_pixels.time(plain) + OWN_PADDING * padding
        ways.append(_Way(cycles, partial(conv_pixels.plan, plain, padding=own)))
    elif conv_pixels.possible(plain):
        ways.append(_Way(conv_pixels.time(plain) + padding, partial(conv_pixels.plan, plain), first, size))
    if conv_dots.possible(plain):
        ways.append(_Way(conv_dots.time(plain) + padding, partial(conv_dots.plan, plain), first, size))
    if conv_images.possible(problem):
        ways.append(_Way(conv_images.time(problem), partial(conv_images.plan, problem)))
    if conv_last.possible(problem):
        ways.append(_Way(conv_last.time(problem), partial(conv_last.plan, problem)))
    return min(ways, key=lambda way: way.cycles)


def _add(way: _Way, launches: list[Launch], scratch: list[int]) -> str:
    """Put the launches and scratch of a way behind the others; what it is, in words."""
    if way.pad:
        launches.append(way.pad)
        scratch.append(way.size)
    plan = way.plan(3 + len(scratch))
    launches += plan.launches
    scratch += plan.scratch
    return f"{plan.way}, x padded first" if way.pad else plan.way


def _zeros(problem: Convolution) -> Launch:
    """Zeros all over out."""
    sizes, (steps,) = merge((problem.n, problem.o, *problem.size), (*problem.out.axes, *problem.out.space))
    sizes, steps = sizes or (1,), steps or (1,)
    out, outer = problem.out, sizes[:-1]
    params = ZerosParams(out.offset, out.group, sizes[-1], steps[-1], len(outer), outer, steps[:-1])
    cost = CONV_ZERO_NS * problem.groups * math.prod(sizes)
    kernel = KernelRef(make_zeros, (problem.dtype,))
    return Launch(kernel, (out.buffer,), params, problem.groups * math.prod(outer), cost)


class ZerosParams(NamedTuple):
    """Of `make_zeros`.  Steps are in elements."""

    base: int  # the first element of out
    group: int  # step from one group to the next
    length: int  # of the last axis
    step: int
    axes: int  # the others
    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def make_zeros(dtype: str) -> Kernel:
    """Zeros in a strided out of a group and some axes; unit = all of these but the last."""
    from ..tiles.intrinsics import pointer, read

    element, zero = np.dtype(dtype).type, np.dtype(dtype).type(0)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, ZerosParams)
        length, step, axes, sizes, steps = p.length, p.step, p.axes, p.sizes, p.steps
        out = pointer(buffers[0], element)
        for unit in range(lo, hi):
            start, rest = p.base, unit
            for axis in range(axes - 1, -1, -1):
                start += rest % sizes[axis] * steps[axis]
                rest //= sizes[axis]
            start += rest * p.group
            if step == 1:
                for i in range(length):
                    out[start + i] = zero
            else:
                for i in range(length):
                    out[start + i * step] = zero
        return 0

    return kernel
