"""Functions of whole rows: softmax, log_softmax, and the losses that belong to them, without overflow."""

from __future__ import annotations

from typing import Any

from ..symbolic.dims import same, show
from ..symbolic.errors import DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply, toposort
from ..symbolic.grad import custom_gradient, stop_gradient
from ..symbolic.leaves import Input, Shared, weak_constant
from . import scalar
from .axes import normalize_all
from .coerce import as_expr
from .creation import iota
from .elementwise import as_float, cast, unbroadcast
from .indexing import take_along_axis
from .labels import CheckLabels
from .movement import expand_dims, squeeze
from .reduce import sum as sum_over
from .reduce import top


def softmax(x: Any, axis: Any = -1) -> Expr:
    """exp(x) / sum(exp(x)) along an axis (or several), shifted by the maximum so that nothing overflows.

    Returns the shape of x; integers become floats.

    Gradient
    --------
    out * (g - sum(g * out)).

    Numerics
    --------
    Every row sums to 1 up to rounding.  Elements of -inf give 0; a row with +inf or NaN, or of -inf alone, is NaN.
    """
    node = as_float(x)
    axes = normalize_all(axis, node.ndim, "softmax", node)
    powers = scalar.exp(_shift(node, axes))
    return powers / sum_over(powers, axes, keepdims=True)


def log_softmax(x: Any, axis: Any = -1) -> Expr:
    """x - log(sum(exp(x))) along an axis (or several): log(softmax(x)) without overflow and without lost digits.

    Gradient: g - softmax(x) * sum(g).
    """
    node = as_float(x)
    axes = normalize_all(axis, node.ndim, "log_softmax", node)
    shifted, log_total = _log_parts(node, axes)
    return shifted - log_total


def pick(x: Any, labels: Any) -> Expr:
    """x[..., labels]: of each row along the last axis, the element that its integer label points at.

    Parameters
    ----------
    x : (..., classes) any dtype
    labels : (...) integers in [0, classes)

    Raises
    ------
    IndexRangeError
        when it runs, for a label outside [0, classes)

    Gradient
    --------
    g at the label, 0 elsewhere: a comparison with the label, which fuses into loops, and no scatter.
    """
    node, places = with_labels("pick", x, labels)
    return _pick(node, places)


def crossentropy(logits: Any, labels: Any) -> Expr:
    """-log(softmax(logits)[label]): log(sum(exp(logits))) - logits[label], for each row; take the mean for a loss.

    Parameters
    ----------
    logits : (..., classes), integers become floats
    labels : (...) integers in [0, classes); or (..., classes) floats, the probabilities of the classes, for which it
        is -sum(labels * log_softmax(logits))

    Returns
    -------
    (...) of the dtype of the logits, from 0 up

    Raises
    ------
    DTypeError, ShapeError
        for labels that are no integers, or whose shape is not that of the rows
    IndexRangeError
        when it runs, for a label outside [0, classes)

    Gradient
    --------
    g * (softmax(logits) - one_hot(label)).

    Numerics
    --------
    No overflow for any finite logits; a row of equal logits gives log(classes) to the last digit.
    """
    node, targets = as_float(logits), as_expr(labels)
    if targets.type.is_float:
        check_same_shape("crossentropy", node, targets)
        return -sum_over(targets * log_softmax(node), -1)
    node, places = with_labels("crossentropy", node, targets)
    return _crossentropy(node, places)


def binary_crossentropy(logits: Any, targets: Any) -> Expr:
    """-t log(p) - (1 - t) log(1 - p) with p = sigmoid(logits), element by element, without overflow.

    Computed as max(z, 0) - z t + log1p(exp(-|z|)).  `targets` are probabilities in [0, 1] (numbers, bools or floats)
    that broadcast with the logits.  Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).

    Gradient: g * (p - t) for the logits, -g * z for the targets.
    """
    logits, truth = pair("binary_crossentropy", "logits", logits, targets)
    node = as_float(logits)
    truth = truth if truth.type.is_float and not truth.type.weak else cast(truth, node.dtype)
    return _binary_crossentropy(node, truth)


def pair(name: str, what: str, values: Any, targets: Any) -> tuple[Expr, Expr]:
    """Both as expressions.  Raises ShapeError where each is stretched to meet the other, as (n, 1) is by (n,).

    A loss of all pairs is a number that training makes smaller, and nobody sees that it is another one.
    """
    node, wanted = as_expr(values), as_expr(targets)
    if node.ndim and wanted.ndim and _is_stretched(node, wanted) and _is_stretched(wanted, node):
        text = f"{name}: {what} of shape {show(node.shape)} and targets of shape {show(wanted.shape)}"
        error = ShapeError(f"{text} stretch each other, to a loss for every pair of elements.")
        flat, deep = ("targets", what) if node.ndim > wanted.ndim else (what, "targets")
        ways = f", with {flat}.reshape(-1, 1) or {deep}[:, 0]" if {node.ndim, wanted.ndim} == {1, 2} else ""
        raise blame(error, user_site(), node.site, wanted.site, hint=f"give both the same shape{ways}.")
    return node, wanted


def _is_stretched(a: Expr, b: Expr) -> bool:
    """Whether a is repeated along an axis of b."""
    here = (1,) * (b.ndim - a.ndim) + a.shape
    return any(m == 1 and n != 1 for m, n in zip(reversed(here), reversed(b.shape), strict=False))


def _shift(node: Expr, axes: tuple[int, ...]) -> Expr:
    """x minus the maximum, which no derivative sees: any constant would do."""
    return node - stop_gradient(top(node, axes))


def _log_parts(node: Expr, axes: tuple[int, ...]) -> tuple[Expr, Expr]:
    """(x - max, log(sum(exp(x - max)))): their difference is the log-softmax, both parts exact where x is large."""
    shifted = _shift(node, axes)
    return shifted, scalar.log(sum_over(scalar.exp(shifted), axes, keepdims=True))


def with_labels(name: str, x: Any, labels: Any) -> tuple[Expr, Expr]:
    """Both as expressions.  Raises DTypeError unless the labels are integers, ShapeError unless each row has one."""
    node, places = as_expr(x), as_expr(labels)
    if places.dtype.kind not in "iu":
        error: Exception = DTypeError(f"{name} takes integer labels, not {places.dtype.name}.")
        raise blame(error, user_site(), places.site, hint="cast them: labels.astype('int64').")
    rows = node.shape[:-1]
    if (
        node.ndim == 0
        or len(rows) != places.ndim
        or any(same(a, b) is False for a, b in zip(rows, places.shape, strict=False))
    ):
        text = f"{name}: labels of shape {show(places.shape)} do not fit rows of shape {show(node.shape)}"
        wanted = f"; they need shape {show(rows)}." if node.ndim else "."
        raise blame(ShapeError(text + wanted), user_site(), node.site, places.site)
    return node, places


def check_same_shape(name: str, node: Expr, targets: Expr) -> None:
    """Raise ShapeError unless the probabilities of classes have the shape of the logits."""
    pairs = zip(node.shape, targets.shape, strict=False)
    if node.ndim != targets.ndim or any(same(a, b) is False for a, b in pairs):
        text = f"{name}: probabilities of shape {show(targets.shape)} for logits of shape {show(node.shape)}."
        hint = "class numbers must be integers, and probabilities have the shape of the logits."
        raise blame(ShapeError(text), user_site(), node.site, targets.site, hint=hint)


def at_label(node: Expr, labels: Expr) -> Expr:
    """A mask in the shape of the logits: True where the class is the label, which is checked here."""
    classes = iota((node.shape[-1],), 0, "int32")
    return scalar.eq(expand_dims(apply(CheckLabels(node.shape[-1]), labels), -1), classes)


def _pick_value(node: Expr, labels: Expr) -> Expr:
    if not any(isinstance(n.op, Input | Shared) for n in toposort([node])):
        # of constants the comparison may be nothing but a constant, and labels would go unchecked
        checked = cast(apply(CheckLabels(node.shape[-1]), labels), "int64")
        return squeeze(take_along_axis(node, expand_dims(checked, -1), -1), -1)
    zero = weak_constant(0, node.dtype)
    return cast(sum_over(scalar.where(at_label(node, labels), node, zero), -1), node.dtype)


def _pick_vjp(g: Expr, out: Expr, node: Expr, labels: Expr) -> list[Expr | None]:
    return [scalar.where(at_label(node, labels), expand_dims(g, -1), 0), None]


def _crossentropy_value(node: Expr, labels: Expr) -> Expr:
    shifted, log_total = _log_parts(node, (node.ndim - 1,))
    return squeeze(log_total, -1) - _pick_value(shifted, labels)


def _crossentropy_vjp(g: Expr, out: Expr, node: Expr, labels: Expr) -> list[Expr | None]:
    shifted, log_total = _log_parts(node, (node.ndim - 1,))  # the nodes of the value: equal structure is shared
    wide = expand_dims(g, -1)
    return [wide * (scalar.exp(shifted - log_total) - cast(at_label(node, labels), node.dtype)), None]


def _binary_value(z: Expr, t: Expr) -> Expr:
    return scalar.maximum(z, 0) - z * t + scalar.log1p(scalar.exp(-scalar.abs(z)))


def _binary_vjp(g: Expr, out: Expr, z: Expr, t: Expr) -> list[Expr | None]:
    # the formula's kink at 0 is none: the derivative of max(z, 0) + log1p(exp(-|z|)) is sigmoid(z) there, too
    return [
        cast(unbroadcast(g * (scalar.sigmoid(z) - t), z), z.dtype),
        cast(unbroadcast(-g * z, t), t.dtype),
    ]


_pick = custom_gradient(_pick_value, _pick_vjp)
_crossentropy = custom_gradient(_crossentropy_value, _crossentropy_vjp)
_binary_crossentropy = custom_gradient(_binary_value, _binary_vjp)
