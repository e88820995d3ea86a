"""Elements of a flat array of the host as an array of another shape."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...symbolic.errors import VerifyError


def elements(flat: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], start: int) -> np.ndarray:
    """A view of an array: element start + sum of stride * index.  Raises VerifyError for one that leaves the array."""
    if 0 in shape:
        return np.empty(shape, flat.dtype)
    spans = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    low, high = start + sum(s for s in spans if s < 0), start + sum(s for s in spans if s > 0)
    if low < 0 or high >= flat.size:
        raise VerifyError(f"Elements {low} to {high} are read or written of a buffer that has {flat.size}.")
    return as_strided(flat[start:], shape, [s * flat.itemsize for s in strides])
