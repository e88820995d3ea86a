"""Attention: means of values, weighted by how well keys answer queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.activations import softmax
from ...ops.coerce import as_expr, check_scalar
from ...ops.creation import iota
from ...ops.elementwise import cast
from ...ops.linalg import matmul
from ...ops.movement import broadcast_to, expand_dims, moveaxis, reshape, swapaxes
from ...ops.reduce import count
from ...symbolic.arguments import check_count, check_flag, check_function
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import weak_constant
from ...symbolic.types import FLOAT64, promote
from .. import init
from ..arguments import as_floats, check_broadcast, training_flag
from ..naming import layer_scope
from .dense import dense
from .noise import dropout as drop
from .weights import features


def dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    bias: Any = None,
    causal: bool = False,
    scale: Any = None,
    dropout: Any = 0.0,
    rng: Any = None,
    training: Any = True,
) -> Expr:
    """softmax(scale * q kᵀ + bias) v, the softmax over the keys that the mask allows.

    Parameters
    ----------
    q : (..., queries, size) floats
    k : (..., keys, size)
    v : (..., keys, features); axes in front broadcast, as those of a matmul
    mask : bools that broadcast to (..., queries, keys): whether the query sees the key; None: it sees all
    bias : floats that broadcast to (..., queries, keys), such as `alibi`; None: none
    causal : whether query i sees only keys 0 to i
    scale : a number, or a scalar expression; None: 1 / sqrt(size)
    dropout : the rate at which weights are dropped in training, as `dropout` takes it, with `rng` and `training`

    Returns
    -------
    (..., queries, features); 0 for a query that sees no key

    Raises DTypeError for a mask that holds no bools, ShapeError for what does not fit.

    Numerics
    --------
    No overflow for finite products.  What is not seen has exactly no weight, and gets gradient 0.

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, equation 1.
    """
    queries, keys, values = _of_one_dtype(q, k, v)
    flag = training_flag("dot_product_attention", training)
    scores = matmul(queries * _factor(scale, queries), swapaxes(keys, -1, -2))
    if bias is not None:
        scores = scores + cast(check_over_scores("dot_product_attention: bias", bias, scores, "f"), scores.dtype)
    seen = _visible(mask, check_flag("dot_product_attention", "causal", causal), scores)
    weights = softmax(scores) if seen is None else softmax_where(seen, scores)
    return matmul(drop(weights, dropout, rng, flag), values)


def multi_head_attention(
    x: Any,
    heads: int,
    context: Any = None,
    w: Any = init.glorot_uniform,
    b: Any = 0.0,
    *,
    kv_heads: int | None = None,
    size: int | None = None,
    mask: Any = None,
    bias: Any = None,
    causal: bool = False,
    rotate: Callable[[Expr], Expr] | None = None,
    dropout: Any = 0.0,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    training: Any = True,
    name: str | None = None,
) -> Expr:
    """Attention of several heads, side by side, each with queries, keys and values of its own; then a dense layer.

    Parameters
    ----------
    x : (batch, time, features) floats, of which queries are made
    heads : how many there are
    context : (batch, keys, features), of which keys and values are made, or a pair of them; None: x
    w : those of queries (features, heads * size), keys and values (features, kv_heads * size), and of the dense layer
        (heads * size, features of x): an initialiser, or four of what `dense` takes
    b : their biases, the same, or a number that fills them; None: none
    kv_heads : of keys and values, each for heads / kv_heads heads of queries (Ainslie et al. 2023); None: `heads`
    size : of each head; None: features / heads
    mask, bias, causal : as `dot_product_attention` takes them, of shapes that broadcast to (batch, heads, time, keys)
    rotate : what is done to queries and keys, (batch, heads, time, size), such as `rotary`; None: nothing
    dropout, training : as `dot_product_attention` takes them
    rng : draws what parameters begin with; None: `init.generator()`
    stream : a `random.Stream`, from which dropout draws; None: one of its own
    name : the parameters are `{name}.q_w`, `{name}.q_b`, and those with k, v and o; None: `attention`, `attention2` ...

    Returns
    -------
    (batch, time, features)

    Raises ShapeError for sizes of features that are no numbers, and for heads that do not divide them.

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, section 3.2.2.
    """
    sources = _sources(x, context)
    of = check_count("multi_head_attention", "heads", heads, least=1)
    shared = of if kv_heads is None else check_count("multi_head_attention", "kv_heads", kv_heads, least=1)
    weights, biases = _four("w", w), _four("b", b)
    width = features("multi_head_attention", sources[0], -1, weights[0])
    each, counts = _head_size(sources[0], width, of, shared, size), (of, shared, shared)
    with layer_scope("attention", name):
        q, k, v = (
            _heads(dense(s, n * each, *both, flatten=False, rng=rng, name=word), n, each)
            for s, n, word, *both in zip(sources, counts, "qkv", weights, biases, strict=False)
        )
        if rotate is not None:
            check_function("multi_head_attention: rotate", rotate, ["queries or keys"])
            q, k = as_expr(rotate(q)), as_expr(rotate(k))
        options = {"bias": bias, "causal": causal, "dropout": dropout, "rng": stream, "training": training}
        found = dot_product_attention(q, _repeat(k, of), _repeat(v, of), mask, **options)
        joined = reshape(moveaxis(found, 1, 2), (*sources[0].shape[:2], of * each))
        return dense(joined, width, weights[3], biases[3], flatten=False, rng=rng, name="o")


def _of_one_dtype(*values: Any) -> list[Expr]:
    """Queries, keys and values as floats of one dtype, with two axes or more."""
    nodes = check_rows("dot_product_attention", *values)
    kind = promote(*[n.type for n in nodes])
    return [cast(n, kind) for n in nodes]


def check_rows(name: str, *values: Any) -> list[Expr]:
    """Queries, keys and values as floats, with two axes or more."""
    nodes = [as_floats(name, v) for v in values]
    for what, node in zip("qkv", nodes, strict=True):
        if node.ndim < 2:
            text = f"{name}: {what} has shape {show(node.shape)}, and needs two axes or more."
            raise blame(ShapeError(text), user_site(), node.site)
    return nodes


def _factor(scale: Any, queries: Expr) -> Expr:
    if scale is not None:
        return cast(check_scalar("dot_product_attention: scale", scale), queries.dtype)
    size = count(queries, (queries.ndim - 1,), FLOAT64)
    if isinstance(size, Expr):
        return cast(scalar.rsqrt(scalar.maximum(size, 1)), queries.dtype)
    return cast(as_expr(1.0 / max(size, 1) ** 0.5), queries.dtype)


def check_over_scores(what: str, value: Any, scores: Expr, kinds: str) -> Expr:
    """A mask or a bias, which broadcasts to (..., queries, keys)."""
    node = as_expr(value)
    if node.dtype.kind not in kinds:
        text = f"{what} has {'bools' if kinds == 'b' else 'floats'}, not {node.dtype.name}."
        hint = "where the query sees the key it is True: mask != 0." if kinds == "b" else "cast it."
        raise blame(DTypeError(text), user_site(), node.site, hint=hint)
    check_broadcast(what, node, scores.shape)
    return node


def _visible(mask: Any, causal: bool, scores: Expr) -> Expr | None:
    """Which query sees which key; None: each sees all."""
    given = None if mask is None else check_over_scores("dot_product_attention: mask", mask, scores, "b")
    if not causal:
        return given
    queries, keys = scores.shape[-2:]
    before = scalar.le(iota((1, keys), 1, "int64"), iota((queries, 1), 0, "int64"))
    return before if given is None else scalar.logical_and(given, before)


def softmax_where(seen: Expr, scores: Expr) -> Expr:
    """The softmax over what is seen; 0 elsewhere, in rows where nothing is seen, too."""
    lowest = weak_constant(float(np.finfo(scores.dtype).min) / 2, scores.dtype)  # infinity less itself would be NaN
    return scalar.where(seen, softmax(scalar.where(seen, scores, lowest)), 0.0)


def _sources(x: Any, context: Any) -> list[Expr]:
    """What queries, keys and values are made of."""
    pair = context if isinstance(context, list | tuple) else (context, context)
    if len(pair) != 2:
        text = f"multi_head_attention: context is an expression, or a pair of them, not {context!r}."
        raise blame(ArgumentError(text), user_site())
    nodes = [as_floats("multi_head_attention", x if c is None else c) for c in (x, *pair)]
    for node in nodes:
        if node.ndim != 3:
            text = f"multi_head_attention: it takes (batch, time, features), and not the shape {show(node.shape)}."
            raise blame(ShapeError(text), user_site(), node.site)
    return nodes


def _four(what: str, given: Any) -> Any:
    """What parameters of queries, keys, values and the dense layer begin with."""
    if not isinstance(given, list | tuple):
        return [given] * 4
    if len(given) != 4:
        text = f"multi_head_attention: {what} is one for all, or four, of q, k, v and o, not {given!r}."
        raise blame(ArgumentError(text), user_site())
    return given


def _head_size(x: Expr, width: int, heads: int, shared: int, size: Any) -> int:
    if heads % shared:
        text = f"multi_head_attention: kv_heads={shared} does not divide heads={heads}."
        raise blame(ShapeError(text), user_site())
    if size is not None:
        return check_count("multi_head_attention", "size", size, least=1)
    if width % heads:
        text = f"multi_head_attention: {heads} heads do not divide {width} features."
        raise blame(ShapeError(text), user_site(), x.site, hint="say how large each is: size=64.")
    return width // heads


def _heads(x: Expr, count: int, size: int) -> Expr:
    """(batch, heads, time, size) of (batch, time, heads * size)."""
    return moveaxis(reshape(x, (*x.shape[:2], count, size)), 2, 1)


def _repeat(x: Expr, heads: int) -> Expr:
    """Keys or values for so many heads, each of which serves several in a row."""
    batch, count, *rest = x.shape
    if count == heads:
        return x
    wide = broadcast_to(expand_dims(x, 2), (batch, count, heads // count, *rest))
    return reshape(wide, (batch, heads, *rest))
