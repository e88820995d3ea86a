"""Losses of regions, and means of losses."""

import numpy as np

import weft as wf

from . import Arg, part
from .losses import BITS, PART, RATE, X

f = wf.nn.losses

# ---- regions ---------------------------------------------------------------------------------------------------------

IMAGE = Arg(("n", 2, 3), 0.1, 0.9)
part(
    f.dice,
    lambda p, t: 1 - (2 * (p * t).sum((1, 2)) + 1) / ((p + t).sum((1, 2)) + 1),
    IMAGE,
    IMAGE,
)
part(
    f.jaccard,
    lambda p, t: 1 - ((p * t).sum(2) + 1) / ((p + t - p * t).sum(2) + 1),
    IMAGE,
    Arg(("n", 2, 3), dtype="bool"),
    call=lambda p, t: f.jaccard(p, t, axis=2),
)
part(
    f.tversky,
    lambda p, t: 1 - ((p * t).sum(1) + 1) / ((p * t + 0.3 * p * (1 - t) + 0.7 * (1 - p) * t).sum(1) + 1),
    PART,
    PART,
    call=lambda p, t: f.tversky(p, t, 0.3, 0.7),
)


def generalized_dice(p, t):
    w = 1 / np.maximum(t.sum(2), 1) ** 2
    return 1 - 2 * (w * (p * t).sum(2)).sum(1) / (w * (p + t).sum(2)).sum(1)


part(f.generalized_dice, generalized_dice, IMAGE, Arg(("n", 2, 3), dtype="bool"), special=False)
part(
    f.generalized_dice,
    lambda p, t: generalized_dice(np.swapaxes(p, 1, 2), np.swapaxes(t, 1, 2)),
    IMAGE,
    Arg(("n", 2, 3), 0.5, 0.9),
    call=lambda p, t: f.generalized_dice(p, t, axis=-1),
    special=False,
    label="classes last",
)

# ---- means -----------------------------------------------------------------------------------------------------------

part(
    f.weighted_mean,
    lambda x, w: (x * w).sum(1) / w.sum(1),
    X,
    RATE,
    call=lambda x, w: f.weighted_mean(x, w, 1),
)
part(
    f.masked_mean,
    lambda x, m: np.where(m, x, 0).sum(1) / np.maximum(m.sum(1), 1),
    X,
    BITS,
    call=lambda x, m: f.masked_mean(x, m, 1),
)
