"""Arguments of losses and layers: floats, numbers within limits, what is compared with targets, flags and streams."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import random
from ..ops.activations import pair
from ..ops.coerce import as_expr, check_coefficient
from ..ops.elementwise import as_float, cast
from ..ops.reduce import check_float
from ..symbolic.arguments import check_number
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from . import init


def as_floats(name: str, value: Any) -> Expr:
    """An argument that holds floats, as an expression; raises DTypeError for others."""
    node = as_expr(value)
    check_float(node, name)
    return node


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


def at_least_tiny(eps: float, dtype: np.dtype[Any]) -> float:
    """eps, or the least normal number of the dtype where that is larger: 1e-8 would be 0 in float16."""
    return max(eps, float(np.finfo(dtype).tiny))


def check_broadcast(what: str, node: Expr, shape: tuple[Any, ...]) -> None:
    """Raise ShapeError unless an argument broadcasts to this shape, of which it stretches no axis."""
    pairs = zip(reversed(node.shape), reversed(shape), strict=False)
    if node.ndim > len(shape) or any(a != 1 and (b == 1 or same(a, b) is False) for a, b in pairs):
        text = f"{what} has shape {show(node.shape)}, which does not broadcast to {show(shape)}."
        raise blame(ShapeError(text), user_site(), node.site)


def float_pair(name: str, what: str, values: Any, targets: Any) -> tuple[Expr, Expr]:
    """`pair` as floats: integers and bools among the targets become of the dtype of the values."""
    found, wanted = pair(name, what, values, targets)
    node = as_float(found)
    return node, wanted if wanted.type.is_float else cast(wanted, node.dtype)


def training_flag(name: str, training: Any) -> Any:
    """Whether a layer is in training: True, False, or a scalar bool expression.  Raises for all else."""
    if isinstance(training, bool):
        return training
    if not isinstance(training, Expr) or training.dtype.kind != "b":
        error: Exception = DTypeError(f"{name}: training is a bool or a scalar bool expression, not {training!r}.")
        raise blame(error, user_site(), getattr(training, "site", None))
    if training.shape != ():
        raise blame(ArgumentError(f"{name}: training is one bool for all of x, not {training!r}."), user_site())
    return training


def stream(name: str, given: Any, argument: str = "rng") -> random.Stream:
    """The stream that a layer draws from: the one given, or one of its own, seeded by `init.generator()`.

    Raises ArgumentError for all else.
    """
    if given is None:
        return random.Stream(int(init.generator().integers(2**63)))
    if not isinstance(given, random.Stream):
        text = f"{name}: {argument} is a random.Stream or None, not {given!r}."
        hint = f"make one, once, for all draws: {argument} = wf.random.Stream(seed)."
        raise blame(ArgumentError(text), user_site(), hint=hint)
    return given
