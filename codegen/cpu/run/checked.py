"""The checked mode (`WEFT_CHECK=1`): what a proof of sizes and indices has missed is found where it happens.

    nests      every load and store compares its place with the number of elements that its buffer has
    buffers    each lies in memory of its own against a page that nobody may touch: with its end in one call, with its
               start in the next; what has not been written is filled with bytes of 255: NaN, or -1

A nest that leaves its buffers is a VerifyError; a kernel that does ends the process, with the lines of Python that led
there.  Calls take many times as long.
"""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np

ENABLED = os.environ.get("WEFT_CHECK", "0") not in ("", "0")

_PAGE_BYTES = mmap.PAGESIZE
_UNWRITTEN = 255
_PROTECTED = 0  # PROT_NONE, which the mmap module has no name for


class Guarded:
    """So many bytes, with a page before and a page behind that nobody may touch."""

    def __init__(self, size: int):
        self.size = size
        self.pages = max(-(-size // _PAGE_BYTES), 1) * _PAGE_BYTES
        self.memory = mmap.mmap(-1, self.pages + 2 * _PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.bytes = np.frombuffer(self.memory, np.uint8)
        self.first = int(self.bytes.ctypes.data) + _PAGE_BYTES
        for page in (self.first - _PAGE_BYTES, self.first + self.pages):
            if ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), ctypes.c_size_t(_PAGE_BYTES), _PROTECTED):
                raise OSError("mprotect failed")

    def clear(self) -> None:
        """Fill it as if nobody had written to it."""
        self.bytes[_PAGE_BYTES : _PAGE_BYTES + self.pages] = _UNWRITTEN

    def address(self, at_end: bool) -> int:
        """Where the bytes are: against the page behind, or the page before."""
        return self.first + (self.pages - self.size if at_end else 0)

    def array(self, shape: tuple[int, ...], dtype: np.dtype, at_end: bool) -> np.ndarray:
        """The bytes as an array, which keeps them."""
        start = self.address(at_end) - self.first + _PAGE_BYTES
        return np.ndarray(shape, dtype, self.memory, start)


def empty(shape: tuple[int, ...], dtype: np.dtype, at_end: bool) -> np.ndarray:
    """A guarded array that nobody has written to."""
    memory = Guarded(int(np.prod(shape)) * dtype.itemsize)
    memory.clear()
    return memory.array(shape, dtype, at_end)


def copy(array: np.ndarray, at_end: bool) -> np.ndarray:
    """A guarded copy."""
    found = empty(array.shape, array.dtype, at_end)
    found[...] = array
    return found
