"""The shared memory of simulated blocks, which remembers who wrote and read each word since the last barrier.

Threads meet at barriers alone, those of one warp as well, which need not run in step: what one thread writes, another
may read behind the next barrier, and the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_WORD = 4  # bytes
_NOBODY, _SEVERAL = -1, -2

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
        for word in self._words(words, mask):
            at = (block, word)
            now = self.epoch[block]
            if self.pending[at].any():
                self.fail("shared memory: read before a copy has arrived")
            if (self.written[at] < 0).any():
                self.fail("shared memory: read of what nobody wrote")
            if ((self.written[at] == now) & (self.writer[at] != thread)).any():
                self.fail("shared memory: read of what another thread has written since the last barrier")
            fresh = self.read_at[at] != now
            self.reader[block[fresh], word[fresh]] = thread[fresh]
            self.read_at[at] = now
            other = self.reader[at] != thread
            self.reader[block[other], word[other]] = _SEVERAL
        found = np.zeros((len(starts), size), np.uint8)
        found[mask] = self.bytes[block[:, None], starts[mask][:, None] + np.arange(size)]
        return found.reshape(-1)

    def write(self, words: Words, values: np.ndarray, mask: np.ndarray, which: np.ndarray, threads: np.ndarray) -> None:
        """One element of each thread."""
        starts, size = words
        self._claim(words, mask, which, threads)
        raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1, size)
        block = which[mask]
        self.bytes[block[:, None], starts[mask][:, None] + np.arange(size)] = raw[mask]

    def _claim(self, words: Words, mask: np.ndarray, which: np.ndarray, threads: np.ndarray) -> None:
        block, thread = which[mask], threads[mask]
        places = words[0][mask]
        if len(np.unique(block.astype(np.int64) * self.size + places)) != len(places):
            self.fail("shared memory: two threads write one element at once")
        for word in self._words(words, mask):
            at = (block, word)
            now = self.epoch[block]
            if self.pending[at].any():
                self.fail("shared memory: write where a copy is under way")
            if ((self.read_at[at] == now) & (self.reader[at] != thread)).any():
                self.fail("shared memory: write of what another thread has read since the last barrier")
            if ((self.written[at] == now) & (self.writer[at] != thread)).any():
                self.fail("shared memory: write of what another thread has written since the last barrier")
            self.written[at], self.writer[at] = now, thread

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
