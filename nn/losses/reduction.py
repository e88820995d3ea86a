"""Means of some of the values, and of values that count differently."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.activations import pair
from ...ops.axes import normalize_all
from ...ops.elementwise import as_float, cast
from ...ops.movement import broadcast_to
from ...ops.reduce import sum as sum_over
from ...symbolic.errors import DTypeError, blame, user_site
from ...symbolic.expr import Expr
from ..arguments import float_pair


def weighted_mean(values: Any, weights: Any, axis: Any = None) -> Expr:
    """sum(weights * values) / sum(weights) over axes (None: all); 0 where the weights sum to 0.

    The mean of a crossentropy with class weights, divided by the weights of its examples, is
    `weighted_mean(losses.crossentropy(logits, labels), class_weights[labels])`.

    values : such as (batch,) losses; those of weight 0 count for nothing, not even NaN
    weights : numbers from 0 up, which broadcast with them

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    node, factors = float_pair("weighted_mean", "values", values, weights)
    return _ratio("weighted_mean", scalar.mul_no_nan(node, factors), factors, axis)


def masked_mean(values: Any, mask: Any, axis: Any = None) -> Expr:
    """The mean of the values where the mask is True, over axes (None: all); 0 where it is nowhere.

    values : such as (batch, time) losses; those without the mask count for nothing, not even NaN
    mask : bools that broadcast with them, such as `labels != -100`

    Raises DTypeError for a mask that is no bool, ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    node, kept = pair("masked_mean", "values", values, mask)
    if kept.dtype.kind != "b":
        error = DTypeError(f"masked_mean: the mask holds bools, not {kept.dtype.name}.")
        raise blame(error, user_site(), kept.site, hint="numbers that say how much a value counts: weighted_mean.")
    node = as_float(node)
    return _ratio("masked_mean", scalar.where(kept, node, 0), cast(kept, node.dtype), axis)


def _ratio(name: str, products: Expr, weights: Expr, axis: Any) -> Expr:
    axes = normalize_all(axis, products.ndim, name, products)
    total = sum_over(broadcast_to(weights, products.shape), axes)
    nothing = scalar.eq(total, 0)
    return scalar.where(nothing, 0, sum_over(products, axes) / scalar.where(nothing, 1, total))
