"""Losses of classes: crossentropies of labels, and of bits, with weights, smoothing and labels that do not count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops import activations, scalar
from ...ops.activations import check_same_shape, log_softmax, pick, with_labels
from ...ops.axes import normalize
from ...ops.coerce import as_expr
from ...ops.elementwise import as_float, cast
from ...ops.indexing import take
from ...ops.movement import moveaxis
from ...ops.reduce import count
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import LARGEST, check_count, check_number
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import custom_gradient
from ..arguments import check_broadcast, check_fraction, float_pair


def crossentropy(
    logits: Any,
    labels: Any,
    *,
    axis: int = -1,
    class_weights: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Expr:
    """-log(softmax(logits)[label]): log(sum(exp(logits))) - logits[label], for each row; take the mean for a loss.

    Parameters
    ----------
    logits : (..., classes), integers become floats
    labels : (...) integers in [0, classes); or floats of the shape of the logits, the probabilities of the classes, for
        which it is -sum(labels * log_softmax(logits))
    axis : where the classes are: 1 for images (n, classes, height, width) with labels (n, height, width)
    class_weights : (classes,) factors of the loss of each class
    ignore_index : rows with this label are 0, and get no gradient
    label_smoothing : the part e, in [0, 1], of a label's probability that all classes share: 1 - e + e / classes for
        the label, e / classes for the others

    Returns
    -------
    (...) of the dtype of the logits, from 0 up.  Means that leave out what does not count:
    `masked_mean(loss, labels != -100)`, and, by class weights, `weighted_mean(loss, class_weights[labels])` of the loss
    without them.

    Raises
    ------
    DTypeError, ShapeError
        for labels that are no integers, or whose shape is not that of the rows
    IndexRangeError
        when it runs, for a label outside [0, classes)

    Gradient
    --------
    g * (softmax(logits) - one_hot(label)), times the weight of the class.

    Numerics
    --------
    No overflow for any finite logits; a row of equal logits gives log(classes) to the last digit.

    References
    ----------
    Szegedy et al. 2016, Rethinking the Inception Architecture, section 7 (smoothing).
    """
    node, targets = rows_of("crossentropy", logits, axis), as_expr(labels)
    weights = weights_of("crossentropy", class_weights, node)
    smoothing = check_fraction("crossentropy: label_smoothing", label_smoothing)
    if not targets.type.is_float:
        loss = _smooth_crossentropy(smoothing) if smoothing else _sharp_crossentropy
        return of_labels("crossentropy", loss, node, targets, weights, ignore_index)
    targets = moveaxis(targets, axis, -1) if targets.ndim == node.ndim else targets
    check_same_shape("crossentropy", node, targets)
    if ignore_index is not None:
        error = ArgumentError("crossentropy: ignore_index is a label, and these labels are probabilities.")
        raise blame(error, user_site(), targets.site, hint="multiply the loss by a mask.")
    if smoothing:
        targets = targets * (1 - smoothing) + smoothing / count(node, (node.ndim - 1,), node.dtype)
    return activations.crossentropy(node, targets if weights is None else targets * weights)


def nll(
    log_probabilities: Any,
    labels: Any,
    *,
    axis: int = -1,
    class_weights: Any = None,
    ignore_index: int | None = None,
) -> Expr:
    """-log_probabilities[label], for each row: the crossentropy of what is a log_softmax already.

    Parameters
    ----------
    log_probabilities : (..., classes)
    labels : (...) integers in [0, classes)

    The other arguments, and what it raises, are those of `crossentropy`.
    """
    node = rows_of("nll", log_probabilities, axis)
    weights = weights_of("nll", class_weights, node)
    return of_labels("nll", _nll, node, as_expr(labels), weights, ignore_index)


def focal(
    logits: Any,
    labels: Any,
    gamma: float = 2.0,
    *,
    axis: int = -1,
    class_weights: Any = None,
    ignore_index: int | None = None,
) -> Expr:
    """-(1 - p) ** gamma * log(p) with p = softmax(logits)[label], for each row: less of what is learnt already.

    Parameters
    ----------
    logits : (..., classes), integers become floats
    labels : (...) integers in [0, classes)
    gamma : a number from 0, the crossentropy, up

    The other arguments, and what it raises, are those of `crossentropy`.

    Numerics
    --------
    Value and gradient are finite for any finite logits, also where p rounds to 1.

    References
    ----------
    Lin et al. 2017, Focal Loss for Dense Object Detection, equation 4.
    """
    power = check_number("focal: gamma", gamma, least=0)
    return of_crossentropy("focal", lambda loss: _focus(loss, power), logits, labels, axis, class_weights, ignore_index)


def binary_crossentropy(logits: Any, targets: Any, *, pos_weight: Any = None, label_smoothing: float = 0.0) -> Expr:
    """-t log(p) - (1 - t) log(1 - p) with p = sigmoid(logits), element by element, without overflow.

    Parameters
    ----------
    logits : (...), integers become floats
    targets : probabilities t in [0, 1] (numbers, bools or floats) that broadcast with the logits
    pos_weight : a factor of the first term, by which rare classes count more: a number, or an expression that
        broadcasts with the logits, such as (classes,)
    label_smoothing : e in [0, 1], which makes t to t * (1 - e) + e / 2

    Gradient: g * (p - t) for the logits, -g * logits for the targets, without weights.  Raises ShapeError where both
    would be stretched: (n, 1) and (n,) to (n, n), and for a pos_weight that does not broadcast with the loss.
    """
    smoothing = check_fraction("binary_crossentropy: label_smoothing", label_smoothing)
    if pos_weight is None and not smoothing:
        return activations.binary_crossentropy(logits, targets)
    node, truth = float_pair("binary_crossentropy", "logits", logits, targets)
    truth = truth * (1 - smoothing) + smoothing * 0.5
    if pos_weight is None:
        return activations.binary_crossentropy(node, truth)
    positive, weight = truth * scalar.softplus(-node), as_expr(pos_weight)
    check_broadcast("binary_crossentropy: pos_weight", weight, positive.shape)
    return positive * cast(weight, node.dtype) + (1 - truth) * scalar.softplus(node)


def binary_focal(logits: Any, targets: Any, gamma: float = 2.0, *, alpha: float | None = None) -> Expr:
    """-alpha t (1 - p) ** gamma log(p) - (1 - alpha) (1 - t) p ** gamma log(1 - p), with p = sigmoid(logits).

    Parameters
    ----------
    logits : (...), integers become floats
    targets : t, 0 or 1 (numbers or bools) or between, that broadcast with the logits
    gamma : a number from 0 up
    alpha : in [0, 1], how much of all weight the ones have; None: weights of 1

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).  Value and gradient are finite for any
    finite logits.

    References
    ----------
    Lin et al. 2017, Focal Loss for Dense Object Detection, equation 5.
    """
    power = check_number("binary_focal: gamma", gamma, least=0)
    node, truth = float_pair("binary_focal", "logits", logits, targets)
    ones, zeros = truth * _focus(scalar.softplus(-node), power), (1 - truth) * _focus(scalar.softplus(node), power)
    if alpha is None:
        return ones + zeros
    part = check_fraction("binary_focal: alpha", alpha)
    return ones * part + zeros * (1 - part)


Loss = Callable[[Expr, Expr, Expr | None], Expr]  # of rows, labels in [0, classes), and the weights of classes


def of_labels(name: str, loss: Loss, node: Expr, labels: Expr, weights: Expr | None, ignore_index: Any) -> Expr:
    """The loss of each row; 0 where the label is the one to ignore."""
    node, places = with_labels(name, node, labels)
    if ignore_index is None:
        return loss(node, places, weights)
    kept = scalar.ne(places, check_count(name, "ignore_index", ignore_index, least=-LARGEST))
    return scalar.where(kept, loss(node, scalar.where(kept, places, 0), weights), 0)


def of_crossentropy(
    name: str, change: Callable[[Expr], Expr], logits: Any, labels: Any, axis: Any, class_weights: Any, ignore: Any
) -> Expr:
    """A function of each row's crossentropy, then its weight."""
    node = rows_of(name, logits, axis)
    weights = weights_of(name, class_weights, node)

    def loss(rows: Expr, places: Expr, weights: Expr | None) -> Expr:
        return weigh(change(activations.crossentropy(rows, places)), places, weights)

    return of_labels(name, loss, node, as_expr(labels), weights, ignore)


def _nll(rows: Expr, labels: Expr, weights: Expr | None) -> Expr:
    return weigh(-pick(rows, labels), labels, weights)


def _sharp_crossentropy(rows: Expr, labels: Expr, weights: Expr | None) -> Expr:
    return weigh(activations.crossentropy(rows, labels), labels, weights)


def _smooth_crossentropy(part: float) -> Loss:
    """(1 - part) of the label's loss, and of the losses of all classes the mean."""

    def loss(rows: Expr, labels: Expr, weights: Expr | None) -> Expr:
        losses = -log_softmax(rows) if weights is None else -log_softmax(rows) * weights
        share = part / count(rows, (rows.ndim - 1,), rows.dtype)
        return _sharp_crossentropy(rows, labels, weights) * (1 - part) + sum_over(losses, -1) * share

    return loss


def weigh(loss: Expr, labels: Expr, weights: Expr | None) -> Expr:
    """The loss times the weight of the label's class."""
    return loss if weights is None else loss * take(weights, labels, 0)


def rows_of(name: str, logits: Any, axis: Any) -> Expr:
    """Floats, whose classes lie along the last axis."""
    node = as_float(logits)
    return moveaxis(node, normalize(axis, node.ndim, name, node), -1)


def weights_of(name: str, weights: Any, rows: Expr) -> Expr | None:
    """The weights of classes, one for each; None: all the same."""
    if weights is None:
        return None
    node = as_expr(weights)
    size = rows.shape[-1]
    if node.ndim != 1 or same(node.shape[0], size) is False or (size == 1) != (node.shape[0] == 1):
        text = f"{name}: class_weights have shape {show(node.shape)}, and the classes {show(rows.shape[-1:])}."
        raise blame(ShapeError(text), user_site(), node.site, rows.site)
    return cast(node, rows.dtype)


def _focus_value(loss: Expr, gamma: Expr) -> Expr:
    return scalar.pow(-scalar.expm1(-loss), gamma) * loss


def _focus_vjp(g: Expr, out: Expr, loss: Expr, gamma: Expr) -> list[Expr | None]:
    # (1 - p)**gamma * (1 + gamma * p loss / (1 - p)), whose last factor tends to 1 where p does
    safe = scalar.where(scalar.eq(loss, 0), 1, loss)
    ratio = scalar.where(scalar.eq(loss, 0), 1, safe / scalar.expm1(safe))
    return [g * scalar.pow(-scalar.expm1(-loss), gamma) * (1 + gamma * ratio), None]


_focus = custom_gradient(_focus_value, _focus_vjp)
