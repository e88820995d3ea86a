"""Losses of distances between vectors: what is alike lies close together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import activations, scalar
from ...ops.activations import pair, with_labels
from ...ops.axes import normalize
from ...ops.coerce import check_coefficient
from ...ops.creation import eye, iota
from ...ops.elementwise import as_float
from ...ops.linalg import matmul
from ...ops.movement import concatenate, expand_dims, squeeze, transpose
from ...ops.reduce import logsumexp
from ...ops.reduce import sum as sum_over
from ...symbolic.arguments import check_flag, check_number
from ...symbolic.dims import same, show
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import weak_constant
from ..arguments import check_fraction, check_positive
from ..norms import check_order, unit, vector_norm
from .margin import is_alike


def distance(a: Any, b: Any, p: float = 2.0, *, axis: int = -1) -> Expr:
    """(sum(|a - b|**p))**(1/p) along an axis: the distance of vectors; for p = inf the largest |a - b|.

    p : a number from 1 up, or math.inf.  Gradient 0 where a = b.  Neither overflows nor underflows.

    Raises ShapeError where both would be stretched: (n, 1, d) and (n, d) to (n, n, d).
    """
    return _distance("distance", a, b, p, axis)


def cosine_similarity(a: Any, b: Any, *, axis: int = -1, eps: float = 1e-8) -> Expr:
    """sum(a * b) / (max(|a|, eps) * max(|b|, eps)) along an axis, in [-1, 1]: the cosine of the angle; no loss.

    A loss is its negative, or 1 minus it.  0 for a vector of zeros, where a's gradient is that of a / eps.

    Raises ShapeError where both would be stretched: (n, 1, d) and (n, d) to (n, n, d); and for vectors of different
    sizes.
    """
    return _cosine("cosine_similarity", a, b, axis, eps)


def cosine_embedding(a: Any, b: Any, targets: Any, margin: float = 0.0, *, axis: int = -1) -> Expr:
    """1 - cosine where targets are 1 (or True), max(0, cosine - margin) where they are -1 (or False).

    a, b : (..., d);  targets : (...);  cosine : `cosine_similarity(a, b)`

    Raises ShapeError where two would be stretched: (n, 1) and (n,) to (n, n).
    """
    check_coefficient("cosine_embedding: margin", margin)
    cosine, wanted = pair("cosine_embedding", "pairs", _cosine("cosine_embedding", a, b, axis, 1e-8), targets)
    return scalar.where(is_alike(wanted), 1 - cosine, scalar.relu(cosine - margin))


def triplet_margin(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, *, p: float = 2.0, swap: bool = False
) -> Expr:
    """max(0, |anchor - positive| - |anchor - negative| + margin), for each row of (..., d).

    Parameters
    ----------
    anchor, positive, negative : (..., d): the positive ones shall lie closer to the anchors, by the margin
    margin : a number, or a scalar expression
    p : the norm: a number from 1 up, or math.inf
    swap : True: the second distance is the smaller of those of the negative to the anchor and to the positive

    Gradient: 0 at the kink; that of a distance is 0 where it is 0.  Raises ShapeError where two would be stretched.

    References
    ----------
    Schroff, Kalenichenko, Philbin 2015, FaceNet, equation 3; Balntas et al. 2016, Learning local feature descriptors
    with triplets and shallow convolutional neural networks, section 3.3 (swap).
    """
    check_coefficient("triplet_margin: margin", margin)
    near = _distance("triplet_margin", anchor, positive, p, -1)
    far = _distance("triplet_margin", anchor, negative, p, -1)
    if check_flag("triplet_margin", "swap", swap):
        far = scalar.minimum(far, _distance("triplet_margin", positive, negative, p, -1))
    return scalar.relu(near - far + margin)


def contrastive(a: Any, b: Any, targets: Any, margin: float = 1.0) -> Expr:
    """D² / 2 for pairs that are alike, max(0, margin - D)² / 2 for others, with the distance D = |a - b|.

    Parameters
    ----------
    a, b : (..., d)
    targets : (...) bools: whether a pair is alike; or numbers, 1 for those that are, 0 or -1 for others
    margin : the distance from which on others may lie

    Gradient: 0 where a = b, also for others, whose direction apart is any.  Raises ShapeError where two would be
    stretched: (n, 1) and (n,) to (n, n).

    References
    ----------
    Hadsell, Chopra, LeCun 2006, Dimensionality Reduction by Learning an Invariant Mapping, equation 4 (where 0 is
    alike).
    """
    check_coefficient("contrastive: margin", margin)
    gaps, wanted = pair("contrastive", "pairs", _distance("contrastive", a, b, 2.0, -1), targets)
    return scalar.square(scalar.where(is_alike(wanted), gaps, scalar.relu(margin - gaps))) * 0.5


def info_nce(queries: Any, keys: Any, temperature: Any = 0.1) -> Expr:
    """The crossentropy of finding the key of each query among all keys, by cosines divided by a temperature.

    Parameters
    ----------
    queries, keys : (n, d); key i belongs to query i, and the others are what it is told from
    temperature : a number above 0, or a scalar expression

    Returns
    -------
    (n,).  CLIP's loss is the mean of it and of `info_nce(keys, queries)`.

    Raises ShapeError for what is no two matrices of one shape.

    References
    ----------
    van den Oord, Li, Vinyals 2018, Representation Learning with Contrastive Predictive Coding, equation 4.
    """
    one, other = _views("info_nce", queries, keys)
    check_positive("info_nce: temperature", temperature)
    return activations.crossentropy(matmul(one, transpose(other)) / temperature, iota((one.shape[0],)))


def ntxent(first: Any, second: Any, temperature: Any = 0.5) -> Expr:
    """The crossentropy of finding the other view of each of 2 n views, among all but itself, by cosines.

    first, second : (n, d), two views of each of n examples.  Returns (2 n,): the losses of the first views, and of the
    second.  temperature : a number above 0, or a scalar expression, by which cosines are divided.

    Raises ShapeError for what is no two matrices of one shape.

    Reference: Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual Representations, equation 1.
    """
    one, other = _views("ntxent", first, second)
    check_positive("ntxent: temperature", temperature)
    views, n = concatenate([one, other]), one.shape[0]
    cosines = matmul(views, transpose(views)) / temperature
    itself = eye(views.shape[0], dtype="bool")
    return activations.crossentropy(
        scalar.where(itself, float("-inf"), cosines), concatenate([iota((n,)) + n, iota((n,))])
    )


def circle(x: Any, labels: Any, margin: float = 0.4, gamma: float = 80.0) -> Expr:
    """log(1 + sum over others of exp(gamma (s + m) (s - m)) * sum over alike of exp(gamma (1 + m - s) (1 - m - s)))

    for each row, with its cosine s with another and the margin m; s + m counts as 0 where it is below.  Rows are alike
    that have one label; what is not far from where it should be weighs less.

    Parameters
    ----------
    x : (n, d) vectors
    labels : (n,) integers
    margin : a number in [0, 1]
    gamma : a number above 0

    Returns
    -------
    (n,) from 0 up; 0 for a row that has none alike, or no others

    Gradient: that of the formula, its weights included.  Raises ShapeError for labels that are not one for each row.

    References
    ----------
    Sun et al. 2020, Circle Loss: A Unified Perspective of Pair Similarity Optimization, equation 6.
    """
    m = check_fraction("circle: margin", margin)
    check_positive("circle: gamma", check_number("circle: gamma", gamma))
    node, own = with_labels("circle", as_float(x), labels)
    one, _ = _views("circle", node, node)
    cosines = matmul(one, transpose(one))
    same_label = scalar.eq(expand_dims(own, 1), expand_dims(own, 0))
    alike = scalar.logical_and(same_label, scalar.logical_not(eye(own.shape[0], dtype="bool")))
    near = -gamma * scalar.relu(1 + m - cosines) * (cosines - (1 - m))
    far = gamma * scalar.relu(cosines + m) * (cosines - m)
    return scalar.softplus(_logsumexp_where(alike, near) + _logsumexp_where(scalar.logical_not(same_label), far))


def _logsumexp_where(some: Expr, x: Expr) -> Expr:
    """log(sum(exp(x))) over what is chosen in each row; very low where that is nothing."""
    lowest = weak_constant(float(np.finfo(x.dtype).min) / 4, x.dtype)  # infinity less itself would be NaN
    return logsumexp(scalar.where(some, x, lowest), -1)


def _views(name: str, a: Any, b: Any) -> tuple[Expr, Expr]:
    one, other = as_float(a), as_float(b)
    if (
        one.ndim != 2
        or other.ndim != 2
        or any(same(m, n) is False for m, n in zip(one.shape, other.shape, strict=True))
    ):
        text = f"{name} takes two matrices of one shape (n, d), not {show(one.shape)} and {show(other.shape)}."
        raise blame(ShapeError(text), user_site(), one.site, other.site)
    return unit(one, 1, 1e-8), unit(other, 1, 1e-8)


def _cosine(name: str, a: Any, b: Any, axis: Any, eps: Any) -> Expr:
    check_positive(f"{name}: eps", check_number(f"{name}: eps", eps))
    one, other, place = _vectors(name, a, b, axis)
    m, n = one.shape[place], other.shape[place]
    if (m == 1) != (n == 1) or same(m, n) is False:
        text = f"{name}: vectors of {m} and of {n} elements have no angle."
        raise blame(ShapeError(text), user_site(), one.site, other.site)
    return sum_over(unit(one, place, eps) * unit(other, place, eps), place)


def _distance(name: str, a: Any, b: Any, p: Any, axis: Any) -> Expr:
    check_order(f"{name}: p", p)
    one, other, place = _vectors(name, a, b, axis)
    return squeeze(vector_norm(one - other, place, p), place)


def _vectors(name: str, a: Any, b: Any, axis: Any) -> tuple[Expr, Expr, int]:
    """Both as floats of as many axes, and the axis along which they are vectors, from the end."""
    one, other = pair(name, "vectors", a, b)
    one, other = as_float(one), as_float(other)
    wide = one if one.ndim >= other.ndim else other
    place = normalize(axis, wide.ndim, name, wide)
    one, other = (expand_dims(v, tuple(range(wide.ndim - v.ndim))) for v in (one, other))
    return one, other, place
