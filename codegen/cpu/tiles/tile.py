"""C[rows, lanes] (+)= A[rows, k] B[k, lanes] held in registers: the one inner loop of matmul and of every convolution.

A tile is `rows` scalars of A, broadcast, times `vectors` vectors of B, accumulated in rows * vectors registers:

    for s in range(segments):               # where a stretch of the contraction starts ...
        for t in range(run):                # ... and how it goes on
            C[i, :] += A[i, k] * B[k, :]    # fused multiply-add, i < rows

One operand is packed in the order of k and simply read on; the other stays where it lies, and `starts[s]` says where
segment s begins in it (a matmul has one segment; a convolution one per channel and row of the kernel).  Two layouts:

    packed A    A[i, k] lies at a + k * a_step + i; B[k, :] lies at b + starts[s] + t * b_step
    strided A   A[i, k] lies at a + offsets[i] + starts[s] + t * a_step; B[k, :] lies at b + k * b_step

Lanes beyond `lanes` are neither read nor written, so that edges need no scratch tile and no padding.  There is one
small function for each number of rows that a plan needs, made by llvmlite alone and called by address.
"""

from llvmlite import ir

from ..model import LINE_BYTES
from .shapes import LINES, TileShape
from .vectors import I64, Values, VectorFunction, number

# The arguments of a tile function: addresses, counts, and steps in elements.
ARGUMENTS = (
    "lanes",  # how many of the tile's columns exist
    "accumulate",  # 0: C is written, 1: C is added to
    "a",
    "a_step",
    "offsets",  # address of int64[rows]; read for strided A only
    "b",
    "b_step",
    "starts",  # address of int64[segments]
    "segments",  # >= 1
    "run",  # >= 1
    "c",
    "c_step",  # from one row of C to the next
    "ahead",  # address of what will be read soon; a tile that fetches brings LINES lines of it in each segment
)


def emit_tile(entry: str, tile: TileShape, rows: int, packed: bool, run: int = 0, fetches: bool = False) -> str:
    """LLVM IR of the function `entry` for tiles of exactly `rows` rows; its arguments are ARGUMENTS.

    With a `run` it serves only calls with that one, which is written out.
    """
    return _Tile(entry, tile, rows, packed, run, fetches).emit()


class _Tile(VectorFunction):
    """One tile function: accumulators in, contraction, accumulators out."""

    def __init__(self, entry: str, tile: TileShape, rows: int, packed: bool, run: int, fetches: bool) -> None:
        super().__init__(entry, tile.dtype, ARGUMENTS)
        self.rows, self.packed, self.run, self.fetches = rows, packed, run, fetches
        self.vectors, self.lanes = tile.vectors, tile.lanes
        self.a, self.b, self.c = self.pointer("a"), self.pointer("b"), self.pointer("c")
        self.starts = self.pointer("starts", I64)

    def emit(self) -> str:
        """The whole function."""
        if not self.packed:
            offsets = self.pointer("offsets", I64)
            self.a_rows = [self.at(self.a, self.load(offsets, i)) for i in range(self.rows)]
        whole = self.builder.icmp_signed(">=", self.given["lanes"], number(self.lanes))
        with self.builder.if_else(whole) as (all_lanes, some_lanes):
            with all_lanes:  # a masked load takes one of the two slots for arithmetic
                self._contract([None] * self.vectors)
            with some_lanes:
                self._contract([self.mask(self.given["lanes"], v * self.width) for v in range(self.vectors)])
        return self.finish()

    def _contract(self, masks: list[ir.Value | None]) -> None:
        """The whole contraction, where `masks` tell which lanes of each vector exist (None: all)."""
        self.masks = masks
        for i, v in self._places():
            self.prefetch(self._c_at(i, v))  # C comes while the sums are made
        read_on, zero = self.a if self.packed else self.b, ir.Constant(self.vector, None)
        zeros = [zero] * (self.rows * self.vectors)
        _, *sums = self.repeat(self.given["segments"], [read_on, *zeros], self._segment)
        self._store_c(self._add_c(sums))

    def _segment(self, index: ir.Value, read_on: ir.Value, *sums: ir.Value) -> Values:
        """One segment: the packed operand is read on, the other starts anew."""
        if self.fetches:
            self._fetch(index)
        start = self.load(self.starts, index)
        a, b = (read_on, self.at(self.b, start)) if self.packed else (start, read_on)
        if self.run:
            left: Values = sums
            for _ in range(self.run):
                a, b, *left = self._step(index, a, b, *left)
        else:  # a prefetch in here would cost a twentieth
            a, b, *left = self.repeat(self.given["run"], [a, b, *sums], self._step)
        return [a if self.packed else b, *left]

    def _fetch(self, index: ir.Value) -> None:
        """Bring this segment's share of what comes later."""
        first = self.builder.add(self.given["ahead"], self.builder.mul(index, number(LINES * LINE_BYTES)))
        for i in range(LINES):
            place = self.builder.add(first, number(i * LINE_BYTES))
            self.prefetch(self.builder.inttoptr(place, self.element.as_pointer()), write=False)

    def _step(self, index: ir.Value, a: ir.Value, b: ir.Value, *sums: ir.Value) -> Values:
        """One k: `vectors` loads, `rows` broadcasts, rows * vectors fused multiply-adds."""
        vectors = [self.load_vector(self.at(b, v * self.width), mask) for v, mask in enumerate(self.masks)]
        left = []
        for i in range(self.rows):
            scalar = self.splat(self.load(a, i) if self.packed else self.load(self.a_rows[i], a))
            left += [self.fma(scalar, vector, sums[i * len(vectors) + v]) for v, vector in enumerate(vectors)]
        a_step = self.given["a_step"]
        a = self.at(a, a_step) if self.packed else self.builder.add(a, a_step)
        return [a, self.at(b, self.given["b_step"]), *left]

    def _add_c(self, sums: list[ir.Value]) -> list[ir.Value]:
        """The sums and what C holds, where it is added to; the sums alone, and nothing is read, where it is written."""
        builder, written = self.builder, self.builder.block
        with builder.if_then(builder.icmp_signed("!=", self.given["accumulate"], number(0))):
            held = [self.load_vector(self._c_at(i, v), self.masks[v]) for i, v in self._places()]
            totals = [builder.fadd(before, added) for before, added in zip(held, sums, strict=True)]
            added_to = builder.block
        left = []
        for total, added in zip(totals, sums, strict=True):
            left.append(builder.phi(self.vector))
            left[-1].add_incoming(added, written)
            left[-1].add_incoming(total, added_to)
        return left

    def _store_c(self, sums: Values) -> None:
        for (i, v), value in zip(self._places(), sums, strict=True):
            self.store_vector(value, self._c_at(i, v), self.masks[v])

    def _places(self) -> list[tuple[int, int]]:
        """Row and vector of each accumulator."""
        return [(i, v) for i in range(self.rows) for v in range(self.vectors)]

    def _c_at(self, i: int, v: int) -> ir.Value:
        row = self.builder.mul(self.given["c_step"], number(i))
        return self.at(self.c, self.builder.add(row, number(v * self.width)))
