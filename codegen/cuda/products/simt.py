"""Products of tiles in registers, one multiplication of a thread after the other: any dtype, any processor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ....symbolic.types import BOOL, DType
from ..trace.builder import FLOAT32, INT32, WARP, KernelBuilder, RegisterBase
from .operands import Fragments
from .tiles import Tile

_THREAD_ROWS, _THREAD_COLUMNS = 8, 4  # how the threads of a warp lie over its tile
_RUN = 4  # neighbours that a thread reads together


def sum_dtype(dtype: DType) -> DType:
    """The dtype that products of a dtype are summed in; what the sum is cast to has the same bits for integers."""
    if dtype.kind == "f":
        return np.dtype(np.float64) if dtype.itemsize == 8 else FLOAT32
    if dtype == BOOL:
        return INT32
    return np.dtype(f"{dtype.kind}{max(4, dtype.itemsize)}")


class Products(ABC):
    """The part of a tile's sums that a thread has.

    rows, columns : the sums' rows and columns in the tile; for a column the first of `width` neighbours
    """

    rows: list[Any]
    columns: list[Any]
    width: int

    @abstractmethod
    def multiply(self) -> None:
        """Add the products of the present k tile."""

    @abstractmethod
    def sums(self, row: int, column: int) -> list[Any]:
        """What was added up for the row-th of `rows` and the column-th of `columns`."""


class ThreadProducts(Products):
    """A thread has 4 x 4 neighbours, again and again, or rows and columns that lie apart where operands lie along k."""

    def __init__(self, k: KernelBuilder, tile: Tile, a: Fragments, b: Fragments, dtype: DType, logical: bool) -> None:
        self.k, self.tile, self.a, self.b, self.logical, self.width = k, tile, a, b, logical, 1
        warp, lane = k.quotient(k.thread, WARP), k.remainder(k.thread, WARP)
        row, column, slice_of_k = warp_place(k, tile, warp)
        depth = slice_of_k * (tile.depth // tile.slices)
        self.rows = self._begin(a, row, k.quotient(lane, _THREAD_COLUMNS), tile.warp_rows, _THREAD_ROWS, depth)
        self.columns = self._begin(
            b, column, k.remainder(lane, _THREAD_COLUMNS), tile.warp_columns, _THREAD_COLUMNS, depth
        )
        self.added: list[list[RegisterBase]] = [[k.register(dtype, 0) for _ in self.columns] for _ in self.rows]

    @staticmethod
    def _begin(operand: Fragments, first: Any, lane: Any, count: int, lanes: int, depth: Any) -> list[Any]:
        """The free indices of a thread: runs of 4 where neighbours lie side by side, else one in `lanes`."""
        run = _RUN if operand.neighbours else 1
        offsets = [i * lanes * run + j for i in range(count // (lanes * run)) for j in range(run)]
        operand.begin(first + lane * run, offsets, depth)
        return [first + lane * run + offset for offset in offsets]

    def multiply(self) -> None:
        for index in range(self.tile.depth // self.tile.slices):
            left, right = self.a.values(index), self.b.values(index)
            for x, row in zip(left, self.added, strict=True):
                for y, added in zip(right, row, strict=True):
                    added.set(self._add(x, y, added.get()))

    def _add(self, x: Any, y: Any, total: Any) -> Any:
        if self.logical:
            return total | (x & y)
        return self.k.fma(x, y, total) if total.is_float else total + x * y

    def sums(self, row: int, column: int) -> list[Any]:
        return [self.added[row][column].get()]


def warp_place(k: KernelBuilder, tile: Tile, warp: Any) -> tuple[Any, Any, Any]:
    """The first row and column of what a warp computes, and which slice of k it adds up."""
    across = tile.columns // tile.warp_columns
    inside = k.remainder(warp, tile.warps)
    row, column = k.quotient(inside, across) * tile.warp_rows, k.remainder(inside, across) * tile.warp_columns
    return row, column, k.quotient(warp, tile.warps)
