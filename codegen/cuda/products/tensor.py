"""Products of float32 by tensor units, which multiply numbers of tf32: 8 bits of exponent, 10 of fraction.

float32 is the sum of two such numbers to about 22 bits: x = hi + lo, so that x y = hi hi' + hi lo' + lo hi' is three
products.  A unit adds them up with less care than float32 has; so each k tile has sums of its own, which are then
added as float32.  Fasi, Higham, Mikaitis, Pranesh: Numerical behavior of NVIDIA tensor cores (2021); Ootomo, Yokota:
Recovering single precision accuracy from tensor cores (2022).

Numbers below 2**-136 may count as 0.
"""

from __future__ import annotations

from typing import Any

from ..trace.builder import FLOAT32, INT32, WARP, KernelBuilder, RegisterBase
from .operands import Fragments
from .simt import Products, warp_place
from .tiles import Tile

_STEP = 8  # along k, of one instruction
_ROWS, _COLUMNS = 16, 8  # of its result
_HIGH = -(1 << 13)  # the bits of a float32 that tf32 has
_LESS_THAN_INFINITE = -(1 << 24)  # those that make 2**127 of an infinity
_LOST = 1 + 0.75 * 2.0**-11

Bits = list[Any]


class TensorProducts(Products):
    """A warp has tiles of 16 x 8 of the product, of which a thread has two rows and two neighbouring columns.

    exact : float32 by three products, and not rounded to tf32
    """

    width = 2

    def __init__(self, k: KernelBuilder, tile: Tile, a: Fragments, b: Fragments, exact: bool) -> None:
        self.k, self.tile, self.a, self.b, self.exact = k, tile, a, b, exact
        self.across = tile.warp_columns // _COLUMNS
        lane = k.remainder(k.thread, WARP)
        group, inside = k.quotient(lane, 4), k.remainder(lane, 4)
        row, column, slice_of_k = warp_place(k, tile, k.quotient(k.thread, WARP))
        depth = slice_of_k * (tile.depth // tile.slices) + inside
        rows = list(range(0, tile.warp_rows, _STEP))
        columns = list(range(0, tile.warp_columns, _COLUMNS))
        a.begin(row + group, rows, depth)
        b.begin(column + group, columns, depth)
        self.rows = [row + group + offset for offset in rows]
        self.columns = [column + inside * 2 + offset for offset in columns]
        count = tile.warp_rows // _ROWS * self.across
        self.added: list[list[RegisterBase]] = [[k.register(FLOAT32, 0) for _ in range(4)] for _ in range(count)]

    def multiply(self) -> None:
        zero = self.k.constant(FLOAT32, 0)
        fresh = [[zero] * 4 if self.exact else [x.get() for x in tile] for tile in self.added]
        for index in range(0, self.tile.depth // self.tile.slices, _STEP):
            a, b = self._fragments(index)
            for left, right in self._terms(a, b):
                self._add(fresh, left, right)
        for tile, found in zip(self.added, fresh, strict=True):
            for total, x in zip(tile, found, strict=True):
                total.set(total.get() + x if self.exact else x)

    def _fragments(self, index: int) -> tuple[list[Bits], list[Bits]]:
        """What this thread has of each 16 x 8 of A and 8 x 8 of B."""
        near, far = self.a.values(index), self.a.values(index + 4)
        a = [[near[i], near[i + 1], far[i], far[i + 1]] for i in range(0, len(near), 2)]
        return a, [list(pair) for pair in zip(self.b.values(index), self.b.values(index + 4), strict=True)]

    def _terms(self, a: list[Bits], b: list[Bits]) -> list[tuple[list[Bits], list[Bits]]]:
        """Pairs of matrices of tf32 whose products add up to the product, the small ones first."""
        if not self.exact:
            return [(self._round(a), self._round(b))]
        (a_high, a_low), (b_high, b_low) = self._split(a), self._split(b)
        return [(a_low, b_high), (a_high, b_low), (a_high, b_high)]

    def _round(self, fragments: list[Bits]) -> list[Bits]:
        return [[self.k.round_to_tf32(x) for x in row] for row in fragments]

    def _split(self, fragments: list[Bits]) -> tuple[list[Bits], list[Bits]]:
        """hi and lo of each number.

        hi is truncated, so that lo has its sign: where a product overflows, no part of it becomes the other infinity.
        Of an infinity hi is 2**127, and lo is that infinity: no product with a hi or lo of 0 is NaN that should be
        infinite.  Of NaN, lo is NaN.  The unit truncates lo, too: it is made a little larger, by about what that loses,
        but never so much that a number which tf32 has becomes another one.
        """
        high = [[self._high(x) for x in row] for row in fragments]
        low = [
            [((x - top.from_bits()) * _LOST).bits() for x, top in zip(row, tops, strict=True)]
            for row, tops in zip(fragments, high, strict=True)
        ]
        return high, low

    def _high(self, x: Any) -> Any:
        infinite = abs(x).eq(float("inf"))
        return x.bits() & self.k.select(infinite, self.k.constant(INT32, _LESS_THAN_INFINITE), _HIGH)

    def _add(self, sums: list[list[Any]], left: list[Bits], right: list[Bits]) -> None:
        for i, x in enumerate(left):
            for j, y in enumerate(right):
                number = i * self.across + j
                sums[number] = self.k.multiply_tiles(x, y, sums[number])

    def sums(self, row: int, column: int) -> list[Any]:
        found = [x.get() for x in self.added[row // 2 * self.across + column]]
        return found[2:] if row % 2 else found[:2]
