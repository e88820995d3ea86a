"""Which threads of a launch have written and read each element of an array in global memory.

Blocks run in any order, or at once: what one thread writes, no other may read or write in the same launch, and what one
has read, no other may write.
"""

from __future__ import annotations

import numpy as np

_NOBODY, _SEVERAL = -1, -2


class ElementUsers:
    """The writer and the readers of each element; each array is made when it is first needed."""

    def __init__(self, size: int):
        self.size = size
        self.writers: np.ndarray | None = None
        self.readers: np.ndarray | None = None

    def note_write(self, places: np.ndarray, threads: np.ndarray) -> str:
        """These threads write there: what is wrong with that, or nothing."""
        if self.readers is not None:
            readers = self.readers[places]
            if ((readers != _NOBODY) & (readers != threads)).any():
                return "a thread writes what another one has read in the same launch"
        if self.writers is None:
            self.writers = np.full(self.size, _NOBODY, np.int64)
        before = self.writers[places]
        self.writers[places] = threads
        alone = ((before == _NOBODY) | (before == threads)).all() and (self.writers[places] == threads).all()
        return "" if alone else "two threads write one element"

    def note_read(self, places: np.ndarray, threads: np.ndarray) -> str:
        """These threads read there: what is wrong with that, or nothing."""
        if self.writers is not None:
            writers = self.writers[places]
            if ((writers != _NOBODY) & (writers != threads)).any():
                return "a thread reads what another one has written in the same launch"
        if self.readers is None:
            self.readers = np.full(self.size, _NOBODY, np.int64)
        before = self.readers[places]
        after = np.where((before == _NOBODY) | (before == threads), threads, _SEVERAL)
        self.readers[places] = after
        together = self.readers[places] != after
        self.readers[places[together]] = _SEVERAL
        return ""
