"""Kin of the crossentropy: more of what is not learnt yet, less of labels that may be wrong, and sparse."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.activations import pick, with_labels
from ...ops.coerce import check_coefficient
from ...ops.elementwise import as_float
from ...ops.reduce import sum as sum_over
from ...ops.reduce import top
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import stop_gradient
from ..activations import sparsemax as nearest
from ..arguments import check_fraction
from .classification import of_crossentropy


def poly_crossentropy(
    logits: Any,
    labels: Any,
    epsilon: Any = 1.0,
    *,
    axis: int = -1,
    class_weights: Any = None,
    ignore_index: int | None = None,
) -> Expr:
    """-log(p) + epsilon * (1 - p) with p = softmax(logits)[label], for each row.

    Parameters
    ----------
    logits : (..., classes), integers become floats
    labels : (...) integers in [0, classes)
    epsilon : what is added to the first coefficient of -log(p) = (1 - p) + (1 - p)² / 2 + ...: a number from -1 up, or
        a scalar expression

    The other arguments, and what it raises, are those of `crossentropy`.

    References
    ----------
    Leng et al. 2022, PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions, equation 6.
    """
    check_coefficient("poly_crossentropy: epsilon", epsilon)
    options = axis, class_weights, ignore_index
    return of_crossentropy(
        "poly_crossentropy", lambda loss: loss - epsilon * scalar.expm1(-loss), logits, labels, *options
    )


def generalized_crossentropy(
    logits: Any,
    labels: Any,
    q: float = 0.7,
    *,
    axis: int = -1,
    class_weights: Any = None,
    ignore_index: int | None = None,
) -> Expr:
    """(1 - p**q) / q with p = softmax(logits)[label], for each row: at most 1 / q, for labels of which some are wrong.

    Parameters
    ----------
    logits : (..., classes), integers become floats
    labels : (...) integers in [0, classes)
    q : a number in (0, 1]: near 0 that is the crossentropy, for 1 half of the absolute error of p

    The other arguments, and what it raises, are those of `crossentropy`.

    References
    ----------
    Zhang, Sabuncu 2018, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, equation 6.
    """
    part = check_fraction("generalized_crossentropy: q", q)
    if not part:
        error = ArgumentError("generalized_crossentropy: q is above 0.")
        raise blame(error, user_site(), hint="its limit is the crossentropy.")
    options = axis, class_weights, ignore_index
    return of_crossentropy(
        "generalized_crossentropy", lambda loss: scalar.expm1(-part * loss) / -part, logits, labels, *options
    )


def sparsemax(scores: Any, labels: Any) -> Expr:
    """p s - |p|² / 2 + 1 / 2 - s[label] with p = sparsemax(s), for each row s: what sparsemax is to a softmax.

    Parameters
    ----------
    scores : (..., classes), integers become floats
    labels : (...) integers in [0, classes)

    Returns
    -------
    (...) from 0 up; 0 where the label's score is larger than all others by 1 or more

    Gradient: p - one_hot(label).  Raises IndexRangeError, when it runs, for a label outside [0, classes).

    References
    ----------
    Martins, Astudillo 2016, From Softmax to Sparsemax, equation 19.
    """
    node, places = with_labels("sparsemax", as_float(scores), labels)
    rows = node - stop_gradient(top(node, (node.ndim - 1,)))
    p = nearest(node)
    return sum_over(scalar.mul_no_nan(rows - p * 0.5, p), -1) + 0.5 - pick(rows, places)  # p is 0 at -inf
