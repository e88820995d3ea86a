"""One thread at a time compiles or loads code, and a fork waits until nobody does."""

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ....symbolic.forks import hold_over_forks

P = ParamSpec("P")
R = TypeVar("R")

LOCK = hold_over_forks(threading.RLock())  # of LLVM and Numba


def under_lock(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which compiles or loads code: one thread at a time."""

    @functools.wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        with LOCK:
            return function(*args, **keywords)

    return call
