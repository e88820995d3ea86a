"""How good predictions are, as expressions: of a batch, or of a matrix of confusion."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.activations import pair, pick, with_labels
from ...ops.coerce import as_expr, check_coefficient
from ...ops.creation import zeros
from ...ops.elementwise import cast
from ...ops.indexing import index_add
from ...ops.labels import CheckLabels
from ...ops.movement import expand_dims, ravel
from ...ops.reduce import argmax, mean
from ...ops.reduce import sum as sum_over
from ...ops.strided import diagonal
from ...symbolic.arguments import check_count, check_number
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr, apply
from ..arguments import check_positive, float_pair


def accuracy(scores: Any, labels: Any, threshold: Any = 0.0) -> Expr:
    """The share of examples whose largest score is that of their label, in [0, 1], a scalar of config.float_dtype.

    scores : (..., classes); of equal ones the first is the largest.  Or (...): a score for yes or no
    labels : (...) integers or bools
    threshold : scores for yes or no say yes from above it: 0 for logits, 0.5 for probabilities

    Raises ShapeError for labels of another shape, and where scores for yes or no and labels would stretch each other;
    IndexRangeError, when it runs, for a label outside [0, classes).
    """
    check_coefficient("accuracy: threshold", threshold)
    node, truth = as_expr(scores), as_expr(labels)
    if node.ndim == truth.ndim:
        pair("accuracy", "scores", node, truth)
        return mean(cast(scalar.eq(scalar.gt(node, threshold), scalar.gt(truth, 0)), None))
    return mean(cast(scalar.eq(argmax(node, -1), _labels("accuracy", node, truth)), None))


def top_k(scores: Any, labels: Any, k: int = 5) -> Expr:
    """The share of examples for whose label fewer than k scores are larger, in [0, 1]: the top-k accuracy.

    scores : (..., classes) floats; NaN is no larger, and a label whose score is NaN is not among them
    labels : (...) integers in [0, classes)
    """
    node, places = with_labels("top_k", scores, labels)
    check_count("top_k", "k", k, least=1)
    own = pick(node, places)
    larger = sum_over(cast(scalar.gt(node, expand_dims(own, -1)), "int64"), -1)
    return mean(cast(scalar.logical_and(scalar.lt(larger, k), scalar.eq(own, own)), None))


def confusion(scores: Any, labels: Any, classes: int | None = None) -> Expr:
    """out[i, j] = how many examples of label i are taken for j: (classes, classes), int64.

    scores : (..., classes); or (...) integers, the predictions themselves, with `classes`
    labels : (...) integers in [0, classes)

    Raises ShapeError for predictions and labels of different shapes; IndexRangeError, when it runs, for a label or a
    prediction outside [0, classes).
    """
    node, truth = as_expr(scores), as_expr(labels)
    if node.ndim == truth.ndim:
        number = check_count("confusion", "classes", classes, least=1)
        found, wanted = (apply(CheckLabels(number), n) for n in _of_one_shape("confusion", node, truth))
    else:
        found, wanted = argmax(node, -1), _labels("confusion", node, truth)
        number = node.shape[-1]
    places = ravel(cast(wanted, "int64")), ravel(cast(found, "int64"))
    return index_add(zeros((number, number), "int64"), places, 1)


def precision(matrix: Any) -> Expr:
    """matrix[j, j] / sum over i of matrix[i, j]: of those taken for class j, the share that is; NaN where none was.

    matrix : (classes, classes), as `confusion` gives it: an expression, or an array with those of all batches added
    """
    taken, _ = _sums(matrix)
    return _diagonal(matrix) / taken


def recall(matrix: Any) -> Expr:
    """matrix[i, i] / sum over j of matrix[i, j]: of class i, the share that is found; NaN where there is none."""
    _, own = _sums(matrix)
    return _diagonal(matrix) / own


def f1(matrix: Any) -> Expr:
    """2 matrix[i, i] / (sum of row i + sum of column i): the harmonic mean of precision and recall, for each class."""
    return f_beta(matrix)


def f_beta(matrix: Any, beta: float = 1.0) -> Expr:
    """(1 + b²) matrix[i, i] / (b² sum of row i + sum of column i): for each class, recall counts b times as much.

    beta : a number above 0
    """
    check_positive("f_beta: beta", check_number("f_beta: beta", beta))
    taken, own = _sums(matrix)
    return (1.0 + beta**2) * _diagonal(matrix) / (beta**2 * own + taken)


def specificity(matrix: Any) -> Expr:
    """Of the examples that are not of class i, the share that is not taken for it; NaN where all are of it."""
    taken, own = _sums(matrix)
    others = sum_over(own) - own
    return 1.0 - (taken - _diagonal(matrix)) / others


def iou(matrix: Any) -> Expr:
    """matrix[i, i] / (sum of row i + sum of column i - matrix[i, i]): for each class, intersection over union."""
    taken, own = _sums(matrix)
    both = _diagonal(matrix)
    return both / (own + taken - both)


def kappa(matrix: Any) -> Expr:
    """(accuracy - chance) / (1 - chance), a scalar: 0 for predictions that know nothing of the labels (Cohen 1960).

    chance : sum over i of row i's and column i's shares, multiplied
    """
    taken, own = _sums(matrix)
    total = sum_over(own)
    chance = sum_over(taken * own) / scalar.square(total)
    return (sum_over(_diagonal(matrix)) / total - chance) / (1.0 - chance)


def matthews(matrix: Any) -> Expr:
    """The correlation of labels and predictions, in [-1, 1], a scalar (Matthews 1975; Gorodkin 2004 for many classes).

    NaN where there is one label only, or one prediction.
    """
    taken, own = _sums(matrix)
    total = sum_over(own)
    common = sum_over(_diagonal(matrix)) * total - sum_over(taken * own)
    spread, other = (scalar.square(total) - sum_over(scalar.square(of)) for of in (taken, own))
    return common / (scalar.sqrt(spread) * scalar.sqrt(other))


def pearson(predictions: Any, targets: Any) -> Expr:
    """The correlation of predictions and targets, over all elements, in [-1, 1]; NaN where either does not vary."""
    covariance, spread, other, _ = _moments("pearson", predictions, targets)
    return covariance / (scalar.sqrt(spread) * scalar.sqrt(other))


def concordance(predictions: Any, targets: Any) -> Expr:
    """2 covariance / (variance + variance + (mean - mean)²), in [-1, 1]: 1 only where both are equal (Lin 1989)."""
    covariance, spread, other, gap = _moments("concordance", predictions, targets)
    return 2.0 * covariance / (spread + other + scalar.square(gap))


def r2(predictions: Any, targets: Any) -> Expr:
    """1 - sum (target - prediction)² / sum (target - mean target)²: the share of the variance that is explained.

    1 is perfect, 0 as good as the mean; -inf or NaN where all targets are equal.

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    found, wanted = float_pair("r2", "predictions", predictions, targets)
    return 1.0 - mean(scalar.square(wanted - found)) / mean(scalar.square(wanted - mean(wanted)))


def _labels(name: str, scores: Expr, labels: Expr) -> Expr:
    """Labels that are integers, of the rows of scores, each in range."""
    node, places = with_labels(name, scores, labels)
    return apply(CheckLabels(node.shape[-1]), places)


def _of_one_shape(name: str, predictions: Expr, labels: Expr) -> tuple[Expr, Expr]:
    """Both, which are integers, one for each other."""
    for node in (predictions, labels):
        if node.dtype.kind not in "iu":
            error = DTypeError(f"{name} takes integer labels, not {node.dtype.name}.")
            raise blame(error, user_site(), node.site, hint="cast them: labels.astype('int64').")
    sizes = zip(predictions.shape, labels.shape, strict=True)
    if any((m == 1) != (n == 1) or same(m, n) is False for m, n in sizes):
        text = f"{name}: predictions of shape {show(predictions.shape)} and labels of shape {show(labels.shape)}"
        raise blame(ShapeError(f"{text} are not one for each other."), user_site(), predictions.site, labels.site)
    return predictions, labels


def _floats(matrix: Any) -> Expr:
    node = as_expr(matrix)
    if node.ndim != 2 or same(*node.shape) is False:
        text = f"A matrix of confusion has two axes, (classes, classes), not {show(node.shape)}."
        raise blame(ArgumentError(text), user_site(), node.site)
    return cast(node, "float64")


def _sums(matrix: Any) -> tuple[Expr, Expr]:
    """How often each class was taken, and is."""
    node = _floats(matrix)
    return sum_over(node, 0), sum_over(node, 1)


def _moments(name: str, predictions: Any, targets: Any) -> tuple[Expr, Expr, Expr, Expr]:
    """(covariance, variance, variance, the difference of the means) of predictions and targets."""
    found, wanted = float_pair(name, "predictions", predictions, targets)
    centered, other = found - mean(found), wanted - mean(wanted)
    spreads = (mean(scalar.square(v)) for v in (centered, other))
    return mean(centered * other), *spreads, mean(found) - mean(wanted)


def _diagonal(matrix: Any) -> Expr:
    return diagonal(_floats(matrix))
