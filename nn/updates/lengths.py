"""Steps whose lengths gradients do not set: by their signs, by norms of parameters, by what is left of the loss."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.elementwise import cast
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_expression
from ..norms import norm
from .gradient import Steps, Updates, check_coefficients, fit, pairs, rate, running


def signum(
    loss_or_grads: Any, params: Any, learning_rate: Any = 1e-4, momentum: Any = 0.9, weight_decay: Any = 0.0
) -> Updates:
    """velocity := momentum * velocity + (1 - momentum) * gradient
    param := param - learning_rate * (sign(velocity) + weight_decay * param)

    With momentum=0 that is signSGD.

    References
    ----------
    Bernstein, Wang, Azizzadenesheli, Anandkumar 2018, signSGD: Compressed optimisation for non-convex problems,
    algorithm 2.
    """
    result = Updates()
    step = rate(learning_rate, Steps(result, "signum"))
    check_coefficients(momentum=momentum, weight_decay=weight_decay)
    for p, g in pairs(loss_or_grads, params):
        velocity = running(result, p, "velocity", g, momentum)
        result[p] = p - step(p) * (scalar.sign(velocity) + fit(weight_decay, p) * p)
    return result


def fromage(loss_or_grads: Any, params: Any, learning_rate: Any = 0.01, least: Any = 1e-6) -> Updates:
    """param := (param - learning_rate * norm(param) / norm(gradient) * gradient) / sqrt(1 + learning_rate²)

    least : norms count as this where they are smaller, so that parameters of 0 move, too

    References
    ----------
    Bernstein, Vahdat, Yue, Liu 2020, On the distance between two neural networks and the stability of learning,
    algorithm 1.
    """
    result = Updates()
    step = rate(learning_rate, Steps(result, "fromage"))
    check_coefficients(least=least)
    for p, g in pairs(loss_or_grads, params):
        of_param, of_gradient = (scalar.maximum(norm(x), fit(least, p)) for x in (p, g))
        length = cast(step(p), p.dtype)
        result[p] = (p - length * of_param / of_gradient * g) / scalar.sqrt(1 + scalar.square(length))
    return result


def polyak(loss: Any, params: Any, least: Any = 0.0, most: Any = 1.0) -> Updates:
    """param := param - min(most, (loss - least) / sum of all gradients²) * gradient

    Parameters
    ----------
    loss : a scalar expression; there is no learning rate
    least : the smallest value that the loss can have
    most : the longest step

    Nothing moves where the gradient is 0, or the loss below `least`.

    References
    ----------
    Polyak 1987, Introduction to Optimization, section 5.3; most: Loizou, Vaswani, Laradji, Lacoste-Julien 2021,
    Stochastic Polyak step-size for SGD, equation 3 (with c = 1).
    """
    check_expression("polyak: loss", loss)
    check_coefficients(least=least, most=most)
    result, found = Updates(), pairs(loss, params)
    squares = [cast(sum_over(scalar.square(g)), loss.dtype) for _, g in found]
    total = sum(squares[1:], squares[0]) if squares else loss
    gap = scalar.relu(loss - fit(least, loss))
    step = scalar.where(total > 0, gap / scalar.where(total > 0, total, 1), 0)
    step = scalar.minimum(step, fit(most, loss))
    for p, g in found:
        result[p] = p - cast(step, p.dtype) * g
    return result
