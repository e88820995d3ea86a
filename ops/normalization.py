"""Normalisation: batch, layer and local response normalisation; dropout."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ..symbolic.arguments import check_count, check_number, is_number
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.grad import CustomGradient, stop_gradient
from ..symbolic.records import record
from ..symbolic.types import DType
from . import scalar
from .axes import normalize, normalize_all, without
from .coerce import as_expr, check_coefficient
from .elementwise import cast, widen
from .movement import Slice
from .padding import pad
from .reduce import check_float, count, mean, restore
from .reduce import sum as sum_over
from .several import Several


def batch_norm(x: Any, scale: Any, shift: Any, axes: Any = 0, eps: float = 1e-5) -> tuple[Expr, Expr, Expr]:
    """y = scale * (x - mean) / sqrt(var + eps) + shift, with the mean and variance of this batch.

    Parameters
    ----------
    x : float expression, such as (batch, features) or (batch, channels, height, width)
    scale, shift : of the shape that is left of x's without `axes`: (features,) or (channels,)
    axes : those over which mean and variance are taken: 0, or (0, 2, 3) for each channel
    eps : added to the variance

    Returns
    -------
    (y, mean, var) : y of x's shape; mean and var of scale's shape; the variance is divided by n, not by n - 1.
        At test time use running averages of them: see `nn.layers.batch_norm`.

    Gradient
    --------
    With x̂ = (x - mean) / sqrt(var + eps) and n elements for each mean:
    scale / sqrt(var + eps) * (g - (sum(g) + x̂ sum(g x̂)) / n) for x, sum(g x̂) for scale, sum(g) for shift.

    References
    ----------
    Ioffe, Szegedy 2015, Batch Normalization, algorithm 1.
    """
    node, gain, offset, kind = _float_arguments("batch_norm", x, scale, shift)
    reduced = normalize_all(axes, node.ndim, "batch_norm", node)
    check_number("eps", eps, least=0)
    _check_parameters("batch_norm", node, without(node.shape, reduced), scale=gain, shift=offset)
    rule = BatchNormGradient(reduced, eps)
    m, v = _moments(node, reduced)
    factor = gain * scalar.rsqrt(v + eps)
    value = (node - restore(m, node, reduced)) * restore(factor, node, reduced) + restore(offset, node, reduced)
    y = apply(CustomGradient(rule), value, node, gain, offset)
    return Several([cast(a, kind) for a in (y, m, v)], "batch_norm", ("y", "mean", "var"))


def layer_norm(x: Any, scale: Any, shift: Any, axes: Any = -1, eps: float = 1e-5) -> Expr:
    """scale * (x - mean) / sqrt(var + eps) + shift, with the mean and variance over `axes` of each example.

    Parameters
    ----------
    x : float expression, such as (batch, features)
    scale, shift : of the shape of x along `axes`: (features,)
    axes : those over which mean and variance are taken
    eps : added to the variance

    Gradient
    --------
    With x̂ = (x - mean) / sqrt(var + eps) and h = g * scale:
    (h - mean(h) - x̂ mean(h x̂)) / sqrt(var + eps) for x; sum(g x̂) and sum(g) over the other axes for scale and shift.

    References
    ----------
    Ba, Kiros, Hinton 2016, Layer Normalization, equation 4.
    """
    node, gain, offset, kind = _float_arguments("layer_norm", x, scale, shift)
    reduced = normalize_all(axes, node.ndim, "layer_norm", node)
    check_number("eps", eps, least=0)
    kept = without(range(node.ndim), reduced)
    _check_parameters("layer_norm", node, without(node.shape, kept), scale=gain, shift=offset)
    rule = LayerNormGradient(reduced, eps)
    value = _standardise(node, reduced, eps) * restore(gain, node, kept) + restore(offset, node, kept)
    return cast(apply(CustomGradient(rule), value, node, gain, offset), kind)


@record
class BatchNormGradient:
    """The vjp of batch normalisation's y, mean and variance included: two sums over the batch, and one pass."""

    axes: tuple[int, ...]
    eps: float

    def __call__(self, g: Expr, out: Expr, x: Expr, scale: Expr, shift: Expr) -> list[Expr]:
        m, v = _moments(x, self.axes)
        inverse = scalar.rsqrt(v + self.eps)
        normal = (x - restore(m, x, self.axes)) * restore(inverse, x, self.axes)
        for_shift = sum_over(g, self.axes)
        for_scale = sum_over(g * normal, self.axes)
        share = 1.0 / count(x, self.axes, x.dtype)
        drift = restore(for_shift * share, x, self.axes) + normal * restore(for_scale * share, x, self.axes)
        return [(g - drift) * restore(scale * inverse, x, self.axes), for_scale, for_shift]


@record
class LayerNormGradient:
    """The vjp of layer normalisation."""

    axes: tuple[int, ...]
    eps: float

    def __call__(self, g: Expr, out: Expr, x: Expr, scale: Expr, shift: Expr) -> list[Expr]:
        kept = without(range(x.ndim), self.axes)
        normal = _standardise(x, self.axes, self.eps)
        _, v = _moments(x, self.axes)
        inverse = scalar.rsqrt(v + self.eps)
        h = g * restore(scale, x, kept)
        drift = restore(mean(h, self.axes), x, self.axes) + normal * restore(mean(h * normal, self.axes), x, self.axes)
        return [(h - drift) * restore(inverse, x, self.axes), sum_over(g * normal, kept), sum_over(g, kept)]


def _moments(x: Expr, axes: tuple[int, ...]) -> tuple[Expr, Expr]:
    """Mean and variance (divided by n) over the axes: two passes, so without cancellation."""
    m = mean(x, axes)
    return m, mean(scalar.square(x - restore(m, x, axes)), axes)


def _standardise(x: Expr, axes: tuple[int, ...], eps: float) -> Expr:
    m, v = _moments(x, axes)
    return (x - restore(m, x, axes)) * restore(scalar.rsqrt(v + eps), x, axes)


def local_response_norm(
    x: Any, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, axis: int = 1
) -> Expr:
    """x / (k + alpha * sum over n neighbouring channels of x²) ** beta.

    The channels are those from i - n // 2 to i + (n - 1) // 2 of `axis`, as far as they exist.  alpha is not
    divided by n (Caffe and PyTorch do that: give them n * alpha for the same values).

    References
    ----------
    Krizhevsky, Sutskever, Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks, section 3.3.
    """
    node = as_expr(x)
    check_float(node, "local_response_norm")
    place = normalize(axis, node.ndim, "local_response_norm", node)
    n = check_count("local_response_norm", "the number of channels n", n, 1, 1000)
    for what, value in (("k", k), ("alpha", alpha), ("beta", beta)):
        check_coefficient(what, value)
    wide = widen(node)
    total = _sliding_sum(scalar.square(wide), place, n)
    return cast(wide * (k + alpha * total) ** -beta, node.dtype)


def _sliding_sum(x: Expr, axis: int, n: int) -> Expr:
    """For each position along the axis the sum over the n positions around it; zeros outside."""
    around = [(n // 2, (n - 1) // 2) if i == axis else (0, 0) for i in range(x.ndim)]
    wide, steps = pad(x, around), (1,) * x.ndim
    parts = [
        apply(Slice(tuple(start if i == axis else 0 for i in range(x.ndim)), steps, x.shape), wide)
        for start in range(n)
    ]
    return functools.reduce(scalar.add, parts)


def dropout(x: Any, rate: Any, rng: Any, training: Any = True) -> Expr:
    """x / (1 - rate) where a draw keeps the element, 0 where it drops it, which happens with probability `rate`.

    At test time (`training` False) it is x itself: the factor keeps the expected value the same.

    Parameters
    ----------
    x : float expression
    rate : a number in [0, 1), or a scalar expression
    rng : a `random.Stream`; each call of `dropout` is a draw site of its own
    training : a bool, or a scalar bool expression that a call decides by

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, Dropout, section 10 (scaling at training time).
    """
    node = as_expr(x)
    check_float(node, "dropout")
    check_rate("dropout", rate, node)
    if not hasattr(rng, "bernoulli"):
        error = ArgumentError(f"dropout: rng is a random.Stream, not {rng!r}.")
        raise blame(error, user_site(), hint="make one, once, for all draws: rng = wf.random.Stream(seed).")
    if training is False or (not isinstance(rate, Expr) and rate == 0):
        return node
    keep = 1.0 - stop_gradient(rate) if isinstance(rate, Expr) else 1.0 - rate
    dropped = scalar.where(rng.bernoulli(keep, node.shape), node * (1.0 / keep), 0)
    return dropped if training is True else scalar.where(training, dropped, node)


def check_rate(name: str, rate: Any, x: Expr) -> None:
    """Raise ArgumentError unless the rate of a dropout of x is a number in [0, 1), or an expression."""
    if not isinstance(rate, Expr) and not (is_number(rate) and 0 <= rate < 1):
        raise blame(ArgumentError(f"{name}: the rate is in [0, 1), and {rate!r} is not."), user_site(), x.site)


def _float_arguments(name: str, x: Any, scale: Any, shift: Any) -> tuple[Expr, Expr, Expr, DType]:
    """The arguments in the dtype that is computed in, and that of x, which the result has."""
    node = as_expr(x)
    check_float(node, name)
    wide = widen(cast(node, node.dtype))
    return wide, cast(scale, wide.dtype), cast(shift, wide.dtype), node.dtype


def _check_parameters(name: str, x: Expr, wanted: Sequence[Any], **parameters: Expr) -> None:
    for label, node in parameters.items():
        fits = node.ndim == len(wanted) and all(
            same(a, b) is not False for a, b in zip(node.shape, wanted, strict=True)
        )
        if not fits:
            text = (
                f"{name}: {label} has shape {show(node.shape)}; for x of shape {show(x.shape)} it needs {show(wanted)}."
            )
            raise blame(ShapeError(text), user_site(), node.site, x.site)
