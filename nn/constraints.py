"""Bounds that parameters are brought back into after every step.

    changes = constraints.apply(updates.adam(loss, params), {w: constraints.max_norm(3.0), b: constraints.non_negative})

A constraint is a function of the new value, such as `lambda w: wf.clip(w, -1, 1)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..ops import scalar
from ..ops.coerce import as_expr
from ..ops.elementwise import cast
from ..symbolic.arguments import check_function, check_mapping, check_number
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, give_name, user_site
from ..symbolic.expr import Expr
from .arguments import as_floats, check_positive
from .norms import unit_norms
from .updates.gradient import Updates, among, check_updates

Constraint = Callable[[Expr], Expr]

__all__ = ["apply", "clip", "max_norm", "min_max_norm", "non_negative", "unit_norm"]


def apply(updates: Mapping[Expr, Expr], constraints: Mapping[Expr, Constraint]) -> Updates:
    """The updates, in which the new value of each parameter has gone through its constraint.

    Raises ArgumentError for a parameter that is not updated, ShapeError for a constraint that changes the shape.
    """
    result = check_updates(updates)
    given = check_mapping("apply: constraints", constraints, "parameter: function")
    for p in among(result, list(given), "constraints"):
        check_function(f"apply: the constraint of {p.name or 'a parameter'}", given[p], ["its new value"])
        new = as_expr(given[p](result[p]))
        if new.ndim != p.ndim or any(same(a, b) is False for a, b in zip(new.shape, p.shape, strict=True)):
            text = f"apply: the constraint of {p.name or 'a parameter'} makes {show(new.shape)} of {show(p.shape)}."
            raise blame(ShapeError(text), user_site(), new.site, p.site)
        result[p] = cast(new, p.dtype)
    return result


def max_norm(limit: float = 2.0, axes: Any = None) -> Constraint:
    """w * min(1, limit / norm), unit by unit.

    Units are columns of matrices and rows of convolutions' weights, for vectors all of it.

    axes : those that the norms are over, instead

    References
    ----------
    Srebro, Rennie, Jaakkola 2004, Maximum-margin matrix factorization; Srivastava et al. 2014, Dropout, section 5.1.
    """
    most = _positive("max_norm: limit", limit)

    def constraint(w: Any) -> Expr:
        node = as_floats("max_norm", w)
        return node * (most / scalar.maximum(unit_norms("max_norm", node, axes), most))

    return constraint


def unit_norm(axes: Any = None) -> Constraint:
    """w / norm, unit by unit (as `max_norm`); what is 0 stays 0."""
    return _norms_within("unit_norm", 1.0, 1.0, 1.0, axes)


def min_max_norm(low: float = 0.0, high: float = 1.0, rate: float = 1.0, axes: Any = None) -> Constraint:
    """w * wanted / norm, unit by unit (as `max_norm`), with wanted = rate * clip(norm, low, high) + (1 - rate) * norm.

    What is 0 stays 0.
    """
    least, most, part = check_number("low", low, least=0), _positive("high", high), check_number("rate", rate, least=0)
    if least > most or part > 1:
        text = f"min_max_norm: low is at most high, and rate at most 1; these are {low!r}, {high!r} and {rate!r}."
        raise blame(ArgumentError(text), user_site())
    return _norms_within("min_max_norm", least, most, part, axes)


def _norms_within(name: str, least: float, most: float, part: float, axes: Any) -> Constraint:
    def constraint(w: Any) -> Expr:
        node = as_floats(name, w)
        norms = unit_norms(name, node, axes)
        wanted = part * scalar.clip(norms, least, most) + (1 - part) * norms
        return node * scalar.where(norms > 0, wanted / scalar.where(norms > 0, norms, 1), 1)

    return give_name(constraint, name)


def non_negative(w: Any) -> Expr:
    """max(w, 0)"""
    return scalar.maximum(as_floats("non_negative", w), 0)


def clip(low: float, high: float) -> Constraint:
    """min(max(w, low), high), element by element."""
    least, most = check_number("low", low), check_number("high", high)
    if least > most:
        raise blame(ArgumentError(f"clip: low is at most high, and {low!r} is above {high!r}."), user_site())
    return give_name(lambda w: scalar.clip(as_floats("clip", w), least, most), "clip")


def _positive(what: str, value: Any) -> float:
    check_positive(what, check_number(what, value))  # it lets expressions pass
    return float(value)
