"""Steps scaled by the norms of parameters, for large batches."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.elementwise import cast
from ...symbolic.expr import Expr
from ..norms import norm
from .gradient import Steps, Updates, check_coefficients, choose, fit, pairs, rate
from .moments import biases, moments


def lars(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.1,
    momentum: Any = 0.9,
    weight_decay: Any = 0.0,
    trust: Any = 0.001,
    epsilon: Any = 0.0,
    adapted: Any = None,
) -> Updates:
    """slope := gradient + weight_decay * param
    velocity := momentum * velocity - learning_rate * trust * norm(param) / (norm(slope) + epsilon) * slope
    param := param + velocity

    Where one of the norms is 0, the factor `trust * norm / norm` is 1.

    adapted : the parameters that decay and have the factor: a list or a dict of them, or a function that says so of
        each, such as `lambda p: p.ndim > 1`; None: all.  The others are as in `momentum`

    References
    ----------
    You, Gitman, Ginsburg 2017, Large batch training of convolutional networks, algorithm 1, which divides by
    norm(gradient) + weight_decay * norm(param); here, as in Optax, it is the norm of the gradient with the decay.
    """
    result, found = Updates(), pairs(loss_or_grads, params)
    steps, scaled = Steps(result, "lars"), choose([p for p, _ in found], adapted, "adapted")
    step, decay = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    check_coefficients(weight_decay=weight_decay, trust=trust, epsilon=epsilon)
    for p, g in found:
        velocity = result.remember(p, "velocity")
        if p in scaled:
            g = g + fit(weight_decay, p) * p
            g = _trust(norm(p), norm(g) + fit(epsilon, p), fit(trust, p)) * g
        result[velocity] = decay(p) * velocity - step(p) * g
        result[p] = p + result[velocity]
    return result


def lamb(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.001,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-6,
    weight_decay: Any = 0.0,
    adapted: Any = None,
) -> Updates:
    """step := first / (1 - beta1**t) / (sqrt(second / (1 - beta2**t)) + epsilon) + weight_decay * param
    param := param - learning_rate * norm(param) / norm(step) * step

    with t, `first` and `second` as in `adam`.  Where one of the norms is 0, the factor `norm / norm` is 1.

    adapted : as for `lars`; the others are as in `adam`

    References
    ----------
    You et al. 2020, Large batch optimization for deep learning: training BERT in 76 minutes, algorithm 2.
    """
    result, found = Updates(), pairs(loss_or_grads, params)
    steps, scaled = Steps(result, "lamb"), choose([p for p, _ in found], adapted, "adapted")
    pace = rate(learning_rate, steps)
    check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon, weight_decay=weight_decay)
    first_bias, second_bias = biases(steps, beta1=beta1, beta2=beta2)
    for p, g in found:
        first, second = moments(result, p, g, beta1, beta2)
        spread = scalar.sqrt(second * cast(1.0 / second_bias, p.dtype)) + fit(epsilon, p)
        step = first * cast(1.0 / first_bias, p.dtype) / spread
        if p in scaled:
            step = step + fit(weight_decay, p) * p
            step = _trust(norm(p), norm(step), 1.0) * step
        result[p] = p - pace(p) * step
    return result


def _trust(of_param: Expr, of_step: Expr, factor: Any) -> Expr:
    """factor * of_param / of_step; 1 where one of them is 0."""
    usable = scalar.logical_and(of_param > 0, of_step > 0)
    return scalar.where(usable, factor * of_param / scalar.where(usable, of_step, 1), 1)
