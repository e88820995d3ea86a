"""Normalisations with parameters and running averages of their own."""

from __future__ import annotations

from typing import Any

from ...ops import normalization, scalar
from ...ops.axes import normalize, without
from ...ops.coerce import as_expr, check_coefficient
from ...ops.movement import reshape
from ...ops.reduce import count
from ...ops.updating import with_updates
from ...symbolic.arguments import check_number
from ...symbolic.errors import ArgumentError, DTypeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import Shared
from ..naming import layer_name
from .weights import features, parameter


def batch_norm(
    x: Any,
    training: Any = True,
    scale: Any = 1.0,
    shift: Any = 0.0,
    mean: Any = 0.0,
    var: Any = 1.0,
    *,
    momentum: float = 0.9,
    eps: float = 1e-5,
    axis: int = 1,
    name: str | None = None,
) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, for each feature along `axis`.

    In training mean and var are those of the batch, and every function that computes it updates the running averages:
    average := momentum * average + (1 - momentum) * the batch's.  At test time it takes the running averages.  The
    average takes the variance divided by n - 1, or by 1 for a single element.

    Parameters
    ----------
    x : (batch, features, ...) floats
    training : a bool, or a scalar bool expression: one graph serves both, as in
        `wf.function(..., givens={training: False})`
    scale, shift : (features,) the trained parameters: a number that fills them, an initialiser, an array, or an
        expression
    mean, var : (features,) the running averages: a number, an array, or a shared variable
    momentum : how much of an average stays
    eps : added to the variance
    name : the variables are `{name}_scale`, `{name}_shift`, `{name}_mean` and `{name}_var`; None: `norm`, `norm2` ...

    Raises ShapeError for features of a size that is no number, ArgumentError for averages that are no shared variables.

    References
    ----------
    Ioffe, Szegedy 2015, Batch Normalization, algorithms 1 and 2.
    """
    node = as_expr(x)
    place = normalize(axis, node.ndim, "batch_norm", node)
    check_coefficient("momentum", momentum)
    check_number("eps", eps, least=0)
    flag = training_flag("batch_norm", training)
    name, shape = layer_name("norm", name), (features("batch_norm", node, place, scale),)
    given = {"scale": scale, "shift": shift, "mean": mean, "var": var}
    gain, offset, m, v = (parameter(f"batch_norm: {k}", value, shape, f"{name}_{k}") for k, value in given.items())
    _check_averages(m, v)
    across = tuple(-1 if i == place else 1 for i in range(node.ndim))
    factor = gain * scalar.rsqrt(v + eps)
    tested = with_updates(node * reshape(factor, across) + reshape(offset - m * factor, across), {m: m, v: v})
    if flag is False:
        return tested
    axes = without(range(node.ndim), (place,))
    y, batch_mean, batch_var = normalization.batch_norm(node, gain, offset, axes, eps)
    number = count(node, axes, node.dtype)
    fresh = {m: batch_mean, v: batch_var * (number / scalar.maximum(number - 1.0, 1.0))}
    averages = {old: momentum * old + (1 - momentum) * new.astype(old.dtype) for old, new in fresh.items()}
    if flag is True:
        return with_updates(y, averages)
    chosen = {old: scalar.where(flag, new, old) for old, new in averages.items()}
    return scalar.where(flag, with_updates(y, chosen), tested)


def training_flag(name: str, training: Any) -> Any:
    """Whether a layer is in training: True, False, or a scalar bool expression.  Raises for all else."""
    if isinstance(training, bool):
        return training
    if not isinstance(training, Expr) or training.dtype.kind != "b":
        error: Exception = DTypeError(f"{name}: training is a bool or a scalar bool expression, not {training!r}.")
        raise blame(error, user_site(), getattr(training, "site", None))
    if training.shape != ():
        raise blame(ArgumentError(f"{name}: training is one bool for all of x, not {training!r}."), user_site())
    return training


def _check_averages(*averages: Expr) -> None:
    for node in averages:
        if not isinstance(node.op, Shared):
            text = f"batch_norm: mean and var are running averages, which calls update: shared variables, not {node!r}."
            hint = "with statistics of your own, take wf.batch_norm, or write the formula."
            raise blame(ArgumentError(text), user_site(), node.site, hint=hint)
