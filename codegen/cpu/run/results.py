"""Memory for large results: what the user lets go of is used again.

The first touch of fresh memory costs several times what it costs to fill it: the system has to clear every page.  The C
library keeps what is small; what is above some 32 MB it gives back at once.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .raw import raw_memory

LARGE_BYTES = 1 << 24  # from which on it is worth while
KEPT_BYTES = 1 << 28  # that are kept for later, at most
_STEP_BYTES = 1 << 16  # sizes are rounded up to it

_free: dict[int, list[np.ndarray]] = {}


class _Loan(np.ndarray):
    """Bytes on loan to the arrays that stand on them; when the last of these is gone, they come back."""

    raw: np.ndarray | None = None  # of the loan itself; views that a user takes of it have none

    def __del__(self) -> None:
        if self.raw is not None:
            _take_back(self.raw)


def _take_back(raw: np.ndarray) -> None:
    # No lock: this may run anywhere, and lists are appended to and taken from in one instruction.
    if sum(size * len(found) for size, found in list(_free.items())) + raw.nbytes <= KEPT_BYTES:
        _free.setdefault(raw.nbytes, []).append(raw)


def large_array(shape: tuple[int, ...], dtype: np.dtype, size: int) -> np.ndarray[Any, Any]:
    """An array of that shape, which takes `size` bytes, with arbitrary elements."""
    rounded = -(-size // _STEP_BYTES) * _STEP_BYTES
    try:
        raw = _free[rounded].pop()
    except (KeyError, IndexError):
        raw = raw_memory(rounded)
    # over bytes of ctypes: an array of NumPy's would be the base of the result in place of the loan
    block = (ctypes.c_char * rounded).from_buffer(raw.data)
    lent = _Loan(rounded, np.uint8, buffer=memoryview(block))
    lent.raw = raw
    return np.ndarray(shape, dtype, buffer=lent)


def clear() -> None:
    """Give back what is kept for later."""
    _free.clear()
