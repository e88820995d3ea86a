"""T.grad and its kind: weft's derivatives with Theano's arguments."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf

from ...ops.elementwise import cast as weft_cast
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.substitution import substitute
from .configuration import config
from .convert import as_list, unwrap
from .variables import Variable, wrap


class DisconnectedInputError(ValueError):
    """The cost does not depend on a variable."""


class NullTypeGradError(TypeError):
    """A derivative that does not exist."""


class DisconnectedType:
    """The type of the gradient of what the cost does not depend on."""

    def __call__(self) -> None:
        return None


def _like(wrt: Any, found: Sequence[Any]) -> Any:
    if isinstance(wrt, tuple):
        return tuple(found)
    return list(found) if isinstance(wrt, list) else found[0]


def grad(
    cost: Any,
    wrt: Any,
    consider_constant: Any = None,
    disconnected_inputs: str = "raise",
    add_names: bool = True,
    known_grads: Any = None,
    return_disconnected: str = "zero",
    null_gradients: str = "raise",
) -> Any:
    """d cost / d wrt, for one variable or a list or tuple of them.

    Parameters
    ----------
    cost : a scalar, or None where known_grads says it all
    consider_constant : variables through which no gradient flows
    disconnected_inputs : "raise" (DisconnectedInputError), "warn" or "ignore" where the cost does not depend on one
    known_grads : {variable: gradient}, added to what comes from the cost
    return_disconnected : "zero", or "None" or "disconnected" for None, in these places
    """
    if cost is None and not known_grads:
        raise blame(ValueError("grad needs a cost or known_grads."), user_site())
    if disconnected_inputs not in ("raise", "warn", "ignore"):
        text = f"disconnected_inputs is 'raise', 'warn' or 'ignore', not {disconnected_inputs!r}."
        raise blame(ValueError(text), user_site())
    variables = as_list(wrt)
    for v in variables:
        if not isinstance(v, Variable):
            raise blame(TypeError(f"Expected a variable, and got {type(v).__name__}: {v!r}."), user_site())
    if cost is not None and unwrap(cost).dtype.kind != "f":  # whole numbers do not change continuously
        return _like(wrt, [_result(v, None, "ignore", return_disconnected) for v in variables])
    outputs, seeds = _seed(cost, known_grads)
    outputs = _hold(outputs, consider_constant)
    found = _cotangents(outputs, seeds, [unwrap(v) for v in variables])
    results = [_result(v, g, disconnected_inputs, return_disconnected) for v, g in zip(variables, found, strict=True)]
    if add_names and getattr(cost, "name", None):
        for v, g in zip(variables, results, strict=True):
            if v.name and g is not None and g.name is None:
                g.name = f"(d{cost.name}/d{v.name})"
    return _like(wrt, results)


def _seed(cost: Any, known_grads: Any) -> tuple[list[Expr], list[Expr]]:
    outputs, seeds = [], []
    if cost is not None:
        node = unwrap(cost)
        if node.ndim:
            text = f"The cost must be a scalar, and it has {node.ndim} axes."
            raise blame(TypeError(text), user_site(), node.site, hint="reduce it with .sum() or .mean().")
        outputs.append(node)
        seeds.append(wf.ones_like(node))
    for variable, g in dict(known_grads or {}).items():
        outputs.append(unwrap(variable))
        seeds.append(weft_cast(unwrap(g), unwrap(variable).dtype))
    return outputs, seeds


def _hold(outputs: list[Expr], constants: Any) -> list[Expr]:
    """The outputs with these variables as constants for derivatives."""
    held = [unwrap(c) for c in as_list(constants)]
    return substitute(outputs, {c: wf.stop_gradient(c) for c in held}) if held else outputs


def _cotangents(outputs: list[Expr], seeds: list[Expr], wrt: list[Expr]) -> list[Expr | None]:
    """None where the outputs do not depend on a variable in a differentiable way."""
    floats = [x for x in dict.fromkeys(wrt) if x.type.is_float]
    known = dict(zip(floats, wf.vjp(outputs, floats, seeds, disconnected="none"), strict=True))
    return [known.get(x) for x in wrt]


def _result(variable: Any, g: Expr | None, disconnected: str, returned: str) -> Any:
    if g is not None:
        return wrap(g)
    text = f"grad: the cost does not depend on {variable} in a differentiable way."
    if disconnected == "raise":
        error = DisconnectedInputError(text)
        raise blame(error, user_site(), variable.expr.site, hint="pass disconnected_inputs='ignore' to get zeros.")
    if disconnected == "warn":
        warnings.warn(text, stacklevel=4)
    if returned.lower() in ("none", "disconnected"):
        return None
    node = variable.expr
    return wrap(wf.zeros_like(node, node.dtype if node.type.is_float else config.floatX))


def Lop(f: Any, wrt: Any, eval_points: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:  # noqa: N802
    """eval_points times d f / d wrt: the vector-Jacobian product."""
    outputs = _hold([unwrap(v) for v in as_list(f)], consider_constant)
    seeds = [unwrap(v, o.dtype) for v, o in zip(as_list(eval_points), outputs, strict=True)]
    found = _cotangents(outputs, seeds, [unwrap(v) for v in as_list(wrt)])
    return _like(wrt, [_result(v, g, disconnected_inputs, "zero") for v, g in zip(as_list(wrt), found, strict=True)])


def Rop(f: Any, wrt: Any, eval_points: Any) -> Any:  # noqa: N802
    """d f / d wrt times eval_points: the Jacobian-vector product."""
    params = [unwrap(v) for v in as_list(wrt)]
    tangents = [unwrap(v, p.dtype) for v, p in zip(as_list(eval_points), params, strict=True)]
    found = wf.jvp([unwrap(v) for v in as_list(f)], params, tangents)
    return _like(f, [wrap(n) for n in found])


def jacobian(expression: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:
    """d expression[i] / d wrt[j...], for a vector expression."""
    y = unwrap(expression)
    if y.ndim > 1:
        text = f"jacobian takes a scalar or a vector, and the expression has {y.ndim} axes."
        raise blame(ValueError(text), user_site(), y.site, hint="flatten it.")
    if y.ndim == 0:
        return grad(expression, wrt, consider_constant, disconnected_inputs)
    (held,) = _hold([y], consider_constant)
    variables = as_list(wrt)
    nodes = [unwrap(v) for v in variables]
    for v, g in zip(variables, _cotangents([held], [wf.ones_like(held)], nodes), strict=True):
        _result(v, g, disconnected_inputs, "zero")
    return _like(wrt, [wrap(n) for n in wf.jacobian(held, nodes)])


def hessian(cost: Any, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise") -> Any:
    """d² cost / d wrt d wrt, for vectors."""
    (held,) = _hold([unwrap(cost)], consider_constant)
    first = [unwrap(grad(wrap(held), v, None, disconnected_inputs, False)) for v in as_list(wrt)]
    return _like(wrt, [wrap(wf.jacobian(g, unwrap(v))) for g, v in zip(first, as_list(wrt), strict=True)])


def subgraph_grad(wrt: Any, end: Any, start: Any = None, cost: Any = None, details: bool = False) -> Any:
    """(gradients for wrt, gradients for end): the part of backpropagation between start and end."""
    both = as_list(wrt) + as_list(end)
    found = _cotangents(*_seed(cost, start), [unwrap(v) for v in both])
    results = [_result(v, g, "ignore", "zero") for v, g in zip(both, found, strict=True)]
    count = len(as_list(wrt))
    return results[:count], results[count:]


# ---- what a gradient is on the way -----------------------------------------------------------------------------------


def disconnected_grad(x: Any) -> Any:
    """x, through which no gradient flows."""
    return wrap(wf.stop_gradient(unwrap(x)))


zero_grad = consider_constant = disconnected_grad


def _with_gradient(x: Any, rule: Callable[[Expr], Expr]) -> Any:
    return wrap(wf.custom_gradient(lambda v: v, lambda g, out, v: rule(g))(unwrap(x)))


def grad_clip(x: Any, lower_bound: Any, upper_bound: Any) -> Any:
    """x, whose gradient is cut at two bounds."""
    return _with_gradient(x, lambda g: wf.clip(g, lower_bound, upper_bound))


def grad_scale(x: Any, multiplier: Any) -> Any:
    """x, whose gradient is multiplied by a number."""
    return _with_gradient(x, lambda g: g * multiplier)


def grad_undefined(op: Any, x_pos: int, x: Any, comment: str = "") -> Any:
    """What an op's grad returns for an input for which there is no derivative."""
    return None


grad_not_implemented = grad_undefined


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: str | None = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Compare the gradient of fun at the point with differences.  Raises GradientError where they disagree."""
    arrays = [np.asarray(p) for p in pt]
    inputs = [wf.tensor(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    out = unwrap(fun(*[wrap(x) for x in inputs]))
    wf.check_grad(out, [x for x in inputs if x.type.is_float], dict(zip(inputs, arrays, strict=True)))
