"""What every optimiser begins with: parameters and their gradients, rates, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr, check_coefficient, check_scalar
from ...ops.elementwise import cast
from ...symbolic.arguments import check_function, check_number
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.leaves import Constant, Shared
from ...symbolic.variables import shared


class Updates(dict[Expr, Expr]):
    """{shared variable: new value}: the `params`, and what optimisers remember.

    `a | b` joins the updates of two optimisers.  In a plain dict all variables are taken for parameters.
    """

    def __init__(self, values: Mapping[Expr, Expr] | None = None) -> None:
        super().__init__(values or {})
        self.remembered: set[Expr] = set(getattr(values, "remembered", ()))

    @property
    def params(self) -> list[Expr]:
        """The variables that are trained."""
        return [p for p in self if p not in self.remembered]

    def remember(self, param: Expr, what: str, value: Any = 0) -> Expr:
        """A shared variable in the dtype and shape that the parameter has now, filled with a number or an array."""
        now = param.get_value(borrow=True)
        array = np.zeros_like(now)
        array[...] = value
        return self.keep(shared(array, f"{param.name or 'param'}_{what}", shape=param.shape))

    def keep(self, variable: Expr) -> Expr:
        """The variable, which is no parameter."""
        self.remembered.add(variable)
        return variable

    def __or__(self, other: Any) -> Self:  # type: ignore[override]
        joined = type(self)({**self, **other})
        joined.remembered = self.remembered | getattr(other, "remembered", set())
        return joined

    def __ror__(self, other: Any) -> Self:  # type: ignore[override]
        return type(self)(other) | self

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]
        self.update(other)
        self.remembered |= getattr(other, "remembered", set())
        return self


class Steps:
    """The number of updates so far, which is among the updates once something asks for it."""

    def __init__(self, updates: Updates, name: str) -> None:
        self.updates, self.name = updates, f"{name}_steps"
        self.counter: Expr | None = None

    @property
    def before(self) -> Expr:
        """int64: 0 in the first update."""
        if self.counter is None:
            self.counter = self.updates.keep(shared(0, self.name))
            self.updates[self.counter] = self.counter + 1
        return self.counter

    @property
    def now(self) -> Expr:
        """int64: 1 in the first update."""
        return self.updates[self.before]


def rate(value: Any, steps: Steps, what: str = "learning_rate") -> Callable[[Expr], Expr]:
    """A learning rate or another coefficient, as a function of the parameter that it meets: in the dtype of that.

    value : a number, a scalar expression, or a schedule: a function of the number of the step, from 0
    """
    if callable(value) and not isinstance(value, Expr):
        check_function(what, value, ["the number of the step"])
        value = value(steps.before)
    node = check_scalar(what, value)
    if isinstance(node.op, Constant):
        check_number(what, node.op.value.item() if node.op.number is None else node.op.number)
    return lambda param: node if node.type.weak else cast(node, param.dtype)


def pairs(loss_or_grads: Any, params: Any) -> list[tuple[Expr, Expr]]:
    """(parameter, gradient) for each; gradients in the parameter's dtype."""
    found = variables(params)
    grads = grad(loss_or_grads, found) if isinstance(loss_or_grads, Expr) else gradients(loss_or_grads)
    if len(grads) != len(found):
        raise blame(ArgumentError(f"{len(grads)} gradients for {len(found)} parameters."), user_site())
    for p, g in zip(found, grads, strict=True):
        if p.ndim != g.ndim or any(same(a, b) is False for a, b in zip(p.shape, g.shape, strict=True)):
            text = f"The gradient of {p.name or 'a parameter'} has shape {show(g.shape)}, and it {show(p.shape)}."
            raise blame(ShapeError(text), user_site(), g.site, p.site)
    return [(p, cast(g, p.dtype)) for p, g in zip(found, grads, strict=True)]


def variables(params: Any, what: str = "params") -> list[Expr]:
    """The parameters, each of which must be a shared variable: those of a list, or of a dict {name: parameter}."""
    if isinstance(params, Expr | str) or not isinstance(params, Iterable):
        given = "one expression" if isinstance(params, Expr) else repr(params)
        text = f"{what} is a list of shared variables, or a dict {{name: shared variable}}, not {given}."
        raise blame(ArgumentError(text), user_site(), hint="write [w].")
    found = list(params.values() if isinstance(params, Mapping) else params)
    for p in found:
        if not (isinstance(p, Expr) and isinstance(p.op, Shared)):
            site = p.site if isinstance(p, Expr) else None
            text = f"{p.name or 'An expression' if isinstance(p, Expr) else repr(p)} is no shared variable."
            raise blame(ArgumentError(f"Only shared variables can be updated: {text}"), user_site(), site)
    return found


def gradients(grads: Any) -> list[Expr]:
    """Gradients as expressions."""
    if not isinstance(grads, Iterable) or isinstance(grads, str | bytes | Expr | Mapping):
        hint = "wf.grad(loss, params) gives it; where the optimiser is given the loss itself, it takes them."
        raise blame(ArgumentError(f"Gradients are a list of expressions, not {grads!r}."), user_site(), hint=hint)
    return [as_expr(g) for g in grads]


def check_updates(updates: Any) -> Updates:
    """A copy of updates as the optimisers make them: new values of shared variables."""
    if not isinstance(updates, Mapping):
        hint = "such as updates.sgd(loss, params)."
        text = f"updates is a dict {{shared variable: new value}}, not {updates!r}."
        raise blame(ArgumentError(text), user_site(), hint=hint)
    variables(list(updates))
    result = Updates(updates)
    for variable, new in updates.items():
        result[variable] = as_expr(new)
    return result


def among(updates: Updates, params: Any, what: str = "params") -> list[Expr]:
    """The parameters that are updated: those asked for, or all."""
    found = updates.params if params is None else variables(params, what)
    missing = next((p for p in found if p not in updates), None)
    if missing is not None:
        text = f"updates has no new value for {missing.name or f'one of {what}'}."
        raise blame(ArgumentError(text), user_site(), missing.site)
    return found


def choose(params: list[Expr], some: Any, what: str) -> set[Expr]:
    """The parameters that an argument says: a list or a dict of them, a function that says it of each, None for all."""
    if some is None:
        return set(params)
    if callable(some) and not isinstance(some, Expr):
        check_function(what, some, ["the parameter"])
        answers = [some(p) for p in params]
        if not all(isinstance(a, bool | np.bool_) for a in answers):
            text = f"{what}: the function says True or False of a parameter, not {answers!r}."
            raise blame(ArgumentError(text), user_site())
        return {p for p, answer in zip(params, answers, strict=True) if answer}
    found = set(variables(some, what))
    if stray := found - set(params):
        text = f"{what}: {next(iter(stray)).name or 'one of them'} is none of params."
        raise blame(ArgumentError(text), user_site(), next(iter(stray)).site)
    return found


def fit(value: Any, param: Expr) -> Any:
    """A coefficient in the parameter's dtype: a number as it is, since it takes that of what it meets."""
    return cast(value, param.dtype) if isinstance(value, Expr) else value


def lerp(new: Expr, old: Expr, weight: Any) -> Expr:
    """weight * old + (1 - weight) * new, in their dtype."""
    part = fit(weight, old)
    return part * old + (1 - part) * new


def approach(old: Expr, new: Expr, part: Any) -> Expr:
    """old + part * (new - old), in their dtype: `lerp` where the part is small, of which 1 - part keeps no digits."""
    return old + fit(part, old) * (new - old)


def running(result: Updates, param: Expr, what: str, new: Expr, weight: Any) -> Expr:
    """The new running average of something of a parameter, in which the old one, 0 at first, has this weight."""
    average = result.remember(param, what)
    result[average] = lerp(new, average, weight)
    return result[average]


def only_if(condition: Expr, updates: Mapping[Expr, Expr]) -> dict[Expr, Expr]:
    """The updates where the condition holds; else each variable stays as it is."""
    return {variable: scalar.where(condition, new, variable) for variable, new in updates.items()}


def check_sizes(name: str, param: Expr) -> None:
    """Raise ShapeError unless the parameter's sizes are numbers."""
    if not all(isinstance(n, int) for n in param.shape):
        called = param.name or "one"
        text = f"{name} takes parameters whose sizes are numbers, and {called} has shape {show(param.shape)}."
        raise blame(ShapeError(text), user_site(), param.site)


def with_decay(found: list[tuple[Expr, Expr]], weight_decay: Any) -> list[tuple[Expr, Expr]]:
    """The pairs with gradients of loss + weight_decay / 2 * sum of param²."""
    check_coefficients(weight_decay=weight_decay)
    if not isinstance(weight_decay, Expr) and weight_decay == 0:
        return found
    return [(p, g + fit(weight_decay, p) * p) for p, g in found]


def check_coefficients(**values: Any) -> None:
    """Raise ArgumentError or ShapeError unless each is a finite number, or a scalar expression."""
    for what, value in values.items():
        check_coefficient(what, value)
