"""Which part of a product a block computes: tiles, and a rule for the one that takes the least time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ..trace.builder import WARP

_RESIDENT = 2  # blocks on a multiprocessor that hide each other's waiting
_STEP = 8  # products along k that a warp adds at once
# Cycles of a multiprocessor, as measured on an H100; they only choose between tiles.
_STEP_CYCLES, _TILE_CYCLES = 120, 100  # how long a warp takes for a step, and a block for a k tile, when alone
_JOIN_CYCLES = 2500  # until the last of the blocks that share a tile knows that it is the last
_WORDS_A_CYCLE = 8  # to and from the second-level cache
_START_CYCLES = 1500
_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


class Tile(NamedTuple):
    """A block computes rows x columns of the product, and `depth` products of each sum at a time.

    warp_rows, warp_columns : what a warp computes of it
    slices : so many warps share that, each a part of every k tile
    stages : k tiles in shared memory
    """

    rows: int
    columns: int
    depth: int
    warp_rows: int
    warp_columns: int
    slices: int = 1
    stages: int = 2

    @property
    def warps(self) -> int:
        """Warps of a slice."""
        return self.rows // self.warp_rows * (self.columns // self.warp_columns)

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.warps * self.slices * WARP


class Choice(NamedTuple):
    """A tile, and how many blocks share the sums of each."""

    tile: Tile
    splits: int
    cycles: float


class Extent(NamedTuple):
    """Sizes of `batch` products."""

    m: int
    n: int
    k: int
    batch: int = 1


TENSOR_TILES = (
    Tile(128, 128, 16, 64, 32, 1, 4),
    Tile(128, 64, 16, 32, 32, 1, 4),
    Tile(64, 128, 16, 32, 32, 1, 4),
    Tile(64, 64, 32, 32, 32, 1, 3),
    Tile(32, 128, 32, 32, 32, 1, 3),
    Tile(64, 32, 32, 32, 16, 1, 3),
    Tile(32, 64, 32, 32, 16, 1, 3),
    Tile(32, 32, 64, 32, 32, 8, 3),
    Tile(16, 32, 64, 16, 32, 8, 3),
    Tile(16, 16, 128, 16, 16, 8, 3),
    Tile(16, 16, 16, 16, 16, 1, 2),
)
SIMT_TILES = (
    Tile(128, 128, 16, 64, 32, 1),
    Tile(64, 64, 16, 32, 32, 1),
    Tile(64, 32, 16, 32, 16, 1),
    Tile(32, 64, 16, 32, 16, 1),
    Tile(32, 32, 32, 32, 16, 4),
    Tile(32, 16, 64, 32, 16, 8),
    Tile(32, 16, 8, 32, 16, 1),
)
SIMT_TILES_OF_8_BYTES = SIMT_TILES[1:]  # 128 x 128 sums of 8 bytes do not fit into the registers


def choose(
    extent: Extent, tiles: Iterable[Tile], rate: float, multiprocessors: int, shares: bool = True
) -> Choice:
    """The tile and the number of splits that are estimated to take the least time.

    rate : products that a multiprocessor adds in a cycle
    shares : whether blocks may share a tile
    """
    found = [
        Choice(tile, splits, estimate(extent, tile, splits, rate, multiprocessors))
        for tile in tiles
        for splits in _SPLITS
        if splits == 1 or (shares and splits <= math.ceil(extent.k / tile.depth) // 2)
    ]
    best = min(found, key=lambda choice: choice.cycles)
    return best._replace(splits=even_splits(extent.k, best.tile, best.splits)[1])


def even_splits(k: int, tile: Tile, splits: int) -> tuple[int, int]:
    """How many k tiles each of at most so many blocks adds up, and how many blocks then have some."""
    tiles = math.ceil(k / tile.depth)
    each = math.ceil(tiles / splits)
    return each, math.ceil(tiles / each)


def estimate(extent: Extent, tile: Tile, splits: int, rate: float, multiprocessors: int) -> float:
    """About how many cycles a product takes."""
    blocks = math.ceil(extent.m / tile.rows) * math.ceil(extent.n / tile.columns) * extent.batch * splits
    tiles = math.ceil(math.ceil(extent.k / tile.depth) / splits)
    fragments = tile.warps * (tile.warp_rows + tile.warp_columns) / WARP
    products = tile.rows * tile.columns / rate
    copies = (tile.rows + tile.columns) / _WORDS_A_CYCLE
    busy = math.ceil(blocks / multiprocessors) * tiles * tile.depth * max(products + fragments, copies)
    step = _TILE_CYCLES + _STEP_CYCLES * tile.depth / (tile.slices * _STEP)
    waits = math.ceil(blocks / (multiprocessors * _RESIDENT)) * (_START_CYCLES + tiles * step)
    joins = _JOIN_CYCLES + tile.rows * tile.columns * (splits + 1) / _WORDS_A_CYCLE if splits > 1 else 0
    return max(busy, waits) + joins
