"""Matrix products of integers and booleans, and empty sums: plain loops, rows of out as units."""

import math
from typing import Any, NamedTuple

import numpy as np

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import MATMUL_PLAIN_NS


def plan_plain(out: Array, a: Array, b: Array) -> Plan:
    """out = a @ b as NumPy has it: integers wrap, booleans are `any` of `and`; a sum over nothing is 0."""
    (m, n), k = out.shape[-2:], a.shape[-1]
    (a_row, a_k), (b_k, b_column) = a.strides[-2:], b.strides[-2:]
    batch = out.shape[:-2]
    params = PlainParams(m, n, k, a_row, a_k, b_k, b_column, len(batch), batch, a.strides[:-2], b.strides[:-2])
    extent = math.prod(out.shape[:-1])
    cost = MATMUL_PLAIN_NS * extent * n * (k + 1)
    launch = Launch(KernelRef(make_plain, (out.dtype.name,)), (0, 1, 2), params, extent, cost)
    return Plan((launch,), way=f"matmul: plain loops over rows of {out.dtype}")


class PlainParams(NamedTuple):
    """Of `make_plain`.  Steps are in elements."""

    m: int
    n: int
    k: int
    a_row: int
    a_k: int
    b_k: int
    b_column: int
    axes: int  # of the batch
    batch: tuple[int, ...]  # their sizes
    a_batch: tuple[int, ...]  # steps along them
    b_batch: tuple[int, ...]


def make_plain(dtype: str) -> Kernel:
    """out[batch, m, n] = a b for one dtype; unit = (batch item, row)."""
    from ..tiles.intrinsics import pointer, read

    logical = dtype == "bool"  # bytes of 0 and 1
    element = np.uint8 if logical else np.dtype(dtype).type
    zero = element(0)

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        out, a, b = pointer(buffers[0], element), pointer(buffers[1], element), pointer(buffers[2], element)
        p = read(params, PlainParams)
        m, n, k, a_row, a_step, b_step, b_column, axes = p.m, p.n, p.k, p.a_row, p.a_k, p.b_k, p.b_column, p.axes
        for unit in range(lo, hi):
            item, a_at, b_at = unit // m, unit % m * a_row, 0
            for axis in range(axes - 1, -1, -1):
                index = item % p.batch[axis]
                item //= p.batch[axis]
                a_at += index * p.a_batch[axis]
                b_at += index * p.b_batch[axis]
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
