"""What thresholds do to scores for yes or no: curves, and the areas under them.  Of arrays, those of a whole set."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...symbolic.arrays import as_array
from ...symbolic.errors import ArgumentError, blame, user_site


def roc_auc(scores: Any, labels: Any) -> float:
    """The chance that a positive example has a larger score than a negative one; ties count half.  Of arrays.

    The area under the curve of true over false positives, by ranks (Mann, Whitney 1947): n log n.

    scores : (n,) numbers without NaN
    labels : (n,) bools, or numbers without NaN, of which those above 0 are positive

    Raises ArgumentError where there is no positive or no negative example, or a score or a label is NaN.
    """
    found, truth = _pair("roc_auc", scores, labels)
    _, inverse, counts = np.unique(found, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    ranks = (below + (counts - 1) / 2)[inverse]  # how many are below, and half of those beside
    positive, negative = _both("roc_auc", truth)
    return float((ranks[truth].sum() - positive * (positive - 1) / 2) / (positive * negative))


def roc(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(false, true, thresholds): the shares of negatives and of positives with scores from each threshold up.

    Of arrays.  Thresholds are the different scores, from infinity down; `roc_auc` is the area under the curve.

    Raises ArgumentError as `roc_auc` does.
    """
    found, truth = _pair("roc", scores, labels)
    _both("roc", truth)
    thresholds, hits, taken = _counts(found, truth)
    hits, taken, thresholds = np.append(0, hits), np.append(0, taken), np.append(np.inf, thresholds)
    return (taken - hits) / (taken[-1] - hits[-1]), hits / hits[-1], thresholds


def precision_recall(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(precision, recall, thresholds), with scores from each threshold up taken for positive, from the largest down.

    Of arrays.  The best precision for a recall of 0.9 and more is `precision[recall >= 0.9].max()`.

    Raises ArgumentError where there is no positive example, or a score or a label is NaN.
    """
    found, truth = _positive("precision_recall", scores, labels)
    thresholds, hits, taken = _counts(found, truth)
    return hits / taken, hits / hits[-1], thresholds


def average_precision(scores: Any, labels: Any) -> float:
    """sum over thresholds of precision times the growth of recall: the area under precision over recall.  Of arrays.

    scores, labels : as for `roc_auc`; equal scores are one threshold
    """
    found, truth = _positive("average_precision", scores, labels)
    _, hits, taken = _counts(found, truth)
    return float((np.diff(hits, prepend=0) * hits / taken).sum() / hits[-1])


def _counts(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(thresholds, positives, all): the different scores from the largest down, and how many are from each up."""
    order = np.argsort(-found, kind="stable")
    found, hits = found[order], np.cumsum(truth[order])
    last = np.append(found[1:] != found[:-1], True)  # of equal scores
    return found[last], hits[last], np.flatnonzero(last) + 1


def _both(name: str, truth: np.ndarray) -> tuple[int, int]:
    """How many examples are positive, and negative; raises ArgumentError where there are none of one kind."""
    positive = int(truth.sum())
    negative = truth.size - positive
    if not positive or not negative:
        text = f"{name}: {positive} positive and {negative} negative examples; there have to be some of both."
        raise blame(ArgumentError(text), user_site())
    return positive, negative


def _positive(name: str, scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    found, truth = _pair(name, scores, labels)
    if not truth.any():
        raise blame(ArgumentError(f"{name}: there is no positive example."), user_site())
    return found, truth


def _pair(name: str, scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    found, truth = as_array(f"{name}: scores", scores), as_array(f"{name}: labels", labels)
    if (
        found.shape != truth.shape
        or found.ndim != 1
        or found.dtype.kind not in "biuf"
        or truth.dtype.kind not in "biuf"
    ):
        text = f"{name}: scores and labels are arrays of numbers of one axis, not {found.dtype} {found.shape} and "
        raise blame(ArgumentError(f"{text}{truth.dtype} {truth.shape}."), user_site())
    found = found.astype("float64")
    if np.isnan(found).any():
        raise blame(ArgumentError(f"{name}: a score is NaN, which has no place in the order."), user_site())
    if np.isnan(truth).any():
        raise blame(ArgumentError(f"{name}: a label is NaN, which is neither positive nor negative."), user_site())
    return found, truth > 0
