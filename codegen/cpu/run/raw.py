"""Memory from the system."""

from __future__ import annotations

import mmap

import numpy as np

from ...lowering.memory import ALIGNMENT

_HUGE = 1 << 21  # bytes of a huge page


def raw_memory(size: int) -> np.ndarray:
    """Bytes aligned for vectors; in huge pages where the system has them, since page faults cost more than the work.

    Raises MemoryError where the system has not so many.
    """
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        try:
            # private: what is shared, which is the default, a forked process would write to as well
            memory = mmap.mmap(-1, size + _HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except (OSError, OverflowError, ValueError) as error:
            raise MemoryError(f"{size} bytes: {error}") from None
        memory.madvise(mmap.MADV_HUGEPAGE)
        raw = np.frombuffer(memory, np.uint8)
        return raw[-raw.ctypes.data % _HUGE :][:size]
    raw = np.empty(size + ALIGNMENT, np.uint8)
    return raw[-raw.ctypes.data % ALIGNMENT :][:size]
