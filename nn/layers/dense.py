"""Dense layers of one input and of two, and their parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.coerce import as_expr
from ...ops.einsum import einsum
from ...ops.movement import flatten as flatten_axes
from ...symbolic.arguments import check_count, check_flag, check_function
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .. import init
from ..arguments import as_floats
from ..naming import layer_name
from .weights import features, parameter

Initialiser = Callable[..., np.ndarray]


def dense_params(
    inputs: int, outputs: int, rng: np.random.Generator, name: str | None = None, weights: Initialiser = init.he_normal
) -> tuple[Expr, Expr]:
    """(w, b): weights (inputs, outputs) and biases (outputs,) of zeros, as shared variables.

    For parameters that several layers share: `dense(x, outputs, w, b)`.  Their names begin with `name`; without one,
    with `dense`, `dense2` ..., which no two of these share.
    """
    sizes = check_count("dense_params", "inputs", inputs), check_count("dense_params", "outputs", outputs)
    check_function("dense_params: weights", weights, ["the shape", "rng"])
    name = layer_name("dense", name)
    w = parameter("dense_params: weights", lambda shape, r: weights(shape, rng), sizes, f"{name}_w")
    return w, parameter("dense_params: b", 0.0, sizes[1:], f"{name}_b")


def dense(
    x: Any,
    units: int,
    w: Any = init.he_normal,
    b: Any = 0.0,
    *,
    flatten: bool = True,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """x @ w + b, with parameters of its own.

    Parameters
    ----------
    x : (batch, features), or (batch, ...): all axes but the first are taken as one
    units : how many outputs
    w : (features, units); an initialiser, an array to begin with, or an expression: weights that layers share
    b : (units,) the same, or a number that fills it; None: no biases
    flatten : False: the layer is applied along the last axis of x, and the others stay
    rng : draws what `w` and `b` begin with; None: `init.generator()`
    name : the parameters are `{name}_w` and `{name}_b`; None: `dense`, `dense2` ...

    Returns
    -------
    (batch, units), or with flatten=False (..., units)

    Raises ShapeError for features of a size that is no number, and for parameters that do not fit.
    """
    node = as_expr(x)
    count = check_count("dense", "units", units, least=1)
    if node.ndim == 0:
        raise blame(ShapeError("dense: x is a number, and has no features."), user_site(), node.site)
    if check_flag("dense", "flatten", flatten) and node.ndim > 2:
        node = flatten_axes(node, 1)
    name = layer_name("dense", name)
    inputs = features("dense", node, -1, w)
    product = node @ parameter("dense: w", w, (inputs, count), f"{name}_w", rng)
    return product if b is None else product + parameter("dense: b", b, (count,), f"{name}_b", rng)


def bilinear(
    x: Any,
    y: Any,
    units: int,
    w: Any = init.lecun_normal,
    b: Any = 0.0,
    *,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """out[k] = x @ w[k] @ y + b[k], with parameters of its own: each unit weighs all products of features of x and y.

    Parameters
    ----------
    x, y : (..., features of x) and (..., features of y); the axes in front broadcast
    units : how many outputs
    w : (units, features of x, features of y); an initialiser, an array to begin with, or an expression
    b : (units,) the same, or a number that fills it; None: no biases
    rng, name : as `dense` takes them; the parameters are `{name}_w` and `{name}_b`; None: `bilinear`, `bilinear2` ...

    Returns
    -------
    (..., units)

    Raises ShapeError for features of a size that is no number, and for parameters that do not fit.
    """
    nodes = as_floats("bilinear", x), as_floats("bilinear", y)
    count = check_count("bilinear", "units", units, least=1)
    for what, node in zip("xy", nodes, strict=True):
        if node.ndim == 0:
            raise blame(ShapeError(f"bilinear: {what} is a number, and has no features."), user_site(), node.site)
    name = layer_name("bilinear", name)
    sizes = tuple(features("bilinear", node, -1, w, place) for place, node in enumerate(nodes, 1))
    weights = parameter("bilinear: w", w, (count, *sizes), f"{name}_w", rng)
    out = einsum("...i,kij,...j->...k", nodes[0], weights, nodes[1])
    return out if b is None else out + parameter("bilinear: b", b, (count,), f"{name}_b", rng)
