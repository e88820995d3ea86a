"""The shared memory of simulated blocks, which remembers who wrote and read each word since the last barrier.

Threads meet at barriers alone, those of one warp as well, which need not run in step: what one thread writes, another
may read behind the next barrier, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_WORD = 4  # bytes
_NOBODY, _SEVERAL = -1, -2
_UNITS: dict[int, Any] = {
    1: np.uint8,
    2: np.uint16,
    4: np.uint32,
    8: np.uint64,
    16: np.complex128,
}  # what is moved as one, by bytes

Words = tuple[np.ndarray, int]  # where elements start, in bytes, and how many each has


class _BegunCopy(NamedTuple):
    starts: np.ndarray
    blocks: np.ndarray
    threads: np.ndarray
    bytes: np.ndarray


class SharedMemory:
    """Bytes of each block, by (block, byte); who touched them, by (block, word)."""

    def __init__(self, blocks: int, size: int, fail: Callable[[str], None]):
        self.blocks, self.size, self.fail = blocks, size, fail
        self.used = 0  # bytes that were touched so far: memory and records grow with them
        self.bytes = np.zeros((blocks, 0), np.uint8)
        self.written = self.writer = self.read_at = self.reader = np.zeros((blocks, 0), np.int32)
        self.pending = np.zeros((blocks, 0), bool)
        self.epoch = np.zeros(blocks, np.int32)  # barriers passed
        self.open: list[_BegunCopy] = []
        self.groups: list[list[_BegunCopy]] = []

    def _grow(self, to: int) -> None:
        if to <= self.used:
            return
        self.used = min(self.size, max(2 * self.used, -(-to // 256) * 256))
        words = self.used // _WORD
        before = self.bytes
        self.bytes = np.full((self.blocks, self.used), 0xFF, np.uint8)
        self.bytes[:, : before.shape[1]] = before
        for name in ("written", "writer", "read_at", "reader"):
            new = np.full((self.blocks, words), _NOBODY, np.int32)
            old = getattr(self, name)
            new[:, : old.shape[1]] = old
            setattr(self, name, new)
        pending = np.zeros((self.blocks, words), bool)
        pending[:, : self.pending.shape[1]] = self.pending
        self.pending = pending

    def _words(self, words: Words, mask: np.ndarray) -> list[np.ndarray]:
        """The words that elements touch, for threads at work."""
        starts, size = words
        active = starts[mask]
        self._grow(int(active.max()) + size if active.size else 0)
        return [active // _WORD + j for j in range(max(1, size // _WORD))]

    # ---- reads and writes -----------------------------------------------------------------------------------------

    def read(self, words: Words, mask: np.ndarray, which: np.ndarray, threads: np.ndarray) -> np.ndarray:
        """The bytes of one element for each thread."""
        starts, size = words
        block, thread = which[mask], threads[mask]
        now = self.epoch[block]
        for word in self._words(words, mask):
            self._note_read(block * (self.used // _WORD) + word, now, thread)
        found: np.ndarray = np.zeros(len(starts), _UNITS[size])
        found[mask] = self._elements(size)[(block * self.used + starts[mask]) // size]
        return found.view(np.uint8)

    def _note_read(self, at: np.ndarray, now: np.ndarray, thread: np.ndarray) -> None:
        written, writer, read_at, reader = (
            record.reshape(-1) for record in (self.written, self.writer, self.read_at, self.reader)
        )
        when = written[at]
        if (self.open or self.groups) and self.pending.reshape(-1)[at].any():
            self.fail("shared memory: read before a copy has arrived")
        if (when < 0).any():
            self.fail("shared memory: read of what nobody wrote")
        if ((when == now) & (writer[at] != thread)).any():
            self.fail("shared memory: read of what another thread has written since the last barrier")
        fresh = read_at[at] != now
        reader[at[fresh]] = thread[fresh]
        read_at[at] = now
        reader[at[reader[at] != thread]] = _SEVERAL

    def _elements(self, size: int) -> np.ndarray:
        """All bytes, as elements of so many."""
        return self.bytes.reshape(-1).view(_UNITS[size])

    def write(self, words: Words, values: np.ndarray, mask: np.ndarray, which: np.ndarray, threads: np.ndarray) -> None:
        """One element of each thread."""
        starts, size = words
        self._claim(words, mask, which, threads)
        raw: np.ndarray = np.ascontiguousarray(values).view(_UNITS[size]).reshape(-1)
        self._elements(size)[(which[mask] * self.used + starts[mask]) // size] = raw[mask]

    def _claim(self, words: Words, mask: np.ndarray, which: np.ndarray, threads: np.ndarray) -> None:
        block, thread = which[mask], threads[mask]
        places = words[0][mask]
        if len(np.unique(block.astype(np.int64) * self.size + places)) != len(places):
            self.fail("shared memory: two threads write one element at once")
        now = self.epoch[block]
        for word in self._words(words, mask):
            self._note_write(block * (self.used // _WORD) + word, now, thread)

    def _note_write(self, at: np.ndarray, now: np.ndarray, thread: np.ndarray) -> None:
        written, writer, read_at, reader = (
            record.reshape(-1) for record in (self.written, self.writer, self.read_at, self.reader)
        )
        if (self.open or self.groups) and self.pending.reshape(-1)[at].any():
            self.fail("shared memory: write where a copy is under way")
        if ((read_at[at] == now) & (reader[at] != thread)).any():
            self.fail("shared memory: write of what another thread has read since the last barrier")
        if ((written[at] == now) & (writer[at] != thread)).any():
            self.fail("shared memory: write of what another thread has written since the last barrier")
        written[at], writer[at] = now, thread

    def pass_barrier(self, there: np.ndarray) -> None:
        """These blocks pass a barrier."""
        self.epoch[there] += 1

    # ---- copies that arrive later ---------------------------------------------------------------------------------

    def begin_copy(
        self, words: Words, values: np.ndarray, mask: np.ndarray, which: np.ndarray, threads: np.ndarray
    ) -> None:
        """One element of each thread, that nobody sees before its group has arrived."""
        self._claim(words, mask, which, threads)
        starts, size = words
        for word in self._words(words, mask):
            self.pending[which[mask], word] = True
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1, size)
        self.open.append(_BegunCopy(starts[mask], which[mask], threads[mask], raw[mask]))

    def commit(self) -> None:
        """The copies begun are a group."""
        self.groups.append(self.open)
        self.open = []

    def arrive(self, but: int) -> None:
        """All groups but the last `but` arrive."""
        while len(self.groups) > but:
            for copy in self.groups.pop(0):
                size = copy.bytes.shape[1]
                self.bytes[copy.blocks[:, None], copy.starts[:, None] + np.arange(size)] = copy.bytes
                for j in range(max(1, size // _WORD)):
                    at = (copy.blocks, copy.starts // _WORD + j)
                    self.pending[at] = False
                    self.written[at], self.writer[at] = self.epoch[copy.blocks], copy.threads

    def check_copies(self) -> None:
        """At the end of a kernel."""
        if self.open or any(self.groups):
            self.fail("copies to shared memory are not awaited")
