"""D[m, n] = sum over k of A(m, k) B(k, n): what all kernels of products have in common.

A block computes one tile of D.  The next k tiles of A and B are on their way to shared memory while it adds up the
products of the present one.  Where D has few tiles and k is long, several blocks share a tile: each leaves its sums in
scratch memory, and the last to arrive adds them up in order, so that the result has the same bits each time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from ....symbolic.types import BOOL, DType
from ..trace.builder import INT32, INT64, WARP, KernelBuilder
from ..trace.kernel import Parameter, Pointer
from .numbers import Numbers
from .operands import Fragments
from .simt import Products, ThreadProducts, sum_dtype
from .tensor import TensorProducts
from .tiles import Tile

SIZES = 7  # numbers of a `BlockTile`


class Frame(NamedTuple):
    """What decides on the code of a product, whatever its operands are.

    math : "simt", "tf32x3" or "tf32"
    shared_sums : whether several blocks may share a tile
    asynchronous : whether copies to shared memory go on by themselves: sm_80
    """

    dtype: str
    math: str
    tile: Tile
    shared_sums: bool
    asynchronous: bool

    @property
    def parameters(self) -> list[Parameter]:
        """The result, A and B; sums and counters of blocks that share tiles; sizes."""
        array = Pointer(np.dtype(self.dtype))
        sums = [Pointer(self.sums), Pointer(INT32)] if self.shared_sums else []
        return [*[array] * 3, *sums, *[INT32] * SIZES]

    @property
    def sums(self) -> DType:
        """The dtype of sums."""
        return sum_dtype(np.dtype(self.dtype))


class BlockTile:
    """The tile that a block computes, and which part of k it adds up."""

    def __init__(self, k: KernelBuilder, tile: Tile, numbers: Numbers) -> None:
        self.rows, self.columns, self.depth, row_tiles, column_tiles, self.splits, self.each = numbers.take(SIZES)
        left = k.block[0]
        left, self.column_tile = k.quotient(left, column_tiles), k.remainder(left, column_tiles)
        left, self.row_tile = k.quotient(left, row_tiles), k.remainder(left, row_tiles)
        self.batch, self.split = k.quotient(left, self.splits), k.remainder(left, self.splits)
        self.tile = (self.batch * row_tiles + self.row_tile) * column_tiles + self.column_tile
        self.row, self.column = self.row_tile * tile.rows, self.column_tile * tile.columns
        all_tiles = k.quotient(self.depth + (tile.depth - 1), tile.depth)
        self.first = self.split * self.each * tile.depth
        self.tiles = k.minimum(all_tiles - self.split * self.each, self.each)


class Writer(ABC):
    """Where results go: a place is the sum of what its row and its column contribute."""

    pairs: bool  # whether two neighbouring columns, of which the first is even, may be written at once

    @abstractmethod
    def row(self, index: Any) -> tuple[Any, Any]:
        """What a row, counted from the tile's first, contributes, and whether the result has it."""

    @abstractmethod
    def column(self, index: Any) -> tuple[Any, Any]:
        """The same for a column."""

    @abstractmethod
    def store(self, place: Any, values: list[Any]) -> None:
        """Write neighbours."""


class ArrayWriter(Writer):
    """Writes sums to an array."""

    def __init__(self, k: KernelBuilder, out: Any, pairs: bool) -> None:
        self.k, self.out, self.pairs = k, out, pairs

    def store(self, place: Any, values: list[Any]) -> None:
        kept = [self.k.cast(value, self.out.dtype) for value in values]
        self.out.store(place, kept if len(kept) > 1 else kept[0])


class SharedSums(NamedTuple):
    """Scratch memory for the sums of blocks that share tiles, and a counter for each tile, which is 0 in between."""

    sums: Any
    arrived: Any


def compute(
    k: KernelBuilder, frame: Frame, block: BlockTile, a: Fragments, b: Fragments, writer: Writer, shared: list[Any]
) -> None:
    """The body of a kernel.  `shared`: arrays of `SharedSums`, if blocks share tiles."""
    a.start()
    b.start()
    products = _products(k, frame, a, b)
    (_run_ahead if frame.asynchronous else _run_in_turns)(k, frame.tile, block, (a, b), products)
    if frame.shared_sums or frame.tile.slices > 1:
        _write_together(k, frame, block, products, writer, SharedSums(*shared) if shared else None)
    else:
        _write(k, products, writer)


def _products(k: KernelBuilder, frame: Frame, a: Fragments, b: Fragments) -> Products:
    if frame.math == "simt":
        return ThreadProducts(k, frame.tile, a, b, frame.sums, np.dtype(frame.dtype) == BOOL)
    return TensorProducts(k, frame.tile, a, b, frame.math == "tf32x3")


# ---- the loop over k ----------------------------------------------------------------------------------------------


def _prepare(k: KernelBuilder, tile: Tile, block: BlockTile, operands: tuple[Fragments, ...]) -> None:
    for stage in range(tile.stages):
        for x in operands:
            x.prepare(block.first + stage * tile.depth)
    k.barrier()


def _run_ahead(
    k: KernelBuilder, tile: Tile, block: BlockTile, operands: tuple[Fragments, ...], products: Products
) -> None:
    """All stages but one are on their way."""
    ahead = tile.stages - 1
    _prepare(k, tile, block, operands)
    for stage in range(ahead):
        with k.when(block.tiles > stage):
            for x in operands:
                x.issue(block.first + stage * tile.depth)
        k.commit_copies()
    for number in k.range(0, block.tiles):
        here = block.first + number * tile.depth
        k.await_copies(ahead - 1)
        k.barrier()
        with k.when(number + ahead < block.tiles):
            for x in operands:
                x.issue(here + ahead * tile.depth)
        k.commit_copies()
        products.multiply()
        for x in operands:
            x.release()
            x.prepare(here + tile.stages * tile.depth)
    k.await_copies(0)


def _run_in_turns(
    k: KernelBuilder, tile: Tile, block: BlockTile, operands: tuple[Fragments, ...], products: Products
) -> None:
    """The next of two stages is read to registers before the products of the present one are added."""
    _prepare(k, tile, block, operands)
    for x in operands:
        x.fetch(block.first)
        x.put()
    for number in k.range(0, block.tiles):
        here = block.first + number * tile.depth
        k.barrier()
        for x in operands:
            x.fetch(here + tile.depth)
        products.multiply()
        for x in operands:
            x.release()
            x.put()
            x.prepare(here + tile.stages * tile.depth)


# ---- results ------------------------------------------------------------------------------------------------------


def _write(k: KernelBuilder, products: Products, writer: Writer) -> None:
    """Each thread writes its own sums."""
    rows = [writer.row(row) for row in products.rows]
    step = products.width if writer.pairs else 1
    for j, column in enumerate(products.columns):
        for part in range(0, products.width, step):
            place, inside = writer.column(column + part)
            for i, (row, exists) in enumerate(rows):
                with k.when(inside & exists):
                    writer.store(row + place, products.sums(i, j)[part : part + step])


def _write_together(
    k: KernelBuilder, frame: Frame, block: BlockTile, products: Products, writer: Writer, shared: SharedSums | None
) -> None:
    """Sums meet in shared memory, where slices are added up; neighbouring threads then have neighbouring columns."""
    tile = frame.tile
    pitch = tile.columns + 4
    k.barrier()
    memory = k.overlay_array(frame.sums, tile.slices * tile.rows * pitch)
    first = k.quotient(k.thread, WARP * tile.warps) * tile.rows
    for i, row in enumerate(products.rows):
        for j, column in enumerate(products.columns):
            values = products.sums(i, j)
            memory.store((first + row) * pitch + column, values if len(values) > 1 else values[0])
    k.barrier()
    column = k.remainder(k.thread, tile.columns)
    step = tile.threads // tile.columns
    rows = [k.quotient(k.thread, tile.columns) + i * step for i in range(tile.rows // step)]
    values = [_add_slices(k, frame, memory, row * pitch + column, tile.rows * pitch) for row in rows]
    if shared is None:
        _write_column(k, writer, rows, column, values)
        return
    last = _leave(k, frame, block, shared, values)
    with k.when(last):
        k.fence()
        _write_column(k, writer, rows, column, _add_in_block(k, frame, block, shared, len(rows)))
        with k.when(k.thread.eq(0)):
            shared.arrived[block.tile] = 0


def _join(frame: Frame, x: Any, y: Any) -> Any:
    return x | y if np.dtype(frame.dtype) == BOOL else x + y


def _add_slices(k: KernelBuilder, frame: Frame, memory: Any, place: Any, step: int) -> Any:
    total = memory[place]
    for number in range(1, frame.tile.slices):
        total = _join(frame, total, memory[place + number * step])
    return total


def _write_column(k: KernelBuilder, writer: Writer, rows: list[Any], column: Any, values: list[Any]) -> None:
    place, inside = writer.column(column)
    for index, value in zip(rows, values, strict=True):
        row, exists = writer.row(index)
        with k.when(inside & exists):
            writer.store(row + place, [value])


def _place(k: KernelBuilder, frame: Frame, block: BlockTile, split: Any) -> Any:
    """Where the sums that a block leaves begin, for this thread."""
    number = k.cast(block.tile, INT64) * k.cast(block.splits, INT64) + k.cast(split, INT64)
    return number * (frame.tile.rows * frame.tile.columns) + k.cast(k.thread, INT64)


def _leave(k: KernelBuilder, frame: Frame, block: BlockTile, shared: SharedSums, values: list[Any]) -> Any:
    """Leave sums for the last block; whether this is it."""
    place = _place(k, frame, block, block.split)
    for i, value in enumerate(values):
        shared.sums[place + i * frame.tile.threads] = value
    flag = k.shared_array(INT32, 1)
    k.fence()
    k.barrier()
    with k.when(k.thread.eq(0)):
        flag[0] = k.atomic_add(shared.arrived, block.tile, 1)
    k.barrier()
    return flag[0].eq(block.splits - 1)


def _add_in_block(k: KernelBuilder, frame: Frame, block: BlockTile, shared: SharedSums, count: int) -> list[Any]:
    """The sums of all blocks, in their order."""
    totals = [k.register(frame.sums, 0) for _ in range(count)]
    for split in k.range(0, block.splits):
        place = _place(k, frame, block, split)
        found = [shared.sums.load(place + i * frame.tile.threads, fresh=True) for i in range(count)]
        for total, value in zip(totals, found, strict=True):
            total.set(_join(frame, total.get(), value))
    return [total.get() for total in totals]
