"""Strided copies: what movement leaves to be done when a kernel wants its operand in order.

Axes are merged where the strides allow it and sorted by the strides of `out`, so that most copies become one loop over
contiguous memory.  Elements are moved as bits: one kernel for each size of element, whatever the dtype.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import COPY_BYTE_NS
from ..params import Address
from . import code

_TILE = 64  # a transposed tile of 64 x 64 elements reads and writes whole cache lines, and fits the L1 cache
_MOVED = {4: "float32", 8: "float64"}  # elements of these sizes are moved in vectors, as these types: bits are kept


def merge(shape: Sequence[int], *strides: Sequence[int]) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """The same index space with as few axes as possible, in the same order: the shape, and each operand's strides.

    Axes of size 1 go; neighbours become one where every operand steps through them as through one.
    """
    sizes: list[int] = []
    steps: list[list[int]] = []
    for size, *step in zip(shape, *strides, strict=True):
        if size == 1:
            continue
        if sizes and all(outer == inner * size for outer, inner in zip(steps[-1], step, strict=True)):
            sizes[-1] *= size
            steps[-1] = step
        else:
            sizes.append(size)
            steps.append(step)
    return tuple(sizes), tuple(tuple(step[i] for step in steps) for i in range(len(strides)))


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of an array of this shape in C order."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def unsigned_type(dtype: np.dtype[Any]) -> str:
    """The unsigned integer of the dtype's size: what moves its elements as bits."""
    if dtype.itemsize not in (1, 2, 4, 8):
        raise NotImplementedError(f"elements of {dtype.itemsize} bytes")
    return f"uint{8 * dtype.itemsize}"


class CopyParams(NamedTuple):
    """Of `make_copy`: a matrix, `axes` times.  Steps are in elements."""

    move: Address  # for elements of this size; 0: one by one
    rows: int
    columns: int
    tall: int  # rows of a tile
    wide: int
    out_row: int
    out_column: int
    x_row: int
    x_column: int
    axes: int  # the outer ones
    sizes: tuple[int, ...]  # of these
    out_steps: tuple[int, ...]
    x_steps: tuple[int, ...]


def make_copy(element: str) -> Kernel:
    """out[o, r, c] = x[o, r, c] tile by tile; o stands for any number of outer axes.

    unit = (outer * row tiles + row tile) * column tiles + column tile.
    """
    from .intrinsics import address_of, call, pointer, read

    dtype = np.dtype(element)
    moved = dtype.itemsize in _MOVED

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x = pointer(buffers[0], dtype), pointer(buffers[1], dtype)
        p = read(params, CopyParams)
        move, rows, columns, tall, wide, axes = p.move, p.rows, p.columns, p.tall, p.wide, p.axes
        out_row, out_column, x_row, x_column = p.out_row, p.out_column, p.x_row, p.x_column
        sizes, out_steps, x_steps = p.sizes, p.out_steps, p.x_steps
        row_tiles, column_tiles = (rows + tall - 1) // tall, (columns + wide - 1) // wide
        for unit in range(lo, hi):
            outer, tile = unit // (row_tiles * column_tiles), unit % (row_tiles * column_tiles)
            r0, c0 = tile // column_tiles * tall, tile % column_tiles * wide
            high, long = min(tall, rows - r0), min(wide, columns - c0)
            to, start = r0 * out_row + c0 * out_column, r0 * x_row + c0 * x_column
            for axis in range(axes - 1, -1, -1):
                size = sizes[axis]
                to += outer % size * out_steps[axis]
                start += outer % size * x_steps[axis]
                outer //= size
            if moved and move != 0:
                target, source = address_of(out, to), address_of(x, start)
                call(move, (target, out_row, out_column, source, x_row, x_column, high, long))
            else:
                for r in range(high):
                    for c in range(long):
                        out[to + r * out_row + c * out_column] = x[start + r * x_row + c * x_column]
        return 0

    return kernel


def copy_launch(out: Array, x: Array, buffers: tuple[int, int]) -> Launch | None:
    """The launch that writes x, of the same shape and size of element, to out; None if there is nothing to do."""
    shape, to, start = _sort(out, x)
    itemsize = out.dtype.itemsize
    if 0 in shape:
        return None
    column = len(shape) - 1
    row = column - 1
    # where another axis of x has the smaller stride, the two are walked in square tiles
    near = min(range(column), key=lambda i: abs(start[i]) or shape[i] * abs(start[column]), default=row)
    transposed = 0 < abs(start[near]) < abs(start[column])
    row = near if transposed else row
    rows, columns = shape[row], shape[column]
    wide = _TILE if transposed else min(columns, 1 << 14)
    tall = _TILE if transposed else min(rows, -(-(1 << 12) // wide))
    outer = [i for i in range(column) if i != row]
    tiles = -(-rows // tall) * -(-columns // wide)
    # a transposition in registers is of no use where most of a vector would be empty
    moving = itemsize in _MOVED and not (transposed and min(rows, columns) < 8)
    sizes, out_steps, x_steps = (tuple(values[i] for i in outer) for values in (shape, to, start))
    params = CopyParams(
        move=code.move(_MOVED[itemsize]) if moving else 0, rows=rows, columns=columns, tall=tall, wide=wide,
        out_row=to[row], out_column=to[column], x_row=start[row], x_column=start[column],
        axes=len(outer), sizes=sizes, out_steps=out_steps, x_steps=x_steps,
    )  # fmt: skip
    size = math.prod(shape)
    extent = size // (rows * columns) * tiles
    return Launch(
        KernelRef(make_copy, (unsigned_type(out.dtype),)), buffers, params, extent, COPY_BYTE_NS * size * itemsize
    )


def _sort(out: Array, x: Array) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shape and both strides with the axes sorted as `out` lies in memory, merged, and never fewer than two."""
    order = sorted(range(len(out.shape)), key=lambda i: -abs(out.strides[i]))
    columns = [[array[i] for i in order] for array in (out.shape, out.strides, x.strides)]
    shape, (to, start) = merge(columns[0], columns[1], columns[2])
    missing = max(2 - len(shape), 0)
    return (1,) * missing + shape, (0,) * missing + to, (0,) * missing + start


def plan_copy(out: Array, x: Array) -> Plan:
    """out = x, element by element; shapes are equal, strides of both are free (0 and negative ones for x, too)."""
    if out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError(f"cannot copy {x.dtype}{x.shape} to {out.dtype}{out.shape}")
    launch = copy_launch(out, x, (0, 1))
    return Plan(()) if launch is None else Plan((launch,), way=f"copy: {describe(launch)}")


def describe(launch: Launch) -> str:
    """How a copy is done."""
    p = launch.params
    assert isinstance(p, CopyParams)
    across = 0 < abs(p.x_row) < abs(p.x_column)
    how = "tiles, transposed" if across else "rows"
    return f"{how} of {p.tall} x {p.wide}{'' if p.move else ', element by element'}"
