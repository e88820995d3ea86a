"""Rough costs of loop nests: what decides on how many threads a step runs."""

from __future__ import annotations

from ...lowering.loops import Apply, LoopNest
from ..model import ACCESS_NS, CHEAP_NS, EXPENSIVE_NS, NEST_NS


def nanoseconds(nest: LoopNest) -> float:
    """About how long one index of a nest takes on one core."""
    work = sum(EXPENSIVE_NS if v.function.expensive else CHEAP_NS for v in nest.body if isinstance(v, Apply))
    return NEST_NS + ACCESS_NS * len(nest.accesses) + work
