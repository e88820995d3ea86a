"""Rough costs of scalar functions: what decides on storing or computing again, and on how many threads a step runs."""

from __future__ import annotations

from ...lowering.loops import Apply, LoopNest

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
    work = sum(0.4 if v.function.name in DEAR else 0.03 for v in nest.body if isinstance(v, Apply))
    return 0.05 + 0.06 * len(nest.accesses) + work
