"""Plans for indexed access: out = x[indices], x with v added or written at indices.

`axes` are the indexed axes of x, sorted; the others are the *rest*.  The index arrays have one shape (strides of 0
where they were broadcast), any integer dtype, and may be negative: they count from the end then.  The first launches,
one for each index array, write nothing but scratch; an index out of range makes them return a status that is not 0,
and the launches after that must not run.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..launch import Array, KernelRef, Launch, Plan
from ..model import INDEX_CHECK_NS, INDEX_ELEMENT_NS, INDEX_PICK_NS, INDEX_ROW_NS, INDEX_SCATTER_NS, LINE_BYTES
from ..tiles.copy import contiguous_strides, copy_launch, merge, unsigned_type
from .kernels import (
    COLUMNS,
    OFFSETS,
    ROWS,
    GatherParams,
    OffsetsParams,
    PickParams,
    ScatterParams,
    make_gather,
    make_offsets,
    make_pick,
    make_scatter,
)

_UNITS = 64  # parts of the destination: any number of threads takes whole ranges of them


class _Rest(NamedTuple):
    """The axes that are not indexed, of two operands, merged: rows of equally spaced elements, over outer axes."""

    shape: tuple[int, ...]  # of the outer axes
    first: tuple[int, ...]  # strides of the first operand along them
    second: tuple[int, ...]
    columns: int
    steps: tuple[int, int]  # of both operands, along the columns

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return math.prod(self.shape)


def plan_gather(out: Array, x: Array, *indices: Array, axes: Sequence[int]) -> Plan:
    """out[i..., r...] = x at (indices[0][i...], ...) along `axes`, and at r along the rest."""
    single = len(indices) == len(axes) == 1 and all(size == 1 for size in _others(x.shape, axes))
    if single and all(array.contiguous for array in (out, x, *indices)):
        return _pick(x, indices[0], x.shape[axes[0]])
    builder = _Launches(2 + len(indices))
    offsets = builder.offsets(x, indices, axes, 2)
    if 0 in out.shape:
        return builder.plan("gather: of nothing")
    dims = len(indices[0].shape)
    step = _step(out, dims)
    target, place = out, 0
    if step is None:
        target, place = builder.contiguous(out)
        step = _step(target, dims)
    rest = _rest(target.shape[dims:], target.strides[dims:], _others(x.strides, axes))
    out_column, x_column = rest.steps
    params = GatherParams(
        rest.rows, rest.columns, step or 0, out_column, x_column,
        len(rest.shape), rest.shape, rest.first, rest.second,
    )  # fmt: skip
    count = _count(indices[0])
    extent, size = count * rest.rows, count * rest.rows * rest.columns
    kernel = KernelRef(make_gather, (unsigned_type(x.dtype),))
    cost = INDEX_ROW_NS * extent + INDEX_ELEMENT_NS * size
    builder.launches.append(Launch(kernel, (place, 1, offsets), params, extent, cost))
    if place:
        builder.copy(out, target, (0, place))
    return builder.plan(f"gather: rows of {rest.columns}, {rest.rows} for each index{', copied' if place else ''}")


def _pick(x: Array, index: Array, size: int) -> Plan:
    """Elements of a vector of that size; all are contiguous."""
    count = _count(index)
    if count == 0:
        return Plan(())
    kernel = KernelRef(make_pick, (unsigned_type(x.dtype), index.dtype.name))
    launch = Launch(kernel, (0, 1, 2), PickParams(size), count, INDEX_PICK_NS * count)
    return Plan((launch,), way="gather: elements of a vector")


def plan_scatter_add(out: Array, x: Array, v: Array, *indices: Array, axes: Sequence[int]) -> Plan:
    """out = x, with v[i..., r...] added where plan_gather would read; where several meet, in the order of i."""
    return _scatter(out, x, v, indices, axes, True)


def plan_scatter_set(out: Array, x: Array, v: Array, *indices: Array, axes: Sequence[int]) -> Plan:
    """out = x, with v[i..., r...] written where plan_gather would read; where several meet, the last one stays."""
    return _scatter(out, x, v, indices, axes, False)


def _scatter(out: Array, x: Array, v: Array, indices: Sequence[Array], axes: Sequence[int], add: bool) -> Plan:
    builder = _Launches(3 + len(indices))
    offsets = builder.offsets(out, indices, axes, 3)
    builder.copy(out, x, (0, 1))
    if 0 in v.shape:
        return builder.plan("scatter: of nothing")
    dims, place = len(indices[0].shape), 2
    step = _step(v, dims)
    if step is None:
        values, place = builder.contiguous(v)
        builder.copy(values, v, (place, 2))
        v, step = values, _step(values, dims)
    rest = _rest(v.shape[dims:], _others(out.strides, axes), v.strides[dims:])
    mode, block, extent = _share(out, axes, rest)
    count = _count(indices[0])
    out_column, v_column = rest.steps
    params = ScatterParams(
        mode, count, rest.rows, rest.columns, step or 0, v_column, out_column, block,
        len(rest.shape), rest.shape, rest.first, rest.second,
    )  # fmt: skip
    how = "=" if not add else "|=" if out.dtype.kind == "b" else "+="
    kernel = KernelRef(make_scatter, (out.dtype.name if how == "+=" else unsigned_type(out.dtype), how))
    cost = INDEX_SCATTER_NS * count * rest.rows * rest.columns
    builder.launches.append(Launch(kernel, (0, place, offsets), params, extent, cost))
    own = {ROWS: "rows", COLUMNS: "columns", OFFSETS: "ranges of out"}[mode]
    return builder.plan(f"scatter: {how}, units own {own}")


def _share(out: Array, axes: Sequence[int], rest: _Rest) -> tuple[int, int, int]:
    """How the units of a scatter are counted, the elements in one, and how many there are."""
    if rest.rows >= _UNITS:
        return ROWS, 0, rest.rows
    block = max(LINE_BYTES // out.dtype.itemsize, 1)
    if rest.rows == 1 and rest.columns >= 8 * block:
        return COLUMNS, block, -(-rest.columns // block)
    strides = [out.strides[axis] for axis in axes]
    if min(strides) < 0:
        return ROWS, 0, rest.rows
    offsets = 1 + sum(stride * (out.shape[axis] - 1) for stride, axis in zip(strides, axes, strict=True))
    block = max(-(-offsets // _UNITS), 1)
    return OFFSETS, block, max(-(-offsets // block), 1)


def _count(index: Array) -> int:
    return math.prod(index.shape)


def _others(values: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(value for axis, value in enumerate(values) if axis not in axes)


def _step(array: Array, dims: int) -> int | None:
    """The stride by which all of the first `dims` axes are walked in order, or None."""
    shape, (strides,) = merge(array.shape[:dims], array.strides[:dims])
    if len(shape) > 1:
        return None
    return strides[0] if shape else 0


def _rest(shape: Sequence[int], first: Sequence[int], second: Sequence[int]) -> _Rest:
    sizes, (a, b) = merge(shape, first, second)
    if not sizes:
        return _Rest((), (), (), 1, (1, 1))
    return _Rest(sizes[:-1], a[:-1], b[:-1], sizes[-1], (a[-1], b[-1]))


class _Launches:
    """Collects launches and the scratch they need; `operands` come before scratch among the buffers."""

    def __init__(self, operands: int) -> None:
        self.operands = operands
        self.launches: list[Launch] = []
        self.scratch: list[int] = []

    def _allocate(self, size: int) -> int:
        self.scratch.append(size)
        return self.operands + len(self.scratch) - 1

    def contiguous(self, array: Array) -> tuple[Array, int]:
        """Scratch for an array of that shape in order, and its buffer."""
        place = self._allocate(_count(array) * array.dtype.itemsize)
        return Array(array.dtype, array.shape, contiguous_strides(array.shape)), place

    def copy(self, out: Array, x: Array, buffers: tuple[int, int]) -> None:
        """out = x."""
        launch = copy_launch(out, x, buffers)
        if launch is not None:
            self.launches.append(launch)

    def offsets(self, x: Array, indices: Sequence[Array], axes: Sequence[int], place: int) -> int:
        """The buffer of the offsets in x that the indices mean; `place` is the buffer of the first of them."""
        if len(indices) != len(axes) or not indices:
            raise ValueError(f"{len(indices)} index arrays for axes {tuple(axes)}")
        count = _count(indices[0])
        offsets = self._allocate(8 * count)
        for i, (index, axis) in enumerate(zip(indices, axes, strict=True)):
            if count == 0:
                break
            shape, (strides,) = merge(index.shape, index.strides)
            shape, strides = shape or (1,), strides or (0,)
            params = OffsetsParams(x.shape[axis], x.strides[axis], len(shape), shape, strides)
            kernel = KernelRef(make_offsets, (index.dtype.name, i == 0))
            self.launches.append(Launch(kernel, (offsets, place + i), params, count, INDEX_CHECK_NS * count))
        return offsets

    def plan(self, way: str) -> Plan:
        """What was collected."""
        return Plan(tuple(self.launches), tuple(self.scratch), way)
