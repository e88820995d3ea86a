"""Rough costs of scalar functions: what decides on storing or computing again, and on how many threads a step runs."""

from __future__ import annotations

from ...lowering.loops import Apply, LoopNest
from ..model import ACCESS_NS, CHEAP_NS, EXPENSIVE_NS, NEST_NS

# Functions that take many instructions, or few slow ones.
DEAR = frozenset(
    [
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "logaddexp",
        "sigmoid",
        "tanh",
        "sinh",
        "cosh",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "arctan2",
        "arcsinh",
        "arccosh",
        "arctanh",
        "erf",
        "erfc",
        "erfinv",
        "pow",
        "div",
        "floor_divide",
        "mod",
        "fmod",
        "sqrt",
        "rsqrt",
        "cbrt",
        "reciprocal",
        "hypot",
    ]
)


def nanoseconds(nest: LoopNest) -> float:
    """About how long one index of a nest takes on one core."""
    work = sum(EXPENSIVE_NS if v.function.name in DEAR else CHEAP_NS for v in nest.body if isinstance(v, Apply))
    return NEST_NS + ACCESS_NS * len(nest.accesses) + work
