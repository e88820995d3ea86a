"""Losses that are 0 where scores win by a margin."""

from __future__ import annotations

from typing import Any

from ...ops import activations, scalar
from ...ops.activations import at_label, pair, pick, with_labels
from ...ops.coerce import as_expr, check_coefficient
from ...ops.elementwise import as_float, cast
from ...ops.movement import expand_dims
from ...ops.reduce import max as max_over
from ...ops.reduce import mean
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_choice
from ...symbolic.expr import Expr
from ..arguments import float_pair
from .classification import rows_of, weights_of


def hinge(scores: Any, targets: Any, margin: float = 1.0) -> Expr:
    """max(0, margin - targets * scores), element by element, for targets that are -1 or 1 (or bools: False is -1).

    Derivative 0 where the product is the margin.  Raises ShapeError where both would be stretched: (n, 1) and (n,) to
    (n, n).
    """
    check_coefficient("hinge: margin", margin)
    return scalar.relu(margin - _agreement("hinge", scores, targets))


def squared_hinge(scores: Any, targets: Any, margin: float = 1.0) -> Expr:
    """max(0, margin - targets * scores)², element by element, for targets that are -1 or 1 (or bools: False is -1).

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    check_coefficient("squared_hinge: margin", margin)
    return scalar.square(scalar.relu(margin - _agreement("squared_hinge", scores, targets)))


def soft_margin(scores: Any, targets: Any) -> Expr:
    """log(1 + exp(-targets * scores)), element by element, for targets that are -1 or 1 (or bools: False is -1).

    Without overflow.  Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    return scalar.softplus(-_agreement("soft_margin", scores, targets))


def multiclass_hinge(scores: Any, labels: Any, delta: float = 1.0, p: int = 1) -> Expr:
    """sum over classes j other than the label of max(0, scores[j] - scores[label] + delta)**p: the multiclass SVM loss.

    Parameters
    ----------
    scores : (..., classes), integers become floats
    labels : (...) integers in [0, classes)
    delta : the margin by which the right class must win, a number or a scalar expression
    p : 1 or 2

    Returns
    -------
    (...) from 0 up; others divide it by the number of classes

    Raises
    ------
    IndexRangeError
        when it runs, for a label outside [0, classes)

    References
    ----------
    Weston, Watkins 1999, Support vector machines for multi-class pattern recognition, equation 4.
    """
    check_coefficient("multiclass_hinge: delta", delta)
    check_choice("multiclass_hinge: p", p, (1, 2))
    node, places = with_labels("multiclass_hinge", as_float(scores), labels)
    margin = cast(as_expr(delta), node.dtype)
    gaps = node - expand_dims(pick(node, places), -1) + margin
    all_of_them, own = (scalar.square(scalar.relu(v)) if p == 2 else scalar.relu(v) for v in (gaps, margin))
    return sum_over(all_of_them, -1) - own  # the label's margin, to the last digit


def categorical_hinge(scores: Any, labels: Any, margin: float = 1.0) -> Expr:
    """max(0, margin - scores[label] + the largest score of the other classes), for each row.

    Parameters
    ----------
    scores : (..., classes)
    labels : (...) integers in [0, classes)

    Returns
    -------
    (...) from 0 up; 0 for a single class

    Raises IndexRangeError, when it runs, for a label outside [0, classes).

    References
    ----------
    Crammer, Singer 2001, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines.
    """
    check_coefficient("categorical_hinge: margin", margin)
    node, places = with_labels("categorical_hinge", as_float(scores), labels)
    others = scalar.where(at_label(node, places), float("-inf"), node)
    return scalar.relu(margin - pick(node, places) + max_over(others, -1))


def multilabel_margin(scores: Any, targets: Any, margin: float = 1.0) -> Expr:
    """sum over classes i that are targets and j that are none of max(0, margin - scores[i] + scores[j]), / classes.

    Parameters
    ----------
    scores : (..., classes)
    targets : (..., classes) bools, or numbers that are not 0 for the classes of an example

    Returns
    -------
    (...) from 0 up.  It compares each class with each other: classes² numbers for an example

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n), and for scores without axes.
    """
    check_coefficient("multilabel_margin: margin", margin)
    found, wanted = pair("multilabel_margin", "scores", scores, targets)
    node, chosen = as_float(found), scalar.ne(wanted, 0)
    gaps = scalar.relu(margin - expand_dims(node, -1) + expand_dims(node, -2))
    pairs = scalar.logical_and(expand_dims(chosen, -1), scalar.logical_not(expand_dims(chosen, -2)))
    return mean(sum_over(scalar.where(pairs, gaps, 0), -2), -1)


def multilabel_soft_margin(logits: Any, targets: Any, class_weights: Any = None) -> Expr:
    """The mean over classes of their binary crossentropies, for each row: of examples that have several labels.

    logits : (..., classes);  targets : (..., classes) bools or numbers in [0, 1];  class_weights : (classes,) factors

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n), and for weights that are not one for
    each class.
    """
    loss = rows_of("multilabel_soft_margin", activations.binary_crossentropy(logits, targets), -1)
    weights = weights_of("multilabel_soft_margin", class_weights, loss)
    return mean(loss if weights is None else loss * weights, -1)


def margin_ranking(first: Any, second: Any, targets: Any, margin: float = 0.0) -> Expr:
    """max(0, margin - targets * (first - second)), element by element: 1 where the first must be higher, else -1.

    Bools are targets, too: False is -1.  Derivative 0 at the kink.  Raises ShapeError where two would be stretched:
    (n, 1) and (n,) to (n, n).
    """
    check_coefficient("margin_ranking: margin", margin)
    one, other = float_pair("margin_ranking", "the first scores", first, second)
    return scalar.relu(margin - _agreement("margin_ranking", one - other, targets))


def hinge_embedding(distances: Any, targets: Any, margin: float = 1.0) -> Expr:
    """The distance where targets are 1 (or True), max(0, margin - distance) where they are -1 (or False).

    distances : from 0 up, of pairs that are alike (1) or not (-1).  Raises ShapeError where both would be stretched:
    (n, 1) and (n,) to (n, n).
    """
    check_coefficient("hinge_embedding: margin", margin)
    found, wanted = pair("hinge_embedding", "distances", distances, targets)
    node = as_float(found)
    return scalar.where(is_alike(wanted), node, scalar.relu(margin - node))


def is_alike(targets: Expr) -> Expr:
    """Bools of targets that are bools, or 1 and -1 (or 0)."""
    return targets if targets.dtype.kind == "b" else scalar.gt(targets, 0)


def _agreement(name: str, scores: Any, targets: Any) -> Expr:
    """targets * scores, with -1 for False."""
    if (wanted := as_expr(targets)).dtype.kind == "b":
        wanted = scalar.where(wanted, 1, -1)
    node, sign = float_pair(name, "scores", scores, wanted)
    return node * sign
