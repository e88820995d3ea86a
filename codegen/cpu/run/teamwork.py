"""How a step is shared, in Numba's subset of Python: the thread that calls and those of the team take parts in turn.

    caller   writes the job, then the ticket; takes parts like everyone, and waits for those that others have begun
    thread   takes parts while there are any, waits with open eyes for more, then asleep

A thread that is late takes nothing, so nobody waits for it.  One that was interrupted in the middle of a part, by a
process that is given its core, is waited for: where that costs more than sharing saves, the caller makes do with half
as many threads, down to itself alone, and tries more again after 10 ms, after 1 s at most (team_state.py).

A ticket is the job's number and that of its next part: whoever takes a part exchanges it for the next, so nobody takes
a part of a job that is over.
"""

from __future__ import annotations

import sys
import time
from types import FunctionType
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..tiles.intrinsics import address_of, peek, poke, stack
from .atomics import add, exchange, load, relax, store, system
from .part import run_part
from .table import BEST
from .team_state import BRIEF_NS, LONG_NS, PREEMPTED_NS, SPIN_NS, TEAM, TeamField

_OWNER, _TICKET, _ROW, _STEPS, _PARTS, _CORE = (8 * f for f in list(TeamField)[:6])
_DONE, _FAILED, _LATE, _ASLEEP, _ALIVE, _STOP = (8 * f for f in list(TeamField)[6:12])
_THREADS, _AWAKE, _UNTIL, _PAUSE, _CREDIT, _MUTEX, _CONDITION = (8 * f for f in list(TeamField)[12:])

_JOB = 1 << 20  # what a job adds to the ticket; there are fewer parts
_LEAST_LATE_NS = 100_000  # what is less late than that is not
_MOST_CREDIT_NS = 20_000_000  # time saved that makes up for time lost, at most
_FIRST_CREDIT_NS = 1_000_000  # and at first: who wakes up is late once
_NAPS = 4  # of a thread that has the caller's core; then it takes a part all the same, for the caller may have moved
_CLOCK = time.CLOCK_MONOTONIC
_NAP_US = 50
_KNOWS_CORES = sys.platform == "linux"

_njit = numba.njit(nogil=True, error_model="numpy")


@intrinsic
def _team(typingctx: Any) -> Any:
    """The address of the team's memory."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.ptrtoint(cgutils.get_or_insert_function(builder.module, kind, TEAM), ir.IntType(64))

    return types.int64(), emit


@_njit
def _now() -> int:
    """Nanoseconds of a clock that goes on."""
    clock = stack(2)
    system("clock_gettime", (_CLOCK, address_of(clock, 0)))
    return clock[0] * 1_000_000_000 + clock[1]


@_njit
def _core() -> int:
    """The core on which this runs; -1 where the system does not say."""
    if _KNOWS_CORES:
        return system("sched_getcpu", ())
    return -1


@_njit
def _take(team: int) -> int:
    """Do one of the parts of the present job; whether there was one."""
    ticket = load(team + _TICKET)
    row, steps, parts = load(team + _ROW), load(team + _STEPS), load(team + _PARTS)
    part = ticket & (_JOB - 1)
    if part >= parts or not exchange(team + _TICKET, ticket, ticket + 1):
        return 0
    if run_part(row, steps, part, parts) != 0:
        store(team + _FAILED, 1)
    add(team + _DONE, 1)
    return 1


# ---- the thread that calls ------------------------------------------------------------------------------------------


@_njit
def share(row: int, steps: int, parts: int) -> int:
    """All parts of a step; not 0 if a call failed."""
    team = _team()
    if parts == 1 or not exchange(team + _OWNER, 0, 1):
        return run_part(row, steps, 0, 1)
    begun = _now()
    if _helpers(team, begun) == 0:
        store(team + _OWNER, 0)
        return run_part(row, steps, 0, 1)
    store(team + _PARTS, 0)  # whoever looks now finds nothing to do
    store(team + _ROW, row)
    store(team + _STEPS, steps)
    store(team + _CORE, _core())
    store(team + _DONE, 0)
    store(team + _FAILED, 0)
    store(team + _TICKET, (load(team + _TICKET) // _JOB + 1) * _JOB)
    store(team + _PARTS, parts)
    _wake(team, parts - 1)
    mine = 0
    while load(team + _TICKET) & (_JOB - 1) < parts:
        mine += _take(team)
    own = _now() - begun
    _wait(team, parts)
    _judge(team, row, own, own * parts // max(mine, 1), _now(), begun)
    failed = load(team + _FAILED)
    store(team + _OWNER, 0)
    return failed


@_njit
def _helpers(team: int, now: int) -> int:
    """How many threads may help at present."""
    awake = load(team + _AWAKE)
    late = load(team + _LATE)
    if late != 0:
        add(team + _LATE, -late)
        if awake and _balance(team, -late, now):
            awake = load(team + _AWAKE)
    if awake < load(team + _THREADS) and now >= load(team + _UNTIL):
        awake = min(max(1, 2 * awake), load(team + _THREADS))
        store(team + _AWAKE, awake)
        store(team + _UNTIL, now + load(team + _PAUSE))
        store(team + _CREDIT, _FIRST_CREDIT_NS)
    return awake


@_njit
def _balance(team: int, saved: int, now: int) -> bool:
    """Add time saved, or lost, to what was; where more was lost, fewer threads help for a while."""
    credit = min(load(team + _CREDIT) + saved, _MOST_CREDIT_NS)
    store(team + _CREDIT, credit)
    if credit == _MOST_CREDIT_NS:
        store(team + _PAUSE, BRIEF_NS)
    if credit >= 0:
        return False
    pause = load(team + _PAUSE)
    store(team + _AWAKE, load(team + _AWAKE) // 2)
    store(team + _UNTIL, now + pause)
    store(team + _PAUSE, min(2 * pause, LONG_NS))
    store(team + _CREDIT, 0)
    return True


@_njit
def _wake(team: int, wanted: int) -> None:
    """Wake sleeping threads, no more than may help."""
    asleep = load(team + _ASLEEP)
    if asleep == 0:
        return
    system("pthread_mutex_lock", (team + _MUTEX,))
    up = load(team + _THREADS) - load(team + _ASLEEP)
    for _ in range(min(wanted, load(team + _AWAKE)) - up):
        system("pthread_cond_signal", (team + _CONDITION,))
    system("pthread_mutex_unlock", (team + _MUTEX,))


@_njit
def _wait(team: int, parts: int) -> None:
    """Until all parts are done: with open eyes, then in naps, in which whoever is late may get this core."""
    looks = 0
    while load(team + _DONE) < parts:
        relax()
        looks += 1
        if looks > 2000:
            system("usleep", (_NAP_US,))


@_njit
def _judge(team: int, row: int, own: int, alone: int, now: int, begun: int) -> None:
    """Whether sharing saves time: against the least that the step has taken alone, as its parts on one thread tell."""
    best, took = peek(row + 8 * BEST), now - begun
    if best == 0 or alone < best:
        best = alone
        poke(row + 8 * BEST, best)
    late = took - own > own + _LEAST_LATE_NS or own > 4 * best + _LEAST_LATE_NS
    if late or took < best:
        _balance(team, best - took, now)


# ---- a thread of the team -------------------------------------------------------------------------------------------


@_njit
def _sleep(team: int, seen: int) -> None:
    """Until there is another job than the one that was seen last."""
    system("pthread_mutex_lock", (team + _MUTEX,))
    add(team + _ASLEEP, 1)
    while load(team + _TICKET) // _JOB == seen // _JOB and load(team + _STOP) == 0:
        system("pthread_cond_wait", (team + _CONDITION, team + _MUTEX))
    add(team + _ASLEEP, -1)
    system("pthread_mutex_unlock", (team + _MUTEX,))


@_njit
def _beside(team: int) -> bool:
    """Whether this thread has the core on which the job was given: the caller does not run while it does."""
    return _KNOWS_CORES and _core() == load(team + _CORE)


def make_worker() -> FunctionType:
    """What a thread runs until the process ends."""

    def work(team: int) -> int:
        add(team + _ALIVE, 1)
        idle = last = _now()
        naps = 0
        while load(team + _STOP) == 0:
            ticket = load(team + _TICKET)
            if ticket & (_JOB - 1) < load(team + _PARTS):
                if naps < _NAPS and _beside(team):
                    naps += 1
                    if naps == _NAPS:
                        add(team + _LATE, PREEMPTED_NS)
                    system("usleep", (_NAP_US,))  # the system may find another core
                elif _take(team):
                    naps = 0
                idle = last = _now()
                continue
            naps = 0
            for _ in range(8):
                relax()
            now = _now()
            preempted = now - last > PREEMPTED_NS
            if preempted:
                add(team + _LATE, now - last)
            too_many = load(team + _THREADS) - load(team + _ASLEEP) > load(team + _AWAKE)
            if preempted or too_many or now - idle > SPIN_NS or _beside(team):
                _sleep(team, ticket)
                now = idle = _now()
            last = now
        add(team + _ALIVE, -1)
        return 0

    return work
