"""Updates from updates: gradients that accumulate, steps of other lengths, decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...ops import scalar
from ...symbolic.arguments import check_count, check_function, check_mapping
from ...symbolic.expr import Expr
from .gradient import Steps, Updates, among, check_updates, only_if, pairs, rate


def accumulate(
    loss_or_grads: Any, params: Any, steps: int, optimiser: Callable[[list[Expr], list[Expr]], Mapping[Expr, Expr]]
) -> Updates:
    """The updates of an optimiser after every `steps` calls, by the mean of their gradients; else nothing moves.

    So `steps` calls with small batches do what one with a batch of all would, where the loss is a mean.

    optimiser : called with the gradients and the parameters, such as `wf.nn.updates.adam`, or
        `lambda grads, params: updates.sgd(updates.clip_by_norm(grads, 1.0), params, 0.1)`
    """
    result, count = Updates(), check_count("accumulate", "steps", steps, 1)
    check_function("optimiser", optimiser, ["gradients", "parameters"])
    found = pairs(loss_or_grads, params)
    due = Steps(result, "accumulate").now % count == 0
    totals = {p: result.remember(p, "gradient") for p, _ in found}
    means = [(totals[p] + g) / count for p, g in found]
    inner = check_updates(optimiser(means, [p for p, _ in found]))
    for p, g in found:
        result[totals[p]] = scalar.where(due, 0, totals[p] + g)
    inner.update(only_if(due, inner))
    return result | inner


def scale(updates: Mapping[Expr, Expr], factors: Mapping[Expr, Any]) -> Updates:
    """param := param + factor * (new - param): steps of other lengths for some parameters.

    factors : {parameter: number, scalar expression or schedule}; 0 leaves a parameter as it is.  As in
        `scale(adam(loss, params), {p: 0.1 for p in pretrained})`
    """
    result = check_updates(updates)
    given = check_mapping("scale: factors", factors, "parameter: factor")
    steps = Steps(result, "scale")
    for p in among(result, list(given), "factors"):
        result[p] = p + rate(given[p], steps, "a factor")(p) * (result[p] - p)
    return result


def decay(updates: Mapping[Expr, Expr], part: Any, params: Any = None) -> Updates:
    """param := new - part * param: weights decay by this part of them in every step, whatever the gradient is.

    part : a number, a scalar expression or a schedule; the learning rate is no factor of it
    params : those that decay; None: all parameters

    References
    ----------
    Loshchilov, Hutter 2019, Decoupled weight decay regularization, algorithm 1.
    """
    result = check_updates(updates)
    found, shrink = among(result, params), rate(part, Steps(result, "decay"), "part")
    for p in found:
        result[p] = result[p] - shrink(p) * p
    return result
