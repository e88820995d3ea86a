"""Weights made of others: of a direction and a length, or divided by their spectral norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.axes import normalize, without
from ...ops.coerce import as_expr
from ...ops.linalg import dot
from ...ops.movement import reshape
from ...ops.reduce import check_float, restore
from ...ops.reduce import sum as sum_over
from ...ops.updating import with_updates
from ...symbolic.arguments import check_count
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import stop_gradient
from ...symbolic.leaves import Shared
from .. import init
from ..naming import layer_name
from .normalization import training_flag
from .weights import features, parameter


def weight_norm(v: Any, g: Any = None, axis: int = 1, *, name: str | None = None) -> Expr:
    """g v / |v|: weights with a length g, and a direction v, of their own for each unit.

        v = wf.shared(nn.init.he_normal((784, 256), rng), "v")
        h = layers.dense(x, 256, layers.weight_norm(v))

    Parameters
    ----------
    v : floats, the shape of the weights: a shared variable, or any expression
    g : (units,) an initialiser, a number that fills it, an array, or an expression; None: it begins with |v|, so that
        the weights begin as v
    axis : that of the units: 1 for `dense`, 0 for convolutions.  The lengths are those over all other axes
    name : the parameter is `{name}_g`; None: `weight_norm`, `weight_norm2` ...

    Returns
    -------
    the shape of v; 0 for a unit whose v is 0

    Raises ArgumentError where g is None and v is no shared variable.

    References
    ----------
    Salimans, Kingma 2016, Weight Normalization, equation 2.
    """
    node = as_expr(v)
    check_float(node, "weight_norm")
    place = normalize(axis, node.ndim, "weight_norm", node)
    others = without(range(node.ndim), (place,))
    squares = sum_over(scalar.square(node), others)
    if g is None:
        g = _lengths(node, squares)
    shape = (features("weight_norm", node, place, g),)
    length = parameter("weight_norm: g", g, shape, f"{layer_name('weight_norm', name)}_g")
    factor = length * scalar.rsqrt(scalar.where(scalar.eq(squares, 0), 1.0, squares))
    return node * restore(factor, node, others)


def _lengths(v: Expr, squares: Expr) -> np.ndarray:
    if not isinstance(v.op, Shared):
        text = f"weight_norm: g begins with the lengths of v where that is a shared variable, and {v!r} is none."
        raise blame(ArgumentError(text), user_site(), v.site, hint="give g, as in weight_norm(v, 1.0).")
    return np.sqrt(evaluate(squares))


def spectral_norm(
    w: Any,
    iterations: int = 1,
    training: Any = True,
    u: Any = init.normal,
    *,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """w / sigma with the largest singular value sigma of w, as the power iteration that goes on with each call has it.

    w counts as a matrix, of its first axis and all others.  In training u := W v / |W v| with v = Wᵀ u / |Wᵀ u|,
    `iterations` times, which functions that compute it keep for their next call; then sigma = |Wᵀ u|.

    Parameters
    ----------
    w : (n, ...) floats: weights, such as a shared variable
    iterations : in each call
    training : a bool, or a scalar bool expression; False: u stays
    u : (n,) what the iteration begins with: an initialiser, an array, or a shared variable
    rng : draws what `u` begins with; None: `init.generator()`
    name : the variable is `{name}_u`; None: `spectral_norm`, `spectral_norm2` ...

    Raises ShapeError for n that is no number, ArgumentError for u that is no shared variable.

    Gradient
    --------
    That of w / (uᵀ W v), with u and v as constants.

    References
    ----------
    Miyato, Kataoka, Koyama, Yoshida 2018, Spectral Normalization for Generative Adversarial Networks, algorithm 1.
    """
    node, turns = as_expr(w), check_count("spectral_norm", "iterations", iterations, 1, 1000)
    check_float(node, "spectral_norm")
    if node.ndim < 2:
        text = f"spectral_norm: w has {node.ndim} axes, and a matrix has 2 or more."
        raise blame(ShapeError(text), user_site(), node.site)
    flag = training_flag("spectral_norm", training)
    shape = (features("spectral_norm", node, 0, u),)
    vector = parameter("spectral_norm: u", u, shape, f"{layer_name('spectral_norm', name)}_u", rng)
    if not isinstance(vector.op, Shared):
        text = f"spectral_norm: u is what calls go on with, a shared variable, not {vector!r}."
        raise blame(ArgumentError(text), user_site(), vector.site)
    matrix = reshape(node, (shape[0], -1))
    left = scalar.where(flag, _iterate(stop_gradient(matrix), vector, turns), _unit(vector))
    right = stop_gradient(_unit(dot(left, matrix)))
    sigma = dot(stop_gradient(left), dot(matrix, right))
    return with_updates(node / sigma, {vector: scalar.where(flag, left.astype(vector.dtype), vector)})


def _iterate(matrix: Expr, u: Expr, turns: int) -> Expr:
    for _ in range(turns):
        u = _unit(dot(matrix, _unit(dot(u, matrix))))
    return u


def _unit(vector: Expr) -> Expr:
    """vector / |vector|, and 0 for 0."""
    squares = sum_over(scalar.square(vector))
    return vector * scalar.rsqrt(scalar.where(scalar.eq(squares, 0), 1.0, squares))
