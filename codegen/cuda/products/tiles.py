"""Which part of a product a block computes: tiles, and a rule for the one that takes the least time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from ..trace.builder import WARP

_RESIDENT_WARPS = 16  # on a multiprocessor, of blocks that hide each other's waiting
_STEP = 8  # products along k that a warp adds at once
# Cycles of a multiprocessor, reckoned from what an H100 can do; they only choose between tiles.
_STEP_CYCLES, _TILE_CYCLES = 120, 100  # how long a warp takes for a step, and a block for a k tile, when alone
_JOIN_CYCLES = 2500  # until the last of the blocks that share a tile knows that it is the last
_WORDS_A_CYCLE = 5  # to and from the second-level cache
_START_CYCLES = 1500
_SHARED_KILOBYTES = {80: 163, 87: 163, 90: 227, 100: 227, 103: 227}  # CUDA C++ Programming Guide, compute capabilities
_LEAST_SHARED_KILOBYTES = 99  # of all from sm_80 on
_MOST_SHARED_SUMS = 1 << 13
EXACT_RATE, ROUNDED_RATE, SIMT_RATE = 190.0, 500.0, 120.0  # products that a multiprocessor adds in a cycle
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


class ProductSize(NamedTuple):
    """Sizes of `batch` products."""

    m: int
    n: int
    k: int
    batch: int = 1


TENSOR_TILES: tuple[Tile, ...] = (
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
# Where each sum is kept once, a warp has room for more of them.
ROUNDED_TILES: tuple[Tile, ...] = (Tile(128, 128, 16, 64, 64, 1, 4), *TENSOR_TILES)
SIMT_TILES: tuple[Tile, ...] = (
    Tile(128, 128, 16, 64, 32, 1),
    Tile(64, 64, 16, 32, 32, 1),
    Tile(64, 32, 16, 32, 16, 1),
    Tile(32, 64, 16, 32, 16, 1),
    Tile(32, 32, 32, 32, 16, 4),
    Tile(32, 16, 64, 32, 16, 8),
    Tile(32, 16, 8, 32, 16, 1),
)
SIMT_TILES_OF_8_BYTES: tuple[Tile, ...] = SIMT_TILES[1:]  # 128 x 128 sums of 8 bytes do not fit into the registers
COMPUTED_TILES_OF_8_BYTES: tuple[Tile, ...] = SIMT_TILES[4:]  # nor 64 x 32, where places are computed, too


def choose(size: ProductSize, tiles: Iterable[Tile], rate: float, multiprocessors: int) -> Choice:
    """The tile and the number of splits that are estimated to take the least time.

    rate : products that a multiprocessor adds in a cycle
    """
    found = [
        Choice(tile, splits, estimate(size, tile, splits, rate, multiprocessors))
        for tile in tiles
        for splits in _SPLITS
        if splits == 1 or (_can_share(tile) and splits <= math.ceil(size.k / tile.depth) // 2)
    ]
    best = min(found, key=lambda choice: choice.cycles)
    return best._replace(splits=even_splits(size.k, best.tile, best.splits)[1])


def copy_cycles(elements: float, multiprocessors: int) -> float:
    """About how many cycles it takes to copy so many elements to shared memory."""
    return elements / (_WORDS_A_CYCLE * multiprocessors)


def shared_bytes(architecture: int) -> int:
    """Shared memory that a block may ask for."""
    return _SHARED_KILOBYTES.get(architecture, _LEAST_SHARED_KILOBYTES) << 10


def _can_share(tile: Tile) -> bool:
    """Whether its sums fit into the shared memory that every processor has, through which they are passed on."""
    return tile.rows * tile.columns <= _MOST_SHARED_SUMS


def even_splits(k: int, tile: Tile, splits: int) -> tuple[int, int]:
    """How many k tiles each of at most so many blocks adds up, and how many blocks then have some."""
    tiles = math.ceil(k / tile.depth)
    each = math.ceil(tiles / splits)
    return each, math.ceil(tiles / each)


def estimate(size: ProductSize, tile: Tile, splits: int, rate: float, multiprocessors: int) -> float:
    """About how many cycles a product takes."""
    blocks = math.ceil(size.m / tile.rows) * math.ceil(size.n / tile.columns) * size.batch * splits
    tiles = math.ceil(math.ceil(size.k / tile.depth) / splits)
    fragments = tile.warps * (tile.warp_rows + tile.warp_columns) / WARP
    products = tile.rows * tile.columns / rate
    copies = (tile.rows + tile.columns) / _WORDS_A_CYCLE
    busy = math.ceil(blocks / multiprocessors) * tiles * tile.depth * max(products + fragments, copies)
    step = _TILE_CYCLES + _STEP_CYCLES * tile.depth / (tile.slices * _STEP)
    joins = _JOIN_CYCLES + tile.rows * tile.columns * (splits + 1) / _WORDS_A_CYCLE if splits > 1 else 0
    resident = max(1, _RESIDENT_WARPS * WARP // tile.threads)
    waves = math.ceil(blocks / (multiprocessors * resident))
    return max(busy, waves * (_START_CYCLES + tiles * step)) + waves * joins
