"""Losses of numbers: squares, absolute values, and what is between."""

from __future__ import annotations

import math
from typing import Any

from ...ops import scalar
from ...symbolic.arguments import check_number
from ...symbolic.expr import Expr
from ...symbolic.grad import custom_gradient
from ..arguments import at_least_tiny, check_fraction, check_positive, float_pair


def squared_error(predictions: Any, targets: Any) -> Expr:
    """(predictions - targets)², element by element.  Integers become floats.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    return scalar.square(_residual("squared_error", predictions, targets))


def absolute_error(predictions: Any, targets: Any) -> Expr:
    """|predictions - targets|, element by element.  Derivative 0 where they are equal.  Integers become floats.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    return scalar.abs(_residual("absolute_error", predictions, targets))


def huber(predictions: Any, targets: Any, delta: Any = 1.0) -> Expr:
    """r² / 2 where |r| <= delta, else delta * (|r| - delta / 2), with r = predictions - targets, element by element.

    delta : a number above 0, or a scalar expression.  Derivative: r kept within [-delta, delta].

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).

    Reference: Huber 1964, Robust Estimation of a Location Parameter.
    """
    check_positive("huber: delta", delta)
    return _huber(_residual("huber", predictions, targets), delta)


def smooth_l1(predictions: Any, targets: Any, beta: Any = 1.0) -> Expr:
    """r² / (2 beta) where |r| <= beta, else |r| - beta / 2: huber(delta=beta) / beta, element by element.

    beta : a number above 0, or a scalar expression; for 0 it would be `absolute_error`.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).

    Reference: Girshick 2015, Fast R-CNN, equation 3.
    """
    check_positive("smooth_l1: beta", beta)
    return _huber(_residual("smooth_l1", predictions, targets), beta) / beta


def log_cosh(predictions: Any, targets: Any) -> Expr:
    """log(cosh(predictions - targets)), element by element: like r² / 2 near 0, like |r| - log(2) far out.

    Derivative tanh(r).  Neither overflows for large r nor loses digits for small.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    return _log_cosh(_residual("log_cosh", predictions, targets))


def quantile_error(predictions: Any, targets: Any, quantile: float = 0.5) -> Expr:
    """quantile * r where r > 0, else (quantile - 1) * r, with r = targets - predictions: the pinball loss.

    Its mean is least where the predictions are that quantile of the targets.  quantile : a number in [0, 1]

    Derivative 1 - quantile in the predictions where r = 0.  Raises ShapeError where both would be stretched: (n, 1) and
    (n,) to (n, n).

    Reference: Koenker, Bassett 1978, Regression Quantiles.
    """
    part = check_fraction("quantile_error: quantile", quantile)
    r = -_residual("quantile_error", predictions, targets)
    return scalar.where(scalar.gt(r, 0), r * part, r * (part - 1))


def absolute_percentage_error(predictions: Any, targets: Any, eps: float = 1e-7) -> Expr:
    """100 |predictions - targets| / max(|targets|, eps), element by element.  Derivative 0 where they are equal.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    check_positive("absolute_percentage_error: eps", check_number("absolute_percentage_error: eps", eps))
    found, wanted = float_pair("absolute_percentage_error", "predictions", predictions, targets)
    least = at_least_tiny(eps, wanted.dtype)
    return scalar.abs(found - wanted) * 100 / scalar.maximum(scalar.abs(wanted), least)


def squared_logarithmic_error(predictions: Any, targets: Any) -> Expr:
    """(log(1 + predictions) - log(1 + targets))², element by element, of numbers above -1; NaN below.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    found, wanted = float_pair("squared_logarithmic_error", "predictions", predictions, targets)
    return scalar.square(scalar.log1p(found) - scalar.log1p(wanted))


def _residual(name: str, predictions: Any, targets: Any) -> Expr:
    found, wanted = float_pair(name, "predictions", predictions, targets)
    return found - wanted


def _huber(r: Expr, delta: Any) -> Expr:
    near = scalar.clip(r, -delta, delta)
    return near * (r - near * 0.5)


def _log_cosh_value(r: Expr) -> Expr:
    size = scalar.abs(r)
    small = scalar.log1p(2 * scalar.square(scalar.sinh(scalar.minimum(size, 1.0) * 0.5)))  # cosh(r) - 1
    return scalar.where(scalar.lt(size, 1), small, size + (scalar.log1p(scalar.exp(-2 * size)) - math.log(2)))


_log_cosh = custom_gradient(_log_cosh_value, lambda g, out, r: [g * scalar.tanh(r)])
