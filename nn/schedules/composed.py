"""Schedules from schedules, and the one that watches what is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.coerce import check_scalar
from ...ops.elementwise import cast
from ...symbolic.arguments import check_choice, check_count, check_function, check_number, check_sequence
from ...symbolic.arrays import as_array
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from ..updates.gradient import Updates
from .decays import constant
from .formula import Schedule, check_boundaries, check_numbers, float64, make_schedule


def warmup(schedule: Any, steps: int, start: float = 0.0) -> Schedule:
    """A line from `start` to schedule(0) in the first steps, then the schedule, whose steps begin there.

    schedule : or a number, which stays

    References
    ----------
    Goyal et al. 2017, Accurate, large minibatch SGD: training ImageNet in 1 hour, section 2.2.
    """
    check_numbers(start=start)
    rest, first = _any_schedule("warmup", schedule), check_count("warmup", "steps", steps)

    def formula(n: Any) -> Any:
        line = start + (rest(0) - start) * (float64(n) / max(1, first))
        return np.where(n < first, line, rest(np.maximum(n - first, 0)))

    return make_schedule("warmup", formula, whole=True)


def join(schedules: Sequence[Any], boundaries: Sequence[int]) -> Schedule:
    """The first schedule before the first boundary, the second from it on, and so on; each begins with its step 0.

    schedules : numbers among them stand for constant rates
    """
    parts = [_any_schedule("join", s) for s in check_sequence("schedules", schedules)]
    places = check_boundaries("join", boundaries, len(parts))

    def formula(n: Any) -> Any:
        found = float64(parts[0](n))
        for place, part in zip(places, parts[1:], strict=True):
            found = np.where(n >= place, part(np.maximum(n - place, 0)), found)
        return found

    return make_schedule("join", formula, whole=True)


def plateau(
    metric: Any,
    learning_rate: float,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    mode: str = "min",
    cooldown: int = 0,
    least: float = 0.0,
) -> tuple[Expr, Updates]:
    """(rate, updates): the rate, times `factor` once the metric has not become better for `patience` calls in a row.

        rate, watched = schedules.plateau(loss, 0.1, patience=5)
        train = wf.function([x, t], loss, updates=updates.sgd(loss, params, rate))
        validate = wf.function([x, t], loss, updates=watched)

    Parameters
    ----------
    metric : a scalar expression, which is watched where the updates are made
    learning_rate : a number, the first rate
    threshold : better is below best * (1 - threshold), or with mode "max" above best * (1 + threshold)
    mode : "min" or "max"
    cooldown : calls after a change in which no bad one is counted
    least : the rate does not fall below it

    The rate and the best value are float64, shared variables as all that is remembered.
    """
    check_numbers(learning_rate=learning_rate, factor=factor, threshold=threshold, least=least)
    check_choice("mode", mode, ("min", "max"))
    waits, rests = check_count("plateau", "patience", patience), check_count("plateau", "cooldown", cooldown)
    value = cast(check_scalar("metric", metric), "float64")
    rate = shared(np.float64(learning_rate), "plateau_rate", dtype="float64")
    best = shared(math.inf if mode == "min" else -math.inf, "plateau_best", dtype="float64")
    bad, rest = shared(0, "plateau_bad"), shared(0, "plateau_rest")
    better = value < best * (1 - threshold) if mode == "min" else value > best * (1 + threshold)
    count = scalar.where(scalar.logical_or(better, rest > 0), 0, bad + 1)
    over = count > waits
    watched = Updates()
    watched[watched.keep(rate)] = scalar.where(over, scalar.maximum(rate * factor, least), rate)
    watched[watched.keep(best)] = scalar.where(better, value, best)
    watched[watched.keep(bad)] = scalar.where(over, 0, count)
    watched[watched.keep(rest)] = scalar.where(over, rests, scalar.maximum(rest - 1, 0))
    return rate, watched


def _any_schedule(name: str, value: Any) -> Schedule:
    """A schedule that is part of one, whose values are looked at, or a number as one."""
    if not callable(value) or isinstance(value, Expr):
        return constant(check_number("a schedule", value))
    check_function("a schedule", value, ["the number of the step"])

    def check(n: Any) -> Any:
        found = value(n)
        number = found if isinstance(found, Expr) else as_array(f"{name}: what a schedule gives", found)
        if getattr(number, "dtype", None) is None or number.dtype.kind not in "iuf":
            raise blame(ArgumentError(f"{name}: a schedule gives numbers, not {found!r}."), user_site())
        return number

    return check
