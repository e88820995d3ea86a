"""From the roots of a fusion group to loop nests: every value in terms of the group's indices."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from ...ops.elementwise import Elementwise, Scalar
from ...ops.movement import Reshape
from ...ops.reduce import KINDS, ArgReduce, Reduce
from ...symbolic.expr import Expr
from ...symbolic.index_maps import IndexMap, identity, substitute_indices
from ...symbolic.leaves import Constant
from ...symbolic.types import DType, Type, dtype
from ..target import FusionLimits
from .groups import Group, PlacedNest, Scratch
from .loops import (
    ONE,
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
    Write,
    axis_to_cut,
    extent,
    order_axes,
    simplify,
)
from .views import View, broadcast, through, view_of, whole

REDUCTIONS = (Reduce, ArgReduce)


def nests_of(step: Group, memory: set[Expr], forwarded: set[Expr], limits: FusionLimits) -> tuple[PlacedNest, ...]:
    """The nest of a fusion group; two where a long reduction is cut into chunks."""
    builder = _NestBuilder(step, memory)
    writes = tuple(builder.write(root) for root in step.roots if root not in forwarded)
    axes = tuple(extent(d) for d in step.space)
    nest = order_axes(simplify(LoopNest(axes, step.reduced, tuple(builder.body), writes)))
    axis = axis_to_cut(nest, limits)
    if axis is None:
        return (PlacedNest(nest, tuple(builder.buffers)),)
    return _cut_into_chunks(nest, axis, limits.chunks, tuple(builder.buffers))


class _NestBuilder:
    """Values are numbered as they are made; equal values get one number."""

    def __init__(self, step: Group, memory: set[Expr]):
        self.step, self.memory = step, memory
        self.axes = len(step.space)
        self.here = set(step.roots) if step.part is None else set()
        self.body: list[Value] = []
        self.numbers: dict[Value, int] = {}
        self.known: dict[tuple[Expr, int], int] = {}  # by node and interned index map
        self.index = identity(self.axes)
        self.buffers: dict[Expr, int] = {}  # each with its number

    def write(self, root: Expr) -> Write:
        """How a root reaches memory."""
        here = self.index
        if self.step.part is not None:
            value = self.value(self.step.part.source, here)
            return Store(self.access(whole(root), self.step.part.index), value)
        if isinstance(root.op, REDUCTIONS):
            value = self.value(root.args[0], here)
            kept = tuple(along for k, along in enumerate(here) if k not in self.step.reduced)
            return Accumulate(self.access(whole(root), kept), value, root.op.kind)
        return Store(self.access(whole(root), here), self.value(root, here))

    def value(self, root: Expr, index: IndexMap) -> int:
        """The number of a node's value at an index map; a loop, since expressions can be deep."""
        known = self.known
        stack: list[tuple[Expr, IndexMap, list[tuple[Expr, IndexMap]] | None]] = [(root, index, None)]
        while stack:
            node, at, inner = stack.pop()
            if inner is not None:
                known[node, id(at)] = self.make(node, at, [known[n, id(i)] for n, i in inner])
            elif (node, id(at)) not in known:
                if self.is_loaded(node, at):
                    known[node, id(at)] = self.load(node, at)
                    continue
                inner = self.operands(node, at)
                stack.append((node, at, inner))
                stack.extend([(n, i, None) for n, i in inner if (n, id(i)) not in known])
        return known[root, id(index)]

    def operands(self, node: Expr, index: IndexMap) -> list[tuple[Expr, IndexMap]]:
        """The values that a value is made of."""
        if isinstance(node.op, Elementwise):
            return [(a, broadcast(index, a.type.shape)) for a in node.args]
        if node.op.is_affine:
            return [(node.args[0], through(node, index))]
        return []

    def is_loaded(self, node: Expr, index: IndexMap) -> bool:
        """Whether the value stands in memory; what this nest computes itself is passed on in registers."""
        if node in self.memory:
            computed_here = node in self.here and index is self.index and not isinstance(node.op, REDUCTIONS)
            return not computed_here
        return isinstance(node.op, Reshape)

    def load(self, node: Expr, index: IndexMap) -> int:
        """A value out of memory."""
        view = whole(node) if node in self.memory else view_of(node, self.memory.__contains__)
        assert view is not None
        return self.number(Load(self.access(view, index)))

    def make(self, node: Expr, index: IndexMap, inner: list[int]) -> int:
        """One value, given the numbers of those it is made of."""
        op = node.op
        if isinstance(op, Elementwise):
            kinds = tuple([(a.type.dtype, a.type.weak) for a in node.args])
            casts = _casts(op.function, kinds, dtype(None))
            return self.number(Apply(node.type.dtype, op.function, tuple(inner), casts))
        if op.is_affine:
            return inner[0]
        if op.is_looped:
            return self.number(Index(node.dtype, *substitute_indices(op.index_value(), index)))
        assert isinstance(op, Constant), op
        return self.number(Literal(node.dtype, op.value.tobytes()))

    def number(self, value: Value) -> int:
        if value not in self.numbers:
            self.numbers[value] = len(self.body)
            self.body.append(value)
        return self.numbers[value]

    def access(self, view: View, index: IndexMap) -> Access:
        """The elements of a view under an index map, in the nest's axes."""
        buffer = self.buffers.setdefault(view.base, len(self.buffers))
        strides, offset = [ZERO] * self.axes, list(view.offset)
        for (terms, start), stride in zip(index, view.strides, strict=True):
            for axis, step in terms:
                strides[axis] = strides[axis].plus(stride if step == 1 else stride * Extent(step))
            if start != 0:
                offset.append(Offset(start, stride))
        return Access(buffer, view.base.dtype, tuple(strides), tuple(offset))


@lru_cache(maxsize=4096)
def _casts(function: Scalar, kinds: tuple[tuple[DType, bool], ...], configured: DType) -> tuple[DType, ...]:
    return function.operand_dtypes(*(Type(kind, (), weak) for kind, weak in kinds))


def _cut_into_chunks(nest: LoopNest, axis: int, chunks: int, buffers: tuple[Expr, ...]) -> tuple[PlacedNest, ...]:
    """Reduce every chunk of an axis to a partial result, then the partial results."""
    parallel = nest.parallel
    partial_axes = (Extent(chunks), *(nest.axes[k] for k in parallel))
    strides = _strides(partial_axes)
    scratch: list[Expr | Scratch] = []
    writes: list[Write] = []
    finals: list[PlacedNest] = []
    for w in nest.writes:
        if isinstance(w, Store):
            writes.append(w._replace(access=_add_axis(w.access)))
            continue
        dtype = KINDS[w.kind].partial(w.access.dtype)
        number = len(buffers) + len(scratch)
        scratch.append(Scratch(dtype, partial_axes))
        placed = [strides[0]] + [ZERO] * len(nest.axes)
        for position, k in enumerate(parallel):
            placed[k + 1] = strides[position + 1]
        writes.append(Accumulate(Access(number, dtype, tuple(placed)), w.value, w.kind))
        finals.append(_final_nest(w, parallel, partial_axes, strides, dtype, (scratch[-1], buffers[w.access.buffer])))
    first = replace(
        nest,
        axes=(Extent(chunks), *nest.axes),
        reduced=frozenset(k + 1 for k in nest.reduced),
        body=tuple(_shift_value(v) for v in nest.body),
        writes=tuple(writes),
        chunks=(axis + 1, chunks),
    )
    return (PlacedNest(first, (*buffers, *scratch)), *finals)


def _final_nest(
    write: Accumulate,
    parallel: tuple[int, ...],
    axes: tuple[Extent, ...],
    strides: tuple[Extent, ...],
    dtype: DType,
    buffers: tuple[Expr | Scratch, Expr | Scratch],
) -> PlacedNest:
    load = Load(Access(0, dtype, strides))
    out = Access(1, write.access.dtype, (ZERO, *(write.access.strides[k] for k in parallel)), write.access.offset)
    nest = LoopNest(axes, frozenset((0,)), (load,), (Accumulate(out, 0, write.kind),))
    return PlacedNest(order_axes(simplify(nest)), buffers)


def _strides(axes: tuple[Extent, ...]) -> tuple[Extent, ...]:
    strides, step = [], ONE
    for axis in reversed(axes):
        strides.append(step)
        step = step * axis
    return tuple(reversed(strides))


def _add_axis(access: Access) -> Access:
    return access._replace(strides=(ZERO, *access.strides))


def _shift_value(v: Value) -> Value:
    if isinstance(v, Load):
        return Load(_add_axis(v.access))
    if isinstance(v, Index):
        return v._replace(terms=tuple([(axis + 1, step) for axis, step in v.terms]))
    return v
