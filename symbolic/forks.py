"""A fork at any moment leaves a child that can write, compile and call: what other threads held is not held there.

held       a lock that a fork waits for, so that what it protects is whole
renewed    a class whose cached properties have locks of their own in Python 3.11; the child gets new ones
"""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import Any, TypeVar

C = TypeVar("C", bound=type)
L = TypeVar("L", bound=Any)

_classes: list[type] = []


def hold_over_forks(lock: L) -> L:
    """The lock, which a fork acquires before and releases after it.

    Of two locks that one thread holds at once, the outer one is to be registered later: it is acquired earlier.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock


def renew_after_forks(cls: C) -> C:
    """The class, whose cached properties somebody may be computing while the process forks."""
    _classes.append(cls)
    return cls


def _renew() -> None:
    for cls in _classes:
        for attribute in vars(cls).values():
            if isinstance(attribute, cached_property) and hasattr(attribute, "lock"):
                attribute.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
