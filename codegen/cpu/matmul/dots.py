"""Products of a matrix and a vector, or a few: dot products of rows that lie in order, nothing packed."""

import math
from typing import Any, NamedTuple

from ..launch import Kernel, KernelRef, Launch, Plan
from ..model import MATMUL_DOT_NS, registers
from ..params import Address
from ..tiles import code

_UNIT = 1 << 15  # multiplications in one unit


def plan_dots(
    dtype: str, itemsize: int, batch: tuple[int, ...], few: tuple[int, int, int, tuple[int, ...]],
    many: tuple[int, int, int, tuple[int, ...]], k: int, steps: tuple[int, int],
) -> Plan:  # fmt: skip
    """out[batch, i, j] = sum over k of few[batch, i, k] many[batch, j, k], both contiguous along k.

    `few` and `many` are (buffer, count, step from row to row, batch strides); `steps` are out's along i and j.
    """
    (few_buffer, columns, few_step, few_batch), (many_buffer, rows, many_step, many_batch) = few, many
    wide = min(columns, 4)
    tall = min(rows, 8 if wide == 1 else registers() // 8)  # 8 or 16 sums in registers
    last_tall, last_wide = (rows - 1) % tall + 1, (columns - 1) % wide + 1
    tiles = math.ceil(rows / tall)
    block = max(1, _UNIT // (tall * k * columns))
    params = MatmulDotsParams(
        whole=code.dot(dtype, tall, wide), narrow=code.dot(dtype, tall, last_wide),
        low=code.dot(dtype, last_tall, wide), corner=code.dot(dtype, last_tall, last_wide),
        itemsize=itemsize, rows=rows, columns=columns, k=k, tall=tall, wide=wide, block=block,
        row_step=many_step, column_step=few_step, out_column=steps[0], out_row=steps[1],
        axes=len(batch), batch=batch, a_batch=many_batch, b_batch=few_batch,
    )  # fmt: skip
    extent = math.prod(batch) * math.ceil(tiles / block)
    cost = MATMUL_DOT_NS * math.prod(batch) * rows * columns * k
    launch = Launch(KernelRef(make_matmul_dots), (0, many_buffer, few_buffer), params, extent, cost)
    return Plan((launch,), way=f"matmul: dot products along k, {dtype} {tall} x {wide} at a time, nothing packed")


class MatmulDotsParams(NamedTuple):
    """Of `make_matmul_dots`: rows are of the operand with many, columns of that with few.  Steps are in elements."""

    whole: Address  # the function of tall x wide results
    narrow: Address  # of those in the last columns
    low: Address  # in the last rows
    corner: Address  # in both
    itemsize: int  # bytes
    rows: int
    columns: int
    k: int
    tall: int
    wide: int
    block: int  # rows of tiles in one unit
    row_step: int
    column_step: int
    out_column: int
    out_row: int
    axes: int  # of the batch
    batch: tuple[int, ...]  # their sizes
    a_batch: tuple[int, ...]  # steps along them, of the operand with many rows
    b_batch: tuple[int, ...]


def make_matmul_dots() -> Kernel:
    """The kernel of `plan_dots`; unit = (batch item, block of tiles of the many rows)."""
    from ..tiles.intrinsics import address_of, call, read, stack

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, MatmulDotsParams)
        whole, narrow, low, corner, itemsize = p.whole, p.narrow, p.low, p.corner, p.itemsize
        rows, columns, k, tall, wide, block = p.rows, p.columns, p.k, p.tall, p.wide, p.block
        row_step, column_step, out_column, out_row = p.row_step, p.column_step, p.out_column, p.out_row
        axes, out_item = p.axes, rows * columns
        tiles = (rows + tall - 1) // tall
        blocks = (tiles + block - 1) // block
        offsets = stack(16)
        for j in range(wide):
            offsets[j] = j * column_step
        for unit in range(lo, hi):
            item, first = unit // blocks, unit % blocks * block
            out, a, b, rest = buffers[0] + item * out_item * itemsize, buffers[1], buffers[2], item
            for axis in range(axes - 1, -1, -1):
                index = rest % p.batch[axis]
                rest //= p.batch[axis]
                a += index * p.a_batch[axis] * itemsize
                b += index * p.b_batch[axis] * itemsize
            for tile in range(first, min(first + block, tiles)):
                for panel in range((columns + wide - 1) // wide):
                    i, j = tile * tall, panel * wide
                    inside, straight = i + tall <= rows, j + wide <= columns
                    function = (whole if straight else narrow) if inside else (low if straight else corner)
                    call(
                        function,
                        (0, a + i * row_step * itemsize, row_step, 0, 0, b + j * column_step * itemsize,
                         address_of(offsets, 0), 0, 0, 1, 1, k, out + (i * out_row + j * out_column) * itemsize,
                         out_row, out_column),
                    )  # fmt: skip
        return 0

    return kernel
