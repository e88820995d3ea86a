"""Gradient descent, its momentum, and steps by the gradient's sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...ops import scalar
from ...ops.elementwise import cast
from ...symbolic.arguments import check_number
from ...symbolic.expr import Expr
from .gradient import (
    Steps,
    Updates,
    among,
    check_coefficients,
    check_updates,
    choose,
    fit,
    lerp,
    pairs,
    rate,
    with_decay,
)


def sgd(loss_or_grads: Any, params: Any, learning_rate: Any = 0.01, weight_decay: Any = 0.0) -> Updates:
    """param := param - learning_rate * (gradient + weight_decay * param)"""
    result = Updates()
    step = rate(learning_rate, Steps(result, "sgd"))
    for p, g in with_decay(pairs(loss_or_grads, params), weight_decay):
        result[p] = p - step(p) * g
    return result


def apply_momentum(updates: Mapping[Expr, Expr], params: Any = None, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity + (new - param);  param := param + velocity

    `new` is what `updates` has for the parameter (those of `params` only; None: all parameters, and not what an
    optimiser remembers).

    References
    ----------
    Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors, equation 9.
    """
    result = check_updates(updates)
    found, decay = among(result, params), rate(momentum, Steps(result, "momentum"), "momentum")
    for p in found:
        velocity = result.remember(p, "velocity")
        result[velocity] = decay(p) * velocity + (result[p] - p)
        result[p] = p + result[velocity]
    return result


def momentum(
    loss_or_grads: Any, params: Any, learning_rate: Any = 0.01, momentum: Any = 0.9, weight_decay: Any = 0.0
) -> Updates:
    """velocity := momentum * velocity - learning_rate * (gradient + weight_decay * param)
    param := param + velocity

    References
    ----------
    Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors, equation 9.
    """
    result = Updates()
    steps = Steps(result, "momentum")
    step, decay = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    for p, g in with_decay(pairs(loss_or_grads, params), weight_decay):
        velocity = result.remember(p, "velocity")
        result[velocity] = decay(p) * velocity - step(p) * g
        result[p] = p + result[velocity]
    return result


def apply_nesterov(updates: Mapping[Expr, Expr], params: Any = None, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity + (new - param);  param := param + momentum * velocity + (new - param)

    The velocity in the second equation is the new one: the gradient is taken at the parameters themselves, and those
    stand where Nesterov's method would look ahead.  `params` as for `apply_momentum`.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton 2013, On the importance of initialization and momentum in deep learning, section 2;
    in the form of Bengio, Boulanger-Lewandowski, Pascanu 2013, Advances in optimizing recurrent networks, section 3.5.
    """
    result = check_updates(updates)
    found, decay = among(result, params), rate(momentum, Steps(result, "nesterov"), "momentum")
    for p in found:
        velocity, step = result.remember(p, "velocity"), result[p] - p
        result[velocity] = decay(p) * velocity + step
        result[p] = p + decay(p) * result[velocity] + step
    return result


def nesterov(
    loss_or_grads: Any, params: Any, learning_rate: Any = 0.01, momentum: Any = 0.9, weight_decay: Any = 0.0
) -> Updates:
    """step := learning_rate * (gradient + weight_decay * param)
    velocity := momentum * velocity - step
    param := param + momentum * velocity - step

    References: see `apply_nesterov`.
    """
    result = Updates()
    steps = Steps(result, "nesterov")
    pace, decay = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    for p, g in with_decay(pairs(loss_or_grads, params), weight_decay):
        velocity, step = result.remember(p, "velocity"), pace(p) * g
        result[velocity] = decay(p) * velocity - step
        result[p] = p + decay(p) * result[velocity] - step
    return result


def lion(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 1e-4,
    beta1: Any = 0.9,
    beta2: Any = 0.99,
    weight_decay: Any = 0.0,
    decayed: Any = None,
) -> Updates:
    """direction := sign(beta1 * velocity + (1 - beta1) * gradient)
    velocity := beta2 * velocity + (1 - beta2) * gradient
    param := param - learning_rate * (direction + weight_decay * param)

    decayed : as for `adamw`

    References
    ----------
    Chen et al. 2023, Symbolic discovery of optimization algorithms, algorithm 2.
    """
    result, found = Updates(), pairs(loss_or_grads, params)
    step, shrunk = rate(learning_rate, Steps(result, "lion")), choose([p for p, _ in found], decayed, "decayed")
    check_coefficients(beta1=beta1, beta2=beta2, weight_decay=weight_decay)
    for p, g in found:
        velocity = result.remember(p, "velocity")
        direction = scalar.sign(lerp(g, velocity, beta1))
        result[velocity] = lerp(g, velocity, beta2)
        result[p] = p - step(p) * (direction + fit(weight_decay, p) * p if p in shrunk else direction)
    return result


def rprop(
    loss_or_grads: Any,
    params: Any,
    learning_rate: float = 0.01,
    shrink: Any = 0.5,
    grow: Any = 1.2,
    least: Any = 1e-6,
    most: Any = 50.0,
) -> Updates:
    """step := min(step * grow, most) where the gradient has the sign that it had before
    step := max(step * shrink, least) where it has the other, and the gradient counts as 0 there
    param := param - step * sign(gradient)

    For gradients of all data, not of batches.  Steps begin as `learning_rate`, a number.

    References
    ----------
    Riedmiller, Braun 1993, A direct adaptive method for faster backpropagation learning: the RPROP algorithm; without
    its backtracking, the variant iRprop- of Igel, Hüsken 2000.
    """
    result, first = Updates(), check_number("learning_rate", learning_rate, least=0)
    check_coefficients(shrink=shrink, grow=grow, least=least, most=most)
    for p, g in pairs(loss_or_grads, params):
        before, step = result.remember(p, "gradient"), result.remember(p, "step", first)
        along = scalar.sign(before) * g  # the product of both may be too small for the dtype
        agrees, turns = along > 0, along < 0
        factor = scalar.where(agrees, cast(grow, p.dtype), scalar.where(turns, cast(shrink, p.dtype), 1))
        result[step] = scalar.clip(step * factor, fit(least, p), fit(most, p))
        result[before] = scalar.where(turns, 0, g)
        result[p] = p - result[step] * scalar.sign(result[before])
    return result
