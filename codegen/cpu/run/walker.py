"""The loop over a program's steps (walk.py) as two functions of Python, compiled once and kept as every kernel is.

Python calls machine code straight: a builtin function, made of an address, that lets go of the GIL, walks, and takes
the GIL again.  Calling one costs a third of what Numba's dispatchers cost, and a fifth of what ctypes' functions do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType

from . import made, team
from .builtin import make_builtin
from .layouts import ARRAY_DATA, check_data_pointer


def walker(parts: int) -> Callable[[int], int]:
    """The function that runs a binding's table, whose steps have so many parts at most."""
    check_data_pointer()
    return walk_serial() if parts == 1 else walk_parallel(parts - 1)


def walk_serial() -> Callable[[int], int]:
    """Runs all steps on the calling thread, given a header; -1, or the row that failed."""
    return _walker(False)


def walk_parallel(threads: int) -> Callable[[int], int]:
    """Runs all steps, those in several parts with so many threads of the team; -1, or the row that failed."""
    team.employ(threads)
    return _walker(True)


def make_walk(parallel: bool, array_data: int) -> FunctionType:
    """The loop."""
    from . import walk

    return walk.make_walk(parallel, array_data)


@functools.cache
def _walker(parallel: bool) -> Callable[[int], int]:
    enter = made.address("enter", enter_recipe)
    return make_builtin(enter, "walk", walk_address(parallel), single=True)


def walk_address(parallel: bool) -> int:
    """The address of the loop."""
    return made.address((make_walk, parallel), lambda: walk_recipe(parallel))


def walk_recipe(parallel: bool) -> made.Recipe:
    """How the loop is compiled."""
    return made.kernel_recipe(make_walk, parallel, ARRAY_DATA, signature="int64(int64)")


def enter_recipe() -> made.Recipe:
    """How is compiled what Python calls."""
    return made.code_recipe(f"{__package__}.enter", "emit_enter", ())
