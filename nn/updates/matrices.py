"""Optimisers that know matrices: Muon and Adafactor.  Arrays with more axes are matrices of the first by all others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast, widen
from ...ops.linalg import matmul
from ...ops.movement import reshape, transpose
from ...ops.reduce import mean
from ...symbolic.arguments import check_count, check_flag, check_function
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from ..norms import norm
from .gradient import Steps, Updates, check_coefficients, check_sizes, check_updates, fit, lerp, pairs, rate, running
from .moments import adamw

POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # of Jordan et al.: the steepest at 0 that leaves singular values near 1


def muon(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.02,
    momentum: Any = 0.95,
    nesterov: bool = True,
    weight_decay: Any = 0.0,
    iterations: int = 5,
    epsilon: Any = 1e-7,
    others: Callable[[list[Expr], list[Expr]], Any] | None = None,
) -> Updates:
    """velocity := momentum * velocity + (1 - momentum) * gradient
    slope := momentum * velocity + (1 - momentum) * gradient, or without `nesterov` the velocity
    param := param * (1 - learning_rate * weight_decay)
        - learning_rate * sqrt(max(1, outputs / inputs)) * orthogonal(slope)

    orthogonal(slope) is near the orthogonal factor U V' of its singular value decomposition: singular values become
    about 0.7 to 1.2, by some iterations of X := a X + b (X X') X + c (X X')² X.

    others : the optimiser of the parameters that have fewer than two axes, called with their gradients and with them;
        None: `adamw` with a learning rate of 0.001 and no decay.  Give it those of the first and the last layer too:
        `muon(loss, hidden) | adamw(loss, rest)`

    References
    ----------
    Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks.
    """
    result, found = Updates(), pairs(loss_or_grads, params)
    steps = Steps(result, "muon")
    step, decay = rate(learning_rate, steps), rate(momentum, steps, "momentum")
    check_coefficients(weight_decay=weight_decay, epsilon=epsilon)
    ahead, count = check_flag("muon", "nesterov", nesterov), check_count("muon", "iterations", iterations, 0, 100)
    for p, g in found:
        if p.ndim < 2:
            continue
        check_sizes("muon", p)
        velocity = running(result, p, "velocity", g, decay(p))
        slope = lerp(g, velocity, decay(p)) if ahead else velocity
        moved = reshape(_orthogonal(as_matrix(slope), count, epsilon), p.shape)
        result[p] = p - step(p) * (fit(weight_decay, p) * p + _outputs_per_input(p) * moved)
    return result | _of_others(others, [(p, g) for p, g in found if p.ndim < 2])


def _of_others(others: Any, found: list[tuple[Expr, Expr]]) -> Updates:
    if others is not None:
        check_function("others", others, ["gradients", "parameters"])
    if not found:
        return Updates()
    params, grads = [p for p, _ in found], [g for _, g in found]
    return check_updates(adamw(grads, params, weight_decay=0.0) if others is None else others(grads, params))


def _outputs_per_input(p: Expr) -> float:
    """sqrt(max(1, outputs / inputs)) of a layer's weights."""
    sizes = p.get_value(borrow=True).shape
    outputs, inputs = (sizes[1], sizes[0]) if len(sizes) == 2 else (sizes[0], math.prod(sizes[1:]))
    return math.sqrt(max(1, outputs / max(1, inputs)))


def _orthogonal(x: Expr, iterations: int, epsilon: Any) -> Expr:
    """A matrix with about the singular vectors of x, and singular values near 1; at least float32 inside."""
    a, b, c = POLYNOMIAL
    tall = x.shape[0] > x.shape[1]
    y = transpose(widen(x)) if tall else widen(x)
    y = y / scalar.maximum(norm(y), fit(epsilon, y))
    for _ in range(iterations):
        gram = matmul(y, transpose(y))
        y = a * y + matmul(b * gram + c * matmul(gram, gram), y)
    return cast(transpose(y) if tall else y, x.dtype)


def as_matrix(x: Expr) -> Expr:
    """The array as a matrix: its first axis by all others."""
    return x if x.ndim == 2 else reshape(x, (x.shape[0], -1))


def adafactor(
    loss_or_grads: Any,
    params: Any,
    learning_rate: Any = 0.01,
    exponent: Any = 0.8,
    least: Any = 1e-3,
    limit: Any = 1.0,
    epsilon: Any = None,
    weight_decay: Any = 0.0,
) -> Updates:
    """kept := 1 - t**-exponent
    rows := kept * rows + (1 - kept) * mean of gradient² along rows;  columns likewise
    step := gradient / sqrt(max(rows * columns / max(mean(rows), epsilon), epsilon²))
    pace := max(least, rms(param)) * min(learning_rate, 1 / sqrt(t))
    param := param * (1 - learning_rate * weight_decay) - pace * step / max(1, rms(step) / limit)

    with rms(x) = sqrt(mean(x²)).  The running average of squares is kept as one number for each row and each column of
    a matrix; arrays with more axes are matrices of the first by all others.  Vectors and scalars keep all of it.

    epsilon : None: the dtype's, 1.2e-7 for float32

    References
    ----------
    Shazeer, Stern 2018, Adafactor: Adaptive learning rates with sublinear memory cost, algorithms 4 and 5.
    """
    result = Updates()
    steps = Steps(result, "adafactor")
    step = rate(learning_rate, steps)
    check_coefficients(exponent=exponent, least=least, limit=limit, weight_decay=weight_decay)
    check_coefficients(epsilon=0 if epsilon is None else epsilon)
    t = cast(steps.now, "float64")
    kept, fading = 1 - scalar.pow(t, -cast(exponent, "float64")), scalar.rsqrt(t)
    for p, g in pairs(loss_or_grads, params):
        tiny = float(np.finfo(p.dtype).eps) if epsilon is None else fit(epsilon, p)
        squares = _factor(result, p, g, cast(kept, p.dtype), tiny)
        moved = g * scalar.rsqrt(scalar.maximum(squares, tiny * tiny))
        pace = scalar.maximum(fit(least, p), rms(p)) * scalar.minimum(step(p), cast(fading, p.dtype))
        base = p - step(p) * (fit(weight_decay, p) * p)
        result[p] = base - pace / scalar.maximum(1, rms(moved) / fit(limit, p)) * moved
    return result


def _factor(result: Updates, p: Expr, g: Expr, kept: Expr, tiny: Any) -> Expr:
    """The new running average of squared gradients."""
    squares = scalar.square(g)
    if p.ndim < 2:
        return running(result, p, "second_moment", squares, kept)
    matrix = as_matrix(squares)
    rows = _averages(result, p, "rows", mean(matrix, 1, True), kept)
    columns = _averages(result, p, "columns", mean(matrix, 0, True), kept)
    return reshape(rows * columns / scalar.maximum(mean(rows), tiny), p.shape)


def _averages(result: Updates, p: Expr, what: str, new: Expr, kept: Expr) -> Expr:
    sizes = p.get_value(borrow=True).shape
    shape = (sizes[0], 1) if what == "rows" else (1, math.prod(sizes[1:]))
    old = result.keep(shared(np.zeros(shape, p.dtype), f"{p.name or 'param'}_{what}", shape=new.shape))
    result[old] = lerp(new, old, kept)
    return result[old]


def rms(x: Expr) -> Expr:
    """sqrt(mean of x²)"""
    return scalar.sqrt(mean(scalar.square(x)))
