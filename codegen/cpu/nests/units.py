"""Loops over work units, whose numbers count several axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from .loop_builder import I64, LoopBuilder

UnitWork = Callable[[list[ir.Value], ir.Value], None]  # gets the digits of a unit's number, and the number


def loop_over_units(
    builder: LoopBuilder,
    low: ir.Value,
    high: ir.Value,
    sizes: Sequence[ir.Value],
    work: UnitWork,
    kind: str | None = None,
) -> None:
    """The units from `low` to `high`; a unit's number has one more digit than there are sizes, and the last is fastest.

    There is a loop for each digit, so that nothing is divided but where they begin and end.
    """
    if not sizes:
        with builder.loop(low, high, "unit", kind=kind) as number:
            work([number], number)
        return
    *others, size = sizes
    b, one = builder.b, ir.Constant(I64, 1)
    first, behind = b.udiv(low, size), b.udiv(b.add(high, b.sub(size, one)), size)
    last = b.sub(behind, one)
    # Comparisons for equality tell LLVM nothing of the bounds: sums of minima and maxima would take it long to compare.
    begin, end = b.sub(low, b.mul(first, size)), b.sub(high, b.mul(last, size))

    def run(digits: list[ir.Value], number: ir.Value) -> None:
        """All values of the last digit under one number of the others, as far as they are wanted."""
        start = b.select(b.icmp_unsigned("==", number, first), begin, ir.Constant(I64, 0))
        stop = b.select(b.icmp_unsigned("==", number, last), end, size)
        with builder.loop(start, stop, "unit") as digit:
            work([*digits, digit], b.add(b.mul(number, size), digit))

    loop_over_units(builder, first, behind, others, run)
