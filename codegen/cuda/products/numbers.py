"""Numbers that a kernel gets when it is launched, in the order in which its parts take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..trace.builder import INT64, KernelBuilder
from ..trace.division import divide, divisor_types

MOST_INT32 = (1 << 31) - 1
DIVISOR = divisor_types()  # parameters of a `Divisor`


class Divisor:
    """A number to divide by."""

    def __init__(self, k: KernelBuilder, given: Sequence[Any]) -> None:
        self.k, self.given = k, given

    @property
    def divisor(self) -> Any:
        """The number itself."""
        return self.given[0]

    def split(self, x: Any) -> tuple[Any, Any]:
        """Quotient and remainder."""
        return divide(self.k, x, self.given)


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
        return Divisor(self.k, self.take(len(DIVISOR)))


def split_index(index: Any, sizes: Sequence[Divisor]) -> list[Any]:
    """An index in C order as what lies above these sizes, and an index along each."""
    inner = []
    for size in reversed(sizes):
        index, rest = size.split(index)
        inner.append(rest)
    return [index, *reversed(inner)]


def as_place(k: KernelBuilder, index: Any, wide: bool) -> Any:
    """An int32 as a place."""
    return k.cast(index, INT64) if wide else index
