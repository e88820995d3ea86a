"""Symbolic derivatives against finite differences, along random directions, to any order."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft.ops.reduce import sum as total
from weft.symbolic.evaluate import evaluate
from weft.symbolic.expr import Expr
from weft.symbolic.grad import grad
from weft.symbolic.leaves import constant
from weft.symbolic.variables import tensor

STEP = 1e-5


def check_gradients(
    f: Callable[..., Expr], values: Sequence[Any], order: int = 2, symbolic: bool = False, tolerance: float = 1e-6
) -> None:
    """Assert that the derivatives of f at `values` (float64) up to this order are those of its values.

    With u and v random, <u, f(x)> is derived along v; the result is a scalar function again, for the next order.
    `symbolic`: the sizes of f's arguments are symbols.
    """
    rng = np.random.default_rng(0)
    points = [np.asarray(value, np.float64) for value in values]
    inputs = [tensor(None, [None] * p.ndim if symbolic else p.shape, "float64") for p in points]
    out = f(*inputs)
    shape = evaluate(out, dict(zip(inputs, points, strict=True))).shape
    scalar = total(out * constant(rng.standard_normal(shape)))
    for number in range(1, order + 1):
        directions = [rng.standard_normal(p.shape) for p in points]
        gradients = grad(scalar, inputs, disconnected="zero")
        derivative = total(gradients[0] * constant(directions[0]))
        for g, v in zip(gradients[1:], directions[1:], strict=True):
            derivative = derivative + total(g * constant(v))
        _compare(scalar, derivative, inputs, points, directions, number, tolerance)
        scalar = derivative


def _compare(
    scalar: Expr,
    derivative: Expr,
    inputs: Sequence[Expr],
    points: Sequence[np.ndarray],
    directions: Sequence[np.ndarray],
    order: int,
    tolerance: float,
) -> None:
    def at(step: float) -> float:
        moved = [p + step * v for p, v in zip(points, directions, strict=True)]
        return float(evaluate(scalar, dict(zip(inputs, moved, strict=True))))

    numeric = (at(STEP) - at(-STEP)) / (2 * STEP)
    found = float(evaluate(derivative, dict(zip(inputs, points, strict=True))))
    scale = max(abs(numeric), abs(at(0.0)), 1.0)
    assert abs(numeric - found) <= tolerance * scale, f"derivative {order}: numeric {numeric}, symbolic {found}"
