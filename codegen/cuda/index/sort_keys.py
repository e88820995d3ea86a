"""Integers in the order of numbers, and where sorted ones stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..trace.builder import INT32, INT64, KernelBuilder


def key_type(dtype: np.dtype) -> np.dtype:
    """The signed integer that `sort_key` makes of an element."""
    return INT64 if dtype.itemsize == 8 else INT32


def sort_key(k: KernelBuilder, x: Any, descending: bool) -> Any:
    """An integer that is smaller where x comes first, and equal where neither does: all zeros, and all NaNs.

    A NaN is larger than all.  Floats are ordered as their bits are, but that negative ones run the other way.
    """
    kind = key_type(x.dtype)
    most = np.iinfo(kind).max
    if x.is_float:
        bits = x.bits()
        key = k.select(bits < 0, bits ^ most, bits)
        key = k.select(x.is_nan(), most, k.select(x.eq(0), 0, key))
    elif x.dtype.kind == "u" and x.dtype.itemsize == kind.itemsize:
        key = k.cast(x, kind) ^ np.iinfo(kind).min
    else:
        key = k.cast(x, kind)
    return ~key if descending else key


def count_before(k: KernelBuilder, keys: Any, low: Any, high: Any, key: Any, ties: Any, steps: Any) -> Any:
    """How many of keys[low:high], which are sorted, are below `key`, or equal to it where `ties` holds.

    steps : the range has fewer than 2**steps elements; keys has at least one.
    """
    first, last = k.register(low.dtype, low), k.register(low.dtype, high)
    for _ in k.range(0, steps):
        middle = (first.get() + last.get()) >> 1
        going = first.get() < last.get()
        found = keys[k.select(going, middle, 0)]
        smaller = (found < key) | (ties & found.eq(key))
        after = k.select(going & smaller, middle + 1, first.get())
        last.set(k.select(going & ~smaller, middle, last.get()))
        first.set(after)
    return first.get() - low
