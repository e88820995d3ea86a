"""Additive attention: scores of a small network, in place of products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.activations import softmax
from ...ops.linalg import matmul
from ...ops.movement import expand_dims
from ...symbolic.expr import Expr
from .. import init
from ..naming import layer_name
from .attention import check_over_scores, check_rows, softmax_where
from .weights import features, parameter


def additive_attention(
    q: Any,
    k: Any,
    v: Any,
    w: Any = init.normal,
    *,
    mask: Any = None,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """softmax(scores) v with scores[i, j] = w tanh(q[i] + k[j]), the softmax over the keys that the mask allows.

    Parameters
    ----------
    q : (..., queries, size) floats, such as a `dense` of a decoder's states
    k : (..., keys, size), such as a `dense` of an encoder's states
    v : (..., keys, features); axes in front broadcast
    w : (size,) an initialiser, a number that fills it, an array to begin with, or an expression
    mask : bools that broadcast to (..., queries, keys): whether the query sees the key; None: it sees all
    rng : draws what `w` begins with; None: `init.generator()`
    name : the parameter is `{name}_w`; None: `additive_attention`, `additive_attention2` ...

    Returns
    -------
    (..., queries, features); 0 for a query that sees no key

    It computes size numbers for each pair of a query and a key.

    Raises DTypeError for a mask that holds no bools, ShapeError for what does not fit.

    References
    ----------
    Bahdanau, Cho, Bengio 2015, Neural machine translation by jointly learning to align and translate, appendix A.1.2.
    """
    queries, keys, values = check_rows("additive_attention", q, k, v)
    size = features("additive_attention", queries, -1, w)
    weights = parameter("additive_attention: w", w, (size,), f"{layer_name('additive_attention', name)}_w", rng)
    hidden = scalar.tanh(expand_dims(queries, -2) + expand_dims(keys, -3))
    scores = matmul(hidden, weights)
    if mask is None:
        return matmul(softmax(scores), values)
    seen = check_over_scores("additive_attention: mask", mask, scores, "b")
    return matmul(softmax_where(seen, scores), values)
