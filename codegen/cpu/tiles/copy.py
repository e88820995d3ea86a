"""Strided copies: what movement leaves to be done when a kernel wants its operand in order.

Axes are merged where the strides allow it and sorted by the strides of `out`, so that most copies become one loop over
contiguous memory.  Elements are moved as bits: one kernel for each size of element, whatever the dtype.
"""

import math
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Array, Launch, Plan
from ..run.native import kernel_address
from .move import move_address

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


def unsigned(dtype: np.dtype) -> str:
    """The unsigned integer of the dtype's size: what moves its elements as bits."""
    if dtype.itemsize not in (1, 2, 4, 8):
        raise NotImplementedError(f"elements of {dtype.itemsize} bytes")
    return f"uint{8 * dtype.itemsize}"


def make_copy(element: str) -> FunctionType:
    """out[o, r, c] = x[o, r, c] tile by tile; o stands for any number of outer axes.

    params: how many outer axes; rows, columns; rows and columns of a tile; strides of out and of x by row and column;
    the address of `move` for elements of this size, or 0; then sizes, strides of out and strides of x of the
    outer axes.  unit = (outer * row tiles + row tile) * column tiles + column tile.
    """
    from .intrinsics import address_of, call, pointer

    dtype = np.dtype(element)
    moved = dtype.itemsize in _MOVED

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x = pointer(buffers[0], dtype), pointer(buffers[1], dtype)
        axes, rows, columns, tall, wide = params[0], params[1], params[2], params[3], params[4]
        out_row, out_column, x_row, x_column = params[5], params[6], params[7], params[8]
        row_tiles, column_tiles = (rows + tall - 1) // tall, (columns + wide - 1) // wide
        for unit in range(lo, hi):
            outer, tile = unit // (row_tiles * column_tiles), unit % (row_tiles * column_tiles)
            r0, c0 = tile // column_tiles * tall, tile % column_tiles * wide
            high, long = min(tall, rows - r0), min(wide, columns - c0)
            to, start = r0 * out_row + c0 * out_column, r0 * x_row + c0 * x_column
            for axis in range(axes - 1, -1, -1):
                size = params[10 + axis]
                to += outer % size * params[10 + axes + axis]
                start += outer % size * params[10 + 2 * axes + axis]
                outer //= size
            if moved and params[9] != 0:
                target, source = address_of(out, to), address_of(x, start)
                call(params[9], (target, out_row, out_column, source, x_row, x_column, high, long))
            else:
                for r in range(high):
                    for c in range(long):
                        out[to + r * out_row + c * out_column] = x[start + r * x_row + c * x_column]
        return 0

    return kernel


def copy_launch(out: Array, x: Array, buffers: tuple[int, int]) -> Launch | None:
    """The launch that writes x, of the same shape and size of element, to out; None if there is nothing to do."""
    shape, to, start = _ordered(out, x)
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
    params = (len(outer), rows, columns, tall, wide, to[row], to[column], start[row], start[column])
    # a transposition in registers is of no use where most of a vector would be empty
    moving = itemsize in _MOVED and not (transposed and min(rows, columns) < 8)
    params += (move_address(_MOVED[itemsize]) if moving else 0,)
    params += tuple(values[i] for values in (shape, to, start) for i in outer)
    size = math.prod(shape)
    extent = size // (rows * columns) * tiles
    kernel = kernel_address(make_copy, unsigned(out.dtype))
    return Launch(kernel, buffers, params, extent, 0.2 * size * itemsize)


def _ordered(out: Array, x: Array) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
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
    return Plan(() if launch is None else (launch,))
