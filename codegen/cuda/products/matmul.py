"""out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]: plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.errors import ArgumentError
from ....symbolic.types import FLOAT32, DType
from ..launch import GridLaunch, GridPlan, LaunchArgument, Processor, Strided, operand, scratch, table
from ..trace.builder import INT32, KernelBuilder, place_type
from ..trace.kernel import Pointer, TracedKernel, TraceRef
from . import tiles
from .gemm import ArrayWriter, BlockTile, Frame, compute
from .numbers import MOST_INT32, Numbers, as_place
from .operands import AffineAddresses, Layout, Staging, affine_layout
from .tiles import Choice, ProductSize, even_splits

_MOST = MOST_INT32 - (1 << 16)  # a size, so that what is added to it stays an int32
_ZEROS_THREADS = 256


class MatmulCode(NamedTuple):
    """What decides on the code of a matrix product."""

    frame: Frame
    a: Layout
    b: Layout
    batch_axes: int
    pairs: bool
    wide: bool


def plan_matmul(out: Strided, a: Strided, b: Strided, processor: Processor) -> GridPlan:
    """The launches for out = a @ b.

    Parameters
    ----------
    out : Strided
        (..., m, n), contiguous.
    a, b : Strided
        (..., m, k) and (..., k, n) of out's dtype, with any strides; the leading sizes broadcast to out's.  k may be 0:
        the sums are then 0.
    """
    return multiply(out, a, b, processor)


def multiply(
    out: Strided, a: Strided, b: Strided, processor: Processor, operands: tuple[int, int] = (1, 2), name: str = "matmul"
) -> GridPlan:
    """As `plan_matmul`, for operands of these numbers."""
    if 0 in out.shape:
        return GridPlan(())
    if a.shape[-1] == 0:
        return plan_zeros(out)
    wide = is_wide(out, a, b)
    sizes, a_batch, b_batch = join_axes(out.shape[:-2], _batch_strides(a, out), _batch_strides(b, out))
    (m, n), depth = out.shape[-2:], a.shape[-1]
    if sizes and b_batch[-1] == 0 and (m == 1 or a_batch[-1] == m * a.strides[-2]):  # one product of many rows
        a = a._replace(strides=(a.strides[-2] if m > 1 else a_batch[-1], a.strides[-1]))
        m, sizes, a_batch, b_batch = m * sizes[-1], sizes[:-1], a_batch[:-1], b_batch[:-1]
    size = ProductSize(m, n, depth, math.prod(sizes))
    frame, choice = choose_frame(out.dtype, size, processor)
    itemsize = out.dtype.itemsize
    a_steps, b_steps = (a.strides[-2], a.strides[-1]), (b.strides[-1], b.strides[-2])
    code = MatmulCode(
        frame,
        affine_layout(itemsize, a.start, a_steps, (m, depth), a_batch),
        affine_layout(itemsize, b.start, b_steps, (n, depth), b_batch),
        len(sizes),
        n % 2 == 0,
        wide,
    )
    numbers = [a.start, *a_steps, b.start, *b_steps]
    for axis in zip(sizes, a_batch, b_batch, strict=True):
        numbers += axis
    return plan_product(TraceRef(make_matmul, (code,)), frame, size, choice, numbers, name, operands)


def _batch_strides(x: Strided, out: Strided) -> tuple[int, ...]:
    """Strides along the leading axes of the result, 0 where the operand is repeated."""
    missing = len(out.shape) - len(x.shape)
    own = [step if size > 1 else 0 for size, step in zip(x.shape[:-2], x.strides[:-2], strict=True)]
    return (*[0] * missing, *own)


def join_axes(sizes: Sequence[int], *strides: Sequence[int]) -> tuple[Any, ...]:
    """The same indices with as few axes as possible: sizes, and each operand's strides."""
    joined: list[list[int]] = []  # size, strides
    for size, *steps in zip(sizes, *strides, strict=True):
        if size == 1:
            continue
        if joined and all(outer == inner * size for outer, inner in zip(joined[-1][1:], steps, strict=True)):
            joined[-1] = [joined[-1][0] * size, *steps]
        else:
            joined.append([size, *steps])
    return tuple(tuple(axis[i] for axis in joined) for i in range(1 + len(strides)))


def is_wide(*arrays: Strided) -> bool:
    """Whether places in one of these arrays do not fit into int32."""
    return any(_farthest(x) > _MOST for x in arrays)


def _farthest(x: Strided) -> int:
    reach = sum((size - 1) * abs(step) for size, step in zip(x.shape, x.strides, strict=True))
    return x.start + reach


def choose_frame(dtype: DType, size: ProductSize, processor: Processor, computed: bool = False) -> tuple[Frame, Choice]:
    """How products of these sizes are computed on a processor.

    computed : whether the place of each element of an operand is computed by itself, which takes registers
    """
    modern = processor.architecture >= 80
    if dtype == FLOAT32 and modern:
        exact = processor.precision == "float32"
        candidates = tiles.TENSOR_TILES if exact else tiles.ROUNDED_TILES
        choice = tiles.choose(
            size, candidates, tiles.EXACT_RATE if exact else tiles.ROUNDED_RATE, processor.multiprocessors
        )
        name, asynchronous = "tf32x3" if exact else "tf32", True
    else:
        candidates = tiles.SIMT_TILES
        if dtype.itemsize == 8:
            candidates = tiles.COMPUTED_TILES_OF_8_BYTES if computed else tiles.SIMT_TILES_OF_8_BYTES
        choice = tiles.choose(size, candidates, tiles.SIMT_RATE / (dtype.itemsize // 8 + 1), processor.multiprocessors)
        asynchronous = modern and dtype.itemsize >= 4
        choice = choice._replace(tile=choice.tile._replace(stages=3 if asynchronous else 2))
        name = "simt"
    return Frame(dtype.name, name, choice.tile, choice.splits > 1, asynchronous), choice


def plan_product(
    kernel: TraceRef,
    frame: Frame,
    size: ProductSize,
    choice: Choice,
    numbers: Sequence[int],
    name: str,
    operands: tuple[int, int] = (1, 2),
) -> GridPlan:
    """One launch of a kernel of products.

    numbers : what it gets behind the sizes
    operands : the numbers of A and B

    Raises ArgumentError where a size does not fit into int32.
    """
    tile = choice.tile
    row_tiles, column_tiles = math.ceil(size.m / tile.rows), math.ceil(size.n / tile.columns)
    each, splits = even_splits(size.k, tile, choice.splits)
    outputs = row_tiles * column_tiles * size.batch
    if max(size.m, size.n, size.k, outputs * splits) > _MOST:
        raise ArgumentError(
            f"{size.batch} products of {size.m} x {size.k} by {size.k} x {size.n} are too many at once."
        )
    arguments: list[LaunchArgument] = [operand(0), *map(operand, operands)]
    buffers: tuple[int, ...] = ()
    counters: tuple[np.ndarray, ...] = ()
    if frame.shared_sums:
        arguments += [scratch(0), table(0)]
        buffers = (outputs * splits * tile.rows * tile.columns * frame.sums.itemsize,)
        counters = (np.zeros(outputs, np.int32),)
    arguments += [size.m, size.n, size.k, row_tiles, column_tiles, splits, each, *numbers]
    shared = f", k by {splits} blocks" if splits > 1 else ""
    way = f"{name}: {frame.math} in tiles of {tile.rows} x {tile.columns} x {tile.depth}{shared}"
    return GridPlan((GridLaunch(kernel, (outputs * splits,), tuple(arguments)),), buffers, counters, way)


def make_matmul(code: MatmulCode) -> TracedKernel:
    """The kernel of a matrix product; sizes and strides are its parameters."""
    frame, tile, place = code.frame, code.frame.tile, place_type(code.wide)
    parameters = [*frame.parameters, *AffineAddresses.parameters(code.wide) * 2]
    parameters += [INT32, place, place] * code.batch_axes

    def body(k: KernelBuilder, out: Any, a: Any, b: Any, *rest: Any) -> None:
        shared = list(rest[: 2 * frame.shared_sums])
        numbers = Numbers(k, rest[len(shared) :])
        block = BlockTile(k, tile, numbers)
        left = AffineAddresses(k, code.wide, numbers, block.row, (block.rows, block.depth))
        right = AffineAddresses(k, code.wide, numbers, block.column, (block.columns, block.depth))
        _move_to_item(k, code, block.batch, numbers, left, right)
        writer = _MatrixWriter(k, out, code, block)
        compute(
            k,
            frame,
            block,
            Staging(k, a, left, code.a, tile.rows, tile, frame.sums),
            Staging(k, b, right, code.b, tile.columns, tile, frame.sums),
            writer,
            shared,
        )

    return TracedKernel("matmul", tuple(parameters), tile.threads, body)


def _move_to_item(
    k: KernelBuilder, code: MatmulCode, item: Any, numbers: Numbers, a: AffineAddresses, b: AffineAddresses
) -> None:
    """Begin at the batch's item."""
    axes = [numbers.take(3) for _ in range(code.batch_axes)]
    for size, a_step, b_step in reversed(axes):
        index = as_place(k, k.remainder(item, size), code.wide)
        item = k.quotient(item, size)
        a.move(index * a_step)
        b.move(index * b_step)


class _MatrixWriter(ArrayWriter):
    """out[batch, m, n], contiguous."""

    def __init__(self, k: KernelBuilder, out: Any, code: MatmulCode, block: BlockTile) -> None:
        super().__init__(k, out, code.pairs)
        self.wide, self.block = code.wide, block

    def row(self, index: Any) -> tuple[Any, Any]:
        k, block = self.k, self.block
        index = block.row + index
        above = as_place(k, block.batch, self.wide) * as_place(k, block.rows, self.wide) + as_place(k, index, self.wide)
        return above * as_place(k, block.columns, self.wide), index < block.rows

    def column(self, index: Any) -> tuple[Any, Any]:
        index = self.block.column + index
        return as_place(self.k, index, self.wide), index < self.block.columns


def plan_zeros(out: Strided) -> GridPlan:
    """A launch that fills a result, which is not empty, with zeros."""
    size = math.prod(out.shape)
    wide = size > _MOST // 2  # places beyond the last one are computed
    kernel = TraceRef(make_zeros, (out.dtype.name, wide))
    blocks = min(math.ceil(size / _ZEROS_THREADS), 1 << 12)
    return GridPlan((GridLaunch(kernel, (blocks,), (operand(0), size)),), way="sums over nothing: zeros")


def make_zeros(dtype: str, wide: bool) -> TracedKernel:
    """out[i] = 0 for all i below a number."""

    def body(k: KernelBuilder, out: Any, size: Any) -> None:
        first = as_place(k, k.block[0] * _ZEROS_THREADS + k.thread, wide)
        step = as_place(k, k.grid[0] * _ZEROS_THREADS, wide)
        for i in k.range(first, size, step):
            out[i] = k.constant(out.dtype, 0)

    return TracedKernel("zeros", (Pointer(np.dtype(dtype)), place_type(wide)), _ZEROS_THREADS, body)
