"""Memory from the system."""

from __future__ import annotations

import mmap

import numpy as np

from ...lowering.memory import ALIGNMENT_BYTES

_HUGE_PAGE_BYTES = 1 << 21


def raw_memory(size: int) -> np.ndarray:
    """Bytes aligned for vectors; in huge pages where the system has them, since page faults cost more than the work.

    Raises MemoryError where the system has not so many.
    """
    if size >= _HUGE_PAGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            # private: what is shared, which is the default, a forked process would write to as well
            memory = mmap.mmap(-1, size + _HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, OverflowError, ValueError) as error:
            raise MemoryError(f"{size} bytes: {error}") from None
        memory.madvise(mmap.MADV_HUGEPAGE)
        raw = np.frombuffer(memory, np.uint8)
        return raw[-raw.ctypes.data % _HUGE_PAGE_BYTES :][:size]
    raw = np.empty(size + ALIGNMENT_BYTES, np.uint8)
    return raw[-raw.ctypes.data % ALIGNMENT_BYTES :][:size]
