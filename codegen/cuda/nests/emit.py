"""The kernel of a loop nest.

A map: a thread computes one index of the parallel axes, or a few neighbours of the inner one.  A reduction: so many
threads share each result (`sharers`); where the inner axis is reduced they are neighbours, so that they read what
stands side by side, else neighbours have results side by side.  Then they meet in shared memory, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....symbolic.types import INT64, DType
from ...lowering.canonical import Number, canonicalise, is_known
from ...lowering.loops import (
    ZERO,
    Access,
    Accumulate,
    Apply,
    Extent,
    Index,
    Literal,
    Load,
    LoopNest,
    Offset,
    Store,
    Value,
)
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel
from .accumulate import PartialReduction

THREADS = 256  # of a block


def make_nest(
    nest: LoopNest, arrays: tuple[int, ...], wide: bool, sharers: int, together: int, composites: str
) -> TracedKernel:
    """The kernel of a canonical nest, whose numbers follow the arrays.

    arrays : for each buffer of the nest the number of the array in which it stands: several may stand in one
    wide : whether places and counts need 64 bits
    sharers : threads that share the reduction of a result
    together : neighbours that a thread of a map computes
    composites : `describe_composites`: nests that print alike may compute something else
    """
    dtypes = {number: a.dtype for a in nest.accesses for number in [arrays[a.buffer]]}
    numbers = canonicalise(nest).numbers
    integer = place_type(wide)
    pointers = tuple(Pointer(dtypes[number]) for number in range(max(arrays) + 1))
    kind = "reduce" if nest.reduced else "map"

    def body(k: KernelBuilder, *given: Any) -> None:
        values = dict(zip(numbers, given[len(pointers) :], strict=True))
        emitter = _NestEmitter(k, nest, [given[number] for number in arrays], values, integer)
        if nest.reduced:
            emitter.reduce(sharers)
        else:
            emitter.map(together)

    return TracedKernel(f"nest_{kind}", (*pointers, *[integer] * len(numbers)), THREADS, body)


class _NestEmitter:
    def __init__(
        self, k: KernelBuilder, nest: LoopNest, arrays: Sequence[Any], numbers: dict[Number, Any], integer: Any
    ):
        self.k, self.nest, self.arrays, self.numbers, self.integer = k, nest, arrays, numbers, integer
        self.indices: dict[int, Any] = {}
        self.reduced = sorted(nest.reduced)
        self.outside, self.inside = self._levels()

    def _levels(self) -> tuple[list[int], list[int]]:
        """The numbers of the values that do not depend on reduced axes, and of those that do."""
        depends: list[bool] = []
        for v in self.nest.body:
            if isinstance(v, Load):
                depends.append(any(v.access.strides[axis] != ZERO for axis in self.reduced))
            elif isinstance(v, Index):
                depends.append(any(axis in self.nest.reduced for axis, _ in v.terms))
            elif isinstance(v, Apply):
                depends.append(any(depends[o] for o in v.operands))
            else:
                depends.append(False)
        numbers = range(len(depends))
        return [n for n in numbers if not depends[n]], [n for n in numbers if depends[n]]

    # ---- maps -----------------------------------------------------------------------------------------------------

    def map(self, together: int) -> None:
        """Every index by itself."""
        k, axes = self.k, self.nest.axes
        unit = self.unit(k.threads, k.thread)
        inner = self.extent(axes[-1]) if axes else self.number(1)
        groups = inner if together == 1 else k.quotient(inner + (together - 1), self.number(together))
        total = groups
        for axis in axes[:-1]:
            total = total * self.extent(axis)
        with k.when(unit < total):
            if len(axes) > 1:
                low, rest = k.remainder(unit, groups) * together, k.quotient(unit, groups)
            else:
                low, rest = unit * together, unit
            self.decode(rest, range(len(axes) - 1))
            if together == 1:
                self._neighbours([low])
                return
            whole = low + together <= inner
            with k.when(whole):
                self._neighbours([low | j for j in range(together)])
            with k.when(~whole):
                for i in k.range(low, inner):
                    self._neighbours([i])

    def _neighbours(self, places: list[Any]) -> None:
        """All values of these indices of the inner axis, then all stores."""
        inner = len(self.nest.axes) - 1
        kept = []
        for place in places:
            self.indices[inner] = place
            kept.append(self.compute({}, range(len(self.nest.body))))
        for place, values in zip(places, kept, strict=True):
            self.indices[inner] = place
            self.write(values, [w for w in self.nest.writes if isinstance(w, Store)])

    def unit(self, each: int, within: Any) -> Any:
        """The number of a thread, or of a result, among those of all blocks, of which each has so many."""
        first = self.k.cast(self.k.block[0], self.integer) * each
        return first + self.k.cast(within, self.integer)

    def decode(self, rest: Any, axes: Sequence[int]) -> None:
        """The indices of these axes out of one number, the last one fastest."""
        for axis in reversed(axes):
            if axis == axes[0]:
                self.indices[axis] = rest
            else:
                size = self.extent(self.nest.axes[axis])
                self.indices[axis], rest = self.k.remainder(rest, size), self.k.quotient(rest, size)

    # ---- reductions -----------------------------------------------------------------------------------------------

    def reduce(self, sharers: int) -> None:
        """Each result by so many threads."""
        k, parallel = self.k, self.nest.parallel
        each = k.threads // sharers  # results of a block
        if len(self.nest.axes) - 1 in self.nest.reduced:
            result, share = k.quotient(k.thread, sharers), k.remainder(k.thread, sharers)
        else:
            result, share = k.remainder(k.thread, each), k.quotient(k.thread, each)
        number = self.unit(each, result)
        total = self.number(1)
        for axis in parallel:
            total = total * self.extent(self.nest.axes[axis])
        there = number < total
        self.decode(k.select(there, number, 0), parallel)
        found = [w for w in self.nest.writes if isinstance(w, Accumulate)]
        gathered = [PartialReduction(k, w, self.nest.body[w.value].dtype) for w in found]
        with k.when(there):
            self._gather(gathered, k.cast(share, self.integer), sharers)
        if sharers > 1:
            for a in gathered:
                self._meet(a, result, share, sharers, each)
        with k.when(k.both(there, share.eq(0))):
            for a in gathered:
                self.array(a.write.access)[self.place(a.write.access)] = a.result()

    def _gather(self, gathered: list[PartialReduction], share: Any, sharers: int) -> None:
        """This thread's share of the elements of its result."""
        k = self.k
        known = self.compute({}, self.outside)
        ranges = [self.bounds(axis) for axis in self.reduced]
        count = self.number(1)
        for low, high in ranges:
            count = count * (high - low)
        for number in k.range(share, count, sharers):
            rest = number
            for axis, (low, high) in reversed(list(zip(self.reduced, ranges, strict=True))):
                if axis == self.reduced[0]:
                    self.indices[axis] = rest + low
                else:
                    length = high - low
                    self.indices[axis], rest = k.remainder(rest, length) + low, k.quotient(rest, length)
            values = self.compute(known, self.inside)
            for a in gathered:
                a.add(values[a.write.value], self.indices[self.reduced[-1]])
            self._store_once(values)

    def _store_once(self, values: dict[int, Any]) -> None:
        """The writes of elements; those of a whole row together at its first element."""
        k, axes = self.k, self.reduced
        each: list[Store] = []
        for w in self.nest.writes:
            if not isinstance(w, Store):
                continue
            if all(w.access.strides[axis] != ZERO for axis in axes):
                each.append(w)
                continue
            first = [self.indices[axis].eq(0) for axis in axes if w.access.strides[axis] == ZERO]
            with k.when(k.both(*first)):
                self.write(values, [w])
        self.write(values, each)

    def bounds(self, axis: int) -> tuple[Any, Any]:
        """The bounds of a reduced axis: all of it, or the chunk that the first axis names."""
        k, size = self.k, self.extent(self.nest.axes[axis])
        if self.nest.chunks is None or self.nest.chunks[0] != axis:
            return self.number(0), size
        count = self.nest.chunks[1]
        length = k.quotient(size + (count - 1), self.number(count))
        low = k.minimum(self.indices[0] * length, size)
        return low, k.minimum(low + length, size)

    def _meet(self, a: PartialReduction, result: Any, share: Any, sharers: int, each: int) -> None:
        """What the sharers of a result have gathered, put together by halves: the first ones have it then.

        One barrier is enough for each half, since the next half is written where nobody has read.
        """
        k = self.k
        memories = [k.shared_array(_shared_dtype(dtype), k.threads) for dtype in a.dtypes]
        place = share * each + result
        half = sharers // 2
        while half:
            with k.when(k.both(share >= half, share < 2 * half)):
                for memory, value in zip(memories, a.state(), strict=True):
                    memory[place] = k.cast(value, memory.dtype)
            k.barrier()
            with k.when(share < half):
                found = [memory[place + half * each] for memory in memories]
                a.merge([k.cast(value, dtype) for value, dtype in zip(found, a.dtypes, strict=True)])
            half //= 2

    # ---- values ---------------------------------------------------------------------------------------------------

    def compute(self, known: dict[int, Any], numbers: Sequence[int]) -> dict[int, Any]:
        """These values of the body besides those known, by number."""
        values = dict(known)
        for number in numbers:
            values[number] = self.value(self.nest.body[number], values)
        return values

    def value(self, v: Value, values: dict[int, Any]) -> Any:
        """One value of the body."""
        if isinstance(v, Load):
            return self.array(v.access)[self.place(v.access)]
        if isinstance(v, Literal):
            return self.k.constant(v.dtype, v.number)
        if isinstance(v, Index):
            return self.index(v)
        operands = [self.k.cast(values[o], to) for o, to in zip(v.operands, v.casts, strict=True)]
        return self.k.apply(v.function, v.casts, v.dtype, operands)

    def index(self, v: Index) -> Any:
        """start + the sum of step * index, in the dtype asked for."""
        start = self.number(v.start) if isinstance(v.start, int) else self.numbers[v.start]
        found = self.k.cast(start, INT64)
        for axis, step in v.terms:
            found = found + self.k.cast(self.indices[axis], INT64) * step
        return self.k.cast(found, v.dtype)

    def write(self, values: dict[int, Any], writes: Sequence[Store]) -> None:
        """Store values."""
        for w in writes:
            self.array(w.access)[self.place(w.access)] = values[w.value]

    def array(self, access: Access) -> Any:
        """The array that an access reads or writes."""
        found = self.arrays[access.buffer]
        return found if found.dtype == access.dtype else found.view(access.dtype)

    def place(self, access: Access) -> Any:
        """Where the element stands that the present indices name."""
        terms = [self._offset(access.offset)] if access.offset else []
        terms += [self._distance(axis, s) for axis, s in enumerate(access.strides) if s != ZERO]
        return sum(terms[1:], terms[0]) if terms else self.number(0)

    def _offset(self, offset: tuple[Offset, ...]) -> Any:
        return self.number(sum(o.value({}) for o in offset)) if is_known(offset) else self.numbers[offset]

    def _distance(self, axis: int, stride: Extent) -> Any:
        return self.indices[axis] if stride == Extent(1) else self.indices[axis] * self.extent(stride)

    def extent(self, e: Extent) -> Any:
        """An extent or stride: a constant, or a number of the launch."""
        return self.number(e.number) if e.is_static else self.numbers[e]

    def number(self, number: int) -> Any:
        """A constant for counting."""
        return self.k.constant(self.integer, number)


def _shared_dtype(dtype: DType) -> DType:
    """The dtype of a register in shared memory, whose words two threads do not share."""
    return dtype if dtype.itemsize >= INT32.itemsize else INT32
