"""out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]: which operands are packed, how the work is cut, the loops.

A plan has up to three launches, all over independent units:

    pack a    into panels [row tile][k][rows]; left out where few columns would use them, or a lies so already
    pack b    into panels [column tile][k][lanes]; left out where b's rows are contiguous and a has few rows
    multiply  unit = batch item x block of row tiles x block of column tiles; inside, k is cut so that what the tiles
              read again stays in the caches

The tile function (tile.py) does the arithmetic; edges are its masks.  Other dtypes than float32 and float64 go
through plain loops (matmul_plain.py).
"""

import math
from types import FunctionType
from typing import Any, NamedTuple

from . import pack, tile
from .copy import merge
from .launch import Array, Launch, Plan
from .matmul_dot import launch_dots
from .matmul_plain import plan_plain
from .native import kernel_address
from .vectors import width

_K_BLOCK = 384  # of the contraction: a row tile and a column tile of that depth fit into the first two caches
_BLOCK = 64 * 1024  # elements of an operand that a unit reads again and again: they stay in the second-level cache
_FEW = 16  # tiles, for which it does not pay to pack what they read
_IN_CACHE = 256 * 1024  # elements, above which it pays to read an operand from its first element to its last
_FEW_ROWS = 4  # of an operand, for which dot products are faster than packing the other one
_UNITS = 64  # into about so many units a large product is cut, for any number of threads
_STRIP, _STRIP_ROWS = 512, 64  # what a single row of tiles reads at a time, where it lies
_WORTH = 1 << 18  # multiplications that are worth a unit of their own
_MULTIPLY_NS = 0.02  # of one multiplication and addition


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
        self.launches: list[Launch] = []
        self.scratch: list[int] = []

    def plan(self) -> Plan:
        a, packed = self._a()
        self._multiply(a, self._b(), packed)
        return Plan(tuple(self.launches), tuple(self.scratch))

    def _a(self) -> tuple[Operand, bool]:
        """a as the tiles read it, and whether its rows lie side by side."""
        a, rows = self.problem.a, self.rows
        if self.row_tiles > _FEW and self.column_tiles >= _FEW // 2:
            return self._packed(a, self.problem.m, rows), True
        return Operand(a.buffer, a.step * rows, a.k_step, a.step, a.batch), a.step == 1

    def _b(self) -> Operand:
        """b as the tiles read it: in place where its columns are contiguous and it is read few times."""
        b, lanes, n = self.problem.b, self.tile.lanes, self.problem.n
        large = self.problem.k * n > _IN_CACHE and self.row_tiles >= 4
        if (b.step != 1 and n > 1) or self.row_tiles > _FEW or large:
            return self._packed(b, n, lanes)
        return Operand(b.buffer, lanes, b.k_step, 1, b.batch)

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

    def _multiply(self, a: Operand, b: Operand, packed: bool) -> None:
        problem, shape = self.problem, self.tile
        last = problem.m - (self.row_tiles - 1) * self.rows
        tiles = tuple(tile.address(shape, rows, packed) for rows in (self.rows, last))
        tall, wide = self._blocks()
        depth = math.ceil(problem.k / math.ceil(problem.k / _K_BLOCK))
        if self.row_tiles == 1 and b.buffer == problem.b.buffer:  # b is read once: along its rows, many at a time
            wide, depth = min(self.column_tiles, math.ceil(_STRIP / shape.lanes)), min(problem.k, _STRIP_ROWS)
        sizes = (problem.itemsize, problem.m, problem.n, problem.k, self.rows, shape.lanes, tall, wide, depth)
        steps = (a.tile_step, a.k_step, a.step, b.tile_step, b.k_step)
        batch = (len(problem.batch), *problem.batch, *a.batch, *b.batch)
        items = math.prod(problem.batch)
        extent = items * math.ceil(self.row_tiles / tall) * math.ceil(self.column_tiles / wide)
        cost = _MULTIPLY_NS * items * problem.m * problem.n * problem.k
        params = (*tiles, *sizes, *steps, 0, *batch)
        self.launches.append(Launch(kernel_address(make_multiply), (0, a.buffer, b.buffer), params, extent, cost))

    def _blocks(self) -> tuple[int, int]:
        """How many row tiles and column tiles make a unit: what stays in the caches, then what feeds all threads."""
        problem = self.problem
        tall = min(self.row_tiles, max(1, _BLOCK // (self.rows * min(problem.k, _K_BLOCK))))
        wide = min(self.column_tiles, max(1, _BLOCK // (self.rows * tall * self.tile.lanes)))
        worth = math.ceil(_WORTH / (problem.k * self.rows * self.tile.lanes))  # tiles
        while tall * wide > worth and self._units(tall, wide) < _UNITS:
            tall, wide = (tall, math.ceil(wide / 2)) if wide > 1 else (math.ceil(tall / 2), 1)
            if tall == wide == 1:
                break
        return tall, wide

    def _units(self, tall: int, wide: int) -> int:
        blocks = math.ceil(self.row_tiles / tall) * math.ceil(self.column_tiles / wide)
        return math.prod(self.problem.batch) * blocks


def make_multiply() -> FunctionType:
    """out[batch, m, n] from a and b as the tiles read them; unit = (batch item, block of rows, block of columns)."""
    from .intrinsics import address_of, call, stack, take

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        tile, last_tile, itemsize, m, n, k, rows, lanes, tall, wide, depth = take(params, 0, 11)
        a_tile, a_step, a_row, b_tile, b_step, _, axes = take(params, 11, 7)
        starts = address_of(params, 16)  # one segment, at 0
        row_tiles, column_tiles = (m + rows - 1) // rows, (n + lanes - 1) // lanes
        row_blocks, column_blocks = (row_tiles + tall - 1) // tall, (column_tiles + wide - 1) // wide
        offsets = stack(32)
        for i in range(rows):
            offsets[i] = i * a_row
        for unit in range(lo, hi):
            item, block = unit // (row_blocks * column_blocks), unit % (row_blocks * column_blocks)
            i0, j0 = block // column_blocks * tall, block % column_blocks * wide
            a, b, out = buffers[1], buffers[2], buffers[0] + item * m * n * itemsize
            for axis in range(axes - 1, -1, -1):
                index = item % params[18 + axis]
                item //= params[18 + axis]
                a += index * params[18 + axes + axis] * itemsize
                b += index * params[18 + 2 * axes + axis] * itemsize
            for part in range((k + depth - 1) // depth):
                k0, accumulate = part * depth, min(part, 1)
                run = min(depth, k - k0)
                for j in range(j0, min(j0 + wide, column_tiles)):
                    b_at = b + (j * b_tile + k0 * b_step) * itemsize
                    for i in range(i0, min(i0 + tall, row_tiles)):
                        a_at = a + (i * a_tile + k0 * a_step) * itemsize
                        c_at = out + (i * rows * n + j * lanes) * itemsize
                        call(
                            tile if i + 1 < row_tiles else last_tile,
                            (min(lanes, n - j * lanes), accumulate, a_at, a_step, address_of(offsets, 0), b_at, b_step,
                             starts, 1, run, c_at, n),
                        )  # fmt: skip
        return 0

    return kernel
