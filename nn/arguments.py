"""Arguments of losses and layers: numbers within limits, and what is compared with targets."""

from __future__ import annotations

from typing import Any

from ..ops.activations import pair
from ..ops.coerce import check_coefficient
from ..ops.elementwise import as_float, cast
from ..symbolic.arguments import check_number
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr


def check_positive(what: str, value: Any) -> None:
    """Raise ArgumentError unless an argument is a finite number above 0, or a scalar expression."""
    check_coefficient(what, value)
    if not isinstance(value, Expr) and value <= 0:
        raise blame(ArgumentError(f"{what} is above 0, and {value!r} is not."), user_site())


def check_fraction(what: str, value: Any) -> float:
    """The value of an argument that is a number in [0, 1]."""
    number: float = check_number(what, value)
    if not 0 <= number <= 1:
        raise blame(ArgumentError(f"{what} is in [0, 1], and {value!r} is not."), user_site())
    return number


def float_pair(name: str, what: str, values: Any, targets: Any) -> tuple[Expr, Expr]:
    """`pair` as floats: integers and bools among the targets become of the dtype of the values."""
    found, wanted = pair(name, what, values, targets)
    node = as_float(found)
    return node, wanted if wanted.type.is_float else cast(wanted, node.dtype)
