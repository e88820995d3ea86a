"""Weights made of others: of a direction and a length, or divided by their spectral norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.axes import normalize, without
from ...ops.elementwise import cast, widen
from ...ops.linalg import dot
from ...ops.movement import reshape, squeeze
from ...ops.reduce import restore
from ...ops.updating import with_updates
from ...symbolic.arguments import check_count
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import stop_gradient
from ...symbolic.leaves import Shared
from .. import init
from ..arguments import as_floats, training_flag
from ..naming import layer_name
from ..norms import unit, vector_norm
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
    node = as_floats("weight_norm", v)
    place = normalize(axis, node.ndim, "weight_norm", node)
    others, wide = without(range(node.ndim), (place,)), widen(node)
    norms = vector_norm(wide, others)
    if g is None:
        g = _lengths(node, squeeze(norms, others))
    shape = (features("weight_norm", node, place, g),)
    length = cast(parameter("weight_norm: g", g, shape, f"{layer_name('weight_norm', name)}_g"), wide.dtype)
    return cast(wide / _or_one(norms) * restore(length, node, others), node.dtype)


def _or_one(divisor: Expr) -> Expr:
    """A divisor, and 1 where it is 0."""
    return scalar.where(scalar.eq(divisor, 0), 1, divisor)


def _lengths(v: Expr, norms: Expr) -> np.ndarray:
    if not isinstance(v.op, Shared):
        text = f"weight_norm: g begins with the lengths of v where that is a shared variable, and {v!r} is none."
        raise blame(ArgumentError(text), user_site(), v.site, hint="give g, as in weight_norm(v, 1.0).")
    return evaluate(norms)


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
    node, turns = as_floats("spectral_norm", w), check_count("spectral_norm", "iterations", iterations, 1, 1000)
    if node.ndim < 2:
        text = f"spectral_norm: w has {node.ndim} axes, and a matrix has 2 or more."
        raise blame(ShapeError(text), user_site(), node.site)
    flag = training_flag("spectral_norm", training)
    shape = (features("spectral_norm", node, 0, u),)
    vector = parameter("spectral_norm: u", u, shape, f"{layer_name('spectral_norm', name)}_u", rng)
    if not isinstance(vector.op, Shared):
        text = f"spectral_norm: u is what calls go on with, a shared variable, not {vector!r}."
        raise blame(ArgumentError(text), user_site(), vector.site)
    matrix = widen(reshape(node, (shape[0], -1)))
    begin = cast(vector, matrix.dtype)
    left = scalar.where(flag, _iterate(stop_gradient(matrix), begin, turns), _unit(begin))
    right = stop_gradient(_unit(dot(left, matrix)))
    sigma = dot(stop_gradient(left), dot(matrix, right))
    y = cast(widen(node) / _or_one(sigma), node.dtype)
    return with_updates(y, {vector: scalar.where(flag, left.astype(vector.dtype), vector)})


def _iterate(matrix: Expr, u: Expr, turns: int) -> Expr:
    """u after so many turns; as it is where its image is 0."""
    for _ in range(turns):
        image = dot(matrix, _unit(dot(u, matrix)))
        u = scalar.where(scalar.eq(vector_norm(image, 0), 0), u, _unit(image))
    return u


def _unit(vector: Expr) -> Expr:
    """vector / |vector|, and 0 for 0."""
    return unit(vector, 0, 0.0)
