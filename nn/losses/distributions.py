"""Losses of distributions: negative logarithms of likelihoods, and divergences."""

from __future__ import annotations

import math
from typing import Any

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.elementwise import cast
from ...symbolic.arguments import check_flag, check_number
from ...symbolic.expr import Expr
from ..arguments import at_least_tiny, check_broadcast, check_positive, float_pair


def bernoulli_nll(probabilities: Any, targets: Any) -> Expr:
    """-t log(p) - (1 - t) log(1 - p), element by element: the crossentropy of probabilities.

    Logarithms are kept from -100 up, without gradient below, so that the loss is finite for p = 0 and p = 1.  That of
    logits, `binary_crossentropy`, loses no digits.

    probabilities : p in [0, 1];  targets : t in [0, 1], or bools.  Raises ShapeError where both would be stretched:
    (n, 1) and (n,) to (n, n).
    """
    p, t = float_pair("bernoulli_nll", "probabilities", probabilities, targets)
    yes, no = (scalar.maximum(v, -100) for v in (scalar.log(p), scalar.log1p(-p)))
    return -t * yes - (1 - t) * no


def kl_div(log_probabilities: Any, targets: Any, *, log_targets: bool = False) -> Expr:
    """targets * (log(targets) - log_probabilities), element by element: its sum is KL(targets || probabilities).

    Parameters
    ----------
    log_probabilities : logarithms of the model's probabilities, such as a log_softmax
    targets : probabilities, from 0 up; where they are 0, so is the loss
    log_targets : whether the targets are logarithms, too

    Returns
    -------
    of the common shape; the divergence is its sum over the last axis

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    found, wanted = float_pair("kl_div", "log_probabilities", log_probabilities, targets)
    if check_flag("kl_div", "log_targets", log_targets):
        return scalar.mul_no_nan(wanted - found, scalar.exp(wanted))
    nothing = scalar.eq(wanted, 0)
    entropy = scalar.where(nothing, 0, wanted * scalar.log(scalar.where(nothing, 1, wanted)))
    return entropy - scalar.mul_no_nan(found, wanted)


def generalized_kl(log_predictions: Any, targets: Any) -> Expr:
    """targets * (log(targets) - log_predictions) - targets + exp(log_predictions), element by element, from 0 up.

    Its sum is the divergence of measures, whose elements need not add up to 1: `kl_div` where both do.

    log_predictions : logarithms of the model's;  targets : from 0 up.  Raises ShapeError where both would be stretched:
    (n, 1) and (n,) to (n, n).
    """
    found, wanted = float_pair("generalized_kl", "log_predictions", log_predictions, targets)
    return kl_div(found, wanted) - wanted + scalar.exp(found)


def poisson_nll(
    predictions: Any, targets: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8
) -> Expr:
    """-log of the Poisson probability of the targets, element by element, but for what depends on them alone.

    Parameters
    ----------
    predictions : logarithms z of the rates, for exp(z) - targets * z; or with log_input=False the rates r themselves,
        for r - targets * log(r + eps)
    targets : counts
    full : True: with log(targets!) by Stirling's formula, t log(t) - t + log(2 pi t) / 2, for targets t above 1
    eps : keeps log from -inf; the least normal number of the dtype where that is larger

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n).
    """
    node, wanted = float_pair("poisson_nll", "predictions", predictions, targets)
    check_number("poisson_nll: eps", eps, least=0)
    if check_flag("poisson_nll", "log_input", log_input):
        loss = scalar.exp(node) - wanted * node
    else:
        loss = node - wanted * scalar.log(node + at_least_tiny(eps, node.dtype))
    if not check_flag("poisson_nll", "full", full):
        return loss
    t = scalar.maximum(wanted, 1.0)  # at 1 and below it is left out
    stirling = t * scalar.log(t) - t + scalar.log(t * (2 * math.pi)) * 0.5
    return loss + scalar.where(scalar.gt(wanted, 1), stirling, 0)


def gaussian_nll(mean: Any, targets: Any, var: Any, *, full: bool = False, eps: float = 1e-6) -> Expr:
    """(log(v) + (targets - mean)² / v) / 2 with v = max(var, eps), element by element.

    Parameters
    ----------
    mean, targets : of one shape
    var : variances that broadcast with them: (n, d), (n, 1) for one of each row, or a number
    full : True: with log(2 pi) / 2
    eps : the least variance.  Where var is below, it gets no gradient

    Raises ShapeError where both would be stretched: (n, 1) and (n,) to (n, n), and for a var that does not broadcast
    with them.

    References
    ----------
    Nix, Weigend 1994, Estimating the mean and variance of the target probability distribution.
    """
    found, wanted = float_pair("gaussian_nll", "mean", mean, targets)
    check_positive("gaussian_nll: eps", check_number("gaussian_nll: eps", eps))
    error, given = found - wanted, as_expr(var)
    check_broadcast("gaussian_nll: var", given, error.shape)
    spread = scalar.maximum(cast(given, error.dtype), at_least_tiny(eps, error.dtype))
    loss = (scalar.log(spread) + scalar.square(error) / spread) * 0.5
    return loss + math.log(2 * math.pi) / 2 if check_flag("gaussian_nll", "full", full) else loss
