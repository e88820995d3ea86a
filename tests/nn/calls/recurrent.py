"""Recurrent layers and their cells."""

import numpy as np

import weft as wf

from ...calls import CUBE, RNG, X, call

layers, init = wf.nn.layers, wf.nn.init
H = wf.matrix("h", (3, 2))
STATE = wf.matrix("state", (2, 3))
MASK = wf.matrix("mask", (2, 3), "bool")


def weights(inputs, units, gates):
    return [np.ones(s, np.float32) for s in ((inputs, gates * units), (units, gates * units), (gates * units,))]


LOOP = {"mask": MASK, "lengths": None, "reverse": True, "time_first": False, "rng": RNG, "name": "r"}
BEGIN = (init.glorot_uniform, init.orthogonal, 0.0)

CALLS = {
    "layers.rnn_cell": call(layers.rnn_cell, X, H, *weights(4, 2, 1), activation=wf.tanh),
    "layers.lstm_cell": call(layers.lstm_cell, X, (H, H), *weights(4, 2, 4), peepholes=np.ones((3, 2))),
    "layers.gru_cell": call(layers.gru_cell, X, H, *weights(4, 2, 3), np.ones(2, np.float32), reset_after=True),
    "layers.rnn": call(layers.rnn, CUBE, 3, *BEGIN, activation=wf.tanh, state=STATE, **LOOP),
    "layers.lstm": call(layers.lstm, CUBE, 3, *BEGIN, forget_bias=1.0, peepholes=0.0, state=(STATE, STATE), **LOOP),
    "layers.gru": call(layers.gru, CUBE, 3, *BEGIN, 0.0, reset_after=False, state=STATE, **LOOP),
    "layers.conv_lstm2d": call(
        layers.conv_lstm2d, wf.zeros((2, 3, 2, 4, 5)), 2, 3, *BEGIN, forget_bias=1.0, state=(wf.zeros((4, 5)), 0.0),
        reverse=True, rng=RNG, name="c",
    ),
    "layers.conv_lstm1d": call(layers.conv_lstm1d, wf.zeros((2, 3, 2, 4)), 2, 3, *BEGIN, state=(0.0, 0.0), name="c"),
    "layers.conv_lstm3d": call(layers.conv_lstm3d, wf.zeros((2, 3, 2, 3, 2, 3)), 2, 1, *BEGIN, reverse=True, name="c"),
    "layers.bidirectional": call(
        layers.bidirectional, layers.gru, CUBE, 3, forward={"b": 0.5}, backward=None, name="b", rng=RNG
    ),
}  # fmt: skip
