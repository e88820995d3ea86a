"""Normalisations, reparametrisations, noise, embeddings."""

import weft as wf

from ...calls import BIAS, IMAGES, LABELS, RNG, STREAM, B, W, X, call

layers = wf.nn.layers
NOISY = {"drop_connect": W, "dropout": X, "gaussian_dropout": X, "stochastic_depth": IMAGES}

CALLS = {
    "layers.layer_norm": call(layers.layer_norm, X, 1.0, 0.0, axes=-1, eps=1e-5, name="n"),
    "layers.rms_norm": call(layers.rms_norm, X, 1.0, axes=-1, eps=1e-5, name="n"),
    "layers.group_norm": call(layers.group_norm, IMAGES, 3, 1.0, 0.0, eps=1e-5, axis=1, name="n"),
    "layers.instance_norm": call(layers.instance_norm, IMAGES, 1.0, 0.0, eps=1e-5, axis=1, name="n"),
    "layers.weight_norm": call(layers.weight_norm, W, BIAS, 1, name="n"),
    "layers.spectral_norm": call(layers.spectral_norm, W, 1, B, wf.nn.init.normal, rng=RNG, name="n"),
    "layers.unit_norm": call(layers.unit_norm, X, axis=1, p=3.0, eps=1e-3),
    "layers.spatial_dropout": call(layers.spatial_dropout, IMAGES, 0.5, STREAM, True, axis=1),
    "layers.alpha_dropout": call(layers.alpha_dropout, X, 0.5, STREAM, B, axis=1),
    "layers.gaussian_noise": call(layers.gaussian_noise, X, 0.5, STREAM, B),
    "layers.shakeout": call(layers.shakeout, X, W, 0.5, 0.1, STREAM, True),
    "layers.embedding": call(
        layers.embedding, LABELS, 5, 2, wf.nn.init.normal, padding_index=1, max_norm=1.0, rng=RNG, name="e"
    ),
    "layers.embedding_bag": call(
        layers.embedding_bag, wf.matrix("bags", (3, 4), "int64"), 5, 2, wf.nn.init.normal, mode="mean",
        padding_index=1, rng=RNG, name="e",
    ),
} | {f"layers.{name}": call(getattr(layers, name), x, 0.5, STREAM, B) for name, x in NOISY.items()}  # fmt: skip
