"""Activations of numbers and of rows."""

import numpy as np
import scipy.special

import weft as wf

from . import Arg, functional, part

f, layers = wf.nn.activations, wf.nn.layers
X, FAR, SLOPE = Arg(), Arg(("n", 3), -5, 5), Arg((3,), 0.1, 0.9)
HALF = Arg(("n", 3), 0.05, 0.45)


def sparsemax(x):
    """Row by row, by trying supports: the one of the k largest for which all k stay above 0, and no other."""
    out = np.zeros(x.shape, x.dtype)
    for row, found in zip(x.reshape(-1, x.shape[-1]), out.reshape(-1, x.shape[-1]), strict=True):
        falling = np.sort(row)[::-1]
        taus = [(falling[:k].sum() - 1) / k for k in range(1, len(row) + 1)]
        found[:] = np.maximum(row - max(taus), 0)  # each tau but the right one is too small
    return out


def glu(x):
    a, b = np.split(x, 2, -1)
    return a * scipy.special.expit(b)


def kept(x, mask):
    return np.where(mask, x, np.zeros_like(x))


ELU = 1.6732632423543772
part(
    f.selu,
    lambda x: 1.0507009873554805 * np.where(x > 0, x, ELU * np.expm1(np.minimum(x, 0))),
    FAR,
    torch=functional("selu"),
)
part(
    f.celu,
    lambda x: np.where(x > 0, x, 1.5 * np.expm1(np.minimum(x, 0) / 1.5)),
    FAR,
    call=lambda x: f.celu(x, 1.5),
    torch=functional("celu", alpha=1.5),
)
part(f.mish, lambda x: x * np.tanh(np.logaddexp(x, 0)), FAR, torch=functional("mish"))
part(f.swish, lambda x, b: x * scipy.special.expit(b * x), FAR, Arg((3,)), torch=lambda x, b: x * (b * x).sigmoid())
part(
    f.gelu_tanh,
    lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    FAR,
    torch=functional("gelu", approximate="tanh"),
    special=False,  # -inf * 0
)
part(f.squareplus, lambda x: (x + np.sqrt(x**2 + 4)) / 2, FAR, special=False)  # the formula is inf - inf
part(f.relu6, lambda x: np.clip(x, 0, 6), Arg(("n", 3), -9, 9), torch=functional("relu6"))
part(f.hard_swish, lambda x: x * np.clip(x + 3, 0, 6) / 6, FAR, torch=functional("hardswish"))
part(
    f.hard_tanh,
    lambda x: np.clip(x, -1, 2),
    FAR,
    call=lambda x: f.hard_tanh(x, -1, 2.0),
    torch=functional("hardtanh", min_val=-1, max_val=2),
)
part(f.hard_shrink, lambda x: kept(x, ~(np.abs(x) <= 0.5)), X, torch=functional("hardshrink"))
part(
    f.soft_shrink,
    lambda x: np.maximum(x - 0.5, 0) - np.maximum(-x - 0.5, 0),
    X,
    torch=functional("softshrink"),
)
part(f.tanh_shrink, lambda x: x - np.tanh(x), FAR, torch=functional("tanhshrink"))
part(
    f.threshold,
    lambda x: np.where(x <= 0.5, np.asarray(-2, x.dtype), x),
    X,
    call=lambda x: f.threshold(x, 0.5, -2.0),
    torch=functional("threshold", threshold=0.5, value=-2.0),
)
part(f.prelu, lambda x, s: np.where(x > 0, x, s * x), X, SLOPE, torch=functional("prelu"))
part(
    layers.prelu,
    lambda x, s: np.where(x > 0, x, s * x),
    X,
    SLOPE,
    call=lambda x, s: layers.prelu(x, s),
    torch=functional("prelu"),
    label="as a layer",
)
part(
    f.prelu,
    lambda x, s: np.where(x > 0, x, s[:, None] * x),
    Arg(("n", 3, 2)),
    SLOPE,
    torch=functional("prelu"),
    label="of images",
)


class Given(wf.random.Stream):
    """Draws that are arguments."""

    def __init__(self, unit):
        self.unit = unit

    def uniform(self, shape, low=0.0, high=1.0, dtype=None):
        return self.unit * (high - low) + low


part(
    layers.rrelu,
    lambda x, u: np.where(x > 0, x, x * (0.1 + 0.5 * u)),
    FAR,
    Arg(("n", 3), 0, 1),
    call=lambda x, u: layers.rrelu(x, 0.1, 0.6, Given(u)),
)
part(
    layers.rrelu,
    lambda x: np.where(x > 0, x, x * 11 / 48),
    FAR,
    call=lambda x: layers.rrelu(x, training=False),
    torch=functional("rrelu"),
    label="at test time",
)
part(
    layers.gumbel_softmax,
    lambda x, u: scipy.special.softmax((x - np.log(-np.log(u))) / 0.5, 1),
    Arg(("n", 3, 2)),
    Arg(("n", 3, 2), 0.1, 0.9),
    call=lambda x, u: layers.gumbel_softmax(x, 0.5, Given(u), axis=1),
    special=False,
)
part(f.glu, glu, Arg(("n", 4)), torch=functional("glu"))
part(
    f.glu,
    lambda x: np.moveaxis(glu(np.moveaxis(x, 1, -1)), -1, 1),
    Arg(("n", 4, 2)),
    call=lambda x: f.glu(x, 1),
    torch=functional("glu", dim=1),
    label="of channels",
)
part(f.softmin, lambda x: scipy.special.softmax(-x, -1), X, torch=functional("softmin", dim=-1))
part(f.sparsemax, sparsemax, Arg(("n", 4)), special=False)
part(f.sparsemax, sparsemax, HALF, special=False, label="of whole support")
part(
    f.sparsemax,
    lambda x: np.moveaxis(sparsemax(np.moveaxis(x, 1, -1)), -1, 1),
    Arg(("n", 4, 2)),
    call=lambda x: f.sparsemax(x, 1),
    special=False,
    label="of channels",
)
part(f.maxout, lambda x: x.reshape(-1, 3, 2).max(2), Arg(("n", 6)), call=lambda x: f.maxout(x, 2))
part(
    f.maxout,
    lambda x: x.reshape(-1, 2, 2, 3).max(2),
    Arg(("n", 4, 3)),
    call=lambda x: f.maxout(x, 2),
    label="of channels",
)
