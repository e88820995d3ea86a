"""A loop nest in NumPy: each value of its body for all indices at once, then what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...ops.reduce import ArgReduce, Reduce
from ...symbolic.dims import value as size_of
from ..lowering.elements import elements
from ..lowering.loops import Access, Accumulate, Apply, Index, Literal, Load, LoopNest, Value, Write


class IndexRange(NamedTuple):
    """The indices of an axis that are run: `length` of them from `first` on."""

    first: int
    length: int


def run_nest(nest: LoopNest, buffers: Sequence[np.ndarray], sizes: Mapping[str, int]) -> None:
    """Run it over its buffers, each a flat array of elements."""
    ranges = [IndexRange(0, axis.value(sizes)) for axis in nest.axes]
    if nest.chunks is None:
        _NestRun(nest, buffers, sizes, ranges).run()
        return
    axis, chunks = nest.chunks
    length = -(-ranges[axis].length // chunks)
    for chunk in range(chunks):
        low, high = (min(c * length, ranges[axis].length) for c in (chunk, chunk + 1))
        part = [IndexRange(chunk, 1), *ranges[1:]]
        part[axis] = IndexRange(low, high - low)
        _NestRun(nest, buffers, sizes, part).run()


class _NestRun:
    def __init__(
        self, nest: LoopNest, buffers: Sequence[np.ndarray], sizes: Mapping[str, int], ranges: list[IndexRange]
    ):
        self.nest, self.buffers, self.sizes, self.ranges = nest, buffers, sizes, ranges
        self.shape = tuple(r.length for r in ranges)
        self.values: list[np.ndarray] = []

    def run(self) -> None:
        """All values before all writes: what is read and written over is read first."""
        with np.errstate(all="ignore"):
            for value in self.nest.body:
                self.values.append(self.value(value))
            results = [self.result(write) for write in self.nest.writes]
        for write, result in zip(self.nest.writes, results, strict=True):
            kept = self.nest.parallel if isinstance(write, Accumulate) else range(len(self.shape))
            self.access(write.access, kept)[...] = result

    def access(self, access: Access, axes: Sequence[int]) -> np.ndarray:
        """The elements of a buffer under these axes, in the order of the axes."""
        strides = [access.strides[k].value(self.sizes) for k in range(len(self.shape))]
        start = sum(o.value(self.sizes) for o in access.offset)
        start += sum(r.first * s for r, s in zip(self.ranges, strides, strict=True))
        shape = tuple(self.shape[k] for k in axes)
        return elements(self.buffers[access.buffer], shape, tuple(strides[k] for k in axes), start)

    def value(self, value: Value) -> np.ndarray:
        """A value at all indices; axes that it does not depend on may have size 1."""
        if isinstance(value, Load):
            return self.access(value.access, range(len(self.shape))).copy()
        if isinstance(value, Literal):
            return np.asarray(value.number)
        if isinstance(value, Index):
            return self.index(value)
        assert isinstance(value, Apply)
        operands = [self.values[n].astype(kind) for n, kind in zip(value.operands, value.casts, strict=True)]
        return np.asarray(value.function.numpy(*operands)).astype(value.dtype)

    def index(self, value: Index) -> np.ndarray:
        found = np.asarray(size_of(value.start, self.sizes))
        for axis, step in value.terms:
            first, length = self.ranges[axis]
            along = step * np.arange(first, first + length)
            found = found + along.reshape([-1 if k == axis else 1 for k in range(len(self.shape))])
        return found.astype(value.dtype)

    def result(self, write: Write) -> np.ndarray:
        """What is written, for all indices of the axes that are not reduced."""
        value = np.broadcast_to(self.values[write.value], self.shape)
        if not isinstance(write, Accumulate):
            return value
        reduced = tuple(sorted(self.nest.reduced))
        if write.places:
            (axis,) = reduced
            return np.asarray(ArgReduce(write.kind, axis).numpy(value))
        return np.asarray(Reduce(write.kind, reduced).numpy(value.astype(write.access.dtype)))
