"""The layers of transformers: attention and a dense layer for each position, with residuals and normalisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr
from ...symbolic.arguments import check_count, check_flag, check_function
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .. import init
from ..naming import layer_scope
from .attention import multi_head_attention
from .dense import dense
from .noise import dropout as drop
from .normalization import layer_norm
from .weights import features

Part = Callable[[Expr], Expr]


class _Noise(NamedTuple):
    """How a layer drops what its parts give."""

    dropout: Any
    stream: Any
    training: Any

    def of(self, x: Expr) -> Expr:
        return drop(x, *self)


def transformer_encoder_layer(
    x: Any,
    heads: int,
    hidden: int,
    w: Any = init.glorot_uniform,
    *,
    activation: Part = scalar.gelu,
    norm: Callable[..., Expr] = layer_norm,
    norm_first: bool = True,
    mask: Any = None,
    bias: Any = None,
    causal: bool = False,
    rotate: Part | None = None,
    kv_heads: int | None = None,
    dropout: Any = 0.0,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    training: Any = True,
    name: str | None = None,
) -> Expr:
    """x := x + attention(norm(x)), then x + dense(activation(dense(norm(x)))): a layer of an encoder, or of a GPT.

    Parameters
    ----------
    x : (batch, time, features) floats
    heads, mask, bias, causal, rotate, kv_heads : as `multi_head_attention` takes them; causal=True makes a layer of a
        decoder that has no encoder
    hidden : units of the first dense layer
    w : an initialiser, what weights begin with
    activation : a function of an expression
    norm : `layer_norm`, `rms_norm`, or another function of an expression
    norm_first : whether parts are normalised before them; else x := norm(x + part(x)), as first published
    dropout : the rate for what attention and dense layers give, for the weights of attention, and for what is inside of
        the dense ones, with `stream` and `training`
    rng : draws what parameters begin with; None: `init.generator()`
    stream : a `random.Stream`, from which dropout draws; None: several of its own
    name : the parameters' names begin with `{name}.`; None: `encoder`, `encoder2` ...

    Returns
    -------
    the shape of x

    Raises as `multi_head_attention` does.

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, section 3.1; Xiong et al. 2020, On Layer Normalization in the
    Transformer Architecture (norm_first).
    """
    node = _check("transformer_encoder_layer", x, hidden, activation, norm)
    noise = _Noise(dropout, stream, training)
    seen = {"mask": mask, "bias": bias, "causal": causal, "rotate": rotate, "kv_heads": kv_heads}
    first = check_flag("transformer_encoder_layer", "norm_first", norm_first)
    with layer_scope("encoder", name):
        node = _residual(
            node, lambda h: multi_head_attention(h, heads, w=w, rng=rng, **seen, **noise._asdict()), norm, first, noise
        )
        return _residual(node, lambda h: _forward(h, hidden, w, activation, rng, noise), norm, first, noise)


def transformer_decoder_layer(
    x: Any,
    context: Any,
    heads: int,
    hidden: int,
    w: Any = init.glorot_uniform,
    *,
    activation: Part = scalar.gelu,
    norm: Callable[..., Expr] = layer_norm,
    norm_first: bool = True,
    mask: Any = None,
    context_mask: Any = None,
    causal: bool = True,
    dropout: Any = 0.0,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    training: Any = True,
    name: str | None = None,
) -> Expr:
    """x := x + attention(norm(x)), then x + attention(norm(x), context), then x + dense(activation(dense(norm(x)))).

    Parameters
    ----------
    x : (batch, time, features) floats
    context : (batch, keys, features): what the encoder gives
    mask, causal : what positions of x see of each other, as `multi_head_attention` takes them
    context_mask : what they see of the context, of shapes that broadcast to (batch, heads, time, keys)
    heads, hidden, w, activation, norm, norm_first, dropout, rng, stream, training : as `transformer_encoder_layer`
        takes them
    name : the parameters' names begin with `{name}.`; None: `decoder`, `decoder2` ...

    Returns
    -------
    the shape of x

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, section 3.1.
    """
    node = _check("transformer_decoder_layer", x, hidden, activation, norm)
    noise = _Noise(dropout, stream, training)
    first = check_flag("transformer_decoder_layer", "norm_first", norm_first)

    def attend(h: Expr, context: Any, mask: Any, causal: Any) -> Expr:
        return multi_head_attention(h, heads, context, w, mask=mask, causal=causal, rng=rng, **noise._asdict())

    with layer_scope("decoder", name):
        node = _residual(node, lambda h: attend(h, None, mask, causal), norm, first, noise)
        node = _residual(node, lambda h: attend(h, context, context_mask, False), norm, first, noise)
        return _residual(node, lambda h: _forward(h, hidden, w, activation, rng, noise), norm, first, noise)


def _check(name: str, x: Any, hidden: Any, activation: Any, norm: Any) -> Expr:
    node = as_expr(x)
    if node.ndim != 3:
        text = f"{name}: x has {node.ndim} axes, and needs three: batch, time, features."
        raise blame(ShapeError(text), user_site(), node.site)
    check_count(name, "hidden", hidden, least=1)
    check_function(f"{name}: activation", activation, ["an expression"])
    check_function(f"{name}: norm", norm, ["an expression"])
    return node


def _residual(x: Expr, part: Part, norm: Callable[..., Expr], first: bool, noise: _Noise) -> Expr:
    """x + part(norm(x)), or norm(x + part(x))."""
    if first:
        return x + noise.of(part(as_expr(norm(x))))
    return as_expr(norm(x + noise.of(part(x))))


def _forward(x: Expr, hidden: int, w: Any, activation: Part, rng: Any, noise: _Noise) -> Expr:
    inner = as_expr(activation(dense(x, hidden, w, flatten=False, rng=rng)))
    width = features("transformer", x, -1)
    return dense(noise.of(inner), width, w, flatten=False, rng=rng)
