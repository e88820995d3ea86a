"""Normalisation over batches, channels, features and neighbours."""

from __future__ import annotations

from typing import Any

from ....ops import normalization, reduce, scalar
from ....ops.creation import zeros_like
from ....ops.elementwise import cast
from ....ops.movement import flip, reshape
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import operator


@operator("BatchNormalization", settings=(3, 4))
def read_batch_normalization(
    node: ModelNode, x: Expr, scale: Expr, shift: Expr, mean: Expr, var: Expr
) -> tuple[Expr, ...]:
    """(x - mean) / sqrt(var + epsilon) scale + shift for each channel, or before opset 9 each feature.

    In training mode mean and variance are those of the batch, and further outputs the running ones, of which `momentum`
    is kept, and before opset 14 those of the batch, too.
    """
    old = node.version < 14
    if any(node.outputs[1:]) if old else node["training_mode"]:
        axes = tuple(i for i in range(x.ndim) if i != 1 and (i == 0 or mean.ndim == 1))
        y, m, v = normalization.batch_norm(x, cast(scale, x.dtype), cast(shift, x.dtype), axes, node["epsilon"])
        kept = node["momentum"]
        batch = [cast(new, before.dtype) for before, new in ((mean, m), (var, v))]
        running = [before * kept + new * (1 - kept) for before, new in zip((mean, var), batch, strict=True)]
        return y, *running, *(batch if old else ())
    factor = scale * scalar.rsqrt(var + node["epsilon"])
    laid = [_lay(cast(v, x.dtype), x.ndim) for v in (factor, shift - mean * factor)]
    return (x * laid[0] + laid[1],)


def _lay(v: Expr, ndim: int) -> Expr:
    """One number for each channel, or each feature, along the axes of x."""
    return reshape(v, (1, *v.shape, *[1] * (ndim - 1 - v.ndim)))


@operator("InstanceNormalization")
def read_instance_normalization(node: ModelNode, x: Expr, scale: Expr, shift: Expr) -> Expr:
    """Over the spatial axes of each channel of each example."""
    axes = tuple(range(2, x.ndim))
    return _standardise(x, axes, node["epsilon"]) * _lay(scale, x.ndim) + _lay(shift, x.ndim)


def _standardise(x: Expr, axes: tuple[int, ...], epsilon: float) -> Expr:
    distance = x - reduce.mean(x, axes, keepdims=True)
    return distance * scalar.rsqrt(reduce.mean(scalar.square(distance), axes, keepdims=True) + epsilon)


@operator("LayerNormalization")
def read_layer_normalization(node: ModelNode, x: Expr, scale: Expr, shift: Expr | None = None) -> tuple[Expr, ...]:
    """Over all axes from `axis` on; also the mean, and 1 / sqrt(variance + epsilon)."""
    first = node.axis(x.ndim)
    axes = tuple(range(first, x.ndim))
    wide = cast(x, node.dtype(node["stash_type"]))
    mean = reduce.mean(wide, axes, keepdims=True)
    inverse = scalar.rsqrt(reduce.mean(scalar.square(wide - mean), axes, keepdims=True) + node["epsilon"])
    if scale.shape == x.shape[first:] and (shift is None or shift.shape == scale.shape):
        gain = cast(scale, wide.dtype)
        offset = zeros_like(gain) if shift is None else cast(shift, wide.dtype)
        y = cast(normalization.layer_norm(wide, gain, offset, axes, node["epsilon"]), x.dtype)
    else:
        y = cast((wide - mean) * inverse, x.dtype) * scale
        y = y if shift is None else y + shift
    return y, mean, inverse


@operator("LRN")
def read_lrn(node: ModelNode, x: Expr) -> Expr:
    """x / (bias + alpha / size * sum over `size` neighbouring channels of x²) ** beta."""
    count = node["size"]
    options: dict[str, Any] = {"k": node["bias"], "alpha": node["alpha"] / count, "beta": node["beta"]}
    if count % 2:
        return normalization.local_response_norm(x, count, **options)
    # of an even number of channels one more is behind, and in weft in front
    return flip(normalization.local_response_norm(flip(x, 1), count, **options), 1)


@operator("LpNormalization")
def read_lp_normalization(node: ModelNode, x: Expr) -> Expr:
    """x divided by its 1-norm or 2-norm along an axis; 0 where that is 0."""
    axis, p = node.axis(x.ndim), node["p"] or 2
    total = reduce.sum(scalar.abs(x) if p == 1 else scalar.square(x), axis, keepdims=True)
    zero = scalar.eq(total, 0)
    inside = scalar.where(zero, 1.0, total)
    return scalar.where(zero, 0.0, x / (inside if p == 1 else scalar.sqrt(inside)))
