"""Averages of parameters over the steps of training.

changes, averages = updates.ema(updates.adam(loss, params), 0.999)
train = wf.function([x, t], loss, updates=changes)
test = wf.function([x], wf.argmax(logits, 1), givens=averages)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...ops import scalar
from ...ops.elementwise import cast
from ...symbolic.arguments import check_count, check_flag
from ...symbolic.expr import Expr
from .gradient import Steps, Updates, among, approach, check_coefficients, check_updates
from .moments import biases

Averages = tuple[Updates, dict[Expr, Expr]]


def ema(updates: Mapping[Expr, Expr], decay: Any = 0.999, params: Any = None, debias: bool = True) -> Averages:
    """(updates, averages): average := decay * average + (1 - decay) * param, with the new value of the parameter.

    Parameters
    ----------
    updates : of an optimiser
    decay : a number or a scalar expression
    params : those that are averaged; None: all parameters
    debias : the average is divided by the sum of its weights, 1 - decay**t after t steps, so that where training began
        counts for nothing; False: it begins as a copy of the parameter

    Returns `updates` with those of the averages, and {parameter: average}, shared variables that begin as copies of the
    parameters: `givens` for functions that use the averages.

    References
    ----------
    Polyak, Juditsky 1992, Acceleration of stochastic approximation by averaging; debias: Kingma, Ba 2014, section 7.2.
    """
    result = check_updates(updates)
    found = among(result, params)
    check_coefficients(decay=decay)
    part = 1 - cast(decay, "float64")
    if check_flag("ema", "debias", debias):
        (total,) = biases(Steps(result, "ema"), decay=decay)
        part = part / total
    return result, _average(result, found, part)


def mean(updates: Mapping[Expr, Expr], start: int = 0, every: int = 1, params: Any = None) -> Averages:
    """(updates, averages): the mean of the parameters after the steps start, start + every, start + 2 every ...

    Steps count from 0.  Until the first of them the average is the parameter.  Returns what `ema` does.

    References
    ----------
    Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization, algorithm 1.
    """
    result = check_updates(updates)
    found = among(result, params)
    first, period = check_count("mean", "start", start), check_count("mean", "every", every, 1)
    before = Steps(result, "mean").before
    since = scalar.maximum(before - first, 0)
    number = cast(since // period + 1, "float64")
    due = scalar.logical_or(before < first, since % period == 0)
    return result, _average(result, found, scalar.where(due, 1 / number, 0))


def _average(result: Updates, params: list[Expr], part: Expr) -> dict[Expr, Expr]:
    """{parameter: average}, once the updates are those of the averages too, in which the new value has this weight."""
    averages = {}
    for p in params:
        averages[p] = average = result.remember(p, "average", p.get_value(borrow=True))
        result[average] = scalar.where(part < 1, approach(average, result[p], part), result[p])
    return averages


def lookahead(updates: Mapping[Expr, Expr], steps: int = 5, part: Any = 0.5, params: Any = None) -> Updates:
    """After every `steps` steps, slow := slow + part * (param - slow);  param := slow

    with the new value of the parameter; `slow` begins as a copy of it.  `params` are those that are treated so; None:
    all parameters.  What an optimiser remembers goes on as it was.

    References
    ----------
    Zhang, Lucas, Hinton, Ba 2019, Lookahead optimizer: k steps forward, 1 step back, algorithm 1.
    """
    result = check_updates(updates)
    found, period = among(result, params), check_count("lookahead", "steps", steps, 1)
    check_coefficients(part=part)
    due = Steps(result, "lookahead").now % period == 0
    for p in found:
        slow = result.remember(p, "slow", p.get_value(borrow=True))
        result[slow] = scalar.where(due, approach(slow, result[p], part), slow)
        result[p] = scalar.where(due, result[slow], result[p])
    return result
