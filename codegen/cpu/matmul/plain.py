"""Matrix products of integers and booleans, and empty sums: plain loops, rows of out as units."""

import math
from types import FunctionType
from typing import Any

import numpy as np

from ..launch import Array, Launch, Plan
from ..run.native import kernel_address


def plan_plain(out: Array, a: Array, b: Array) -> Plan:
    """out = a @ b as NumPy has it: integers wrap, booleans are `any` of `and`; a sum over nothing is 0."""
    (m, n), k = out.shape[-2:], a.shape[-1]
    batch = (len(out.shape) - 2, *out.shape[:-2], *a.strides[:-2], *b.strides[:-2])
    extent = math.prod(out.shape[:-1])
    params = (m, n, k, *a.strides[-2:], *b.strides[-2:], *batch)
    kernel = kernel_address(make_plain, out.dtype.name)
    return Plan((Launch(kernel, (0, 1, 2), params, extent, 0.5 * extent * n * (k + 1)),))


def make_plain(dtype: str) -> FunctionType:
    """out[batch, m, n] = a b for one dtype; unit = (batch item, row)."""
    from ..tiles.intrinsics import pointer

    logical = dtype == "bool"  # bytes of 0 and 1
    element = np.uint8 if logical else np.dtype(dtype).type
    zero = element(0)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, a, b = pointer(buffers[0], element), pointer(buffers[1], element), pointer(buffers[2], element)
        m, n, k, a_row, a_step = params[0], params[1], params[2], params[3], params[4]
        b_step, b_column, axes = params[5], params[6], params[7]
        for unit in range(lo, hi):
            item, a_at, b_at = unit // m, unit % m * a_row, 0
            for axis in range(axes - 1, -1, -1):
                index = item % params[8 + axis]
                item //= params[8 + axis]
                a_at += index * params[8 + axes + axis]
                b_at += index * params[8 + 2 * axes + axis]
            for j in range(n):
                out[unit * n + j] = zero
            for t in range(k):
                left = a[a_at + t * a_step]
                for j in range(n):
                    right = b[b_at + t * b_step + j * b_column]
                    if logical:
                        out[unit * n + j] |= left & right
                    else:
                        out[unit * n + j] = element(out[unit * n + j] + left * right)
        return 0

    return kernel
