"""A program for given sizes: what each step is called with, as numbers.  No address, and nothing of a target.

NestCall KernelCall LoopCall BranchCall CopyCall      one for each step of the program
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...symbolic.dims import Dim, value
from ...symbolic.errors import OutOfMemoryError, blame
from ...symbolic.evaluate import resolve
from ...symbolic.expr import Expr, Op
from .buffers import Buffer, BufferedNest, Operand
from .loops import Extent
from .program import BranchStep, CopyStep, KernelStep, LoopStep, NestStep, Program, Step

MOST = 1 << 62  # bytes and steps of one array or loop: sums of two such numbers still fit in 64 bits

Sizes = dict[str, int]


class Array(NamedTuple):
    """An operand of a kernel: sizes and strides (in elements, possibly 0 or negative)."""

    dtype: np.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie in C order without gaps."""
        expected = 1
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True


class Place(NamedTuple):
    """Where an array starts: so many bytes from the begin of a buffer."""

    buffer: Buffer
    offset: int = 0


class NestCall(NamedTuple):
    """One nest of a step; `elements`: how many indices it has."""

    step: NestStep
    placed: BufferedNest
    elements: int


class KernelCall(NamedTuple):
    """A kernel: the op with its sizes as numbers, its operands, and where these start: outputs, then arguments."""

    step: KernelStep
    op: Op
    outputs: tuple[Array, ...]
    arguments: tuple[Array, ...]
    places: tuple[Place, ...]


class LoopCall(NamedTuple):
    """A loop of at most so many steps."""

    step: LoopStep
    length: int
    body: tuple[Call, ...]


class BranchCall(NamedTuple):
    """A branch."""

    step: BranchStep
    bodies: tuple[tuple[Call, ...], tuple[Call, ...]]


class CopyCall(NamedTuple):
    """A copy."""

    step: CopyStep


Call = NestCall | KernelCall | LoopCall | BranchCall | CopyCall


class Result(NamedTuple):
    """An array that a call makes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    bytes: int


@dataclass(eq=False, repr=False)
class Bound:
    """The calls in the order of the steps; nests of one step follow each other."""

    program: Program
    sizes: Sizes
    calls: tuple[Call, ...]
    bytes: dict[Buffer, int]
    results: list[Result]

    def shape(self, buffer: Buffer) -> tuple[int, ...]:
        """The sizes of a buffer."""
        return numbers(buffer.shape, self.sizes)

    def array(self, buffer: Buffer) -> Array:
        """A buffer as kernels see it."""
        return _in_order(buffer, self.shape(buffer))


def bind(program: Program, sizes: Sizes) -> Bound:
    """The program's calls for these sizes.  Raises OutOfMemoryError where 64 bits do not count an array's bytes."""
    found = {buffer: _bytes(buffer, sizes) for buffer in program.buffers}
    results = [Result(numbers(b.shape, sizes), b.dtype, found[b]) for b in program.results]
    return Bound(program, sizes, _calls(program.steps, sizes), found, results)


def numbers(shape: Iterable[Dim | Extent], sizes: Sizes) -> tuple[int, ...]:
    """Sizes as numbers."""
    return tuple([d.value(sizes) if isinstance(d, Extent) else value(d, sizes) for d in shape])


def _bytes(buffer: Buffer, sizes: Sizes) -> int:
    shape = numbers(buffer.shape, sizes)
    size = math.prod(shape) * buffer.dtype.itemsize
    if size >= MOST and buffer.node is not None:
        raise beyond_counting(buffer.node, shape)
    return size


def _calls(steps: Sequence[Step], sizes: Sizes) -> tuple[Call, ...]:
    return tuple([call for step in steps for call in _calls_of(step, sizes)])


def _calls_of(step: Step, sizes: Sizes) -> Iterable[Call]:
    if isinstance(step, NestStep):
        return [NestCall(step, placed, _elements(step, placed, sizes)) for placed in step.nests]
    if isinstance(step, KernelStep):
        return [_kernel(step, sizes)]
    if isinstance(step, LoopStep):
        return [LoopCall(step, value(step.length, sizes), _calls(step.body, sizes))]
    if isinstance(step, BranchStep):
        return [BranchCall(step, (_calls(step.bodies[0], sizes), _calls(step.bodies[1], sizes)))]
    assert isinstance(step, CopyStep)
    return [CopyCall(step)]


def _elements(step: NestStep, placed: BufferedNest, sizes: Sizes) -> int:
    extents = [axis.value(sizes) for axis in placed.nest.axes]
    count = math.prod(extents)
    if count >= MOST:
        raise beyond_counting(step.node, tuple(extents))
    return count if placed.nest.chunks is None else count // extents[0]  # the parts together are one axis


def _kernel(step: KernelStep, sizes: Sizes) -> KernelCall:
    outputs = tuple([_in_order(b, numbers(b.shape, sizes)) for b in step.outputs])
    arguments = tuple([_array(operand, sizes) for operand in step.arguments])
    places = tuple([Place(b) for b in step.outputs] + [_place(operand, sizes) for operand in step.arguments])
    return KernelCall(step, resolve(step.node.op, sizes), outputs, arguments, places)


def _in_order(buffer: Buffer, shape: tuple[int, ...]) -> Array:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return Array(buffer.dtype, shape, tuple(reversed(strides)))


def _array(operand: Operand, sizes: Sizes) -> Array:
    view = operand.view
    return Array(operand.buffer.dtype, numbers(view.shape, sizes), numbers(view.strides, sizes))


def _place(operand: Operand, sizes: Sizes) -> Place:
    start = sum([o.value(sizes) for o in operand.view.offset])
    return Place(operand.buffer, start * operand.buffer.dtype.itemsize)


def beyond_counting(node: Expr, shape: tuple[int, ...]) -> OutOfMemoryError:
    """The error for sizes whose product is no number of 64 bits."""
    sizes = " x ".join(map(str, shape))
    text = f"{node.op.name} has {sizes} elements in this call, more than any memory holds."
    return blame(OutOfMemoryError(text), node.site, *[a.site for a in node.args])
