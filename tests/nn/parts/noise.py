"""Noise: what is left of it at test time.  What it draws: tests/nn/test_noise.py."""

import numpy as np

import weft as wf

from . import Arg, part

layers = wf.nn.layers
OF_RATES = ("dropout", "alpha_dropout", "drop_connect", "gaussian_dropout", "gaussian_noise", "stochastic_depth")

for _name in (*OF_RATES, "spatial_dropout"):
    _op = getattr(layers, _name)
    part(_op, np.array, Arg(("n", 3)), call=lambda x, op=_op: op(x, 0.5, training=False), label="at test time")
part(
    layers.shakeout,
    lambda x, w: x @ w,
    Arg(("n", 3)),
    Arg((3, 2)),
    call=lambda x, w: layers.shakeout(x, w, 0.5, 0.1, training=False),
    label="at test time",
)
