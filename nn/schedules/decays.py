"""Rates that fall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...symbolic.arguments import check_count, check_number, check_sequence
from .formula import Schedule, check_boundaries, check_numbers, fall, make_schedule, power_of


def constant(rate: float) -> Schedule:
    """rate"""
    check_number("rate", rate)
    return make_schedule("constant", lambda n: rate + 0.0 * n)


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """rate * factor ** floor(n / every)"""
    check_numbers(rate=rate)
    check_number("factor", factor, least=0)
    period = check_count("step", "every", every, 1)
    return make_schedule("step", lambda n: rate * power_of(factor, np.floor(n / period)))


def multi_step(rate: float, boundaries: Sequence[int], factor: float = 0.1) -> Schedule:
    """rate * factor ** (how many boundaries n has reached); a boundary is the first step after the change."""
    check_numbers(rate=rate)
    check_number("factor", factor, least=0)
    places = check_boundaries("multi_step", boundaries)
    return make_schedule(
        "multi_step", lambda n: rate * power_of(factor, sum((1.0 * (n >= b) for b in places), 0.0 * n))
    )


def piecewise_constant(rates: Sequence[float], boundaries: Sequence[int]) -> Schedule:
    """rates[0] before the first boundary, rates[1] from it to the next, ..., the last rate from the last one on."""
    values = [check_number("a rate", r) for r in check_sequence("rates", rates)]
    places = check_boundaries("piecewise_constant", boundaries, len(values))

    def formula(n: Any) -> Any:
        found = values[0] + 0.0 * n
        for place, value in zip(places, values[1:], strict=True):
            found = np.where(n >= place, value, found)
        return found

    return make_schedule("piecewise_constant", formula)


def exponential(rate: float, factor: float, every: int = 1) -> Schedule:
    """rate * factor ** (n / every)"""
    check_numbers(rate=rate)
    check_number("factor", factor, least=0)
    period = check_count("exponential", "every", every, 1)
    return make_schedule("exponential", lambda n: rate * power_of(factor, n / period))


def polynomial(rate: float, steps: int, end: float = 0.0, power: float = 1.0) -> Schedule:
    """end + (rate - end) * (1 - min(n, steps) / steps) ** power"""
    check_numbers(rate=rate, end=end)
    check_number("power", power, least=0)
    whole = check_count("polynomial", "steps", steps, 1)
    return make_schedule("polynomial", lambda n: end + (rate - end) * power_of(1 - np.minimum(n / whole, 1.0), power))


def linear(rate: float, steps: int, end: float = 0.0) -> Schedule:
    """rate + (end - rate) * min(n, steps) / steps"""
    check_numbers(rate=rate, end=end)
    whole = check_count("linear", "steps", steps, 1)
    return make_schedule("linear", lambda n: rate + (end - rate) * np.minimum(n / whole, 1.0))


def cosine(rate: float, steps: int, end: float = 0.0) -> Schedule:
    """end + (rate - end) * (1 + cos(pi * min(n, steps) / steps)) / 2

    References
    ----------
    Loshchilov, Hutter 2017, SGDR: Stochastic gradient descent with warm restarts, equation 5.
    """
    check_numbers(rate=rate, end=end)
    whole = check_count("cosine", "steps", steps, 1)
    return make_schedule("cosine", lambda n: fall(rate, end, n / whole))


def inverse_time(rate: float, decay: float = 1.0, every: int = 1) -> Schedule:
    """rate / (1 + decay * n / every)

    References
    ----------
    Robbins, Monro 1951, A stochastic approximation method, section 4.
    """
    check_numbers(rate=rate)
    check_number("decay", decay, least=0)
    period = check_count("inverse_time", "every", every, 1)
    return make_schedule("inverse_time", lambda n: rate / (1 + decay * n / period))


def inverse_sqrt(peak: float, warmup: int = 4000) -> Schedule:
    """peak * min(t / warmup, sqrt(warmup / t)) with t = n + 1

    References
    ----------
    Vaswani et al. 2017, Attention is all you need, equation 3, with peak = 1 / sqrt(d * warmup).
    """
    check_numbers(peak=peak)
    first = check_count("inverse_sqrt", "warmup", warmup, 1)
    return make_schedule(
        "inverse_sqrt", lambda n: peak * np.minimum((n + 1) / first, np.sqrt(first / np.maximum(n + 1, 1.0)))
    )
