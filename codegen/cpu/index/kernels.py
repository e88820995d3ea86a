"""Kernels of indexed access: indices -> offsets in elements, and from offsets to elements.

Indices are checked and turned into int64 offsets first, for all of them, so that the kernels that move data are few,
have nothing to check, and nothing is written where an index is out of range.
"""

from typing import Any, NamedTuple

import numpy as np

from ..launch import Kernel


class OffsetsParams(NamedTuple):
    """Of `make_offsets`.  Steps are in elements."""

    size: int  # of the indexed axis
    stride: int
    axes: int  # of the indices, one at least
    sizes: tuple[int, ...]
    steps: tuple[int, ...]


def make_offsets(name: str, first: bool) -> Kernel:
    """offsets[i] = (or +=, unless `first`) stride * index[i]; negative indices count from the end.  unit = i."""
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    signed = dtype.kind == "i"

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        offsets, indices = pointer(buffers[0], np.int64), pointer(buffers[1], dtype)
        p = read(params, OffsetsParams)
        size, stride, axes, sizes, steps = p.size, p.stride, p.axes, p.sizes, p.steps
        inner, step = sizes[axes - 1], steps[axes - 1]
        i = lo
        while i < hi:
            # one row of the indices, or what is left of it
            row, column = i // inner, i % inner
            stop, at = min(hi, i + inner - column), column * step
            for axis in range(axes - 2, -1, -1):
                at += row % sizes[axis] * steps[axis]
                row //= sizes[axis]
            while i < stop:
                index = np.int64(indices[at])
                if signed and index < 0:
                    index += size
                if index < 0 or index >= size:
                    return 1
                if first:
                    offsets[i] = index * stride
                else:
                    offsets[i] += index * stride
                i, at = i + 1, at + step
        return 0

    return kernel


class GatherParams(NamedTuple):
    """Of `make_gather`.  Steps are in elements."""

    rows: int  # for each i
    columns: int
    out_i: int  # step of out along i
    out_column: int
    x_column: int
    axes: int  # that rows are counted over
    sizes: tuple[int, ...]
    out_steps: tuple[int, ...]
    x_steps: tuple[int, ...]


def make_gather(name: str) -> Kernel:
    """out[i, row, column] = x[offsets[i] + (row, column)].  unit = i * rows + row."""
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x, offsets = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], np.int64)
        p = read(params, GatherParams)
        rows, columns, out_i, out_column, x_column = p.rows, p.columns, p.out_i, p.out_column, p.x_column
        axes, sizes, out_steps, x_steps = p.axes, p.sizes, p.out_steps, p.x_steps
        for unit in range(lo, hi):
            i, row = unit, 0
            if rows > 1:
                i, row = unit // rows, unit % rows
            to, start = i * out_i, offsets[i]
            for axis in range(axes - 1, -1, -1):
                size = sizes[axis]
                to += row % size * out_steps[axis]
                start += row % size * x_steps[axis]
                row //= size
            if out_column == 1 and x_column == 1:
                for c in range(columns):
                    out[to + c] = x[start + c]
            else:
                for c in range(columns):
                    out[to + c * out_column] = x[start + c * x_column]
        return 0

    return kernel


class PickParams(NamedTuple):
    """Of `make_pick`."""

    size: int  # of x


def make_pick(name: str, index: str) -> Kernel:
    """out[i] = x[index[i]]: single elements of a vector, all contiguous, in one pass.  unit = i."""
    from ..tiles.intrinsics import pointer, read

    dtype, index_dtype = np.dtype(name), np.dtype(index)
    signed = index_dtype.kind == "i"

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x, indices = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], index_dtype)
        size = read(params, PickParams).size
        for i in range(lo, hi):
            place = np.int64(indices[i])
            # below zero is beyond every size for unsigned numbers: most indices need one comparison
            if np.uint64(place) >= np.uint64(size):
                if not signed or place >= 0 or place + size < 0:
                    return 1
                place += size
            out[i] = x[place]
        return 0

    return kernel


ROWS, COLUMNS, OFFSETS = range(3)  # what the units of a scatter own


class ScatterParams(NamedTuple):
    """Of `make_scatter`.  Steps are in elements."""

    mode: int  # what a unit owns: rows, stretches of the columns (there is one row), or ranges of offsets
    indices: int  # values of i
    rows: int  # for each i
    columns: int
    v_i: int  # step of v along i
    v_column: int
    out_column: int
    block: int  # columns or offsets of a unit
    axes: int  # that rows are counted over
    sizes: tuple[int, ...]
    out_steps: tuple[int, ...]
    v_steps: tuple[int, ...]


def make_scatter(name: str, how: str) -> Kernel:
    """out[offsets[i] + (row, column)] = (or +=, or |=) v[i, row, column], in the order of i for each element of out.

    Units own parts of out, so that they never meet.  However many units a thread gets, they are one range, walked over
    once.
    """
    from ..tiles.intrinsics import pointer, read

    dtype = np.dtype(name)
    add, either = how == "+=", how == "|="

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, v, offsets = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], np.int64)
        p = read(params, ScatterParams)
        mode, count, rows, columns, block = p.mode, p.indices, p.rows, p.columns, p.block
        v_i, v_column, out_column, axes = p.v_i, p.v_column, p.out_column, p.axes
        sizes, out_steps, v_steps = p.sizes, p.out_steps, p.v_steps
        first, last = lo * block, hi * block
        row0, row1, column0, column1 = 0, rows, 0, columns
        if mode == ROWS:
            row0, row1 = lo, hi
        if mode == COLUMNS:
            column0, column1 = first, min(last, columns)
        for row in range(row0, row1):
            to, start, rest = column0 * out_column, column0 * v_column, row
            for axis in range(axes - 1, -1, -1):
                size = sizes[axis]
                to += rest % size * out_steps[axis]
                start += rest % size * v_steps[axis]
                rest //= size
            for i in range(count):
                offset = offsets[i]
                if mode == OFFSETS and not first <= offset < last:
                    continue
                a, b = to + offset, start + i * v_i
                if out_column == 1 and v_column == 1:
                    for c in range(column1 - column0):
                        if add:
                            out[a + c] += v[b + c]
                        elif either:
                            out[a + c] |= v[b + c]
                        else:
                            out[a + c] = v[b + c]
                else:
                    for c in range(column1 - column0):
                        if add:
                            out[a + c * out_column] += v[b + c * v_column]
                        elif either:
                            out[a + c * out_column] |= v[b + c * v_column]
                        else:
                            out[a + c * out_column] = v[b + c * v_column]
        return 0

    return kernel
