"""A loss of all data made as small as SciPy can, over one vector of all parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..codegen.function import function
from ..ops.coerce import check_scalar
from ..symbolic.arguments import check_choice, check_mapping, check_number
from ..symbolic.arrays import as_array
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import grad
from .updates.gradient import variables

METHODS = ("L-BFGS-B", "BFGS", "CG", "TNC", "SLSQP")  # those that take a gradient and nothing more


def flat(params: Any) -> np.ndarray:
    """The values of parameters, one after the other, as a float64 vector; `set_flat(params, vector)` writes them back.

    params : a list of shared variables, or the dict of `nn.parameters`
    """
    return _join([p.get_value(borrow=True) for p in variables(params)])


def set_flat(params: Any, vector: Any) -> None:
    """Write a vector in the order of `flat` into parameters, in their dtypes and shapes.

    Raises ShapeError for a vector of another length.
    """
    found = variables(params)
    values = as_array("set_flat: vector", vector)
    sizes = [p.get_value(borrow=True).size for p in found]
    if values.shape != (sum(sizes),) or values.dtype.kind not in "iuf":
        text = f"set_flat: the parameters are {sum(sizes)} numbers, and the vector {values.dtype} {values.shape}."
        raise blame(ShapeError(text), user_site())
    start = 0
    for p, size in zip(found, sizes, strict=True):
        now = p.get_value(borrow=True)
        p.set_value(values[start : start + size].reshape(now.shape).astype(now.dtype))
        start += size


def _join(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *[np.ravel(a).astype("float64") for a in arrays]])


def minimize(
    loss: Expr,
    params: Any,
    inputs: Mapping[Expr, Any] | None = None,
    method: str = "L-BFGS-B",
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    **compiling: Any,
) -> Any:
    """Give parameters the values that `scipy.optimize.minimize` finds for them; returns its OptimizeResult.

        result = nn.minimize(loss, nn.parameters(loss), {x: images, t: labels}, options={"maxiter": 100})

    Parameters
    ----------
    loss : a scalar expression; the same values must give the same loss, without draws and batches
    params : a list of shared variables, or the dict of `nn.parameters`
    inputs : {input: array}, the data
    method : "L-BFGS-B", "BFGS", "CG", "TNC" or "SLSQP"
    tol, options : SciPy's, whose options depend on the method
    compiling : for `weft.function`, such as target="cuda" or givens={training: True}

    SciPy computes in float64.  With float32 parameters a line search ends at differences of about 1e-7 of the loss.

    Raises ImportError where SciPy is not installed.
    """
    found, given = variables(params), check_mapping("minimize: inputs", inputs, "input: array")
    check_choice("method", method, METHODS)
    if tol is not None:
        check_number("tol", tol, least=0)
    if not found:
        raise blame(ArgumentError("minimize: params holds no parameter."), user_site())
    if options is not None and not (isinstance(options, Mapping) and all(isinstance(k, str) for k in options)):
        raise blame(
            ArgumentError(f"minimize: options is a dict with words for keys, or None, not {options!r}."), user_site()
        )
    search, compiled = _scipy(), _value_and_gradients(loss, found, list(given), compiling)

    def value_and_gradient(vector: np.ndarray) -> tuple[float, np.ndarray]:
        set_flat(found, vector)
        value, *gradients = compiled(*given.values())
        return float(value), _join(gradients)

    chosen = dict(options) if options is not None else None
    result = search(value_and_gradient, flat(found), jac=True, method=method, tol=tol, options=chosen)
    set_flat(found, result.x)
    return result


def _scipy() -> Any:
    try:
        from scipy.optimize import minimize as search
    except ImportError as error:
        raise ImportError("nn.minimize needs SciPy: pip install scipy.") from error
    return search


def _value_and_gradients(loss: Any, params: list[Expr], inputs: list[Expr], compiling: Mapping[str, Any]) -> Any:
    return function(inputs, [check_scalar("loss", loss), *grad(loss, params)], **compiling)
