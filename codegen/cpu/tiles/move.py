"""dst[i, j] = src[i, j] between strided matrices: what packs panels, pads images and stores transposed tiles.

One function per dtype, made by llvmlite and called by address; it tells three cases apart by the steps it is given:
rows that are contiguous on both sides are copied by vectors; a matrix that is contiguous along one axis in the source
and along the other in the destination is transposed in registers, width x width elements at a time; else by elements,
those first that are near to each other in the destination.
"""

from llvmlite import ir

from .vectors import I32, Values, VectorFunction, number

# The arguments of `move`: addresses, steps in elements, sizes (which may be 0).
ARGUMENTS = ("dst", "dst_row", "dst_column", "src", "src_row", "src_column", "rows", "columns")


def emit_move(entry: str, dtype: str) -> str:
    """LLVM IR of the function `entry`: dst[i * dst_row + j * dst_column] = src[i * src_row + j * src_column]."""
    return _Move(entry, dtype, ARGUMENTS).emit()


class _Move(VectorFunction):
    """The three ways to move, and the choice."""

    def emit(self) -> str:
        """The whole function."""
        self.dst, self.src = self.pointer("dst"), self.pointer("src")
        builder = self.builder
        # where i is the contiguous axis of the source, it is j in what follows
        self._turn(builder.icmp_signed("==", self.given["src_row"], number(1)))
        given = self.given
        some = builder.and_(*(builder.icmp_signed(">", given[size], number(0)) for size in ("rows", "columns")))
        with builder.if_then(some), builder.if_else(self._unit("dst_column", "src_column")) as (copied, other):
            with copied:
                self.repeat(given["rows"], [], self._copy_row)
            with other, builder.if_else(self._unit("dst_row", "src_column")) as (transposed, strided):
                with transposed:
                    self.repeat(self._blocks("rows"), [], self._transpose_rows)
                with strided:
                    self._turn(builder.icmp_signed("<", self._distance("dst_row"), self._distance("dst_column")))
                    self.repeat(self.given["rows"], [], self._move_row)
        return self.finish()

    def _distance(self, step: str) -> ir.Value:
        given = self.given[step]
        return self.builder.select(self.builder.icmp_signed("<", given, number(0)), self.builder.neg(given), given)

    def _turn(self, turned: ir.Value) -> None:
        """Exchange i and j."""
        given = dict(self.given)
        for i, j in (("src_row", "src_column"), ("dst_row", "dst_column"), ("rows", "columns")):
            self.given[i] = self.builder.select(turned, given[j], given[i])
            self.given[j] = self.builder.select(turned, given[i], given[j])

    def _unit(self, *steps: str) -> ir.Value:
        first, second = (self.builder.icmp_signed("==", self.given[step], number(1)) for step in steps)
        return self.builder.and_(first, second)

    def _blocks(self, size: str) -> ir.Value:
        """How many vectors cover that size."""
        return self.builder.udiv(self.builder.add(self.given[size], number(self.width - 1)), number(self.width))

    def _offset(self, i: ir.Value, row: str, j: ir.Value, column: str) -> ir.Value:
        return self.builder.add(
            self.builder.mul(i, self.given[row]), self.builder.mul(j, self.given[column]), flags=("nsw",)
        )

    def _move_row(self, i: ir.Value) -> Values:
        def element(j: ir.Value) -> Values:
            value = self.load(self.src, self._offset(i, "src_row", j, "src_column"))
            self.builder.store(value, self.at(self.dst, self._offset(i, "dst_row", j, "dst_column")))
            return []

        self.repeat(self.given["columns"], [], element)
        return []

    def _copy_row(self, i: ir.Value) -> Values:
        def piece(block: ir.Value) -> Values:
            j = self.builder.mul(block, number(self.width))
            mask = self.mask(self.builder.sub(self.given["columns"], j))
            value = self.load_vector(self.at(self.src, self._offset(i, "src_row", j, "src_column")), mask)
            self.store_vector(value, self.at(self.dst, self._offset(i, "dst_row", j, "dst_column")), mask)
            return []

        self.repeat(self._blocks("columns"), [], piece)
        return []

    def _transpose_rows(self, block: ir.Value) -> Values:
        """`width` rows of the source become `width` columns of the destination."""
        i = self.builder.mul(block, number(self.width))
        here = self.builder.sub(self.given["rows"], i)

        def piece(block: ir.Value) -> Values:
            j = self.builder.mul(block, number(self.width))
            left = self.builder.sub(self.given["columns"], j)
            src = self.at(self.src, self._offset(i, "src_row", j, "src_column"))
            dst = self.at(self.dst, self._offset(i, "dst_row", j, "dst_column"))
            self._transpose(src, dst, here, left)
            return []

        self.repeat(self._blocks("columns"), [], piece)
        return []

    def _transpose(self, src: ir.Value, dst: ir.Value, rows: ir.Value, columns: ir.Value) -> None:
        """One block, of which rows x columns elements exist."""
        loading, storing = self.mask(columns), self.mask(rows)
        vectors = []
        for i in range(self.width):
            exists = self.splat(self.builder.icmp_signed(">", rows, number(i)))
            row = self.at(src, self.builder.mul(self.given["src_row"], number(i)))
            vectors.append(self.load_vector(row, self.builder.and_(loading, exists)))
        for j, value in enumerate(self._exchange_blocks(vectors)):
            exists = self.splat(self.builder.icmp_signed(">", columns, number(j)))
            row = self.at(dst, self.builder.mul(self.given["dst_column"], number(j)))
            self.store_vector(value, row, self.builder.and_(storing, exists))

    def _exchange_blocks(self, vectors: list[ir.Value]) -> list[ir.Value]:
        """A butterfly: at each distance d, rows d apart exchange blocks of d elements."""
        distance = self.width // 2
        while distance:
            for i in range(self.width):
                if not i & distance:
                    vectors[i], vectors[i + distance] = self._exchange(vectors[i], vectors[i + distance], distance)
            distance //= 2
        return vectors

    def _exchange(self, low: ir.Value, high: ir.Value, distance: int) -> tuple[ir.Value, ir.Value]:
        """(low, high) -> the blocks at even places of both, the blocks at odd places of both."""
        lanes = range(self.width)
        even = [j if not j & distance else self.width + j - distance for j in lanes]
        odd = [j + distance if not j & distance else self.width + j for j in lanes]
        kind = ir.VectorType(I32, self.width)
        return tuple(self.builder.shuffle_vector(low, high, ir.Constant(kind, order)) for order in (even, odd))
