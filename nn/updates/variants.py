"""Kin of Adam: other second moments, differences of gradients, and moments of whole layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_number
from ...symbolic.variables import shared
from .gradient import Steps, Updates, check_coefficients, fit, lerp, pairs, rate, running
from .moments import biases


def yogi(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.01,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-3,
    start: Any = 1e-6,
) -> Updates:
    """second := second - (1 - beta2) * sign(second - gradient²) * gradient²

    in place of the second moment of `adam`, whose other equations stand: it falls by steps of the size of gradient²,
    and not faster where it is large.

    start : what `second` begins with, a number from 0 up

    References
    ----------
    Zaheer, Reddi, Sachan, Kale, Kumar 2018, Adaptive methods for nonconvex optimization, algorithm 2 (which has none of
    Adam's corrections 1 - beta**t).
    """
    result = Updates()
    steps = Steps(result, "yogi")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    check_number("start", start, least=0)
    first_bias, second_bias = biases(steps, beta1=beta1, beta2=beta2)
    for p, g in pairs(loss_or_grads, params):
        first, square = running(result, p, "first_moment", g, beta1), scalar.square(g)
        second = result.remember(p, "second_moment", start)
        result[second] = second - (1 - fit(beta2, p)) * scalar.sign(second - square) * square
        spread = scalar.sqrt(result[second] * cast(1.0 / second_bias, p.dtype)) + fit(epsilon, p)
        result[p] = p - step(p) * cast(1.0 / first_bias, p.dtype) * first / spread
    return result


def adan(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.98,
    beta2: Any = 0.92,
    beta3: Any = 0.99,
    epsilon: Any = 1e-8,
    weight_decay: Any = 0.0,
) -> Updates:
    """change = gradient - the one before, 0 at first
    first := beta1 * first + (1 - beta1) * gradient
    drift := beta2 * drift + (1 - beta2) * change
    second := beta3 * second + (1 - beta3) * (gradient + beta2 * change)²
    step = (first' + beta2 * drift') / (sqrt(second') + epsilon), with x' = x / (1 - beta**t), its own beta
    param := (param - learning_rate * step) / (1 + learning_rate * weight_decay)

    References
    ----------
    Xie, Zhou, Li, Lin, Yan 2022, Adan: Adaptive Nesterov momentum algorithm for faster optimizing deep models,
    algorithm 1 (whose betas are 1 minus these).
    """
    result = Updates()
    steps = Steps(result, "adan")
    pace = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, beta3=beta3, epsilon=epsilon, weight_decay=weight_decay)
    scales = [1.0 / bias for bias in biases(steps, beta1=beta1, beta2=beta2, beta3=beta3)]
    for p, g in pairs(loss_or_grads, params):
        before, ahead = result.remember(p, "gradient"), fit(beta2, p)
        change = scalar.where(scalar.eq(steps.before, 0), 0, g - before)
        averaged = (("first_moment", g, beta1), ("drift", change, beta2))
        first, drift = (running(result, p, *of) for of in averaged)
        second = running(result, p, "second_moment", scalar.square(g + ahead * change), beta3)
        first, drift, second = (
            x * cast(scale, p.dtype) for x, scale in zip((first, drift, second), scales, strict=True)
        )
        step = (first + ahead * drift) / (scalar.sqrt(second) + fit(epsilon, p))
        length, result[before] = cast(pace(p), p.dtype), g
        result[p] = (p - length * step) / (1 + length * fit(weight_decay, p))
    return result


def novograd(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.01,
    beta1: Any = 0.95,
    beta2: Any = 0.98,
    epsilon: Any = 1e-8,
    weight_decay: Any = 0.0,
) -> Updates:
    """second := beta2 * second + (1 - beta2) * sum of gradient², a number for each parameter, which begins as that sum
    velocity := beta1 * velocity + gradient / (sqrt(second) + epsilon) + weight_decay * param
    param := param - learning_rate * velocity

    References
    ----------
    Ginsburg et al. 2019, Stochastic gradient methods with layer-wise adaptive moments for training of deep networks,
    algorithm 1.
    """
    result = Updates()
    steps = Steps(result, "novograd")
    step = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)
    kept = scalar.where(scalar.eq(steps.before, 0), 0.0, cast(beta2, "float64"))
    for p, g in pairs(loss_or_grads, params):
        second = result.keep(shared(np.zeros((), p.dtype), f"{p.name or 'param'}_second_moment"))
        velocity = result.remember(p, "velocity")
        result[second] = lerp(sum_over(scalar.square(g)), second, kept)
        slope = g / (scalar.sqrt(result[second]) + fit(epsilon, p)) + fit(weight_decay, p) * p
        result[velocity] = fit(beta1, p) * velocity + slope
        result[p] = p - step(p) * result[velocity]
    return result
