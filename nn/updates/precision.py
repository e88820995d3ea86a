"""Training in float16, whose small gradients would be 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.elementwise import cast
from ...ops.reduce import all as all_over
from ...symbolic.arguments import check_count, check_expression, check_function, check_number
from ...symbolic.errors import DTypeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.variables import shared
from ..arguments import check_positive
from .gradient import Updates, check_updates, only_if, pairs, variables


def scale_loss(
    loss: Any,
    params: Any,
    optimiser: Callable[[list[Expr], list[Expr]], Mapping[Expr, Expr]],
    factor: float = 2.0**15,
    every: int = 2000,
) -> Updates:
    """The updates of an optimiser, by the gradients of factor * loss, divided by the factor.

    Where one of them is infinite or NaN nothing moves, and the factor is halved; after `every` updates in a row it is
    doubled, where it stays finite.

    Parameters
    ----------
    loss : a scalar expression in float32 or wider, of a network that computes in float16
    params : in float32 or wider, such as weights that layers cast
    optimiser : called with the gradients and the parameters, such as `wf.nn.updates.adam`
    factor : what the factor begins with, a number above 0
    every : a number of updates

    References
    ----------
    Micikevicius et al. 2018, Mixed precision training, section 3.2.
    """
    check_expression("scale_loss: loss", loss)
    _check_wide("loss", loss)
    for p in variables(params):
        _check_wide(f"parameter {p.name or 'without a name'}", p)
    check_function("optimiser", optimiser, ["gradients", "parameters"])
    check_positive("scale_loss: factor", check_number("scale_loss: factor", factor))
    period, result = check_count("scale_loss", "every", every, 1), Updates()
    scale = result.keep(shared(np.float32(factor), "loss_factor"))
    good = result.keep(shared(0, "loss_factor_steps"))
    found = [(p, g / cast(scale, p.dtype)) for p, g in pairs(loss * cast(scale, loss.dtype), params)]
    finite = reduce(scalar.logical_and, [all_over(scalar.isfinite(g)) for _, g in found], scalar.isfinite(scale))
    inner = check_updates(optimiser([g for _, g in found], [p for p, _ in found]))
    inner.update(only_if(finite, inner))
    grows = scalar.logical_and(good + 1 >= period, scalar.isfinite(scale * 2))
    result[good] = scalar.where(scalar.logical_and(finite, scalar.logical_not(grows)), good + 1, 0)
    result[scale] = scale * cast(scalar.where(finite, scalar.where(grows, 2.0, 1.0), 0.5), "float32")
    return result | inner


def _check_wide(what: str, node: Expr) -> None:
    """Raise DTypeError for float16, in which most steps are rounded to 0, and for what is no float."""
    if not node.type.is_float or node.dtype.itemsize < 4:
        text = f"scale_loss: {what} is float32 or wider, not {node.dtype.name}."
        raise blame(DTypeError(text), user_site(), node.site, hint="cast it in the network.")
