"""Connectionist temporal classification: the probability of a sequence of labels, whose places in time are unknown."""

from __future__ import annotations

from typing import Any

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.control import scan
from ...ops.creation import full, iota
from ...ops.elementwise import as_float, cast
from ...ops.indexing import take_along_axis
from ...ops.labels import CheckLabels
from ...ops.movement import concatenate, expand_dims, reshape
from ...ops.padding import pad
from ...ops.reduce import logsumexp
from ...symbolic.arguments import LARGEST, check_count, check_flag
from ...symbolic.dims import same, show
from ...symbolic.errors import DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr, apply

NEVER = -1e30  # the logarithm of no probability: sums of it stay finite, and so do all derivatives


def ctc(
    log_probabilities: Any,
    labels: Any,
    input_lengths: Any = None,
    label_lengths: Any = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Expr:
    """-log of the probability of the labels, summed over all ways to spread them over the steps, for each example.

    A way has one class in each step: the labels in order, each for one step or more, and blanks between, before and
    behind them, of which equal neighbours need one.

    Parameters
    ----------
    log_probabilities : (steps, batch, classes), such as a log_softmax
    labels : (batch, most labels) integers in [0, classes) other than the blank; those beyond an example's length are
        padding of any value
    input_lengths : (batch,) integers: how many steps an example has; None: all
    label_lengths : (batch,) integers: how many labels; None: all
    blank : the class that is no label
    zero_infinity : True: examples whose labels fit in no way are 0 instead of inf

    Returns
    -------
    (batch,) from 0 up; inf where there are too few steps for the labels.  Lengths outside of their axes are errors
    of the data that nothing checks: an input length above the steps is all of them, a wrong label length gives inf.

    Raises
    ------
    ShapeError, DTypeError
        for arguments of other shapes, or that are no integers
    IndexRangeError
        when it runs, for a label outside [0, classes)

    Gradient
    --------
    Minus the probability of each class in each step, given the labels; 0 where the loss is inf.

    References
    ----------
    Graves et al. 2006, Connectionist Temporal Classification, equations 6 to 8.
    """
    found, given, steps, lengths = _arguments(log_probabilities, labels, input_lengths, label_lengths, blank)
    scores = cast(found, "float32") if found.dtype.itemsize < 4 else found  # float16 ends before NEVER
    states = apply(CheckLabels(scores.shape[2]), _states(given, lengths, blank))
    places = iota((states.shape[1],), 0, states.dtype)
    before = pad(states, ((0, 0), (2, 0)), -1)[:, :-2]
    skips = scalar.logical_and(scalar.eq(places % 2, 1), scalar.ne(states, before))
    emitted = take_along_axis(scalar.maximum(scores, NEVER), expand_dims(states, 0), -1)
    start = scalar.where(scalar.eq(places, 0), 0.0, full(states.shape, NEVER, scores.dtype))
    last = _forward(cast(start, scores.dtype), emitted, skips, steps)
    behind = expand_dims(2 * lengths, 1) - places  # the last label is 1 before the last blank
    ends = scalar.logical_or(scalar.eq(behind, 0), scalar.eq(behind, 1))
    total = logsumexp(scalar.where(ends, last, NEVER), -1)
    impossible = scalar.lt(total, NEVER / 2)
    otherwise = 0.0 if check_flag("ctc", "zero_infinity", zero_infinity) else float("inf")
    return cast(scalar.where(impossible, otherwise, -total), found.dtype)


def _forward(start: Expr, emitted: Expr, skips: Expr, steps: Expr) -> Expr:
    """log of the probability of all ways into each state, after each example's last step."""

    def step(ways: Expr, now: tuple[Expr, Expr]) -> tuple[Expr, None]:
        chances, time = now
        shifted = pad(ways, ((0, 0), (2, 0)), NEVER)
        come = scalar.logaddexp(scalar.logaddexp(ways, shifted[:, 1:-1]), scalar.where(skips, shifted[:, :-2], NEVER))
        return scalar.where(expand_dims(scalar.lt(time, steps), 1), come + chances, ways), None

    last, _ = scan(step, start, (emitted, iota((emitted.shape[0],))))
    return last


def _states(labels: Expr, lengths: Expr, blank: int) -> Expr:
    """(batch, 2 labels + 1): blank, label, blank, label ... blank, with blanks for padding."""
    inside = scalar.lt(iota((labels.shape[1],)), expand_dims(lengths, 1))
    known = scalar.where(inside, labels, blank)
    blanks = full(labels.shape, blank, labels.dtype)
    both = concatenate([expand_dims(blanks, 2), expand_dims(known, 2)], 2)
    rows, most = labels.shape
    return concatenate([reshape(both, (rows, 2 * most)), full((rows, 1), blank, labels.dtype)], 1)


def _arguments(
    log_probabilities: Any, labels: Any, input_lengths: Any, label_lengths: Any, blank: Any
) -> tuple[Expr, Expr, Expr, Expr]:
    """The arguments as expressions, labels and lengths as int64."""
    scores, given = as_float(log_probabilities), as_expr(labels)
    if scores.ndim != 3 or given.ndim != 2 or same(scores.shape[1], given.shape[0]) is False:
        text = f"ctc: log_probabilities of shape {show(scores.shape)} and labels of shape {show(given.shape)}"
        wanted = "(steps, batch, classes) and (batch, labels)"
        raise blame(ShapeError(f"{text}; they need {wanted}."), user_site(), scores.site, given.site)
    classes = scores.shape[2]
    check_count("ctc", "blank", blank, most=max(classes - 1, 0) if isinstance(classes, int) else LARGEST)
    steps = _lengths("input_lengths", input_lengths, scores.shape[0], given.shape[0])
    return scores, _integers("labels", given), steps, _lengths("label_lengths", label_lengths, *given.shape[::-1])


def _lengths(what: str, lengths: Any, most: Any, batch: Any) -> Expr:
    if lengths is None:
        return full((batch,), as_expr(most), "int64")
    node = as_expr(lengths)
    if node.ndim != 1 or same(node.shape[0], batch) is False:
        text = f"ctc: {what} have shape {show(node.shape)}, and the examples {show((batch,))}."
        raise blame(ShapeError(text), user_site(), node.site)
    return _integers(what, node)


def _integers(what: str, node: Expr) -> Expr:
    if node.dtype.kind not in "iu":
        error = DTypeError(f"ctc: {what} are integers, not {node.dtype.name}.")
        raise blame(error, user_site(), node.site, hint="cast them: .astype('int64').")
    return cast(node, "int64")
