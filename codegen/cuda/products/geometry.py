"""What kernels of convolutions are told about sizes, steps and what is contiguous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...lowering.convolution import Convolution
from ..trace.division import divisor_numbers
from .matmul import join_axes
from .operands import Layout, affine_layout
from .window import Axis


class Weights(NamedTuple):
    """How weights are read: over how many axes k runs, and how tiles are brought to shared memory."""

    axes: int
    layout: Layout


def find_weights(problem: Convolution) -> tuple[Weights, list[int]]:
    """How the weights are read, and the numbers that `TapAddresses` takes."""
    w = problem.w
    sizes, steps = join_axes((problem.c, *problem.kernel), (w.axes[1], *w.space))
    sizes, steps = sizes or (1,), steps or (1,)
    last = (w.axes[0], steps[-1]), (problem.o, sizes[-1])
    layout = affine_layout(problem.itemsize, w.offset, *last, (w.group, *steps[:-1]))
    numbers = [w.offset, w.group, w.axes[0], *steps]
    for size in sizes[1:]:
        numbers += divisor_numbers(size)
    return Weights(len(sizes), layout), numbers


def kept_axes(problem: Convolution) -> list[int]:
    """The spatial axes along which there is more than one element or place; one at least."""
    p = problem
    single = [p.size[i] == p.kernel[i] == p.image[i] == 1 and p.before[i] == 0 for i in range(3)]
    return [i for i in range(3) if not single[i]] or [2]


def describe_axis(problem: Convolution, axis: int) -> Axis:
    """What decides on the code of a spatial axis."""
    p = problem
    first = -p.before[axis]
    last = (p.size[axis] - 1) * p.stride[axis] + (p.kernel[axis] - 1) * p.w_dilation[axis] + first
    bordered = first < 0 or last > (p.image[axis] - 1) * p.x_dilation[axis]
    return Axis(p.x_dilation[axis] > 1, bordered)


def out_numbers(problem: Convolution, kept: Sequence[int]) -> list[int]:
    """What a `PlaceWriter` takes."""
    out = problem.out
    return [out.offset, out.group, *out.axes, *(out.space[i] for i in kept)]


def has_pairs(problem: Convolution, kept: Sequence[int]) -> bool:
    """Whether two neighbouring places, the first of an even number, lie side by side at an even place of out."""
    numbers = out_numbers(problem, kept)
    return numbers[-1] == 1 and problem.size[kept[-1]] % 2 == 0 and all(number % 2 == 0 for number in numbers[:-1])
