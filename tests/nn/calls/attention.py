"""Attention, positions, gates."""

import weft as wf

from ...calls import CUBE, FLAGS, IMAGES, RNG, STREAM, B, X, call

layers, init = wf.nn.layers, wf.nn.init
SEEN = wf.tensor("seen", (2, 1, 3, 3), "bool")
BIAS = wf.tensor("bias", (2, 3, 3))
KEYS = wf.matrix("keys", (4, 4))
NOISE = {"dropout": 0.1, "rng": RNG, "stream": STREAM, "training": B}
LAYER = {"activation": wf.relu, "norm": layers.rms_norm, "norm_first": True, "mask": SEEN, "causal": True}

CALLS = {
    "layers.dot_product_attention": call(
        layers.dot_product_attention, X, KEYS, KEYS, FLAGS, bias=X, causal=True, scale=0.5, dropout=0.1, rng=STREAM,
        training=B,
    ),
    "layers.multi_head_attention": call(
        layers.multi_head_attention, CUBE, 2, CUBE, init.glorot_uniform, 0.0, kv_heads=1, size=2, mask=SEEN, bias=BIAS,
        causal=True, rotate=layers.rotary, **NOISE, name="a",
    ),
    "layers.transformer_encoder_layer": call(
        layers.transformer_encoder_layer, CUBE, 2, 3, init.glorot_uniform, **LAYER, bias=BIAS, rotate=layers.rotary,
        kv_heads=1, **NOISE, name="a",
    ),
    "layers.transformer_decoder_layer": call(
        layers.transformer_decoder_layer, CUBE, CUBE, 2, 3, init.glorot_uniform, **LAYER, context_mask=SEEN, **NOISE,
        name="a",
    ),
    "layers.sinusoidal_positions": call(layers.sinusoidal_positions, 3, 4, base=100.0, dtype="float32"),
    "layers.learned_positions": call(layers.learned_positions, CUBE, 5, init.normal, rng=RNG, name="p"),
    "layers.rotary": call(layers.rotary, CUBE, base=100.0, halves=True),
    "layers.alibi": call(layers.alibi, 4, 3, 3, dtype="float32"),
    "layers.squeeze_excite": call(layers.squeeze_excite, IMAGES, 2, init.he_normal, rng=RNG, name="s"),
    "layers.highway": call(
        layers.highway, X, init.he_normal, init.he_normal, 0.0, -2.0, activation=wf.tanh, rng=RNG, name="h"
    ),
    "layers.additive_attention": call(
        layers.additive_attention, X, KEYS, KEYS, init.normal, mask=FLAGS, rng=RNG, name="a"
    ),
}  # fmt: skip
