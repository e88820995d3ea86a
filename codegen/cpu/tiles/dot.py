"""C[rows, columns] (+)= A[rows, t] B[columns, t] with vectors along t: for few results of a long contraction.

Nothing is packed: both operands are contiguous along t, in stretches of `length` elements.  A product of a matrix and
a vector is one stretch; a gradient to a convolution's weights has one per image and line.

    for g in range(groups):
        for l in range(lines):
            for t in range(length):
                C[i, j] += A[i, g, l, t] * B[j, g, l, t]

A's rows are `a_row` apart, B's columns begin at b + offsets[j].  The sums of the lanes are added at the end, always in
the same order.
"""

from llvmlite import ir

from .vectors import I64, Values, VectorFunction, number

ARGUMENTS = (
    "accumulate",  # 0: C is written, 1: C is added to
    "a",
    "a_row",
    "a_group",
    "a_line",
    "b",
    "offsets",  # address of int64[columns]
    "b_group",
    "b_line",
    "groups",  # >= 1
    "lines",  # >= 1
    "length",  # >= 1
    "c",
    "c_row",
    "c_column",
)


def emit_dot(entry: str, dtype: str, rows: int, columns: int) -> str:
    """LLVM IR of the function `entry` for exactly rows x columns results; its arguments are ARGUMENTS."""
    return _Dot(entry, dtype, ARGUMENTS).emit(rows, columns)


class _Dot(VectorFunction):
    """One dot function: sums of lanes in registers, added across at the end."""

    def emit(self, rows: int, columns: int) -> str:
        """The whole function."""
        given = self.given
        a, b, offsets = self.pointer("a"), self.pointer("b"), self.pointer("offsets", I64)
        self.a_rows = [self.at(a, self.builder.mul(given["a_row"], number(i))) for i in range(rows)]
        self.b_columns = [self.at(b, self.load(offsets, j)) for j in range(columns)]
        zero = ir.Constant(self.vector, None)
        _, _, *sums = self.repeat(given["groups"], [number(0), number(0), *[zero] * (rows * columns)], self._group)
        self._store(sums, columns)
        return self.finish()

    def _group(self, index: ir.Value, a: ir.Value, b: ir.Value, *sums: ir.Value) -> Values:
        _, _, *left = self.repeat(self.given["lines"], [a, b, *sums], self._line)
        return [self.builder.add(a, self.given["a_group"]), self.builder.add(b, self.given["b_group"]), *left]

    def _line(self, index: ir.Value, a: ir.Value, b: ir.Value, *sums: ir.Value) -> Values:
        """One stretch, its last vector masked."""

        def step(index: ir.Value, *sums: ir.Value) -> Values:
            t = self.builder.mul(index, number(self.width))
            mask = self.mask(self.builder.sub(self.given["length"], t))
            rows = [self.load_vector(self.at(row, self.builder.add(a, t)), mask) for row in self.a_rows]
            left = list(sums)
            for j, place in enumerate(self.b_columns):
                column = self.load_vector(self.at(place, self.builder.add(b, t)), mask)
                for i, row in enumerate(rows):
                    at = i * len(self.b_columns) + j
                    left[at] = self.fma(row, column, sums[at])
            return left

        steps = self.builder.udiv(self.builder.add(self.given["length"], number(self.width - 1)), number(self.width))
        left = self.repeat(steps, sums, step)
        return [self.builder.add(a, self.given["a_line"]), self.builder.add(b, self.given["b_line"]), *left]

    def _store(self, sums: Values, columns: int) -> None:
        c, kept = self.pointer("c"), self.builder.icmp_signed("!=", self.given["accumulate"], number(0))
        for at, lanes in enumerate(sums):
            i, j = (number(index) for index in divmod(at, columns))
            rows, steps = self.builder.mul(i, self.given["c_row"]), self.builder.mul(j, self.given["c_column"])
            place = self.at(c, self.builder.add(rows, steps))
            total = self._across(lanes)
            with self.builder.if_else(kept) as (added, written):
                with added:
                    self.builder.store(self.builder.fadd(self.builder.load(place), total), place)
                with written:
                    self.builder.store(total, place)

    def _across(self, lanes: ir.Value) -> ir.Value:
        """The sum of a vector's lanes: halves, quarters ..."""
        undefined, distance = ir.Constant(self.vector, ir.Undefined), self.width // 2
        while distance:
            order = [i ^ distance for i in range(self.width)]
            other = ir.Constant(ir.VectorType(ir.IntType(32), self.width), order)
            lanes = self.builder.fadd(lanes, self.builder.shuffle_vector(lanes, undefined, other))
            distance //= 2
        return self.builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))
