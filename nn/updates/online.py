"""Optimisers of online learning and of games: for sparse features, with little memory, and for saddle points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast
from ...ops.reduce import top
from ...symbolic.arguments import check_number
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from .gradient import Steps, Updates, among, check_coefficients, check_updates, fit, only_if, pairs, rate, running


def ftrl(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.1,
    beta: Any = 1.0,
    l1: Any = 0.0,
    l2: Any = 0.0,
    start: Any = 0.0,
) -> Updates:
    """grown = total + gradient²
    linear := linear + gradient - (sqrt(grown) - sqrt(total)) / learning_rate * param
    total := grown
    param := (clip(linear, -l1, l1) - linear) / ((beta + sqrt(total)) / learning_rate + l2)

    Follow the regularised leader: with l1 > 0 parameters of features that say little are exactly 0.  In the first step
    they forget what they began with, but for its gradient, where `start` is 0.  Where the rate is 0 nothing changes.

    start : what `total` begins with, a number from 0 up

    References
    ----------
    McMahan et al. 2013, Ad click prediction: a view from the trenches, algorithm 1.
    """
    result = Updates()
    step = rate(learning_rate, Steps(result, "ftrl"))
    check_coefficients(beta=beta, l1=l1, l2=l2)
    check_number("start", start, least=0)
    for p, g in pairs(loss_or_grads, params):
        total, linear = result.remember(p, "total", start), result.remember(p, "linear")
        pace, grown = cast(step(p), p.dtype), total + scalar.square(g)
        moves, root = scalar.ne(pace, 0), scalar.sqrt(grown)
        pace = scalar.where(moves, pace, 1)
        led = linear + g - (root - scalar.sqrt(total)) / pace * p
        new = (scalar.clip(led, -fit(l1, p), fit(l1, p)) - led) / ((fit(beta, p) + root) / pace + fit(l2, p))
        result.update(only_if(moves, {total: grown, linear: led, p: new}))
    return result


def sm3(loss_or_grads: Any, params: Any, learning_rate: Any = 0.1, momentum: Any = 0.9) -> Updates:
    """total = min over axes of largest[axis] + gradient²
    largest[axis] := max of total over the other axes, for each axis: a number for each row, for each column ...
    velocity := momentum * velocity + (1 - momentum) * gradient / sqrt(total), 0 where total is
    param := param - learning_rate * velocity

    An `adagrad` that remembers as many numbers as a parameter's sizes add up to; with momentum=0 no velocity, either.

    References
    ----------
    Anil, Gupta, Koren, Singer 2019, Memory-efficient adaptive optimization, algorithm SM3-II.
    """
    result = Updates()
    steps = Steps(result, "sm3")
    pace, kept = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    plain = isinstance(momentum, int | float) and momentum == 0
    for p, g in pairs(loss_or_grads, params):
        step = _cover(result, p, g)
        if not plain:
            step = running(result, p, "velocity", step, kept(p))
        result[p] = p - pace(p) * step
    return result


def _cover(result: Updates, p: Expr, g: Expr) -> Expr:
    """gradient / sqrt(total), with the updates of each axis's largest totals."""
    largest = [_along(result, p, axis) for axis in range(p.ndim)] or [result.remember(p, "largest")]
    total = reduce(scalar.minimum, largest) + scalar.square(g)
    for axis, of in enumerate(largest):
        others = tuple(i for i in range(p.ndim) if i != axis)
        result[of] = scalar.maximum(top(total, others), 0) if others else total  # 0 where there are no elements
    return scalar.where(total > 0, g / scalar.sqrt(scalar.where(total > 0, total, 1)), 0)


def _along(result: Updates, p: Expr, axis: int) -> Expr:
    sizes = p.get_value(borrow=True).shape
    array = np.zeros([n if i == axis else 1 for i, n in enumerate(sizes)], p.dtype)
    shape = tuple(n if i == axis else 1 for i, n in enumerate(p.shape))
    return result.keep(shared(array, f"{p.name or 'param'}_largest{axis}", shape=shape))


def apply_optimism(updates: Mapping[Expr, Expr], params: Any = None, part: Any = 1.0) -> Updates:
    """step = new - param;  param := param + (1 + part) * step - part * the step before, at first itself

    So gradients are followed as they would be at the next place, if they went on changing as they do: for games, such
    as those of generators and discriminators, in which plain descent circles.  `new` is what `updates` has for the
    parameter, as in `apply_optimism(adam(loss, params))`; `params` are those that are treated so, None: all.

    References
    ----------
    Daskalakis, Ilyas, Syrgkanis, Zeng 2018, Training GANs with optimism, equation 6 and algorithm 1.
    """
    result = check_updates(updates)
    found, steps = among(result, params), Steps(result, "optimism")
    ahead, first = rate(part, steps, "part"), scalar.eq(steps.before, 0)
    for p in found:
        before, step = result.remember(p, "step"), result[p] - p
        result[before] = step
        result[p] = p + step + ahead(p) * scalar.where(first, 0, step - before)
    return result
