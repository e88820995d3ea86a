"""Embeddings: a row of weights for each label."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.creation import ones
from ...ops.elementwise import cast, widen
from ...ops.indexing import take
from ...ops.labels import CheckLabels
from ...ops.movement import expand_dims, reshape, squeeze
from ...ops.reduce import any as any_over
from ...ops.reduce import sum as sum_over
from ...ops.reduce import top
from ...symbolic.arguments import check_choice, check_count, check_number
from ...symbolic.errors import DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr, apply
from .. import init
from ..naming import layer_name
from ..norms import vector_norm
from .weights import parameter


def embedding(
    labels: Any,
    classes: int,
    size: int,
    w: Any = init.normal,
    *,
    padding_index: int | None = None,
    max_norm: float | None = None,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """w[labels]: of each label its row of the weights.

    Parameters
    ----------
    labels : integers in [0, classes), of any shape
    classes : how many labels there are
    size : of each row
    w : (classes, size); an initialiser, an array to begin with, or an expression: weights that layers share
    padding_index : the label whose row counts as zeros, and which no derivative reaches; None: there is none
    max_norm : longer rows are scaled to this length; the weights themselves stay.  None: none are
    rng : draws what `w` begins with; None: `init.generator()`
    name : the parameter is `{name}_w`; None: `embedding`, `embedding2` ...

    Returns
    -------
    (*labels.shape, size)

    Raises
    ------
    DTypeError, ShapeError
        for labels that are no integers, and weights that do not fit
    IndexRangeError
        when it runs, for a label outside [0, classes)

    Gradient
    --------
    g added up at the rows that were taken, 0 for all others.
    """
    node, count = _check_labels("embedding", labels), check_count("embedding", "classes", classes, least=1)
    shape = (count, check_count("embedding", "size", size, least=1))
    weights = parameter("embedding: w", w, shape, f"{layer_name('embedding', name)}_w", rng)
    rows = take(weights, cast(apply(CheckLabels(count), node), "int64"), axis=0)
    if max_norm is not None:
        rows = _shorten(rows, float(check_number("embedding: max_norm", max_norm, least=0)))
    if padding_index is None:
        return rows
    place = check_count("embedding", "padding_index", padding_index, 0, count - 1)
    return scalar.where(expand_dims(scalar.eq(node, place), -1), 0.0, rows)


def embedding_bag(
    labels: Any,
    classes: int,
    size: int,
    w: Any = init.normal,
    *,
    mode: str = "mean",
    padding_index: int | None = None,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """The mean, the sum or the largest elements of the rows of a bag of labels.

    Parameters
    ----------
    labels : (..., number) integers in [0, classes)
    classes, size, w, rng, name : as `embedding` takes them
    mode : "mean", "sum" or "max"
    padding_index : the label that fills bags up, and does not count; None: there is none

    Returns
    -------
    (..., size); 0 for an empty bag

    Raises as `embedding` does, and ShapeError for labels without an axis.
    """
    node = _check_labels("embedding_bag", labels)
    check_choice("embedding_bag: mode", mode, ("mean", "sum", "max"))
    if not node.ndim:
        raise blame(ShapeError("embedding_bag: labels have an axis of those in a bag."), user_site(), node.site)
    rows = embedding(node, classes, size, w, padding_index=padding_index, rng=rng, name=name)
    shape, place = (*node.shape, 1), node.ndim - 1
    counts = ones(shape, "bool") if padding_index is None else reshape(scalar.ne(node, padding_index), shape)
    if mode == "max":
        most = squeeze(top(scalar.where(counts, rows, -np.inf), (place,)), place)
        return scalar.where(any_over(counts, place), most, 0.0)
    wide = widen(rows)
    total = sum_over(wide, place)
    if mode == "mean":
        total = total / scalar.maximum(sum_over(cast(counts, wide.dtype), place), 1.0)
    return cast(total, rows.dtype)


def _shorten(rows: Expr, limit: float) -> Expr:
    """Rows that are longer than the limit at this length; the others as they are."""
    wide = widen(rows)
    numbers = np.finfo(wide.dtype)
    most, least = (as_expr(np.clip(limit, low, numbers.max), wide.dtype) for low in (0, numbers.tiny))
    return cast(wide * (most / scalar.maximum(vector_norm(wide, rows.ndim - 1), least)), rows.dtype)


def _check_labels(name: str, labels: Any) -> Expr:
    node = as_expr(labels)
    if node.dtype.kind not in "iu":
        error = DTypeError(f"{name} takes integer labels, not {node.dtype.name}.")
        raise blame(error, user_site(), node.site, hint="cast them: labels.astype('int64').")
    return node
