"""How many threads compute: what the environment asks for, or the cores that this process may use."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

from .errors import ArgumentError

_QUOTAS = (  # of time in a period, which containers are given: Linux's control groups, version 2 and version 1
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
MOST = 1024  # threads
_VARIABLES = ("WEFT_NUM_THREADS", "OMP_NUM_THREADS")


@functools.cache
def default_threads() -> int:
    """WEFT_NUM_THREADS; else OMP_NUM_THREADS, if it is a number; else one for each core that this process may use.

    Raises ArgumentError where WEFT_NUM_THREADS is no number from 1 to 1024.
    """
    for name in _VARIABLES:
        text = os.environ.get(name, "").strip()
        if text.isdecimal() and 0 < int(text) <= MOST:
            return int(text)
        if text and name == "WEFT_NUM_THREADS":
            raise ArgumentError(f"WEFT_NUM_THREADS is {text!r}: it must be a number from 1 to {MOST}, or not be set.")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [math.ceil(share) for share in map(_share, _QUOTAS) if share is not None]
    return max(1, min([cores, *shares]))


def _share(files: tuple[str, ...]) -> float | None:
    """How many cores' time a quota grants; None where there is none."""
    try:
        quota, period = " ".join(Path(file).read_text() for file in files).split()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):
        return None
