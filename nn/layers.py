"""Layers as plain functions: parameters are shared variables that the user makes, holds and passes in.

w1, b1 = layers.dense_params(784, 256, rng)
h = relu(layers.dense(x, w1, b1))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import normalization, scalar
from ..ops.axes import normalize, without
from ..ops.coerce import as_expr, check_coefficient
from ..ops.movement import flatten, reshape
from ..ops.normalization import dropout
from ..ops.reduce import count
from ..ops.several import Several
from ..symbolic.arguments import check_count, check_flag, check_function, check_name, check_number
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.variables import shared
from . import init

__all__ = ["BatchNorm", "batch_norm", "batch_norm_params", "conv_params", "dense", "dense_params", "dropout", "flatten"]

Initialiser = Callable[..., np.ndarray]

_layers: Counter[str] = Counter()  # that were given no name


def _number(kind: str) -> str:
    """The name of a layer that was given none: its kind, and which it is of these from the second on."""
    _layers[kind] += 1
    return kind if _layers[kind] == 1 else f"{kind}{_layers[kind]}"


def dense_params(
    inputs: int, outputs: int, rng: np.random.Generator, name: str | None = None, weights: Initialiser = init.he_normal
) -> tuple[Expr, Expr]:
    """(w, b): weights (inputs, outputs) and biases (outputs,) of zeros, as shared variables.

    Their names begin with `name`; without one, with `dense`, `dense2` ..., which no two of these share.
    """
    sizes = check_count("dense_params", "inputs", inputs), check_count("dense_params", "outputs", outputs)
    check_function("dense_params: weights", weights, ["the shape", "rng"])
    name = check_name(name) or _number("dense")
    w = shared(weights(sizes, rng), f"{name}_w")
    return w, shared(init.constant((outputs,)), f"{name}_b")


def dense(x: Any, w: Any, b: Any = None) -> Expr:
    """x @ w + b; all axes of x but the first are taken as one."""
    node = as_expr(x)
    product = (flatten(node, 1) if node.ndim > 2 else node) @ as_expr(w)
    return product if b is None else product + b


def conv_params(
    channels: int,
    filters: int,
    size: int | Sequence[int],
    rng: np.random.Generator,
    name: str | None = None,
    weights: Initialiser = init.he_normal,
) -> tuple[Expr, Expr]:
    """(w, b) for `conv2d` and its kind: weights (filters, channels, *size), and biases of zeros.

    Their names begin with `name`; without one, with `conv`, `conv2` ..., which no two of these share.
    """
    inside = check_count("conv_params", "channels", channels)
    outside = check_count("conv_params", "filters", filters)
    kernel = tuple(size) if isinstance(size, list | tuple) else (size, size)
    sizes = [check_count("conv_params", "size, for each spatial axis,", n, least=1) for n in kernel]
    check_function("conv_params: weights", weights, ["the shape", "rng"])
    name = check_name(name) or _number("conv")
    w = shared(weights((outside, inside, *sizes), rng), f"{name}_w")
    return w, shared(init.constant((filters,)), f"{name}_b")


class BatchNorm(NamedTuple):
    """The shared variables of a batch normalisation, all of shape (features,)."""

    scale: Expr
    shift: Expr
    mean: Expr  # running averages, for test time
    var: Expr

    @property
    def params(self) -> list[Expr]:
        """Those that are trained."""
        return [self.scale, self.shift]


def batch_norm_params(features: int, name: str | None = None) -> BatchNorm:
    """Scale 1, shift 0, running mean 0 and running variance 1; names as those of `dense_params`, with `norm`."""
    check_count("batch_norm_params", "features", features)
    name = check_name(name) or _number("norm")
    ones, zeros = init.constant((features,), 1.0), init.constant((features,))
    return BatchNorm(
        *(shared(v, f"{name}_{n}") for v, n in zip((ones, zeros, zeros, ones), BatchNorm._fields, strict=True))
    )


def batch_norm(
    x: Any, state: BatchNorm, training: bool, momentum: float = 0.9, eps: float = 1e-5, axis: int = 1
) -> tuple[Expr, dict[Expr, Expr]]:
    """(y, updates): batch normalisation of each feature along `axis`, and what to add to a function's updates.

    In training: the statistics of the batch, and updates average := momentum * average + (1 - momentum) * batch's.
    At test time: the running averages, and no updates.  The average takes the variance divided by n - 1.

    References
    ----------
    Ioffe, Szegedy 2015, Batch Normalization, algorithms 1 and 2.
    """
    node = as_expr(x)
    _check_state(state)
    place = normalize(axis, node.ndim, "batch_norm", node)
    check_coefficient("momentum", momentum)
    check_number("eps", eps, least=0)
    if not check_flag("batch_norm", "training", training):
        shape = tuple(-1 if i == place else 1 for i in range(node.ndim))
        factor = state.scale * scalar.rsqrt(state.var + eps)
        return _with_updates(node * reshape(factor, shape) + reshape(state.shift - state.mean * factor, shape), {})
    axes = without(range(node.ndim), (place,))
    y, mean, var = normalization.batch_norm(node, state.scale, state.shift, axes, eps)
    number = count(node, axes, node.dtype)
    unbiased = var * (number / scalar.maximum(number - 1.0, 1.0))
    fresh = {state.mean: mean, state.var: unbiased}
    return _with_updates(y, {old: momentum * old + (1 - momentum) * new for old, new in fresh.items()})


def _with_updates(y: Expr, updates: dict[Expr, Expr]) -> tuple[Expr, dict[Expr, Expr]]:
    return Several((y, updates), "batch_norm", ("y", "updates"))  # type: ignore[return-value]


def _check_state(state: Any) -> None:
    if not isinstance(state, BatchNorm):
        text = f"batch_norm: state is a BatchNorm, as batch_norm_params makes it, not {state!r}."
        hint = "with scale and shift of your own, take wf.batch_norm(x, scale, shift, axes)."
        raise blame(ArgumentError(text), user_site(), hint=hint)
