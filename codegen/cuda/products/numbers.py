"""Numbers that a kernel gets when it is launched, and fast division by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..trace.builder import INT32, INT64, KernelBuilder

MOST_INT32 = (1 << 31) - 1
DIVISOR = (INT32, INT64, INT64)  # parameters of a `Divisor`


class Divisor:
    """A number to divide by: floor(x / d) = (x * magic) >> shift for 0 <= x < 2**31.

    With 2**(l - 1) < d <= 2**l, shift = 31 + l and magic = ceil(2**shift / d), what magic is too large by adds less
    than 1 / d to the quotient: Granlund and Montgomery, Division by Invariant Integers using Multiplication (1994).
    """

    def __init__(self, k: KernelBuilder, divisor: Any, magic: Any, shift: Any) -> None:
        self.k, self.divisor, self.magic, self.shift = k, divisor, magic, shift

    def split(self, x: Any) -> tuple[Any, Any]:
        """Quotient and remainder."""
        quotient = self.k.cast((self.k.cast(x, INT64) * self.magic) >> self.shift, INT32)
        return quotient, x - quotient * self.divisor


def divisor_arguments(divisor: int) -> tuple[int, int, int]:
    """What a kernel gets for a `Divisor`, which is at least 1."""
    shift = 31 + (divisor - 1).bit_length()
    return divisor, -(-(1 << shift) // divisor), shift


class Numbers:
    """The numbers of a launch, which the parts of a kernel take in order."""

    def __init__(self, k: KernelBuilder, values: Sequence[Any]) -> None:
        self.k = k
        self.left: Iterator[Any] = iter(values)

    def take(self, count: int) -> list[Any]:
        """The next numbers."""
        return [next(self.left) for _ in range(count)]

    def divisor(self) -> Divisor:
        """The next three, as a divisor."""
        return Divisor(self.k, *self.take(len(DIVISOR)))


def split_index(index: Any, sizes: Sequence[Divisor]) -> list[Any]:
    """An index in C order as what lies above these sizes, and an index along each."""
    inner = []
    for size in reversed(sizes):
        index, rest = size.split(index)
        inner.append(rest)
    return [index, *reversed(inner)]


def place_dtype(wide: bool) -> np.dtype:
    """The dtype of places in arrays: int64 for arrays of 2**31 elements and more."""
    return INT64 if wide else INT32


def as_place(k: KernelBuilder, index: Any, wide: bool) -> Any:
    """An int32 as a place."""
    return k.cast(index, INT64) if wide else index
