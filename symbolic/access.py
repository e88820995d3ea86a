"""Who reads and who writes shared variables at this moment: a call sees every variable whole, or waits.

Calls that only read run side by side; one that writes a variable runs when nobody else reads or writes it.  Requests
are granted in the order in which they come, so that readers without a pause do not keep a writer out.  A thread never
waits for itself: what a callback does inside a call belongs to that call.  Calls that hold variables and call back, and
so may ask for more, run one at a time: then no two wait for each other.
"""

from __future__ import annotations

import os
import threading
import time
from threading import get_ident
from typing import Any

_PATIENCE_S = 1.0  # seconds that a fork waits for calls of other threads to finish writing

CALLING_BACK = object()  # stands among what is written by calls that run users' Python

_lock = threading.Lock()
_changed = threading.Condition(_lock)
_held: list[VariableAccess] = []
_waiting: list[VariableAccess] = []


class VariableAccess:
    """The variables that one call reads (all that it uses) and writes, from `acquire` to `release`."""

    __slots__ = ("reads", "thread", "writes")

    def __init__(self, reads: frozenset[Any], writes: frozenset[Any]):
        self.reads, self.writes, self.thread = reads, writes, 0

    def acquire(self) -> None:
        """Wait until no other thread is in the way."""
        self.thread = get_ident()
        with _lock:
            if not (_held or _waiting):  # as it is nearly always
                _held.append(self)
                return
            nested = any(other.thread == self.thread for other in _held)
            _waiting.append(self)
            try:
                while self._must_wait(nested):
                    _changed.wait()
                _held.append(self)
            finally:
                _waiting.remove(self)

    def release(self) -> None:
        """Let the others go on; nothing where it was not acquired."""
        with _lock:
            if len(_held) == 1 and _held[0] is self and not _waiting:
                _held.clear()
            elif self in _held:
                _held.remove(self)
                if _waiting:
                    _changed.notify_all()

    def _must_wait(self, nested: bool) -> bool:
        """Whether another thread's call is in the way, or one that came before and waits."""
        before = [] if nested else _waiting[: _waiting.index(self)]
        return any(other.thread != self.thread and self._meets(other) for other in [*_held, *before])

    def _meets(self, other: VariableAccess) -> bool:
        return not (self.writes.isdisjoint(other.reads) and other.writes.isdisjoint(self.reads))

    def __enter__(self) -> VariableAccess:
        self.acquire()
        return self

    def __exit__(self, *raised: object) -> None:
        self.release()


def queues() -> tuple[list[VariableAccess], list[VariableAccess]]:
    """Those who hold variables, and those who wait: whoever keeps the GIL while both are empty is in nobody's way."""
    return _held, _waiting


def _before_fork() -> None:
    """Have the child find every variable whole, and this lock free."""
    me, patience = get_ident(), time.monotonic() + _PATIENCE_S
    _lock.acquire()
    while any(a.writes and a.thread != me for a in _held) and time.monotonic() < patience:
        _changed.wait(0.01)


def _after_fork_in_child() -> None:
    global _changed
    me = get_ident()
    _held[:] = [a for a in _held if a.thread == me]
    _waiting.clear()
    _changed = threading.Condition(_lock)  # those who waited are not here
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_after_fork_in_child)
