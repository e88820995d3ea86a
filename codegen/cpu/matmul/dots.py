"""Products of a matrix and a vector, or a few: dot products of rows that lie in order, nothing packed."""

import math
from types import FunctionType
from typing import Any

from ..launch import Launch
from ..run.native import kernel_address
from ..tiles import dot
from ..tiles.vectors import registers

_UNIT = 1 << 15  # multiplications in one unit
_ELEMENT_NS = 0.1


def launch_dots(
    dtype: str, itemsize: int, batch: tuple[int, ...], few: tuple[int, int, int, tuple[int, ...]],
    many: tuple[int, int, int, tuple[int, ...]], k: int, steps: tuple[int, int],
) -> Launch:  # fmt: skip
    """out[batch, i, j] = sum over k of few[batch, i, k] many[batch, j, k], both contiguous along k.

    `few` and `many` are (buffer, count, step from row to row, batch strides); `steps` are out's along i and j.
    """
    (few_buffer, columns, few_step, few_batch), (many_buffer, rows, many_step, many_batch) = few, many
    wide = min(columns, 4)
    tall = min(rows, 8 if wide == 1 else registers() // 8)  # 8 or 16 sums in registers
    functions = tuple(
        dot.address(dtype, r, c) for r in (tall, (rows - 1) % tall + 1) for c in (wide, (columns - 1) % wide + 1)
    )
    tiles = math.ceil(rows / tall)
    block = max(1, _UNIT // (tall * k * columns))
    sizes = (itemsize, rows, columns, k, tall, wide, block, many_step, few_step, *steps, rows * columns)
    params = (*functions, *sizes, len(batch), *batch, *many_batch, *few_batch)
    extent = math.prod(batch) * math.ceil(tiles / block)
    cost = _ELEMENT_NS * math.prod(batch) * rows * columns * k
    return Launch(kernel_address(make_matmul_dots), (0, many_buffer, few_buffer), params, extent, cost)


def make_matmul_dots() -> FunctionType:
    """The kernel of `launch_dots`; unit = (batch item, block of tiles of the many rows)."""
    from ..tiles.intrinsics import address_of, call, stack, take

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        whole, narrow, low, corner, itemsize, rows, columns, k = take(params, 0, 8)
        tall, wide, block, row_step, column_step, out_column, out_row, out_item, axes = take(params, 8, 9)
        tiles = (rows + tall - 1) // tall
        blocks = (tiles + block - 1) // block
        offsets = stack(16)
        for j in range(wide):
            offsets[j] = j * column_step
        for unit in range(lo, hi):
            item, first = unit // blocks, unit % blocks * block
            out, a, b, rest = buffers[0] + item * out_item * itemsize, buffers[1], buffers[2], item
            for axis in range(axes - 1, -1, -1):
                index = rest % params[17 + axis]
                rest //= params[17 + axis]
                a += index * params[17 + axes + axis] * itemsize
                b += index * params[17 + 2 * axes + axis] * itemsize
            for tile in range(first, min(first + block, tiles)):
                for strip in range((columns + wide - 1) // wide):
                    i, j = tile * tall, strip * wide
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
