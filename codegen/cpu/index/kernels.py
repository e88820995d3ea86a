"""Kernels of indexed access: indices -> offsets in elements, and from offsets to elements.

Indices are checked and turned into int64 offsets first, for all of them, so that the kernels that move data are few,
have nothing to check, and nothing is written where an index is out of range.
"""

from types import FunctionType
from typing import Any

import numpy as np


def make_offsets(name: str, first: bool) -> FunctionType:
    """offsets[i] = (or +=, unless `first`) stride * index[i]; negative indices count from the end.

    params: size and stride of the indexed axis; then axes, sizes and strides of the indices.  unit = i.
    """
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    signed = dtype.kind == "i"

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        offsets, indices = pointer(buffers[0], np.int64), pointer(buffers[1], dtype)
        size, stride, axes = params[0], params[1], params[2]
        inner, step = params[2 + axes], params[2 + 2 * axes]
        i = lo
        while i < hi:
            # one row of the indices, or what is left of it
            row, column = i // inner, i % inner
            stop, at = min(hi, i + inner - column), column * step
            for axis in range(axes - 2, -1, -1):
                at += row % params[3 + axis] * params[3 + axes + axis]
                row //= params[3 + axis]
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


def make_gather(name: str) -> FunctionType:
    """out[i, row, column] = x[offsets[i] + (row, column)].

    params: rows, columns; strides of out by i and column, stride of x by column; then axes, sizes, strides of out and
    strides of x for the axes that rows are counted over.  unit = i * rows + row.
    """
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x, offsets = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], np.int64)
        rows, columns, out_i, out_column, x_column = params[0], params[1], params[2], params[3], params[4]
        axes = params[5]
        for unit in range(lo, hi):
            i, row = unit, 0
            if rows > 1:
                i, row = unit // rows, unit % rows
            to, start = i * out_i, offsets[i]
            for axis in range(axes - 1, -1, -1):
                size = params[6 + axis]
                to += row % size * params[6 + axes + axis]
                start += row % size * params[6 + 2 * axes + axis]
                row //= size
            if out_column == 1 and x_column == 1:
                for c in range(columns):
                    out[to + c] = x[start + c]
            else:
                for c in range(columns):
                    out[to + c * out_column] = x[start + c * x_column]
        return 0

    return kernel


def make_pick(name: str, index: str) -> FunctionType:
    """out[i] = x[index[i]]: single elements of a vector, all contiguous, in one pass.

    params: size of x.  unit = i.
    """
    from ..tiles.intrinsics import pointer

    dtype, index_dtype = np.dtype(name), np.dtype(index)
    signed = index_dtype.kind == "i"

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, x, indices = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], index_dtype)
        size = params[0]
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


def make_scatter(name: str, how: str) -> FunctionType:
    """out[offsets[i] + (row, column)] = (or +=, or |=) v[i, row, column], in the order of i for each element of out.

    params: how units are counted; how many i; rows, columns; strides of v by i and column, stride of out by column;
    elements in a unit; then axes, sizes, strides of out and strides of v for the axes that rows are counted over.

    Units own parts of out, so that they never meet: rows (0), stretches of the columns (1: there is one row), or
    ranges of offsets (2).  However many units a thread gets, they are one range, walked over once.
    """
    from ..tiles.intrinsics import pointer

    dtype = np.dtype(name)
    add, either = how == "+=", how == "|="

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, v, offsets = pointer(buffers[0], dtype), pointer(buffers[1], dtype), pointer(buffers[2], np.int64)
        mode, count, rows, columns = params[0], params[1], params[2], params[3]
        v_i, v_column, out_column, block, axes = params[4], params[5], params[6], params[7], params[8]
        first, last = lo * block, hi * block
        row0, row1, column0, column1 = 0, rows, 0, columns
        if mode == 0:
            row0, row1 = lo, hi
        if mode == 1:
            column0, column1 = first, min(last, columns)
        for row in range(row0, row1):
            to, start, rest = column0 * out_column, column0 * v_column, row
            for axis in range(axes - 1, -1, -1):
                size = params[9 + axis]
                to += rest % size * params[9 + axes + axis]
                start += rest % size * params[9 + 2 * axes + axis]
                rest //= size
            for i in range(count):
                offset = offsets[i]
                if mode == 2 and not first <= offset < last:
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
