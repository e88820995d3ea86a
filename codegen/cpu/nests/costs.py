"""Rough costs of loop nests: what decides on how many threads a step runs."""

from __future__ import annotations

from ...lowering.loops import Apply, LoopNest


def nanoseconds(nest: LoopNest) -> float:
    """About how long one index of a nest takes on one core."""
    work = sum(0.4 if v.function.expensive else 0.03 for v in nest.body if isinstance(v, Apply))
    return 0.05 + 0.06 * len(nest.accesses) + work
