"""A convolution in the form its kernels take: three spatial axes, groups apart, padding still to be resolved."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .bind import Array

Triple = tuple[int, int, int]


class ConvOperand(NamedTuple):
    """Where an operand lies: buffer, first element, and strides in elements."""

    buffer: int
    offset: int
    group: int
    axes: tuple[int, int]  # x: batch, channel; w: output channel, channel; out: batch, output channel
    space: Triple


class Convolution(NamedTuple):
    """out[g, n, o, q] = sum over c, k of x[g, n, c, (q * stride + k * w_dilation - before) / x_dilation] w[g, o, c, k].

    Where the division leaves a remainder or the index falls outside of x, x counts as 0.  n, c and o are sizes of one
    group.
    """

    dtype: str
    itemsize: int
    groups: int
    n: int
    c: int
    o: int
    size: Triple  # of out
    kernel: Triple
    image: Triple  # of x
    stride: Triple
    before: Triple  # padding; negative crops
    x_dilation: Triple
    w_dilation: Triple
    x_shape: tuple[int, int]  # batch and channels of all groups: what a padded copy covers
    x: ConvOperand
    w: ConvOperand
    out: ConvOperand

    @property
    def depth(self) -> int:
        """How many products are summed into one element of out."""
        return self.c * math.prod(self.kernel)


def normalise(
    out: Array, x: Array, w: Array, strides: Sequence[int], before: Sequence[int], x_dilation: Sequence[int],
    w_dilation: Sequence[int], groups: int, batch_groups: int,
) -> Convolution:  # fmt: skip
    """One to three spatial axes as three; channel or batch groups as groups."""
    parts = groups * batch_groups
    n, c, o = x.shape[0] // batch_groups, w.shape[1], w.shape[0] // parts
    x_group = c * x.strides[1] if batch_groups == 1 else n * x.strides[0]
    return Convolution(
        out.dtype.name, out.dtype.itemsize, parts, n, c, o, _triple(out.shape[2:], 1), _triple(w.shape[2:], 1),
        _triple(x.shape[2:], 1), _triple(strides, 1), _triple(before, 0), _triple(x_dilation, 1),
        _triple(w_dilation, 1), (x.shape[0], x.shape[1]),
        ConvOperand(1, 0, x_group, (x.strides[0], x.strides[1]), _triple(x.strides[2:], 0)),
        ConvOperand(2, 0, o * w.strides[0], (w.strides[0], w.strides[1]), _triple(w.strides[2:], 0)),
        ConvOperand(0, 0, o * out.strides[1], (out.strides[0], out.strides[1]), _triple(out.strides[2:], 0)),
    )  # fmt: skip


def _triple(values: Sequence[int], fill: int) -> Triple:
    return (*(fill,) * (3 - len(values)), *values)  # type: ignore[return-value]


def phases(problem: Convolution) -> Iterator[Convolution]:
    """The same as convolutions of an x that is not dilated, one for each residue of q modulo x_dilation.

    In the gradient to the input of a strided convolution most products are with the zeros between x's elements.
    Element q = p + d t of out meets only the kernel's elements k = k0 + d j with p + k0 = before (mod d).  This holds
    where stride and w_dilation are 1; other axes are left as they are.
    """
    splits = [_axis_phases(problem, axis) for axis in range(3)]
    for choice in itertools.product(*splits):
        part = problem
        for axis, phase in enumerate(choice):
            part = part if phase is None else _phase(part, axis, phase)
        yield part


def _axis_phases(problem: Convolution, axis: int) -> Sequence[int | None]:
    dilation = problem.x_dilation[axis]
    if dilation == 1 or not has_phases(problem, axis):
        return (None,)
    return range(min(dilation, problem.size[axis]))


def has_phases(problem: Convolution, axis: int) -> bool:
    """Whether each place meets the taps of one residue only; where x is not dilated, that is all of them."""
    return problem.x_dilation[axis] == 1 or problem.stride[axis] == problem.w_dilation[axis] == 1


def count_taps(kernel: int, first: int, dilation: int) -> int:
    """How many taps there are of first, first + dilation, ... below `kernel`."""
    return max(0, -((first - kernel) // dilation))


def _phase(problem: Convolution, axis: int, phase: int) -> Convolution:
    d, before = problem.x_dilation[axis], problem.before[axis]
    first = (before - phase) % d
    size, kernel = -(-(problem.size[axis] - phase) // d), count_taps(problem.kernel[axis], first, d)

    def put(values: Triple, value: int) -> Triple:
        return (*values[:axis], value, *values[axis + 1 :])  # type: ignore[return-value]

    def skip(operand: ConvOperand, start: int) -> ConvOperand:
        stride = operand.space[axis]
        return operand._replace(offset=operand.offset + start * stride, space=put(operand.space, stride * d))

    return problem._replace(
        size=put(problem.size, size), kernel=put(problem.kernel, kernel), x_dilation=put(problem.x_dilation, 1),
        before=put(problem.before, (before - phase - first) // d),
        out=skip(problem.out, phase), w=skip(problem.w, first),
    )  # fmt: skip
