"""Steps of optimisers, of the domain ai.onnx.preview.training: what they say of several arrays, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....ops import scalar
from ....ops.elementwise import cast
from ....ops.movement import reshape
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import TRAINING, operator

Step = Callable[..., tuple[Expr, ...]]


def _each(step: Step, parts: int, rate: Expr, count: Expr, arrays: Sequence[Expr]) -> tuple[Expr, ...]:
    """The step of each array, whose parts (itself, its gradient, its averages) are in as many rows of operands."""
    number = len(arrays) // parts
    columns = zip(*[arrays[i * number : (i + 1) * number] for i in range(parts)], strict=True)
    found = [step(reshape(rate, ()), reshape(count, ()), *column) for column in columns]
    return tuple(each for row in zip(*found, strict=True) for each in row)


@operator("Adagrad", domain=TRAINING)
def read_adagrad(node: ModelNode, rate: Expr, count: Expr, *arrays: Expr) -> tuple[Expr, ...]:
    """x - r g / (sqrt(h) + epsilon), for the sum h of squares of gradients (Duchi et al. 2011)."""

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, h: Expr) -> tuple[Expr, ...]:
        slower = rate / (1 + cast(count, rate.dtype) * node["decay_factor"])
        slope = g + x * node["norm_coefficient"]
        total = h + slope * slope
        return x - cast(slower, x.dtype) * slope / (scalar.sqrt(total) + node["epsilon"]), total

    return _each(step, 3, rate, count, arrays)


@operator("Adam", domain=TRAINING)
def read_adam(node: ModelNode, rate: Expr, count: Expr, *arrays: Expr) -> tuple[Expr, ...]:
    """x - r v / (sqrt(h) + epsilon), for averages v of gradients and h of their squares (Kingma and Ba 2014)."""
    alpha, beta = node["alpha"], node["beta"]

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, v: Expr, h: Expr) -> tuple[Expr, ...]:
        slope = g + x * node["norm_coefficient"]
        mean, square = v * alpha + slope * (1 - alpha), h * beta + slope * slope * (1 - beta)
        steps = cast(count, rate.dtype)
        unbiased = rate * scalar.sqrt(1 - beta**steps) / (1 - alpha**steps)
        found = scalar.where(scalar.gt(count, 0), unbiased, rate)
        new = x - cast(found, x.dtype) * mean / (scalar.sqrt(square) + node["epsilon"])
        return new * (1 - node["norm_coefficient_post"]), mean, square

    return _each(step, 4, rate, count, arrays)


@operator("Momentum", domain=TRAINING)
def read_momentum(node: ModelNode, rate: Expr, count: Expr, *arrays: Expr) -> tuple[Expr, ...]:
    """x - r v, for the running sum v of gradients, or with Nesterov's mode x - r (g + alpha v)."""
    alpha, nesterov = node["alpha"], node["mode"] == "nesterov"

    def step(rate: Expr, count: Expr, x: Expr, g: Expr, v: Expr) -> tuple[Expr, ...]:
        slope = g + x * node["norm_coefficient"]
        part = scalar.where(scalar.gt(count, 0), node["beta"], 1.0)
        new = v * alpha + slope * cast(part, x.dtype)
        return x - cast(rate, x.dtype) * (slope + new * alpha if nesterov else new), new

    return _each(step, 3, rate, count, arrays)
