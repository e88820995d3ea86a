"""Rates that rise and fall."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbolic.arguments import check_count, check_number
from ..arguments import check_fraction
from .formula import Schedule, check_numbers, fall, make_schedule, power_of


def cosine_restarts(rate: float, steps: int, growth: int = 1, end: float = 0.0, factor: float = 1.0) -> Schedule:
    """The schedule of `cosine`, again and again; each time it is `growth` times as long, and `rate` is times `factor`.

    References
    ----------
    Loshchilov, Hutter 2017, SGDR: Stochastic gradient descent with warm restarts, section 3.
    """
    check_numbers(rate=rate, end=end)
    check_number("factor", factor, least=0)
    first = check_count("cosine_restarts", "steps", steps, 1)
    times = check_count("cosine_restarts", "growth", growth, 1, 1000)

    def formula(n: Any) -> Any:
        number, start, length = _round(n, first, times)
        return fall(rate * power_of(factor, number), end, (n - start) / length)

    return make_schedule("cosine_restarts", formula)


def _round(n: Any, first: int, times: int) -> tuple[Any, Any, Any]:
    """(its number, its first step, its length) of the round that step n is in."""
    if times == 1:
        number = np.floor(n / first)
        return number, number * first, first

    def start(number: Any) -> Any:
        return first * np.floor((times**number - 1) / (times - 1) + 0.5)  # a whole number

    number = np.floor(np.log(1 + np.maximum(n, 0.0) / first * (times - 1)) / math.log(times))
    number = number + 1.0 * (n >= start(number + 1)) - 1.0 * (n < start(number))  # logarithms are rounded
    return number, start(number), start(number + 1) - start(number)


def one_cycle(
    peak: float, steps: int, rise: float = 0.3, start: float | None = None, end: float | None = None
) -> Schedule:
    """From `start` up to `peak` within the first `rise` of the steps, and down to `end`, each along half a cosine.

    start, end : None: peak / 25, and start / 10000

    References
    ----------
    Smith, Topin 2018, Super-convergence: Very fast training of neural networks using large learning rates, section 2.
    """
    check_number("peak", peak)
    low = peak / 25 if start is None else check_number("start", start)
    last = low / 1e4 if end is None else check_number("end", end)
    whole, part = check_count("one_cycle", "steps", steps, 1), check_fraction("rise", rise)
    top = int(part * whole)

    def formula(n: Any) -> Any:
        up, down = fall(low, peak, n / max(1, top)), fall(peak, last, (n - top) / max(1, whole - top))
        return np.where(n < top, up, down)

    return make_schedule("one_cycle", formula)


def cyclic(low: float, high: float, rise: int, fall: int | None = None, factor: float = 1.0) -> Schedule:
    """Lines from `low` to `high` in `rise` steps and back in `fall`, again and again.

    fall : None: as many as `rise`
    factor : of (high - low) from one cycle to the next: 0.5 is the policy triangular2

    References
    ----------
    Smith 2017, Cyclical learning rates for training neural networks, section 3.
    """
    check_numbers(low=low, high=high)
    check_number("factor", factor, least=0)
    up = check_count("cyclic", "rise", rise, 1)
    down = up if fall is None else check_count("cyclic", "fall", fall, 1)

    def formula(n: Any) -> Any:
        number = np.floor(n / (up + down))
        place = n - number * (up + down)
        return low + (high - low) * power_of(factor, number) * np.minimum(place / up, (up + down - place) / down)

    return make_schedule("cyclic", formula)
