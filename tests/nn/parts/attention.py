"""Attention, positions, gates."""

import numpy as np
import scipy.special

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers
Q, K, V = Arg(("n", 3, 4)), Arg(("n", 5, 4)), Arg(("n", 5, 2))
MASK, BIAS = Arg(("n", 3, 5), dtype="bool"), Arg((3, 5))
BEFORE = np.tri(3, 5, dtype=bool)


def attention(q, k, v, mask=True, bias=0.0):
    """With rows of zeros where nothing is seen."""
    scores = np.where(mask, q @ np.swapaxes(k, -1, -2) / 2 + bias, -np.inf)
    seen = np.isfinite(scores).any(-1, keepdims=True)
    return np.where(seen, scipy.special.softmax(np.where(seen, scores, 0), -1), 0) @ v


TORCHS = functional("scaled_dot_product_attention")

part(layers.dot_product_attention, attention, Q, K, V, torch=TORCHS, special=False)
part(
    layers.dot_product_attention,
    lambda q, k, v: attention(q, k, v, BEFORE),
    Q,
    K,
    V,
    call=lambda q, k, v: layers.dot_product_attention(q, k, v, causal=True),
    label="causal",
    torch=lambda q, k, v: TORCHS(q, k, v, is_causal=True),
    special=False,  # NaN is not seen
)
part(
    layers.dot_product_attention,
    attention,
    Q,
    K,
    V,
    MASK,
    label="masked",
    special=False,
)
part(
    layers.dot_product_attention,
    lambda q, k, v, bias: attention(q, k, v, True, bias),
    Q,
    K,
    V,
    BIAS,
    call=lambda q, k, v, bias: layers.dot_product_attention(q, k, v, bias=bias),
    label="with a bias",
    torch=lambda q, k, v, bias: TORCHS(q, k, v, attn_mask=bias),
    special=False,
)

X, WEIGHTS, BIASES = Arg(("n", 3, 4)), [Arg((4, 4))] * 4, [Arg((4,))] * 4


def heads(x, count, size):
    return np.moveaxis(x.reshape(*x.shape[:2], count, size), 2, 1)


def several_heads(x, *given, kv=2):
    w, b = given[:4], given[4:]
    q, k, v = (heads(x @ w[i] + b[i], n, 2) for i, n in enumerate((2, kv, kv)))
    k, v = np.repeat(k, 2 // kv, 1), np.repeat(v, 2 // kv, 1)
    scores = scipy.special.softmax(q @ np.swapaxes(k, -1, -2) / np.sqrt(2), -1)
    return np.moveaxis(scores @ v, 1, 2).reshape(*x.shape[:2], 4) @ w[3] + b[3]


def torchs_heads(x, *given):
    import torch

    w, b = given[:4], given[4:]
    time_first = x.transpose(0, 1)
    found, _ = functional("multi_head_attention_forward")(
        *[time_first] * 3,
        4,
        2,
        torch.cat([a.T for a in w[:3]]),
        torch.cat(b[:3]),
        None,
        None,
        False,
        0.0,
        w[3].T,
        b[3],
        need_weights=False,
    )
    return found.transpose(0, 1)


part(
    layers.multi_head_attention,
    several_heads,
    X,
    *WEIGHTS,
    *BIASES,
    call=lambda x, *given: layers.multi_head_attention(x, 2, None, given[:4], given[4:]),
    torch=torchs_heads,
    eps=64,  # sums that cancel: the biases of keys have no effect
    special=False,
)
part(
    layers.multi_head_attention,
    lambda x, *w: several_heads(x, *w, 0, 0, 0, 0, kv=1),
    X,
    Arg((4, 4)),
    Arg((4, 2)),
    Arg((4, 2)),
    Arg((4, 4)),
    call=lambda x, *w: layers.multi_head_attention(x, 2, x, w, None, kv_heads=1),
    label="of shared keys",
    eps=64,  # sums that cancel, too, which a device adds in another order
    special=False,
)

HALF = Arg((4, 4), -0.5, 0.5)


def normal(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def encoder(x, w, first):
    def attend(h):
        return several_heads(h, *[w] * 4, *[0] * 4)

    def forward(h):
        return np.maximum(h @ w, 0) @ w

    if first:
        x = x + attend(normal(x))
        return x + forward(normal(x))
    x = normal(x + attend(x))
    return normal(x + forward(x))


for _first in (True, False):
    part(
        layers.transformer_encoder_layer,
        lambda x, w, first=_first: encoder(x, w, first),
        X,
        HALF,
        call=lambda x, w, first=_first: layers.transformer_encoder_layer(
            x, 2, 4, w, activation=wf.relu, norm_first=first
        ),
        label="norms first" if _first else "norms last",
        eps=64,
        special=False,
    )


def decoder(x, w):
    """The context is x + 1."""
    h = normal(x)
    x1 = x + mixed(h, h, w, np.tri(3, dtype=bool))
    x2 = x1 + mixed(normal(x1), x + 1, w, True)
    return x2 + np.maximum(normal(x2) @ w, 0) @ w


def mixed(h, context, w, seen):
    q, k = heads(h @ w, 2, 2), heads(context @ w, 2, 2)
    scores = np.where(seen, q @ np.swapaxes(k, -1, -2) / np.sqrt(2), -np.inf)
    return np.moveaxis(scipy.special.softmax(scores, -1) @ k, 1, 2).reshape(h.shape) @ w


part(
    layers.transformer_decoder_layer,
    decoder,
    X,
    HALF,
    call=lambda x, w: layers.transformer_decoder_layer(x, x + 1, 2, 4, w, activation=wf.relu),
    eps=64,
    special=False,
)


# ---- positions -------------------------------------------------------------------------------------------------------


def angles(time, size):
    return np.arange(time)[:, None] / 10000.0 ** (2 * np.arange(size // 2) / size)


def waves(x):
    found = np.empty((3, 4))
    found[:, 0::2], found[:, 1::2] = np.sin(angles(3, 4)), np.cos(angles(3, 4))
    return x + found


def turned(x, halves=False):
    """Pairs as complex numbers."""
    a, b = (x[..., :2], x[..., 2:]) if halves else (x[..., 0::2], x[..., 1::2])
    z = (a + 1j * b) * np.exp(1j * angles(3, 4))
    return np.concatenate([z.real, z.imag], -1) if halves else np.stack([z.real, z.imag], -1).reshape(x.shape)


part(
    layers.sinusoidal_positions,
    waves,
    X,
    call=lambda x: x + layers.sinusoidal_positions(x.shape[1], 4, dtype=x.dtype),
)
part(
    layers.learned_positions,
    lambda x, w: x + w[:3],
    X,
    Arg((5, 4)),
    call=lambda x, w: layers.learned_positions(x, 5, w),
)
part(layers.rotary, turned, X, special=False)
part(
    layers.rotary,
    lambda x: turned(x, True),
    X,
    call=lambda x: layers.rotary(x, halves=True),
    label="of halves",
    special=False,
)
part(
    layers.alibi,
    lambda s: s - 2.0 ** -np.array([2, 4, 6, 8]).reshape(4, 1, 1) * np.abs(np.arange(3)[:, None] - np.arange(5)),
    Arg((4, 3, 5)),
    call=lambda s: s + layers.alibi(4, 3, 5, dtype=s.dtype),
)

# ---- gates -----------------------------------------------------------------------------------------------------------

SQUARE = Arg((4, 4))
part(
    layers.squeeze_excite,
    lambda x, w: x * scipy.special.expit(np.maximum(x.mean((2, 3)) @ w, 0) @ w)[:, :, None, None],
    Arg(("n", 4, 2, 3)),
    SQUARE,
    call=lambda x, w: layers.squeeze_excite(x, 1, w),
)


def through_highway(x, w, v):
    t = scipy.special.expit(x @ v - 2)
    return t * np.tanh(x @ w) + (1 - t) * x


part(
    layers.highway,
    through_highway,
    Arg(("n", 4)),
    SQUARE,
    SQUARE,
    call=lambda x, w, v: layers.highway(x, w, v, activation=wf.tanh),
    special=False,
)


def additive(q, k, v, w, mask=True):
    scores = np.where(mask, np.tanh(q[:, :, None] + k[:, None]) @ w, -np.inf)
    seen = np.isfinite(scores).any(-1, keepdims=True)
    return np.where(seen, scipy.special.softmax(np.where(seen, scores, 0), -1), 0) @ v


part(layers.additive_attention, additive, Q, K, V, Arg((4,)), special=False)
part(
    layers.additive_attention,
    additive,
    Q,
    K,
    V,
    Arg((4,)),
    MASK,
    call=lambda q, k, v, w, mask: layers.additive_attention(q, k, v, w, mask=mask),
    label="masked",
    special=False,
)
