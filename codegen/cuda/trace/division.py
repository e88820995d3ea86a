"""Division of integers by a number that is known when a kernel is launched: a multiplication and a shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .builder import INT32, INT64, KernelBuilder

UINT32, UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)


def divisor_types(wide: bool = False) -> tuple[np.dtype, ...]:
    """The parameters that `divide` needs for one divisor.

    wide : whether what is divided is int64; that takes the machine's own division
    """
    return (INT64,) if wide else (INT32, UINT32, UINT32)


def divisor_numbers(size: int, wide: bool = False) -> tuple[int, ...]:
    """The divisor, and for int32 the multiplier and the shift that divide by it.

    T. Granlund, P. L. Montgomery, Division by invariant integers using multiplication, PLDI 1994: with
    l = ceil(log2(d)) and m = floor(2**(31 + l) / d) + 1, floor(n / d) = floor(n m / 2**(31 + l)) for 0 <= n < 2**31.
    """
    size = max(size, 1)
    if wide:
        return (size,)
    shift = 31 + (size - 1).bit_length()
    return size, (1 << shift) // size + 1, shift


def divide(k: KernelBuilder, number: Any, divisor: Sequence[Any]) -> tuple[Any, Any]:
    """Quotient and remainder of a number that is not negative."""
    size, *inverse = divisor
    if not inverse:
        quotient = k.quotient(number, size)
    else:
        multiplier, shift = (k.cast(n, UINT64) for n in inverse)
        quotient = k.cast((k.cast(k.cast(number, UINT32), UINT64) * multiplier) >> shift, INT32)
    return quotient, number - quotient * size
