"""L-BFGS, whose history of steps and gradients is kept in shared variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast
from ...ops.movement import concatenate, expand_dims, ravel, reshape
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_count
from ...symbolic.expr import Expr
from ...symbolic.types import promote
from ...symbolic.variables import shared
from .gradient import Steps, Updates, check_sizes, pairs, rate

CURVATURE = 1e-10  # a pair of steps whose product is less says nothing of the curvature, and is left out


def lbfgs(loss_or_grads: Any, params: Any, learning_rate: Any = 1.0, history: int = 10) -> Updates:
    """param := param - learning_rate * H gradient, where H is near the inverse of the matrix of second derivatives.

    H is made of the last steps s and the changes y of the gradient that came with them, by the two loops of Nocedal; a
    pair with s·y below 1e-10 is left out.  The first step is shorter: times
    min(1, 1 / sum(abs(gradient))).

    For losses of all data, without draws.  There is no line search: where it diverges, lower the learning rate, or use
    `nn.minimize`.  It takes 2 * history times the memory of the parameters.

    References
    ----------
    Liu, Nocedal 1989, On the limited memory BFGS method for large scale optimization, algorithm 2.1.
    """
    result, found, many = Updates(), pairs(loss_or_grads, params), check_count("lbfgs", "history", history, 1, 1000)
    steps = Steps(result, "lbfgs")
    pace = rate(learning_rate, steps)
    if not found:
        return result
    for p, _ in found:
        check_sizes("lbfgs", p)
    kind = promote(*[p.type for p, _ in found])
    gradient = concatenate([ravel(cast(g, kind)) for _, g in found])
    last = _state(result, "step", gradient.shape, kind)
    s, y, scale = _history(result, last, gradient, many)
    first = 1 / scalar.maximum(1, sum_over(scalar.abs(gradient)))
    length = pace(gradient) * scalar.where(steps.before == 0, first, 1)
    result[last] = -length * _two_loops(s, y, scale, gradient)
    return _move(result, [p for p, _ in found], result[last])


def _state(result: Updates, what: str, shape: Any, kind: Any, value: float = 0) -> Expr:
    return result.keep(shared(np.full(shape, value, kind), f"lbfgs_{what}"))


def _history(result: Updates, last: Expr, gradient: Expr, many: int) -> tuple[Expr, Expr, Expr]:
    """(steps, changes of the gradient, the scale of the matrix that the loops begin with); the newest come last."""
    size, kind = gradient.shape[0], gradient.dtype
    before = _state(result, "gradient", (size,), kind)
    steps, changes = (_state(result, what, (many, size), kind) for what in ("steps", "changes"))
    scale = _state(result, "scale", (), kind, 1)
    change = gradient - before
    along = _dot(last, change)
    useful = along > CURVATURE
    result[before] = gradient
    for kept, new in ((steps, last), (changes, change)):
        result[kept] = scalar.where(useful, concatenate([kept[1:], expand_dims(new, 0)]), kept)
    result[scale] = scalar.where(useful, along / scalar.where(useful, _dot(change, change), 1), scale)
    return result[steps], result[changes], result[scale]


def _two_loops(steps: Expr, changes: Expr, scale: Expr, gradient: Expr) -> Expr:
    """H gradient; what the history does not hold yet is 0 in it, and changes nothing."""
    curvature = sum_over(steps * changes, 1)
    inverse = scalar.where(curvature > 0, 1 / scalar.where(curvature > 0, curvature, 1), 0)
    rows, parts, found = range(steps.shape[0]), {}, gradient
    for i in reversed(rows):
        parts[i] = inverse[i] * _dot(steps[i], found)
        found = found - parts[i] * changes[i]
    found = scale * found
    for i in rows:
        found = found + (parts[i] - inverse[i] * _dot(changes[i], found)) * steps[i]
    return found


def _move(result: Updates, params: list[Expr], step: Expr) -> Updates:
    """The updates, with each parameter moved by its part of a step of all."""
    start = 0
    for p in params:
        end = start + math.prod(p.shape)
        result[p] = p + cast(reshape(step[start:end], p.shape), p.dtype)
        start = end
    return result


def _dot(a: Expr, b: Expr) -> Expr:
    return sum_over(a * b)
