"""The threads that share the steps of calls with the threads that call: as many as are asked for, kept until the end.

They are started when a program first has a step for several threads, wait a while with open eyes and then asleep, and
belong to one call at a time: a second call beside it runs its steps alone.  What they do is machine code (teamwork.py)
over numbers in memory (team_state.py); here is how they are started, and what becomes of them in a fork and at the end.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import signal
import threading
import time
from types import FunctionType

import llvmlite.binding as llvm

from ....symbolic.forks import hold_over_forks
from . import made
from .team_state import BRIEF_NS, BYTES, TEAM, TeamField

_memory: int = 0
_lock = hold_over_forks(threading.RLock())


def make_worker() -> FunctionType:
    """What a thread of the team runs."""
    from . import teamwork

    return teamwork.make_worker()


def prepare() -> None:
    """Let machine code find the team's memory, which is never given back: threads look at it until the process ends."""
    global _memory
    with _lock:
        if not _memory:
            allocate = ctypes.pythonapi.PyMem_RawCalloc
            allocate.restype, allocate.argtypes = ctypes.c_void_p, (ctypes.c_size_t,) * 2
            _memory = (allocate(1, BYTES + 128) + 127) // 128 * 128
            llvm.add_symbol(TEAM, _memory)
            _renew()


def employ(threads: int) -> None:
    """Have so many threads beside the one that calls."""
    prepare()
    if _read(TeamField.THREADS) >= threads:
        return
    work = made.address(make_worker, worker_recipe)
    with _lock:
        while _read(TeamField.THREADS) < threads and _start(work):
            _write(TeamField.THREADS, _read(TeamField.THREADS) + 1)
        _write(TeamField.AWAKE, _read(TeamField.THREADS))


def _read(field: TeamField) -> int:
    return ctypes.c_int64.from_address(_memory + 8 * field).value


def _write(field: TeamField, value: int) -> None:
    ctypes.c_int64.from_address(_memory + 8 * field).value = value


@functools.cache
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def worker_recipe() -> made.Recipe:
    """How what a thread runs is compiled."""
    return made.kernel_recipe(make_worker, signature="int64(int64)")


def _start(work: int) -> bool:
    """One thread more, which gets no signals: those are for Python's.  False where the system has none to give."""
    thread = ctypes.c_ulong()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        create = _process().pthread_create
        create.argtypes = (ctypes.c_void_p,) * 4
        failed: int = create(ctypes.addressof(thread), None, work, _memory)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if not failed:
        detach = _process().pthread_detach
        detach.argtypes = (ctypes.c_ulong,)
        detach(thread.value)
    return not failed


def _renew() -> None:
    """A team without threads: at first, and in the child of a fork."""
    if _memory:
        ctypes.memset(_memory, 0, BYTES)
        _write(TeamField.PAUSE, BRIEF_NS)
        for function, field in (("pthread_mutex_init", TeamField.MUTEX), ("pthread_cond_init", TeamField.CONDITION)):
            initialise = getattr(_process(), function)
            initialise.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
            initialise(_memory + 8 * field, None)


def _dismiss() -> None:
    """At the end: wait for the threads to leave their code before it goes."""
    if not _memory:
        return
    _write(TeamField.STOP, 1)
    for function, field in (
        ("pthread_mutex_lock", TeamField.MUTEX),
        ("pthread_cond_broadcast", TeamField.CONDITION),
        ("pthread_mutex_unlock", TeamField.MUTEX),
    ):
        wake = getattr(_process(), function)
        wake.argtypes = (ctypes.c_void_p,)
        wake(_memory + 8 * field)
    end = time.monotonic() + 1
    while _read(TeamField.ALIVE) and time.monotonic() < end:
        time.sleep(0.001)


atexit.register(_dismiss)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
