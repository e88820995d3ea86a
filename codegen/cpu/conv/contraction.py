"""The contraction (c, kz, ky, kx) of a convolution: how tiles run through x, and w packed in the same order."""

import math
from typing import NamedTuple

from ...lowering.convolution import Convolution, Triple
from ..launch import Launch
from ..tiles import pack
from ..tiles.copy import merge


class Contraction(NamedTuple):
    """(c, kz, ky, kx) cut into blocks that a tile function runs through at once.

    A block is some channels with the whole kernel, or some lines of a large kernel in one channel.
    """

    channels: int
    run: int
    run_step: int
    lines: int  # segments in one channel
    channels_in_block: int
    lines_in_block: int
    starts: tuple[int, ...]  # where each segment of a block's channels begins in x

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return math.ceil(self.channels / self.channels_in_block) * math.ceil(self.lines / self.lines_in_block)


def contraction(problem: Convolution, depth: int) -> Contraction:
    """The order in which x is read, and its blocks of about that depth."""
    taps = times(problem.x.space, problem.w_dilation)
    channel = problem.x.axes[1]
    sizes, (steps,) = merge(problem.kernel, taps)
    if not sizes:  # a kernel of one element: run over the channels
        return Contraction(1, problem.c, channel, 1, 1, 1, (0,))
    lines = math.prod(sizes[:-1])
    starts = [0]
    for size, step in zip(sizes[:-1], steps[:-1], strict=True):
        starts = [start + i * step for start in starts for i in range(size)]
    in_block = max(1, min(problem.c, depth // (lines * sizes[-1])))
    some = lines if in_block > 1 else min(lines, max(1, depth // sizes[-1]))
    starts = [c * channel + start for c in range(in_block) for start in starts]
    return Contraction(problem.c, sizes[-1], steps[-1], lines, in_block, some, tuple(starts))


def weights(problem: Convolution, width: int, buffer: int) -> tuple[Launch, int]:
    """The launch that packs w as [group][tile of output channels][(c, k)][width], and its bytes."""
    w = problem.w
    batch = pack.Axes((problem.groups,), (w.group,))
    sizes, (steps,) = merge((problem.c, *problem.kernel), (w.axes[1], *w.space))
    k = pack.Axes(sizes or (1,), steps or (1,))
    launch = pack.panels(
        problem.dtype, problem.itemsize, (buffer, w.buffer), w.offset, batch, problem.o, w.axes[0], k, width
    )
    return launch, pack.panels_size(batch, problem.o, k, width) * problem.itemsize


def times(steps: Triple, factors: Triple) -> tuple[int, ...]:
    """Products, axis by axis."""
    return tuple(step * factor for step, factor in zip(steps, factors, strict=True))
