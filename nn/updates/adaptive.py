"""Rates for each element, by the squares of its gradients."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...symbolic.arguments import check_flag
from ...symbolic.expr import Expr
from .gradient import Steps, Updates, check_coefficients, fit, lerp, pairs, rate, running


def adagrad(loss_or_grads: Any, params: Any, learning_rate: Any = 1.0, epsilon: Any = 1e-6) -> Updates:
    """total := total + gradient²;  param := param - learning_rate * gradient / sqrt(total + epsilon)

    References
    ----------
    Duchi, Hazan, Singer 2011, Adaptive subgradient methods for online learning and stochastic optimization.
    """
    result = Updates()
    step = rate(learning_rate, Steps(result, "adagrad"))
    check_coefficients(epsilon=epsilon)
    for p, g in pairs(loss_or_grads, params):
        total = result.remember(p, "total")
        result[total] = total + scalar.square(g)
        result[p] = p - step(p) * g / scalar.sqrt(result[total] + fit(epsilon, p))
    return result


def rmsprop(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    rho: Any = 0.9,
    epsilon: Any = 1e-6,
    centered: bool = False,
    momentum: Any = 0.0,
) -> Updates:
    """mean := rho * mean + (1 - rho) * gradient²;  param := param - learning_rate * gradient / sqrt(mean + epsilon)

    centered : the variance is in place of the mean square: mean - average², with
        average := rho * average + (1 - rho) * gradient
    momentum : velocity := momentum * velocity - learning_rate * gradient / sqrt(mean + epsilon);
        param := param + velocity

    References
    ----------
    Tieleman, Hinton 2012, Lecture 6.5: divide the gradient by a running average of its recent magnitude (Coursera);
    centered: Graves 2013, Generating sequences with recurrent neural networks, equations 38 to 45.
    """
    result = Updates()
    steps = Steps(result, "rmsprop")
    step, decay = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    check_coefficients(rho=rho, epsilon=epsilon)
    subtracts, plain = check_flag("rmsprop", "centered", centered), isinstance(momentum, int | float) and momentum == 0
    for p, g in pairs(loss_or_grads, params):
        mean = running(result, p, "mean_square", scalar.square(g), rho)
        spread = _variance(result, p, g, mean, rho) if subtracts else mean
        if plain:
            result[p] = p - step(p) * g / scalar.sqrt(spread + fit(epsilon, p))
            continue
        velocity = result.remember(p, "velocity")
        result[velocity] = decay(p) * velocity - step(p) * g / scalar.sqrt(spread + fit(epsilon, p))
        result[p] = p + result[velocity]
    return result


def _variance(result: Updates, p: Expr, g: Expr, mean_square: Expr, rho: Any) -> Expr:
    average = running(result, p, "mean", g, rho)
    return scalar.maximum(mean_square - scalar.square(average), 0)  # rounding can give less


def adadelta(
    loss_or_grads: Any, params: Any, learning_rate: Any = 1.0, rho: Any = 0.95, epsilon: Any = 1e-6
) -> Updates:
    """mean := rho * mean + (1 - rho) * gradient²
    step := gradient * sqrt(moved + epsilon) / sqrt(mean + epsilon)
    moved := rho * moved + (1 - rho) * step²
    param := param - learning_rate * step

    References
    ----------
    Zeiler 2012, ADADELTA: An adaptive learning rate method, algorithm 1 (whose learning rate is 1).
    """
    result = Updates()
    pace = rate(learning_rate, Steps(result, "adadelta"))
    check_coefficients(rho=rho, epsilon=epsilon)
    for p, g in pairs(loss_or_grads, params):
        mean = running(result, p, "mean_square", scalar.square(g), rho)
        moved = result.remember(p, "mean_square_step")
        step = g * scalar.sqrt(moved + fit(epsilon, p)) / scalar.sqrt(mean + fit(epsilon, p))
        result[moved] = lerp(scalar.square(step), moved, rho)
        result[p] = p - pace(p) * step
    return result
