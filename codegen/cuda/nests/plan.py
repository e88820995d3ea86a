"""How a nest is cut among threads at given sizes, and the numbers that its kernel gets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from ...lowering.canonical import canonicalise, describe_composites
from ...lowering.loops import ONE, ZERO, Access, Index, LoopNest
from ..trace.kernel import TraceRef
from .emit import THREADS, make_nest

MOST_32 = (1 << 31) - (1 << 16)  # places and counts below fit in an int32, a block more included
FEW_REDUCED = 8  # elements that a thread reduces by itself
MANY_RESULTS = 1 << 17  # enough for all threads of a device
NEIGHBOURS = 4  # elements that a thread of a map computes, where they stand side by side


class NestPlan(NamedTuple):
    """The kernel of a nest, over so many blocks; numbers follow the arrays."""

    kernel: TraceRef
    blocks: int
    numbers: tuple[int, ...]

    @property
    def way(self) -> str:
        """How its work is cut."""
        nest, _, wide, sharers, together, _ = self.kernel.arguments
        if nest.reduced:
            each = "one thread for each result" if sharers == 1 else f"{sharers} threads for each result"
        else:
            each = "a thread for each element" if together == 1 else f"a thread for {together} neighbours"
        return f"{each}, places of 64 bits" if wide and together == 1 else each


def plan_nest(nest: LoopNest, arrays: tuple[int, ...], sizes: Mapping[str, int]) -> NestPlan | None:
    """How it runs; None where it writes nothing.

    arrays : for each buffer of the nest the number of the array in which it stands
    """
    extents = [axis.value(sizes) for axis in nest.axes]
    results = math.prod(extents[k] for k in nest.parallel)
    if results == 0:
        return None
    canonical = canonicalise(nest)
    numbers = tuple(canonical.sizes(sizes).values())
    sharers = sharers_of(nest, extents, results) if nest.reduced else 1
    together = NEIGHBOURS if stands_side_by_side(nest) else 1
    # LLVM moves neighbours as one where no sum of 32 bits may wrap between them
    wide = together > 1 or not fits_32(nest, sizes, extents, numbers)
    arguments = (canonical.nest, arrays, wide, sharers, together, describe_composites(nest))
    kernel = TraceRef(make_nest, arguments)
    if nest.reduced:
        blocks = -(-results // (THREADS // sharers))
    else:
        inner = extents[-1] if extents else 1
        blocks = -(-(results // inner * -(-inner // together)) // THREADS)
    return NestPlan(kernel, blocks, numbers)


def fits_32(nest: LoopNest, sizes: Mapping[str, int], extents: list[int], numbers: tuple[int, ...]) -> bool:
    """Whether every place, count and number fits in an int32."""
    count = math.prod(max(n, 1) for n in extents)
    found = [count, *map(abs, numbers)]
    found += [_reach(access, sizes, extents) for access in nest.accesses]
    steps = [abs(step) * extents[axis] for v in nest.body if isinstance(v, Index) for axis, step in v.terms]
    return max([*found, *steps]) < MOST_32


def _reach(access: Access, sizes: Mapping[str, int], extents: list[int]) -> int:
    spans = [abs(s.value(sizes)) * max(n - 1, 0) for s, n in zip(access.strides, extents, strict=True)]
    return sum(abs(o.value(sizes)) for o in access.offset) + sum(spans)


def stands_side_by_side(nest: LoopNest) -> bool:
    """Whether a thread may take neighbours of a map: each array stands in order, so that they are moved as one."""
    if nest.reduced or not nest.axes:
        return False
    *outer, inner = nest.axes
    if outer and not (inner.is_static and inner.number % NEIGHBOURS == 0):
        return False
    for access in nest.accesses:
        *others, last = access.strides
        if access.offset or access.dtype.itemsize > 4 or last not in (ZERO, ONE):
            return False
        if last == ONE and not all(s.number % NEIGHBOURS == 0 for s in others):
            return False
    return True


def sharers_of(nest: LoopNest, extents: list[int], results: int) -> int:
    """How many threads share the reduction of one result: more where there are few results, and much to reduce."""
    reduced = math.prod(extents[k] for k in nest.reduced)
    if reduced <= FEW_REDUCED:
        return 1
    inner_reduced = len(nest.axes) - 1 in nest.reduced
    if inner_reduced:
        return 32 if reduced < 1024 and results > 1 else THREADS
    if results >= MANY_RESULTS:
        return 1
    return 8 if results >= MANY_RESULTS // 8 or reduced < 64 else 32
