"""All checks, in the order in which they run: what others stand on comes first."""

from __future__ import annotations

from . import (
    draws,
    loops,
    matrices,
    numbers,
    own,
    refusals,
    state,
    structured,
    sweep,
    together,
    training,
    transfers,
)
from .check import DeviceCheck


def all_checks() -> list[DeviceCheck]:
    """Every check there is."""
    groups = (sweep, numbers, structured, matrices, loops, draws, state, refusals, transfers, together, own, training)
    return [check for group in groups for check in group.checks()]


def choose(parts: str) -> list[DeviceCheck]:
    """Those with one of these parts, separated by commas, in their names; "": all."""
    wanted = [part.strip() for part in parts.split(",")]
    return [check for check in all_checks() if any(part in str(check) for part in wanted)]
