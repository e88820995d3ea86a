"""Learning without a schedule of rates: gradients between where the optimiser is and the average of where it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ops import scalar
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from .averaging import Averages
from .gradient import Steps, among, approach, check_coefficients, check_updates, lerp, rate


def schedule_free(updates: Mapping[Expr, Expr], beta: Any = 0.9, weight: Any = 1.0, params: Any = None) -> Averages:
    """(updates, averages), with what `updates` has for the parameter as `new`:

    lead := lead + (new - param);  average := (1 - c) * average + c * lead
    param := (1 - beta) * lead + beta * average

    with c = weight / (sum of all weights so far), 1 / t where they are equal.  `lead` and `average` begin as copies.

    Parameters
    ----------
    updates : of an optimiser without momentum, as in `schedule_free(adamw(loss, params, 0.0025, beta1=0.0))`
    beta : a number, or a scalar expression
    weight : of a step: a number, a scalar expression or a schedule, such as the square of a rate that warms up
    params : those that are treated so; None: all parameters

    Returns `updates` with those of leads and averages, and {parameter: average}: `givens` for functions that use the
    averages, as `ema` does.

    References
    ----------
    Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky 2024, The road less scheduled, algorithm 1.
    """
    result = check_updates(updates)
    found, weigh = among(result, params), rate(weight, Steps(result, "schedule_free"), "weight")
    check_coefficients(beta=beta)
    total = result.keep(shared(np.zeros(()), "schedule_free_weight"))
    result[total] = total + weigh(total)
    part = scalar.where(result[total] > 0, weigh(total) / scalar.where(result[total] > 0, result[total], 1), 0)
    averages = {}
    for p in found:
        now = p.get_value(borrow=True)
        lead, averages[p] = result.remember(p, "lead", now), result.remember(p, "average", now)
        result[lead] = lead + (result[p] - p)
        result[averages[p]] = approach(averages[p], result[lead], part)
        result[p] = lerp(result[lead], result[averages[p]], beta)
    return result, averages
