"""Adam and what has been made of it: running averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast
from ...symbolic.arguments import check_flag
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from .gradient import Steps, Updates, check_coefficients, choose, fit, lerp, pairs, rate, running


def adam(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
    amsgrad: bool = False,
) -> Updates:
    """t := t + 1
    first := beta1 * first + (1 - beta1) * gradient
    second := beta2 * second + (1 - beta2) * gradient²
    param := param - learning_rate * first / (1 - beta1**t) / (sqrt(second / (1 - beta2**t)) + epsilon)

    amsgrad : the largest value that `second` has had is in its place in the last line (Reddi, Kale, Kumar 2018)

    Numerics
    --------
    The corrections 1 - beta**t are computed in float64, whatever the parameters' dtype.  In float16, epsilon is 0 below
    6e-8: give a larger one.

    References
    ----------
    Kingma, Ba 2014, Adam: A method for stochastic optimization, algorithm 1.
    """
    check_flag("adam", "amsgrad", amsgrad)
    return _adam(pairs(loss_or_grads, params), learning_rate, beta1, beta2, epsilon, amsgrad, lambda p, step: p)


def adamw(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
    weight_decay: Any = 0.01,
    decayed: Any = None,
    amsgrad: bool = False,
) -> Updates:
    """The update of `adam`, from param * (1 - learning_rate * weight_decay) instead of param.

    decayed : the parameters that decay: a list or a dict of them, or a function that says so of each, such as
        `lambda p: p.ndim > 1`; None: all.  The others are as in `adam`

    References
    ----------
    Loshchilov, Hutter 2019, Decoupled weight decay regularization, algorithm 2.
    """
    found = pairs(loss_or_grads, params)
    shrunk = choose([p for p, _ in found], decayed, "decayed")
    check_coefficients(weight_decay=weight_decay)
    check_flag("adamw", "amsgrad", amsgrad)

    def base(p: Expr, step: Expr) -> Expr:
        return p - step * (fit(weight_decay, p) * p) if p in shrunk else p

    return _adam(found, learning_rate, beta1, beta2, epsilon, amsgrad, base)


def _adam(
    found: list[tuple[Expr, Expr]],
    learning_rate: Any,
    beta1: Any,
    beta2: Any,
    epsilon: Any,
    amsgrad: bool,
    base: Callable[[Expr, Expr], Expr],
) -> Updates:
    """base : where the step of a parameter begins, by its learning rate"""
    result = Updates()
    steps = Steps(result, "adam")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    first_bias, second_bias = biases(steps, beta1=beta1, beta2=beta2)
    for p, g in found:
        first, second = moments(result, p, g, beta1, beta2)
        spread = _largest(result, p, second) if amsgrad else second
        pace = step(p) * cast(1.0 / first_bias, p.dtype)
        spread = scalar.sqrt(spread * cast(1.0 / second_bias, p.dtype))
        result[p] = base(p, step(p)) - pace * first / (spread + fit(epsilon, p))
    return result


def biases(steps: Steps, **betas: Any) -> list[Expr]:
    """1 - beta**t in float64 for each: the sum of the weights of a running average that began as 0.

    Raises ArgumentError for numbers that are not in [0, 1).
    """
    for what, beta in betas.items():
        if not isinstance(beta, Expr) and not 0 <= beta < 1:
            raise blame(ArgumentError(f"{what} is in [0, 1), and {beta!r} is not."), user_site())
    return [1.0 - scalar.pow(cast(beta, "float64"), cast(steps.now, "float64")) for beta in betas.values()]


def moments(result: Updates, p: Expr, g: Expr, beta1: Any, beta2: Any) -> tuple[Expr, Expr]:
    """The new running averages of the gradient and of its square."""
    first = running(result, p, "first_moment", g, beta1)
    return first, running(result, p, "second_moment", scalar.square(g), beta2)


def _largest(result: Updates, p: Expr, second: Expr) -> Expr:
    largest = result.remember(p, "largest_second_moment")
    result[largest] = scalar.maximum(largest, second)
    return result[largest]


def nadam(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.002,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
    momentum_decay: Any = 0.004,
) -> Updates:
    """Adam with Nesterov's momentum, which is mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2) at step t.

    product := product * mu(t), from 1
    ahead := mu(t + 1) * first / (1 - product * mu(t + 1)) + (1 - mu(t)) * gradient / (1 - product)
    param := param - learning_rate * ahead / (sqrt(second / (1 - beta2**t)) + epsilon)

    with t, `first` and `second` as in `adam`.

    References
    ----------
    Dozat 2016, Incorporating Nesterov momentum into Adam, algorithm 2.
    """
    result = Updates()
    steps = Steps(result, "nadam")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon, momentum_decay=momentum_decay)
    (second_bias,), product = biases(steps, beta2=beta2), result.keep(shared(np.ones(()), "nadam_product"))
    now, later = (_nadam_momentum(beta1, momentum_decay, t) for t in (steps.now, steps.now + 1))
    result[product] = product * now
    of_first, of_gradient = later / (1 - result[product] * later), (1 - now) / (1 - result[product])
    for p, g in pairs(loss_or_grads, params):
        first, second = moments(result, p, g, beta1, beta2)
        ahead = cast(of_first, p.dtype) * first + cast(of_gradient, p.dtype) * g
        spread = scalar.sqrt(second * cast(1.0 / second_bias, p.dtype))
        result[p] = p - step(p) * ahead / (spread + fit(epsilon, p))
    return result


def _nadam_momentum(beta1: Any, decay: Any, t: Expr) -> Expr:
    fading = scalar.pow(cast(0.96, "float64"), cast(t, "float64") * cast(decay, "float64"))
    return cast(beta1, "float64") * (1 - 0.5 * fading)


def radam(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    """Adam whose first steps, in which the variance of its rates is large, are shorter.

    longest = 2 / (1 - beta2) - 1;  length = longest - 2 t beta2**t / (1 - beta2**t)
    where length > 5, the step of `adam` times
        sqrt((length - 4) (length - 2) longest / ((longest - 4) (longest - 2) length))
    before, param := param - learning_rate * first / (1 - beta1**t)

    References
    ----------
    Liu et al. 2020, On the variance of the adaptive learning rate and beyond, algorithm 2.
    """
    result = Updates()
    steps = Steps(result, "radam")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    first_bias, second_bias = biases(steps, beta1=beta1, beta2=beta2)
    adapts, shorter = _rectification(cast(beta2, "float64"), second_bias, cast(steps.now, "float64"))
    for p, g in pairs(loss_or_grads, params):
        first, second = moments(result, p, g, beta1, beta2)
        spread = scalar.sqrt(second * cast(1.0 / second_bias, p.dtype)) + fit(epsilon, p)
        pace = step(p) * cast(shorter / first_bias, p.dtype)
        result[p] = p - pace * first / scalar.where(adapts, spread, 1)
    return result


def _rectification(beta2: Expr, second_bias: Expr, t: Expr) -> tuple[Expr, Expr]:
    """(whether rates adapt, the factor of the step), scalars."""
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * (1 - second_bias) / second_bias
    adapts = length > 5
    length = scalar.where(adapts, length, longest)
    ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    return adapts, scalar.where(adapts, scalar.sqrt(ratio), 1)


def adamax(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.002,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Updates:
    """largest := max(beta2 * largest, abs(gradient) + epsilon)
    param := param - learning_rate * first / (1 - beta1**t) / largest

    with t and `first` as in `adam`.

    References
    ----------
    Kingma, Ba 2014, Adam: A method for stochastic optimization, algorithm 2.
    """
    result = Updates()
    steps = Steps(result, "adamax")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    (first_bias,) = biases(steps, beta1=beta1)
    for p, g in pairs(loss_or_grads, params):
        first, largest = running(result, p, "first_moment", g, beta1), result.remember(p, "largest")
        result[largest] = scalar.maximum(fit(beta2, p) * largest, scalar.abs(g) + fit(epsilon, p))
        result[p] = p - step(p) * cast(1.0 / first_bias, p.dtype) * first / result[largest]
    return result


def adabelief(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-16,
) -> Updates:
    """second := beta2 * second + (1 - beta2) * (gradient - first)² + epsilon

    in place of the second moment of `adam`, whose other equations stand: how far the gradient is from its average.

    References
    ----------
    Zhuang et al. 2020, AdaBelief optimizer: Adapting stepsizes by the belief in observed gradients, algorithm 2.
    """
    result = Updates()
    steps = Steps(result, "adabelief")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    first_bias, second_bias = biases(steps, beta1=beta1, beta2=beta2)
    for p, g in pairs(loss_or_grads, params):
        first, second = running(result, p, "first_moment", g, beta1), result.remember(p, "second_moment")
        surprise = scalar.square(g - first)
        result[second] = lerp(surprise, second, beta2) + fit(epsilon, p)
        spread = scalar.sqrt(result[second] * cast(1.0 / second_bias, p.dtype))
        result[p] = p - step(p) * cast(1.0 / first_bias, p.dtype) * first / (spread + fit(epsilon, p))
    return result
