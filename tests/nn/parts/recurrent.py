"""Recurrent layers and their cells.  Sequences of two steps: a loop takes long to compile."""

import numpy as np
import scipy.special

import weft as wf

from . import Arg, part

layers = wf.nn.layers
sigmoid = scipy.special.expit
X, H = Arg(("n", 3)), Arg(("n", 2))


def weights(gates):
    return Arg((3, 2 * gates)), Arg((2, 2 * gates)), Arg((2 * gates,))


def rnn_step(x, h, w, w_h, b):
    return np.tanh(x @ w + h @ w_h + b)


def lstm_step(x, h, c, w, w_h, b, p=None):
    i, f, g, o = np.split(x @ w + h @ w_h + b, 4, -1)
    if p is not None:
        i, f = i + c * p[0], f + c * p[1]
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o if p is None else o + c * p[2]) * np.tanh(c), c


def gru_step(x, h, w, w_h, b, b_h, after=True):
    from_x, from_h = x @ w + b, h @ w_h
    r, z = sigmoid(from_x[:, :2] + from_h[:, :2]), sigmoid(from_x[:, 2:4] + from_h[:, 2:4])
    part_of_h = r * (from_h[:, 4:] + b_h) if after else (r * h) @ w_h[:, 4:] + b_h
    n = np.tanh(from_x[:, 4:] + part_of_h)
    return (1 - z) * n + z * h


def torch_cell(name, state=1):
    def call(x, *given):
        import torch

        h, (w, w_h, b, *more) = given[:state], given[state:]
        b_h = torch.cat([torch.zeros(4, dtype=b.dtype), more[0]]) if more else torch.zeros_like(b)
        found = getattr(torch, name)(x, h[0] if state == 1 else h, w.T, w_h.T, b, b_h)
        return found if state == 1 else torch.cat(found, -1)

    return call


part(layers.rnn_cell, rnn_step, X, H, *weights(1), torch=torch_cell("rnn_tanh_cell"))
part(
    layers.lstm_cell,
    lambda *given: np.concatenate(lstm_step(*given), -1),
    X,
    H,
    H,
    *weights(4),
    call=lambda x, h, c, *w: wf.concatenate(layers.lstm_cell(x, (h, c), *w), -1),
    torch=torch_cell("lstm_cell", 2),
)
part(
    layers.lstm_cell,
    lambda *given: np.concatenate(lstm_step(*given), -1),
    X,
    H,
    H,
    *weights(4),
    Arg((3, 2)),
    call=lambda x, h, c, *w: wf.concatenate(layers.lstm_cell(x, (h, c), *w), -1),
    label="with peepholes",
)
part(layers.gru_cell, gru_step, X, H, *weights(3), Arg((2,)), torch=torch_cell("gru_cell"))
part(
    layers.gru_cell,
    lambda *given: gru_step(*given, after=False),
    X,
    H,
    *weights(3),
    Arg((2,)),
    call=lambda *given: layers.gru_cell(*given, reset_after=False),
    label="reset before",
)

SEQUENCES = Arg(("n", 2, 3))


def steps(step, x, states):
    """The outputs after each step, and the last states beside them."""
    outputs = []
    for t in range(x.shape[1]):
        states = step(x[:, t], states)
        outputs.append(states[0])
    return np.concatenate([*outputs, *states], -1)


def joined(found):
    """(outputs, state) as one array, of two steps."""
    outputs, state = found
    states = state if isinstance(state, tuple) else (state,)
    return wf.concatenate([outputs[:, 0], outputs[:, 1], *states], -1)


def torch_layer(name, states=1, both=False):
    def call(x, w, w_h, b, *more):
        import torch

        b_h = torch.cat([torch.zeros(4, dtype=b.dtype), more[0]]) if more else torch.zeros_like(b)
        start = torch.zeros(2 if both else 1, len(x), 2, dtype=x.dtype)
        params = [w.T, w_h.T, b, b_h]
        first = start if states == 1 else (start, start)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        how = (True, 1, 0.0, False, both, True)
        found = getattr(torch, name)(x, first, params * 2 if both else params, *how)
        if both:
            return found[0]
        return torch.cat([found[0][:, 0], found[0][:, 1], *[s[0] for s in found[1:]]], -1)

    return call


def zeros(x):
    return np.zeros((len(x), 2))


part(
    layers.rnn,
    lambda x, *w: steps(lambda a, s: (rnn_step(a, *s, *w),), x, (zeros(x),)),
    SEQUENCES,
    *weights(1),
    call=lambda x, *w: joined(layers.rnn(x, 2, *w)),
    torch=torch_layer("rnn_tanh"),
)
part(
    layers.lstm,
    lambda x, *w: steps(lambda a, s: lstm_step(a, *s, *w), x, (zeros(x), zeros(x))),
    SEQUENCES,
    *weights(4),
    call=lambda x, *w: joined(layers.lstm(x, 2, *w)),
    torch=torch_layer("lstm", 2),
)
part(
    layers.gru,
    lambda x, *w: steps(lambda a, s: (gru_step(a, *s, *w),), x, (zeros(x),)),
    SEQUENCES,
    *weights(3),
    Arg((2,)),
    call=lambda x, *w: joined(layers.gru(x, 2, *w)),
    torch=torch_layer("gru"),
)


def both_ways(x, *w):
    there = steps(lambda a, s: (rnn_step(a, *s, *w),), x, (zeros(x),))
    back = steps(lambda a, s: (rnn_step(a, *s, *w),), x[:, ::-1], (zeros(x),))
    return np.stack([there[:, [0, 1]], there[:, [2, 3]]], 1), np.stack([back[:, [2, 3]], back[:, [0, 1]]], 1)


part(
    layers.bidirectional,
    lambda x, *w: np.concatenate(both_ways(x, *w), -1),
    SEQUENCES,
    *weights(1),
    call=lambda x, w, w_h, b: layers.bidirectional(layers.rnn, x, 2, w=w, w_h=w_h, b=b)[0],
    torch=torch_layer("rnn_tanh", both=True),
)


def convolved(x, w):
    """(n, ..., 2, 3) against kernels (..., 3, 1): windows of three rows, with a row of zeros above and below."""
    wide = np.pad(x, [(0, 0), (0, 0), (1, 1), (0, 0)])
    return sum(np.einsum("nchw,oc->nohw", wide[:, :, k : k + x.shape[2]], w[:, :, k, 0]) for k in range(3))


def conv_lstm(x, w, w_h, b):
    h = c = np.zeros((len(x), 1, *x.shape[3:]))
    outputs = []
    for t in range(2):
        i, f, g, o = np.split(convolved(x[:, t], w) + convolved(h, w_h) + b[:, None, None], 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack([*outputs, c], 1)


part(
    layers.conv_lstm2d,
    conv_lstm,
    Arg(("n", 2, 2, 2, 3)),
    Arg((4, 2, 3, 1)),
    Arg((4, 1, 3, 1)),
    Arg((4,)),
    call=lambda x, *w: (lambda y, state: wf.concatenate([y, state[1][:, None]], 1))(
        *layers.conv_lstm2d(x, 1, (3, 1), *w)
    ),
    special=False,  # infinity times the zeros of the padding
)
for _op, _ones in ((layers.conv_lstm1d, ()), (layers.conv_lstm3d, (1, 1))):
    part(
        _op,
        lambda x, w, w_h, b, ones=_ones: conv_lstm(
            x.reshape(*x.shape[:4], 1), *(v.reshape(*v.shape[:2], 3, 1) for v in (w, w_h)), b
        ).reshape(len(x), 3, 1, 2, *ones),
        Arg(("n", 2, 2, 2, *_ones)),
        Arg((4, 2, 3, *_ones)),
        Arg((4, 1, 3, *_ones)),
        Arg((4,)),
        call=lambda x, *w, op=_op, ones=_ones: (lambda y, state: wf.concatenate([y, state[1][:, None]], 1))(
            *op(x, 1, (3, *ones), *w)
        ),
        special=False,
    )
