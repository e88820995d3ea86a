"""How an array lies in memory: sizes, and strides in bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .device import Device, Span


def c_strides(shape: Sequence[int], dtype: np.dtype) -> tuple[int, ...]:
    """The strides, in bytes, of an array in C order."""
    found, step = [], dtype.itemsize
    for size in reversed(shape):
        found.append(step)
        step *= max(size, 1)
    return tuple(reversed(found))


def is_c_contiguous(shape: Sequence[int], strides: Sequence[int], dtype: np.dtype) -> bool:
    """Whether the elements stand in C order without gaps."""
    wanted = zip(shape, strides, c_strides(shape, dtype), strict=True)
    return 0 in shape or all(size == 1 or have == want for size, have, want in wanted)


def byte_extent(shape: Sequence[int], strides: Sequence[int], dtype: np.dtype) -> tuple[int, int]:
    """From which byte to before which one the elements lie, counted from the first one."""
    if 0 in shape:
        return 0, 0
    reach = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    return sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach) + dtype.itemsize


def download_array(
    device: Device, address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    """An array of the device, whose first element has that address, as one of the host in C order; waits."""
    low, high = byte_extent(shape, strides, dtype)
    raw = np.empty(high - low, np.uint8)
    device.download(raw, Span(address + low, high - low))
    view: np.ndarray = np.ndarray(shape, dtype, raw, -low, strides)
    return view if view.flags.c_contiguous else view.copy()
