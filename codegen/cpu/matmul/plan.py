"""out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]: which operands are packed, how the work is cut, the loops.

A plan has up to three launches, all over independent units:

    pack a    into panels [row tile][k][rows]; left out where few columns would use them, or a lies so already
    pack b    into panels [column tile][k][lanes]; left out where b's rows are contiguous and a has few rows, or where
              one unit has all rows: it then packs what it reads
    multiply  unit = batch item x block of row tiles x block of column tiles; inside, k is cut so that what the tiles
              read again stays in the caches

The tile function (tile.py) does the arithmetic; edges are its masks.  Other dtypes than float32 and float64 go
through plain loops (matmul_plain.py).
"""

import math
import os
from types import FunctionType
from typing import Any, NamedTuple

from ..launch import Array, Launch, Plan
from ..run.native import kernel_address, second_level_cache
from ..tiles import pack, tile
from ..tiles.copy import merge
from ..tiles.move import move_address
from ..tiles.vectors import width
from .dots import launch_dots
from .plain import plan_plain

_K_BLOCK = 1024  # of the contraction: a row tile and a column tile of that depth fit into the first two caches
_KEPT = 4  # the part of the second-level cache, of which a unit keeps an operand that it reads again and again
_FEW = 16  # tiles, for which it does not pay to pack what they read
_IN_CACHE = 256 * 1024  # elements, above which it pays to read an operand from its first element to its last
_FEW_ROWS = 4  # of an operand, for which dot products are faster than packing the other one
_UNITS = 64  # into about so many units a large product is cut, for any number of threads
_LEAST_UNITS = 4  # of a product whose rows are not cut, on any machine
_FEW_UNITS = max(_LEAST_UNITS, os.cpu_count() or 1)  # columns of tiles that are enough for all cores
_SHORT, _SHORT_TALL = 128, 4  # a contraction during which little is computed; the row tiles of a unit then
_STRIP, _STRIP_ROWS = 512, 64  # what a single row of tiles reads at a time, where it lies
_TOGETHER = 16  # rows of b, a stretch of which is packed at a time
_WORTH = 1 << 18  # multiplications that are worth a unit of their own
_MULTIPLY_NS = 0.01  # of one multiplication and addition
_BYTE_NS = 0.03  # of reading an operand


class Matrix(NamedTuple):
    """An operand of one batch item, as [row or column of out][k], and the strides of the batch axes, in elements."""

    buffer: int
    step: int
    k_step: int
    batch: tuple[int, ...]


class Problem(NamedTuple):
    """out[batch, m, n] = a b, all in one dtype."""

    dtype: str
    itemsize: int
    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix


class Operand(NamedTuple):
    """What the multiplying kernel reads of an operand: steps in elements between tiles, k, and rows (a alone)."""

    buffer: int
    tile_step: int
    k_step: int
    step: int
    batch: tuple[int, ...]


def plan_matmul(out: Array, a: Array, b: Array) -> Plan:
    """The launches for out = a @ b.

    Parameters
    ----------
    out : Array
        (..., m, n), contiguous.
    a, b : Array
        (..., m, k) and (..., k, n) of out's dtype, with any strides; the leading sizes broadcast to out's.  k may be 0:
        the sums are then 0.
    """
    if 0 in out.shape:
        return Plan(())
    a, b = _repeated(a, out.shape[:-2]), _repeated(b, out.shape[:-2])
    if out.dtype.name not in ("float32", "float64") or a.shape[-1] == 0:
        return plan_plain(out, a, b)
    problem = _problem(out, a, b)
    dots = _dots(problem)
    return Plan((dots,)) if dots else _Planner(problem).plan()


def _repeated(x: Array, batch: tuple[int, ...]) -> Array:
    """The operand with all batch axes, of stride 0 where it is repeated."""
    missing = len(batch) - (len(x.shape) - 2)
    strides = (0,) * missing + tuple(s if d > 1 else 0 for d, s in zip(x.shape[:-2], x.strides[:-2], strict=True))
    return Array(x.dtype, (*batch, *x.shape[-2:]), (*strides, *x.strides[-2:]))


def _problem(out: Array, a: Array, b: Array) -> Problem:
    """The same product with as few batch axes as possible, and never a single column where it can be a single row."""
    batch, (a_batch, b_batch) = merge(out.shape[:-2], a.strides[:-2], b.strides[:-2])
    (m, n), k = out.shape[-2:], a.shape[-1]
    (a_row, a_k), (b_k, b_column) = a.strides[-2:], b.strides[-2:]
    if batch and b_batch[-1] == 0 and (m == 1 or a_batch[-1] == m * a_row):
        a_row = a_row if m > 1 else a_batch[-1]
        m, batch, a_batch, b_batch = m * batch[-1], batch[:-1], a_batch[:-1], b_batch[:-1]
    left, right = Matrix(1, a_row, a_k, a_batch), Matrix(2, b_column, b_k, b_batch)
    if n == 1:
        m, n, left, right = n, m, right, left
    return Problem(out.dtype.name, out.dtype.itemsize, batch, m, n, k, left, right)


def _dots(problem: Problem) -> Launch | None:
    """The product as dot products, where both operands are contiguous along k and one has few rows."""
    (m, n, k), (a, b) = (problem.m, problem.n, problem.k), (problem.a, problem.b)
    in_order = a.k_step == b.k_step == 1 and k >= width(problem.dtype)
    if not in_order or min(m, n) > _FEW_ROWS:
        return None
    left, right = (a.buffer, m, a.step, a.batch), (b.buffer, n, b.step, b.batch)
    few, many, steps = (left, right, (n, 1)) if m <= n else (right, left, (1, n))
    return launch_dots(problem.dtype, problem.itemsize, problem.batch, few, many, k, steps)


class _Planner:
    """Collects the launches and scratch buffers of one product."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tile = tile.best_shape(problem.dtype, problem.m, problem.n)
        self.rows = tile.even_rows(self.tile, problem.m)
        self.row_tiles = math.ceil(problem.m / self.rows)
        self.column_tiles = math.ceil(problem.n / self.tile.lanes)
        self.parts = math.ceil(problem.k / _K_BLOCK)
        self.launches: list[Launch] = []
        self.scratch: list[int] = []

    def plan(self) -> Plan:
        a, packed = self._a()
        row_blocks, column_blocks = self._blocks()
        depth = math.ceil(self.problem.k / self.parts)
        b, move = self.problem.b, 0
        if self._in_place():
            read = Operand(b.buffer, self.tile.lanes, b.k_step, 1, b.batch)
            if self.row_tiles == 1:  # b is read once: along its rows, many at a time
                column_blocks, depth = math.ceil(self.problem.n / _STRIP), min(self.problem.k, _STRIP_ROWS)
        elif row_blocks == 1:
            read, move = Operand(b.buffer, 0, b.k_step, b.step, b.batch), move_address(self.problem.dtype)
            depth = self._moved_depth(depth)
        else:
            read = self._packed(b, self.problem.n, self.tile.lanes)
        self._multiply(a, read, packed, (row_blocks, column_blocks, depth, move))
        return Plan(tuple(self.launches), tuple(self.scratch))

    def _moved_depth(self, depth: int) -> int:
        """The depth of what a unit packs of b, such that the cache keeps it even where there are few units."""
        # not from how many units there are here: the depth decides on the bits
        columns = self.tile.lanes * math.ceil(self.column_tiles / _LEAST_UNITS)
        parts = math.ceil(self.problem.k * columns / self._kept())
        return min(depth, math.ceil(self.problem.k / parts))

    def _kept(self) -> int:
        """Elements of an operand that the second-level cache keeps."""
        return second_level_cache() // (_KEPT * self.problem.itemsize)

    def _a(self) -> tuple[Operand, bool]:
        """a as the tiles read it, and whether its rows lie side by side."""
        a, rows = self.problem.a, self.rows
        often = self.row_tiles > _FEW and self.column_tiles >= _FEW // 2
        if often or (self.column_tiles > 1 and self._crowded(a)):
            return self._packed(a, self.problem.m, rows), True
        return Operand(a.buffer, a.step * rows, a.k_step, a.step, a.batch), a.step == 1

    def _crowded(self, a: Matrix) -> bool:
        """Whether the rows of a tile would push each other out of the first cache, which is folded at 4096 bytes."""
        return a.step != 1 and self.rows * math.gcd(a.step * self.problem.itemsize, 4096) > 8 * 4096

    def _in_place(self) -> bool:
        """Whether b is read where it lies: its columns are contiguous, and it is read few times."""
        large = self.problem.k * self.problem.n > _IN_CACHE and self.row_tiles >= 4
        return (self.problem.b.step == 1 or self.problem.n == 1) and self.row_tiles <= _FEW and not large

    def _packed(self, matrix: Matrix, count: int, width: int) -> Operand:
        """A launch that writes panels [batch][tile][k][width] to a new scratch buffer, and the panels."""
        problem, buffer = self.problem, 3 + len(self.scratch)
        batch = pack.Axes(problem.batch, matrix.batch) if any(matrix.batch) else pack.Axes((), ())
        k = pack.Axes((problem.k,), (matrix.k_step,))
        buffers = (buffer, matrix.buffer)
        self.launches.append(
            pack.panels(problem.dtype, problem.itemsize, buffers, 0, batch, count, matrix.step, k, width)
        )
        self.scratch.append(pack.panels_size(batch, count, k, width) * problem.itemsize)
        item = pack.panels_size(pack.Axes((), ()), count, k, width)
        steps = tuple(item * math.prod(batch.sizes[axis + 1 :]) for axis in range(len(batch.sizes)))
        return Operand(buffer, problem.k * width, width, 1, steps or (0,) * len(problem.batch))

    def _multiply(self, a: Operand, b: Operand, packed: bool, cut: tuple[int, int, int, int]) -> None:
        problem, shape = self.problem, self.tile
        row_blocks, column_blocks, depth, move = cut
        last = problem.m - (self.row_tiles - 1) * self.rows
        fetches = b.buffer > 2 and not move  # panels that lie ready: the next one is known
        tiles = tuple(tile.address(shape, rows, packed, fetches=fetches) for rows in (self.rows, last))
        extent = math.prod(problem.batch) * row_blocks * column_blocks
        panel = depth * shape.lanes * math.ceil(self.column_tiles / column_blocks) if move else 0
        buffers = (0, a.buffer, b.buffer, 3 + len(self.scratch)) if move else (0, a.buffer, b.buffer)
        if move:
            self.scratch.append(extent * panel * problem.itemsize)
        sizes = (problem.itemsize, problem.m, problem.n, problem.k, self.rows, shape.lanes)
        blocks = (row_blocks, column_blocks, depth, int(self._is_short() and not move))
        steps = (a.tile_step, a.k_step, a.step, b.tile_step, b.k_step, b.step)
        batch = (len(problem.batch), *problem.batch, *a.batch, *b.batch)
        items = math.prod(problem.batch)
        cost = _MULTIPLY_NS * items * problem.m * problem.n * problem.k
        moved = _BYTE_NS * items * problem.itemsize * (problem.m * problem.k + problem.k * problem.n)
        in_segment = b.k_step if packed else a.k_step  # of what a tile does not simply read on
        params = (*tiles, move, panel, *sizes, *blocks, *steps, int(fetches), in_segment, *batch)
        self.launches.append(Launch(kernel_address(make_multiply), buffers, params, extent, cost + moved))

    def _is_short(self) -> bool:
        """Whether most of the time goes to writing out, which is then done along its rows."""
        return self.problem.k <= _SHORT

    def _blocks(self) -> tuple[int, int]:
        """Into how many row blocks and column blocks out is cut: each stays in the caches, and all threads get some."""
        problem, row_tiles, column_tiles = self.problem, self.row_tiles, self.column_tiles
        panel = self.tile.lanes * min(problem.k, _K_BLOCK)
        block = self._kept()
        if self._is_short():
            tall, wide = min(row_tiles, _SHORT_TALL), min(column_tiles, max(1, _KEPT * block // panel))
        else:
            tall = min(row_tiles, max(1, block // (self.rows * min(problem.k, _K_BLOCK))))
            if row_tiles <= 2 * tall and column_tiles >= _FEW_UNITS:
                tall = row_tiles  # b is packed by those who read it, and by nobody else
            wide = min(column_tiles, max(1, block // (self.rows * tall * self.tile.lanes)))
        worth = math.ceil(_WORTH / (problem.k * self.rows * self.tile.lanes))  # tiles
        enough = _FEW_UNITS if tall == row_tiles else _UNITS
        while tall * wide > worth and self._units(tall, wide) < enough:
            if wide > 1 and not self._is_short():
                wide = math.ceil(wide / 2)
            elif tall > 1 and self._units(tall, wide) < _FEW_UNITS:
                tall = math.ceil(tall / 2)
            else:
                break
        return math.ceil(row_tiles / tall), math.ceil(column_tiles / wide)

    def _units(self, tall: int, wide: int) -> int:
        blocks = math.ceil(self.row_tiles / tall) * math.ceil(self.column_tiles / wide)
        return math.prod(self.problem.batch) * blocks


def make_multiply() -> FunctionType:
    """out[batch, m, n] from a and b as the tiles read them; unit = (batch item, block of rows, block of columns).

    With `move`, a unit copies its panels of b, before it uses them, to scratch of its own, `panels` elements.  Tiles
    are met down the columns, so that a panel of b stays in the first cache; by_rows: along the rows of out.
    """
    from ..tiles.intrinsics import address_of, call, stack, take

    brought = tile.LINES * tile.LINE

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        tile, last_tile, move, panels, itemsize, m, n, k, rows, lanes = take(params, 0, 10)
        row_blocks, column_blocks, depth, by_rows = take(params, 10, 4)
        a_tile, a_step, a_row, b_tile, b_step, b_column, fetches, in_segment, axes = take(params, 14, 9)
        starts = stack(64)
        row_tiles, column_tiles = (m + rows - 1) // rows, (n + lanes - 1) // lanes
        offsets = stack(32)
        for i in range(rows):
            offsets[i] = i * a_row
        for unit in range(lo, hi):
            item, block = unit // (row_blocks * column_blocks), unit % (row_blocks * column_blocks)
            down, along = block // column_blocks, block % column_blocks
            i0, j0 = row_tiles * down // row_blocks, column_tiles * along // column_blocks
            tall, wide = row_tiles * (down + 1) // row_blocks - i0, column_tiles * (along + 1) // column_blocks - j0
            a, b, out = buffers[1], buffers[2], buffers[0] + item * m * n * itemsize
            for axis in range(axes - 1, -1, -1):
                index = item % params[23 + axis]
                item //= params[23 + axis]
                a += index * params[23 + axes + axis] * itemsize
                b += index * params[23 + 2 * axes + axis] * itemsize
            for part in range((k + depth - 1) // depth):
                k0, accumulate = part * depth, min(part, 1)
                run = min(depth, k - k0)
                at, step, panel = b + (j0 * b_tile + k0 * b_step) * itemsize, b_step, b_tile * itemsize
                if move:  # some rows of all panels at a time, since b lies along its rows
                    at, step, panel = buffers[3] + lo * panels * itemsize, lanes, run * lanes * itemsize
                    for number in range((run + _TOGETHER - 1) // _TOGETHER * wide):
                        t, j = number // wide * _TOGETHER, number % wide
                        column = (j0 + j) * lanes
                        call(
                            move,
                            (at + j * panel + t * lanes * itemsize, lanes, 1,
                             b + (column * b_column + (k0 + t) * b_step) * itemsize, b_step, b_column,
                             min(_TOGETHER, run - t), min(lanes, n - column)),
                        )  # fmt: skip
                length = run  # of a segment
                if fetches:  # at the start of each, lines of the next panel are brought
                    for candidate in range(16, 33):
                        if run % candidate == 0:
                            length = candidate
                for segment in range(run // length):
                    starts[segment] = segment * length * in_segment
                share = run // length * brought
                for number in range(tall * wide):
                    i, j = (number // wide, number % wide) if by_rows else (number % tall, number // tall)
                    a_at = a + ((i0 + i) * a_tile + k0 * a_step) * itemsize
                    c_at = out + ((i0 + i) * rows * n + (j0 + j) * lanes) * itemsize
                    call(
                        tile if i0 + i + 1 < row_tiles else last_tile,
                        (min(lanes, n - (j0 + j) * lanes), accumulate, a_at, a_step, address_of(offsets, 0),
                         at + j * panel, step, address_of(starts, 0), run // length, length, c_at, n,
                         at + (j + 1) * panel + i * share),
                    )  # fmt: skip
        return 0

    return kernel
