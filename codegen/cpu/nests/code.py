"""What the code of a nest depends on: nests that differ in other numbers are one function.

Numbers by which LLVM gains nothing are parameters of a launch: extents of outer and of long axes, which only end loops,
strides along outer axes, and where an access begins.  What makes other instructions, or another order of sums, stays in
the code: strides along the inner axis, short loops, reduced axes, and how many accumulators stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ....ops.elementwise import Composite
from ....symbolic.dims import SymDim
from ... import cache
from ...llvm.emitters import SMALL
from ...lowering.canonical import CanonicalNest, CodeConstants, canonicalise, describe_composites
from ...lowering.loops import ONE, ZERO, Access, Apply, Extent, Index, Load, LoopNest, Value

SHORT = 128, 512  # iterations of a loop of whose number LLVM makes use: of one alone, and of one for each row
UNROLLED = 16  # iterations that LLVM writes out, so that the loop around them is what it makes vectors of
BLOCK = 4096  # elements of the inner axis in one work unit
COLUMNS = 256, 4096  # accumulators kept side by side where the inner axis is not the reduced one: least and most
SHARED = 4  # among so many units the columns are shared, before they become more than the least


class Count(NamedTuple):
    """The number of elements of a buffer."""

    buffer: int


Parameter = SymDim | Count


class NestCode(NamedTuple):
    """What the function of a nest is made of, and what it has to be called with.

    Its name says all that the function depends on.  A work unit is an index of the outer axes, and `block` elements of
    the inner axis where that is parallel.  Where it is checked, each place is compared with the number of elements that
    there are: outside, the status is 1.
    """

    canonical: CanonicalNest
    block: int
    checked: bool
    name: str

    @property
    def params(self) -> tuple[Parameter, ...]:
        """The numbers of a launch, in order."""
        buffers = sorted({access.buffer for access in self.canonical.nest.accesses}) if self.checked else ()
        return (*self.canonical.names, *map(Count, buffers))

    def extent(self, sizes: Mapping[str, int]) -> int:
        """The number of work units; `sizes` are those of the canonical nest."""
        nest, count = self.canonical.nest, 1
        for k in nest.parallel:
            size = nest.axes[k].value(sizes)
            count *= size if k < len(nest.axes) - 1 else -(-size // self.block)
        return count


def code_of(nest: LoopNest, checked: bool) -> NestCode:
    """The code of a nest, under a name that says all that it depends on."""
    canonical = canonicalise(nest, _NestConstants(nest))
    block = _columns(nest) if nest.reduced and len(nest.axes) - 1 not in nest.reduced else BLOCK
    key = cache.key(repr(canonical.nest), block, describe_composites(nest))
    return NestCode(canonical, block, checked, ("weft_checked_" if checked else "weft_nest_") + key)


class _NestConstants(CodeConstants):
    """The constants of a nest on the CPU."""

    def __init__(self, nest: LoopNest):
        self.nest, self.inner = nest, len(nest.axes) - 1
        self.vectors = {self.inner, _vector_axis(nest)}
        self.moving = _moving_along(nest, self.inner) if nest.axes else []

    def has_extent(self, axis: int) -> bool:
        """That of a loop within a work unit, if it is short, or its length says in which order elements are summed.

        The constants of polynomials fill the registers: what is left over behind a loop of unknown length would take
        some.  What is computed of indices is known to LLVM if their number is.
        """
        if axis in self.nest.reduced:
            return True
        short = SHORT[0] if len(self.nest.axes) == 1 else SHORT[1]
        known = self.nest.axes[axis].number < short or any(map(_knows_length, self.moving))
        return axis == self.inner and known

    def has_stride(self, axis: int, stride: Extent) -> bool:
        """That of the innermost loop, and of the one that LLVM makes vectors of where that is written out."""
        return axis in self.vectors or stride in (ZERO, ONE)

    def has_offset(self, access: Access) -> bool:
        """Where the nest reads or writes other elements of the buffer, too: neighbours are loaded together."""
        return any(a.buffer == access.buffer and a.offset != access.offset for a in self.nest.accesses)


def _moving_along(nest: LoopNest, axis: int) -> list[Value]:
    """The values that are others for each index of an axis: those that its loop computes."""
    moves: list[bool] = []
    for v in nest.body:
        if isinstance(v, Load):
            moves.append(v.access.strides[axis] != ZERO)
        elif isinstance(v, Index):
            moves.append(axis in dict(v.terms))
        else:
            moves.append(isinstance(v, Apply) and any(moves[operand] for operand in v.operands))
    return [v for v, is_moving in zip(nest.body, moves, strict=True) if is_moving]


def _knows_length(v: Value) -> bool:
    if isinstance(v, Apply):
        return isinstance(v.function, Composite) or v.function.name not in SMALL
    return isinstance(v, Index)


def _vector_axis(nest: LoopNest) -> int:
    """The axis of the innermost loop that LLVM does not write out; -1 where there is no axis."""
    inner = len(nest.axes) - 1
    loops = [k for k in range(inner, -1, -1) if k in nest.reduced or k == inner]
    long = (k for k in loops if not nest.axes[k].is_static or nest.axes[k].number > UNROLLED)
    units = (k for k in reversed(nest.parallel) if k != inner)
    return next(long, next(units, inner))


def _columns(nest: LoopNest) -> int:
    """As many columns as leave some units: the longer a run in each row, the faster memory is read."""
    least, most = COLUMNS
    sizes = [nest.axes[k] for k in nest.parallel]
    if not all(size.is_static for size in sizes):
        return most // SHARED
    there, block = math.prod(size.number for size in sizes), least
    while block < most and 2 * block * SHARED <= there:
        block *= 2
    return block
