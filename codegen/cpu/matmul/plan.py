"""out[..., m, n] = sum over k of a[..., m, k] b[..., k, n]: which operands are packed, how the work is cut, the loops.

A plan has up to three launches, all over independent units:

    pack a    into panels [row tile][k][rows]; left out where few columns would use them, or a lies so already
    pack b    into panels [column tile][k][lanes]; left out where b's rows are contiguous and a has few rows, or where
              one unit has all rows: it then packs what it reads
    multiply  unit = batch item x block of row tiles x block of column tiles; inside, k is cut so that what the tiles
              read again stays in the caches

The tile function (tile.py) does the arithmetic; edges are its masks.  Other dtypes than float32 and float64 go
through plain loops (plain.py).

How deep k is cut decides on the bits, and follows from sizes and the width of vectors (`_depth`).  The rest follows
from the machine, too: into how many units out is cut, and so, where b is packed.
"""

import math
from typing import Any, NamedTuple

from ..launch import Array, Kernel, KernelRef, Launch, Plan
from ..model import ALIAS_BYTES, COMMON, LINE_BYTES, MATMUL_BYTE_NS, MATMUL_MULTIPLY_NS, WAYS, Host, host, width
from ..params import Address
from ..tiles import code, pack, shapes
from ..tiles.copy import merge
from .dots import plan_dots
from .plain import plan_plain

_K_BLOCK = 1024  # of the contraction: a row tile and a column tile of that depth fit into the first two caches
_KEPT = 4  # the part of the second-level cache, of which a unit keeps an operand that it reads again and again
_FEW = 16  # tiles, for which it does not pay to pack what they read
_IN_CACHE = 256 * 1024  # elements, above which it pays to read an operand from its first element to its last
_FEW_ROWS = 4  # of an operand, for which dot products are faster than packing the other one
_UNITS = 64  # into about so many units a large product is cut, for any number of threads
_LEAST_UNITS = 4  # of a product whose rows are not cut, on any machine
_SHORT, _SHORT_TALL = 128, 4  # a contraction during which little is computed; the row tiles of a unit then
_STRETCH, _STRETCH_ROWS = 512, 64  # what a single row of tiles reads at a time, where it lies
_ROWS_AT_ONCE = 16  # rows of b, a stretch of which is packed at a time
_WORTH = 1 << 18  # multiplications that are worth a unit of their own


class MatrixOperand(NamedTuple):
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
    a: MatrixOperand
    b: MatrixOperand


class TileOperand(NamedTuple):
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
    a, b = _broadcast(a, out.shape[:-2]), _broadcast(b, out.shape[:-2])
    if out.dtype.name not in ("float32", "float64") or a.shape[-1] == 0:
        return plan_plain(out, a, b)
    problem = _problem(out, a, b)
    return _plan_dots(problem) or _Planner(problem).plan()


def _broadcast(x: Array, batch: tuple[int, ...]) -> Array:
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
    left, right = MatrixOperand(1, a_row, a_k, a_batch), MatrixOperand(2, b_column, b_k, b_batch)
    if n == 1:
        m, n, left, right = n, m, right, left
    return Problem(out.dtype.name, out.dtype.itemsize, batch, m, n, k, left, right)


def _plan_dots(problem: Problem) -> Plan | None:
    """The product as dot products, where both operands are contiguous along k and one has few rows."""
    (m, n, k), (a, b) = (problem.m, problem.n, problem.k), (problem.a, problem.b)
    in_order = a.k_step == b.k_step == 1 and k >= width(problem.dtype)
    if not in_order or min(m, n) > _FEW_ROWS:
        return None
    left, right = (a.buffer, m, a.step, a.batch), (b.buffer, n, b.step, b.batch)
    few, many, steps = (left, right, (n, 1)) if m <= n else (right, left, (1, n))
    return plan_dots(problem.dtype, problem.itemsize, problem.batch, few, many, k, steps)


class _Planner:
    """Collects the launches and scratch buffers of one product."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tile = shapes.best_shape(problem.dtype, problem.m, problem.n)
        self.rows = shapes.even_rows(self.tile, problem.m)
        self.row_tiles = math.ceil(problem.m / self.rows)
        self.column_tiles = math.ceil(problem.n / self.tile.lanes)
        self.launches: list[Launch] = []
        self.scratch: list[int] = []

    def plan(self) -> Plan:
        a, packed = self._a()
        row_blocks, column_blocks = self._blocks(host())
        depth, move = self._depth(), False
        b, name = self.problem.b, "b in place"
        if self._in_place():
            read = TileOperand(b.buffer, self.tile.lanes, b.k_step, 1, b.batch)
            if self.row_tiles == 1:  # b is read once: along its rows, many at a time
                column_blocks = math.ceil(self.problem.n / _STRETCH)
        elif row_blocks == 1:
            read, move, name = TileOperand(b.buffer, 0, b.k_step, b.step, b.batch), True, "b packed by its readers"
            column_blocks = max(column_blocks, self._fitting_blocks(depth))
        else:
            read, name = self._pack(b, self.problem.n, self.tile.lanes), "b packed"
        self._multiply(a, read, packed, (row_blocks, column_blocks, depth, move))
        return Plan(tuple(self.launches), tuple(self.scratch), self._way(a, name, depth))

    def _way(self, a: TileOperand, b: str, depth: int) -> str:
        blocks = math.ceil(self.problem.k / depth)
        left = "a in place" if a.buffer == self.problem.a.buffer else "a packed"
        k = f"k in {blocks} blocks of {depth}" if blocks > 1 else "k at once"
        return f"matmul: {left}, {b}, tile {self.tile.dtype} {self.rows} x {self.tile.lanes}, {k}"

    def _depth(self) -> int:
        """How many products are summed before they join out, by sizes and the width of vectors alone: the bits."""
        k = self.problem.k
        depth = math.ceil(k / math.ceil(k / _K_BLOCK))
        if self._in_place():
            return min(k, _STRETCH_ROWS) if self.row_tiles == 1 else depth
        if self._blocks(COMMON)[0] > 1:
            return depth
        # a unit packs what it reads of b, and the cache keeps it even where there are few units
        columns = self.tile.lanes * math.ceil(self.column_tiles / _LEAST_UNITS)
        parts = math.ceil(k * columns / self._elements_in_cache(COMMON))
        return min(depth, math.ceil(k / parts))

    def _elements_in_cache(self, machine: Host) -> int:
        """Elements of an operand that the second-level cache keeps."""
        return machine.second_level_bytes // (_KEPT * self.problem.itemsize)

    def _fitting_blocks(self, depth: int) -> int:
        """Into how many blocks of columns out is cut, so that this machine's cache holds what a unit packs of b."""
        wide = _KEPT * self._elements_in_cache(host()) // (depth * self.tile.lanes)
        return math.ceil(self.column_tiles / max(1, wide))

    def _a(self) -> tuple[TileOperand, bool]:
        """a as the tiles read it, and whether its rows lie side by side."""
        a, rows = self.problem.a, self.rows
        often = self.row_tiles > _FEW and self.column_tiles >= _FEW // 2
        if often or (self.column_tiles > 1 and self._is_crowded(a)):
            return self._pack(a, self.problem.m, rows), True
        return TileOperand(a.buffer, a.step * rows, a.k_step, a.step, a.batch), a.step == 1

    def _is_crowded(self, a: MatrixOperand) -> bool:
        """Whether the rows of a tile would push each other out of the first cache."""
        apart = math.gcd(a.step * self.problem.itemsize, ALIAS_BYTES)
        return a.step != 1 and self.rows * apart > WAYS * ALIAS_BYTES

    def _in_place(self) -> bool:
        """Whether b is read where it lies: its columns are contiguous, and it is read few times."""
        large = self.problem.k * self.problem.n > _IN_CACHE and self.row_tiles >= 4
        return (self.problem.b.step == 1 or self.problem.n == 1) and self.row_tiles <= _FEW and not large

    def _pack(self, matrix: MatrixOperand, count: int, width: int) -> TileOperand:
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
        return TileOperand(buffer, problem.k * width, width, 1, steps or (0,) * len(problem.batch))

    def _multiply(self, a: TileOperand, b: TileOperand, packed: bool, cut: tuple[int, int, int, bool]) -> None:
        problem, shape, rows = self.problem, self.tile, self.rows
        row_blocks, column_blocks, depth, move = cut
        last = problem.m - (self.row_tiles - 1) * rows
        fetches = b.buffer > 2 and not move  # panels that lie ready: the next one is known
        extent = math.prod(problem.batch) * row_blocks * column_blocks
        panels = depth * shape.lanes * math.ceil(self.column_tiles / column_blocks) if move else 0
        buffers = (0, a.buffer, b.buffer, 3 + len(self.scratch)) if move else (0, a.buffer, b.buffer)
        if move:
            self.scratch.append(extent * panels * problem.itemsize)
        params = MultiplyParams(
            tile=code.tile(shape, rows, packed, fetches=fetches),
            last_tile=code.tile(shape, last, packed, fetches=fetches),
            move=code.move(problem.dtype) if move else 0, panels=panels, itemsize=problem.itemsize,
            m=problem.m, n=problem.n, k=problem.k, rows=rows, lanes=shape.lanes,
            row_blocks=row_blocks, column_blocks=column_blocks, depth=depth, by_rows=int(self._is_short() and not move),
            a_tile=a.tile_step, a_k=a.k_step, a_row=a.step, b_tile=b.tile_step, b_k=b.k_step, b_column=b.step,
            fetches=int(fetches), in_segment=b.k_step if packed else a.k_step,
            axes=len(problem.batch), batch=problem.batch, a_batch=a.batch, b_batch=b.batch,
        )  # fmt: skip
        items = math.prod(problem.batch)
        cost = MATMUL_MULTIPLY_NS * items * problem.m * problem.n * problem.k
        cost += MATMUL_BYTE_NS * items * problem.itemsize * (problem.m * problem.k + problem.k * problem.n)
        self.launches.append(Launch(KernelRef(make_multiply), buffers, params, extent, cost))

    def _is_short(self) -> bool:
        """Whether most of the time goes to writing out, which is then done along its rows."""
        return self.problem.k <= _SHORT

    def _blocks(self, machine: Host) -> tuple[int, int]:
        """Into how many row blocks and column blocks out is cut: each stays in the caches, and all threads get some."""
        problem, row_tiles, column_tiles = self.problem, self.row_tiles, self.column_tiles
        panel = self.tile.lanes * min(problem.k, _K_BLOCK)
        block, few = (
            self._elements_in_cache(machine),
            max(_LEAST_UNITS, machine.cores),
        )  # few units are enough for all cores
        if self._is_short():
            tall, wide = min(row_tiles, _SHORT_TALL), min(column_tiles, max(1, _KEPT * block // panel))
        else:
            tall = min(row_tiles, max(1, block // (self.rows * min(problem.k, _K_BLOCK))))
            if row_tiles <= 2 * tall and column_tiles >= few:
                tall = row_tiles  # b is packed by those who read it, and by nobody else
            wide = min(column_tiles, max(1, block // (self.rows * tall * self.tile.lanes)))
        worth = math.ceil(_WORTH / (problem.k * self.rows * self.tile.lanes))  # tiles
        enough = few if tall == row_tiles else _UNITS
        while tall * wide > worth and self._units(tall, wide) < enough:
            if wide > 1 and not self._is_short():
                wide = math.ceil(wide / 2)
            elif tall > 1 and self._units(tall, wide) < few:
                tall = math.ceil(tall / 2)
            else:
                break
        return math.ceil(row_tiles / tall), math.ceil(column_tiles / wide)

    def _units(self, tall: int, wide: int) -> int:
        blocks = math.ceil(self.row_tiles / tall) * math.ceil(self.column_tiles / wide)
        return math.prod(self.problem.batch) * blocks


class MultiplyParams(NamedTuple):
    """Of `make_multiply`.  Sizes and steps are in elements; tiles are `rows` x `lanes`."""

    tile: Address  # the function of all rows of tiles but the last
    last_tile: Address
    move: Address  # what packs b; 0: b is read where it lies, or lies in panels
    panels: int  # elements that a unit packs
    itemsize: int  # bytes
    m: int
    n: int
    k: int
    rows: int
    lanes: int
    row_blocks: int  # of out
    column_blocks: int
    depth: int  # of k: what is summed before it joins out
    by_rows: int  # 1: tiles are met along the rows of out
    a_tile: int  # from one row of tiles to the next
    a_k: int
    a_row: int
    b_tile: int
    b_k: int
    b_column: int
    fetches: int  # 1: while a panel of b is read, the next one is brought
    in_segment: int  # step along k of the operand that a tile does not simply read on
    axes: int  # of the batch
    batch: tuple[int, ...]  # their sizes
    a_batch: tuple[int, ...]  # steps along them
    b_batch: tuple[int, ...]


def make_multiply() -> Kernel:
    """out[batch, m, n] from a and b as the tiles read them; unit = (batch item, block of rows, block of columns).

    With `move`, a unit copies its panels of b, before it uses them, to scratch of its own.  Tiles are met down the
    columns, so that a panel of b stays in the first cache; by_rows: along the rows of out.
    """
    from ..tiles.intrinsics import address_of, call, read, stack

    brought = shapes.LINES * LINE_BYTES

    def kernel(buffers: Any, params: Any, lo: int, hi: int) -> int:
        p = read(params, MultiplyParams)
        tile, last_tile, move, panels, itemsize = p.tile, p.last_tile, p.move, p.panels, p.itemsize
        m, n, k, rows, lanes = p.m, p.n, p.k, p.rows, p.lanes
        row_blocks, column_blocks, depth, by_rows = p.row_blocks, p.column_blocks, p.depth, p.by_rows
        a_tile, a_step, a_row, b_tile, b_step, b_column = p.a_tile, p.a_k, p.a_row, p.b_tile, p.b_k, p.b_column
        fetches, in_segment, axes = p.fetches, p.in_segment, p.axes
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
                index = item % p.batch[axis]
                item //= p.batch[axis]
                a += index * p.a_batch[axis] * itemsize
                b += index * p.b_batch[axis] * itemsize
            for part in range((k + depth - 1) // depth):
                k0, accumulate = part * depth, min(part, 1)
                run = min(depth, k - k0)
                at, step, panel = b + (j0 * b_tile + k0 * b_step) * itemsize, b_step, b_tile * itemsize
                if move:  # some rows of all panels at a time, since b lies along its rows
                    at, step, panel = buffers[3] + lo * panels * itemsize, lanes, run * lanes * itemsize
                    for number in range((run + _ROWS_AT_ONCE - 1) // _ROWS_AT_ONCE * wide):
                        t, j = number // wide * _ROWS_AT_ONCE, number % wide
                        column = (j0 + j) * lanes
                        call(
                            move,
                            (at + j * panel + t * lanes * itemsize, lanes, 1,
                             b + (column * b_column + (k0 + t) * b_step) * itemsize, b_step, b_column,
                             min(_ROWS_AT_ONCE, run - t), min(lanes, n - column)),
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
