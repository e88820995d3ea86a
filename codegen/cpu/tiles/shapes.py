"""Shapes of register tiles: which one covers a result in the least time, by sizes and the width of vectors alone."""

import functools
import math
from typing import NamedTuple

from ..model import LATENCY, OTHER_TILE, PACKED_TILE, STRIDED_TILE, TILE_CYCLES, registers, width

LINES = 8  # of the cache, that a segment brings


class TileShape(NamedTuple):
    """A register tile: at most `rows` rows of `vectors` vectors of `width` elements of `dtype`."""

    dtype: str
    rows: int
    vectors: int
    width: int

    @property
    def lanes(self) -> int:
        """Columns of C in one tile."""
        return self.vectors * self.width

    def __str__(self) -> str:
        return f"{self.dtype} {self.rows} x {self.lanes}"


@functools.cache
def shape(dtype: str, vectors: int) -> TileShape:
    """The tallest tile whose accumulators, `vectors` vectors of B and one broadcast fit into the registers."""
    rows = min((registers() - vectors - 1) // vectors, 16)
    return TileShape(dtype, max(1, rows), vectors, width(dtype))


@functools.cache
def best_shape(dtype: str, rows: int, columns: int, packed: bool = True) -> TileShape:
    """The shape that covers rows x columns in the least time: wasted lanes and half-empty registers count."""
    shapes = (shape(dtype, vectors) for vectors in (2, 3, 1, 4, 6, 8))
    return min(shapes, key=lambda candidate: cycles(candidate, rows, columns, 1000, packed))


def cycles(tile: TileShape, rows: int, columns: int, depth: float, packed: bool = True) -> float:
    """About how many cycles all of rows x columns take, at two multiplications or loads in a cycle."""
    height, v = even_rows(tile, rows), tile.vectors
    tiles = math.ceil(rows / height) * math.ceil(columns / tile.lanes)
    weight = (PACKED_TILE[tile.dtype] if packed else STRIDED_TILE).get(v, OTHER_TILE)
    step = max(height * v, height + v, LATENCY)  # arithmetic, loads, or the latency of one accumulator
    return tiles * (depth * step / 2 * weight + height * v + TILE_CYCLES)


def even_rows(tile: TileShape, rows: int) -> int:
    """The rows of each tile but the last, such that all are about equally tall."""
    return math.ceil(rows / math.ceil(rows / tile.rows))
