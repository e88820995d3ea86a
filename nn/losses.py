"""Losses, one value for each example or element: the user takes the mean, or any other."""

from __future__ import annotations

from typing import Any

from ..ops import scalar
from ..ops.activations import binary_crossentropy, crossentropy, pair, pick
from ..ops.coerce import as_expr
from ..ops.movement import expand_dims
from ..ops.reduce import sum as sum_over
from ..symbolic.arguments import check_number
from ..symbolic.expr import Expr

__all__ = ["absolute_error", "binary_crossentropy", "crossentropy", "multiclass_hinge", "squared_error"]


def squared_error(predictions: Any, targets: Any) -> Expr:
    """(predictions - targets)², element by element.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    found, wanted = pair("squared_error", "predictions", predictions, targets)
    return scalar.square(found - wanted)


def absolute_error(predictions: Any, targets: Any) -> Expr:
    """|predictions - targets|, element by element.  Derivative 0 where they are equal.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    found, wanted = pair("absolute_error", "predictions", predictions, targets)
    return scalar.abs(found - wanted)


def multiclass_hinge(scores: Any, labels: Any, delta: float = 1.0) -> Expr:
    """sum over classes j other than the label of max(0, scores[j] - scores[label] + delta): the multiclass SVM loss.

    Parameters
    ----------
    scores : (..., classes)
    labels : (...) integers in [0, classes)
    delta : the margin by which the right class must win

    Returns
    -------
    (...) from 0 up

    Raises
    ------
    IndexRangeError
        when it runs, for a label outside [0, classes)

    References
    ----------
    Weston, Watkins 1999, Support vector machines for multi-class pattern recognition, equation 4.
    """
    node = as_expr(scores)
    right = pick(node, labels)
    check_number("delta", delta)
    margins = scalar.maximum(node - expand_dims(right, -1) + delta, 0.0)
    return sum_over(margins, -1) - max(delta, 0.0)  # the label's own margin
