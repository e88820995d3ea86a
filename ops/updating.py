"""Values that bring new values of shared variables with them, as a normalisation brings its running averages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..symbolic.arguments import check_mapping
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Body, Expr, Op, apply
from ..symbolic.leaves import Constant, Shared
from ..symbolic.records import record
from ..symbolic.substitution import substitute
from ..symbolic.types import Type
from . import scalar
from .coerce import as_expr
from .elementwise import cast


@record
class WithUpdates(Op):
    """The first argument; the others are in pairs a shared variable and the value that it has after the call."""

    def infer(self, x: Type, *pairs: Type) -> Type:
        if len(pairs) % 2:
            raise ShapeError("with_updates: a variable has no new value.")
        for variable, value in zip(pairs[::2], pairs[1::2], strict=True):
            if (variable.dtype, variable.ndim) != (value.dtype, value.ndim):
                raise ShapeError(f"with_updates: a variable is {variable}, and its new value {value}.")
        return x

    def numpy(self, x: Any, *pairs: np.ndarray) -> Any:
        return x

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        return [g, *[None] * (len(args) - 1)]

    def expand(self, *args: Expr) -> Expr:
        return args[0]


def with_updates(x: Any, updates: Mapping[Expr, Any]) -> Expr:
    """x; and functions that compute it give the shared variables new values, as if these were among their `updates`.

        mean = wf.shared(numpy.zeros(3, "float32"), "mean")
        y = wf.with_updates(x - x.mean(axis=0), {mean: 0.9 * mean + 0.1 * x.mean(axis=0)})

    Parameters
    ----------
    x : an expression
    updates : {shared variable: new value}; every read in a call sees the values before it

    A function whose own `updates` name one of the variables leaves it to them.  Where several values bring a variable,
    each goes on from what the one before has made of it.  A variable that `givens` replace is not updated.

    Gradient: that of x; none reaches the new values.

    Raises ArgumentError for a key that is no shared variable, DTypeError and ShapeError for values that do not fit it.
    """
    node, pairs = as_expr(x), []
    for variable, value in check_mapping("with_updates: updates", updates, "shared variable: new value").items():
        if not isinstance(variable.op, Shared):
            text = f"with_updates: only shared variables get new values, not {variable!r}."
            raise blame(ArgumentError(text), user_site(), variable.site)
        pairs += [variable, _fitting(variable, as_expr(value))]
    return apply(WithUpdates(), node, *pairs) if pairs else node


def _fitting(variable: Expr, value: Expr) -> Expr:
    name = variable.name or "a shared variable"
    if value.type.weak:
        value = cast(value, variable.dtype)
    if value.dtype != variable.dtype:
        error = DTypeError(f"with_updates: {name} is {variable.dtype.name}, and its new value {value.dtype.name}.")
        raise blame(error, user_site(), variable.site, value.site, hint="cast it: new.astype(old.dtype).")
    pairs = zip(variable.shape, value.shape, strict=False)
    if value.ndim != variable.ndim or any(same(a, b) is False for a, b in pairs):
        text = f"with_updates: {name} has shape {show(variable.shape)}, and its new value {show(value.shape)}."
        raise blame(ShapeError(text), user_site(), variable.site, value.site)
    return value


def updates_of(nodes: Iterable[Expr]) -> dict[Expr, Expr]:
    """The new values that these nodes bring, in their order (arguments first): what a function does besides.

    Raises ArgumentError for those inside of a loop or a branch, which nothing outside can see.
    """
    found: dict[Expr, Expr] = {}
    for node in nodes:
        for body in node.op.bodies:
            _check_brings_none(body)
        if isinstance(node.op, WithUpdates):
            fresh = {v: new for v, new in _new_values(node) if isinstance(v.op, Shared)}
            later = {v: found[v] for v in fresh if v in found}
            values = substitute(list(fresh.values()), later) if later else fresh.values()
            found |= dict(zip(fresh, values, strict=True))
    return found


def _new_values(node: Expr) -> Iterator[tuple[Expr, Expr]]:
    """The variables that a node changes, and their new values."""
    for variable, value in zip(node.args[1::2], node.args[2::2], strict=True):
        new = _choose(value)
        if new is not variable:
            yield variable, new


def _check_brings_none(body: Body) -> None:
    for node in body.nodes:
        for inner in node.op.bodies:
            _check_brings_none(inner)
        if isinstance(node.op, WithUpdates) and any(_new_values(node)):
            text = "A value inside of a loop or a branch brings new values of variables, which would be lost."
            hint = "compute it outside, or carry the values from step to step; inside, batch_norm takes training=False."
            raise blame(ArgumentError(text), user_site(), node.site, hint=hint)


def _choose(value: Expr) -> Expr:
    """The value without choices that are made: `where(training, new, old)` once training is known to be False."""
    while value.op.head is scalar.where and isinstance(value.args[0].op, Constant) and value.args[0].shape == ():
        value = value.args[1 if value.args[0].op.numpy() else 2]
    return value
