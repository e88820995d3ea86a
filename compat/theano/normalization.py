"""Batch normalisation under Theano's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from .convert import unwrap
from .variables import wrap


def batch_normalization(inputs: Any, gamma: Any, beta: Any, mean: Any, std: Any, mode: str = "low_mem") -> Any:
    """(inputs - mean) gamma / std + beta."""
    x, scale, shift, centre, spread = (unwrap(v) for v in (inputs, gamma, beta, mean, std))
    return wrap((x - centre) * (scale / spread) + shift)


def _axes(axes: Any, rank: int) -> tuple[int, ...]:
    if axes == "per-activation":
        return (0,)
    if axes == "spatial":
        return (0, *range(2, rank))
    return tuple(sorted({int(a) % rank for a in ([axes] if isinstance(axes, int) else axes)}))


class _Parameters:
    """gamma, beta and statistics: of the rank of the input, or of the axes that are not normalised alone."""

    def __init__(self, x: Expr, axes: Any, epsilon: float, given: Sequence[Any]) -> None:
        self.axes, self.rank = _axes(axes, x.ndim), x.ndim
        if epsilon < 1e-5:
            raise blame(ValueError(f"epsilon must be at least 1e-5, and is {epsilon}."), user_site())
        nodes = [unwrap(v) for v in given]
        self.whole = nodes[0].ndim == x.ndim
        wanted = x.ndim if self.whole else x.ndim - len(self.axes)
        for node in nodes:
            if node.ndim != wanted:
                text = f"The parameters have {nodes[0].ndim} and {node.ndim} axes, and {wanted} are needed."
                raise blame(ValueError(text), user_site(), node.site)
        self.values = [self.wide(node) for node in nodes]

    def wide(self, node: Expr) -> Expr:
        """With axes of size 1 where the input is normalised."""
        if not self.whole:
            return wf.expand_dims(node, self.axes)
        return wf.reshape(node, [1 if i in self.axes else d for i, d in enumerate(node.shape)])

    def narrow(self, node: Expr) -> Expr:
        """In the form in which the parameters were given."""
        return node if self.whole else wf.squeeze(node, self.axes)


def batch_normalization_train(
    inputs: Any,
    gamma: Any,
    beta: Any,
    axes: Any = "per-activation",
    epsilon: float = 1e-4,
    running_average_factor: float = 0.1,
    running_mean: Any = None,
    running_var: Any = None,
) -> Any:
    """(out, mean, 1 / sqrt(variance + epsilon), and the running mean and variance after this batch where given)."""
    x = unwrap(inputs)
    running = [v for v in (running_mean, running_var) if v is not None]
    found = _Parameters(x, axes, epsilon, [gamma, beta, *running])
    scale, shift, *old = found.values
    mean = wf.mean(x, found.axes, keepdims=True)
    var = wf.var(x, found.axes, keepdims=True)
    invstd = 1.0 / wf.sqrt(var + epsilon)
    results = [(x - mean) * (scale * invstd) + shift, *map(found.narrow, (mean, invstd))]
    if running_mean is not None:
        results.append(found.narrow(_move_average(old[0], mean, running_average_factor)))
    if running_var is not None:
        count = weft_cast(unwrap(x.type.size), x.dtype) / weft_cast(unwrap(mean.type.size), x.dtype)
        results.append(found.narrow(_move_average(old[-1], var * (count / (count - 1.0)), running_average_factor)))
    return tuple(wrap(r) for r in results)


def _move_average(old: Expr, new: Expr, factor: float) -> Expr:
    return old * (1.0 - factor) + new * factor


def batch_normalization_test(
    inputs: Any, gamma: Any, beta: Any, mean: Any, var: Any, axes: Any = "per-activation", epsilon: float = 1e-4
) -> Any:
    """(inputs - mean) gamma / sqrt(var + epsilon) + beta."""
    x = unwrap(inputs)
    scale, shift, centre, spread = _Parameters(x, axes, epsilon, [gamma, beta, mean, var]).values
    return wrap((x - centre) * (scale / wf.sqrt(spread + epsilon)) + shift)
