"""Optimisers: each gives the updates {shared variable: new value} for `weft.function(..., updates=...)`.

The first argument is a scalar loss, or the list of its gradients.  `learning_rate` is a number, or a scalar expression:
give a shared variable to change it while training.  What an optimiser remembers is in shared variables of its own,
which are among the updates.

    train = wf.function([x, t], loss, updates=wf.nn.updates.adam(loss, params))

`apply_momentum` and `apply_nesterov` add momentum to any updates: `apply_momentum(rmsprop(loss, params))`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..ops import scalar
from ..ops.coerce import as_expr, check_coefficient, check_scalar
from ..ops.elementwise import cast
from ..ops.reduce import sum as sum_over
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import grad
from ..symbolic.leaves import Shared
from ..symbolic.variables import shared

Updates: TypeAlias = dict[Expr, Expr]


def sgd(loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 0.01) -> Updates:
    """param := param - learning_rate * gradient"""
    rate = _Rate(learning_rate)
    return {p: p - rate(p) * g for p, g in _pairs(loss_or_grads, params)}


def apply_momentum(updates: Mapping[Expr, Expr], params: Sequence[Expr] | None = None, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity + (new - param);  param := param + velocity

    `new` is what `updates` has for the parameter (those of `params` only; None: all of them).

    References
    ----------
    Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors, equation 9.
    """
    result, decay = dict(_check(updates)), _Rate(momentum, "momentum")
    for p in _among(updates, params):
        velocity = _zeros(p, "velocity")
        result[velocity] = decay(p) * velocity + (result[p] - p)
        result[p] = p + result[velocity]
    return result


def momentum(loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 0.01, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity - learning_rate * gradient;  param := param + velocity

    References
    ----------
    Rumelhart, Hinton, Williams 1986, Learning representations by back-propagating errors, equation 9.
    """
    rate, decay, result = _Rate(learning_rate), _Rate(momentum, "momentum"), Updates()
    for p, g in _pairs(loss_or_grads, params):
        velocity = _zeros(p, "velocity")
        result[velocity] = decay(p) * velocity - rate(p) * g
        result[p] = p + result[velocity]
    return result


def apply_nesterov(updates: Mapping[Expr, Expr], params: Sequence[Expr] | None = None, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity + (new - param);  param := param + momentum * velocity + (new - param)

    The velocity in the second equation is the new one: the gradient is taken at the parameters themselves, and those
    stand where Nesterov's method would look ahead.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton 2013, On the importance of initialization and momentum in deep learning, section 2;
    in the form of Bengio, Boulanger-Lewandowski, Pascanu 2013, Advances in optimizing recurrent networks, section 3.5.
    """
    result, decay = dict(_check(updates)), _Rate(momentum, "momentum")
    for p in _among(updates, params):
        velocity, step = _zeros(p, "velocity"), result[p] - p
        result[velocity] = decay(p) * velocity + step
        result[p] = p + decay(p) * result[velocity] + step
    return result


def nesterov(loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 0.01, momentum: Any = 0.9) -> Updates:
    """velocity := momentum * velocity - learning_rate * gradient
    param := param + momentum * velocity - learning_rate * gradient

    References: see `apply_nesterov`.
    """
    rate, decay, result = _Rate(learning_rate), _Rate(momentum, "momentum"), Updates()
    for p, g in _pairs(loss_or_grads, params):
        velocity, step = _zeros(p, "velocity"), rate(p) * g
        result[velocity] = decay(p) * velocity - step
        result[p] = p + decay(p) * result[velocity] - step
    return result


def adagrad(loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 1.0, epsilon: float = 1e-6) -> Updates:
    """total := total + gradient²;  param := param - learning_rate * gradient / sqrt(total + epsilon)

    References
    ----------
    Duchi, Hazan, Singer 2011, Adaptive subgradient methods for online learning and stochastic optimization.
    """
    rate, result = _Rate(learning_rate), Updates()
    _check_coefficients(epsilon=epsilon)
    for p, g in _pairs(loss_or_grads, params):
        total = _zeros(p, "total")
        result[total] = total + scalar.square(g)
        result[p] = p - rate(p) * g / scalar.sqrt(result[total] + epsilon)
    return result


def rmsprop(
    loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 0.001, rho: float = 0.9, epsilon: float = 1e-6
) -> Updates:
    """mean := rho * mean + (1 - rho) * gradient²;  param := param - learning_rate * gradient / sqrt(mean + epsilon)

    References
    ----------
    Tieleman, Hinton 2012, Lecture 6.5: divide the gradient by a running average of its recent magnitude (Coursera).
    """
    rate, result = _Rate(learning_rate), Updates()
    _check_coefficients(rho=rho, epsilon=epsilon)
    for p, g in _pairs(loss_or_grads, params):
        mean = _zeros(p, "mean_square")
        result[mean] = rho * mean + (1 - rho) * scalar.square(g)
        result[p] = p - rate(p) * g / scalar.sqrt(result[mean] + epsilon)
    return result


def adadelta(
    loss_or_grads: Any, params: Sequence[Expr], learning_rate: Any = 1.0, rho: float = 0.95, epsilon: float = 1e-6
) -> Updates:
    """mean := rho * mean + (1 - rho) * gradient²
    step := gradient * sqrt(moved + epsilon) / sqrt(mean + epsilon)
    moved := rho * moved + (1 - rho) * step²
    param := param - learning_rate * step

    References
    ----------
    Zeiler 2012, ADADELTA: An adaptive learning rate method, algorithm 1 (whose learning rate is 1).
    """
    rate, result = _Rate(learning_rate), Updates()
    _check_coefficients(rho=rho, epsilon=epsilon)
    for p, g in _pairs(loss_or_grads, params):
        mean, moved = _zeros(p, "mean_square"), _zeros(p, "mean_square_step")
        result[mean] = rho * mean + (1 - rho) * scalar.square(g)
        step = g * scalar.sqrt(moved + epsilon) / scalar.sqrt(result[mean] + epsilon)
        result[moved] = rho * moved + (1 - rho) * scalar.square(step)
        result[p] = p - rate(p) * step
    return result


def adam(
    loss_or_grads: Any,
    params: Sequence[Expr],
    learning_rate: Any = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Updates:
    """t := t + 1
    first := beta1 * first + (1 - beta1) * gradient
    second := beta2 * second + (1 - beta2) * gradient²
    param := param - learning_rate * first / (1 - beta1**t) / (sqrt(second / (1 - beta2**t)) + epsilon)

    Numerics
    --------
    The corrections 1 - beta**t are computed in float64, whatever the parameters' dtype.

    References
    ----------
    Kingma, Ba 2014, Adam: A method for stochastic optimization, algorithm 1.
    """
    pairs, rate, result = _pairs(loss_or_grads, params), _Rate(learning_rate), Updates()
    _check_coefficients(beta1=beta1, beta2=beta2, epsilon=epsilon)
    steps = shared(0, "adam_steps")
    result[steps] = steps + 1
    time = cast(result[steps], "float64")
    first_bias, second_bias = (1.0 - scalar.pow(cast(beta, "float64"), time) for beta in (beta1, beta2))
    for p, g in pairs:
        first, second = _zeros(p, "first_moment"), _zeros(p, "second_moment")
        result[first] = beta1 * first + (1 - beta1) * g
        result[second] = beta2 * second + (1 - beta2) * scalar.square(g)
        pace = rate(p) * cast(1.0 / first_bias, p.dtype)
        spread = scalar.sqrt(result[second] * cast(1.0 / second_bias, p.dtype))
        result[p] = p - pace * result[first] / (spread + epsilon)
    return result


def clip_by_norm(grads: Sequence[Expr], limit: Any, epsilon: float = 1e-7) -> list[Expr]:
    """grads * min(1, limit / norm), with the norm of all of them together, sqrt(sum over all elements of gradient²).

    References
    ----------
    Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, algorithm 1.
    """
    grads = _gradients(grads)
    if not grads:
        return []
    check_scalar("limit", limit)
    _check_coefficients(epsilon=epsilon)
    squares = [sum_over(scalar.square(g)) for g in grads]
    norm = scalar.sqrt(sum(squares[1:], squares[0]))
    scale = scalar.minimum(1.0, limit / (norm + epsilon))
    return [g * cast(scale, g.dtype) for g in grads]


class _Rate:
    """A learning rate or another coefficient, in the dtype of the parameter it meets."""

    def __init__(self, value: Any, what: str = "learning_rate") -> None:
        self.value = check_scalar(what, value)

    def __call__(self, param: Expr) -> Expr:
        return self.value if self.value.type.weak else cast(self.value, param.dtype)


def _pairs(loss_or_grads: Any, params: Sequence[Expr]) -> list[tuple[Expr, Expr]]:
    """(parameter, gradient) for each; gradients in the parameter's dtype."""
    params = _variables(params)
    grads = grad(loss_or_grads, params) if isinstance(loss_or_grads, Expr) else _gradients(loss_or_grads)
    if len(grads) != len(params):
        raise blame(ArgumentError(f"{len(grads)} gradients for {len(params)} parameters."), user_site())
    for p, g in zip(params, grads, strict=True):
        if p.ndim != g.ndim or any(same(a, b) is False for a, b in zip(p.shape, g.shape, strict=True)):
            text = f"The gradient of {p.name or 'a parameter'} has shape {show(g.shape)}, and it {show(p.shape)}."
            raise blame(ShapeError(text), user_site(), g.site, p.site)
    return [(p, cast(g, p.dtype)) for p, g in zip(params, grads, strict=True)]


def _variables(params: Any) -> list[Expr]:
    """The parameters, each of which must be a shared variable."""
    if isinstance(params, Expr) or not isinstance(params, Iterable):
        what = "one expression" if isinstance(params, Expr) else repr(params)
        raise blame(ArgumentError(f"params is a list of shared variables, not {what}."), user_site(), hint="write [w].")
    found = list(params)
    for p in found:
        if not (isinstance(p, Expr) and isinstance(p.op, Shared)):
            site = p.site if isinstance(p, Expr) else None
            text = f"{p.name or 'An expression' if isinstance(p, Expr) else repr(p)} is no shared variable."
            raise blame(ArgumentError(f"Only shared variables can be updated: {text}"), user_site(), site)
    return found


def _gradients(grads: Any) -> list[Expr]:
    """Gradients as expressions."""
    if not isinstance(grads, Iterable) or isinstance(grads, str | bytes | Expr):
        hint = "wf.grad(loss, params) gives it; where the optimiser is given the loss itself, it takes them."
        raise blame(ArgumentError(f"Gradients are a list of expressions, not {grads!r}."), user_site(), hint=hint)
    return [as_expr(g) for g in grads]


def _check(updates: Any) -> Mapping[Expr, Expr]:
    """Updates as the optimisers make them: new values of shared variables."""
    if not isinstance(updates, Mapping):
        hint = "such as updates.sgd(loss, params)."
        text = f"updates is a dict {{shared variable: new value}}, not {updates!r}."
        raise blame(ArgumentError(text), user_site(), hint=hint)
    _variables(updates)
    return {p: as_expr(new) for p, new in updates.items()}


def _among(updates: Mapping[Expr, Expr], params: Any) -> list[Expr]:
    """The parameters that are updated: those asked for, or all."""
    found = list(updates) if params is None else _variables(params)
    missing = next((p for p in found if p not in updates), None)
    if missing is not None:
        text = f"updates has no new value for {missing.name or 'one of params'}."
        raise blame(ArgumentError(text), user_site(), missing.site)
    return found


def _check_coefficients(**values: Any) -> None:
    for what, value in values.items():
        check_coefficient(what, value)


def _zeros(param: Expr, what: str) -> Expr:
    """A shared variable of zeros in the shape that the parameter has now."""
    value = param.get_value(borrow=True)
    return shared(np.zeros_like(value), f"{param.name or 'param'}_{what}", shape=param.shape)
