"""Activations."""

import numpy as np

import weft as wf

from ...calls import STREAM, V, X, call

f, layers = wf.nn.activations, wf.nn.layers

CALLS = {f"activations.{name}": call(getattr(f, name), X) for name in ("selu", "mish", "gelu_tanh", "squareplus")} | {
    "activations.relu6": call(f.relu6, X),
    "activations.hard_swish": call(f.hard_swish, X),
    "activations.tanh_shrink": call(f.tanh_shrink, X),
    "activations.celu": call(f.celu, X, alpha=0.5),
    "activations.swish": call(f.swish, X, beta=0.5),
    "activations.hard_tanh": call(f.hard_tanh, X, low=-0.5, high=0.5),
    "activations.hard_shrink": call(f.hard_shrink, X, threshold=0.5),
    "activations.soft_shrink": call(f.soft_shrink, X, threshold=0.5),
    "activations.threshold": call(f.threshold, X, 0.5, value=0.5),
    "activations.prelu": call(f.prelu, X, V, axis=1),
    "layers.prelu": call(layers.prelu, X, np.zeros(4), axis=1, name="prelu"),
    "layers.rrelu": call(layers.rrelu, X, low=0.1, high=0.3, rng=STREAM, training=True),
    "layers.gumbel_softmax": call(layers.gumbel_softmax, X, temperature=0.5, rng=STREAM, hard=True, axis=-1),
    "activations.glu": call(f.glu, X, axis=1),
    "activations.softmin": call(f.softmin, X, axis=-1),
    "activations.sparsemax": call(f.sparsemax, X, axis=-1),
    "activations.maxout": call(f.maxout, X, 2, axis=1),
}
