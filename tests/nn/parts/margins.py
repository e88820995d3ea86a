"""Losses of margins and of distances, and of sequences of labels."""

import itertools

import numpy as np
import scipy.special

import weft as wf

from . import Arg, functional, part
from .losses import BITS, LABELS, ROWS, X, Y, at, elementwise

f = wf.nn.losses
SAME = Arg(("n",), dtype="bool")


def signs(t):
    return np.where(t, 1.0, -1.0)


def torch_signs(name, **options):
    """torch's function, with -1 and 1 for the bools that are its last argument."""

    def call(*args):
        *floats, t = args
        return elementwise(name, **options)(*floats, t.to(floats[0].dtype) * 2 - 1)

    return call


# ---- margins ---------------------------------------------------------------------------------------------------------

part(f.hinge, lambda s, t: np.maximum(1 - signs(t) * s, 0), X, BITS)
part(
    f.hinge,
    lambda s, t: np.maximum(0.5 - t * s, 0),
    X,
    Y,
    call=lambda s, t: f.hinge(s, t, 0.5),
    special=False,
    label="of numbers",
)
part(f.squared_hinge, lambda s, t: np.maximum(1 - signs(t) * s, 0) ** 2, X, BITS)
part(f.soft_margin, lambda s, t: np.logaddexp(-signs(t) * s, 0), X, BITS, torch=torch_signs("soft_margin_loss"))


def hinges(s, t, delta, p):
    others = np.arange(s.shape[1]) != t[:, None]
    return (np.maximum(s - at(s, t)[:, None] + delta, 0) ** p).sum(1, where=others)


part(
    f.multiclass_hinge,
    lambda s, t: hinges(s, t, 1.0, 1),
    ROWS,
    LABELS,
    torch=lambda s, t: 4 * elementwise("multi_margin_loss")(s, t),
    special=False,
)
part(
    f.multiclass_hinge,
    lambda s, t: hinges(s, t, 0.5, 2),
    ROWS,
    LABELS,
    call=lambda s, t: f.multiclass_hinge(s, t, 0.5, 2),
    torch=lambda s, t: 4 * elementwise("multi_margin_loss", p=2, margin=0.5)(s, t),
    special=False,
    label="squared",
)
part(
    f.categorical_hinge,
    lambda s, t: np.maximum(1 - at(s, t) + np.where(np.arange(4) == t[:, None], -np.inf, s).max(1), 0),
    ROWS,
    LABELS,
    special=False,
)


def pairs(s, t):
    gaps = np.maximum(1 - s[:, :, None] + s[:, None, :], 0)
    return np.where(t[:, :, None] & ~t[:, None, :], gaps, 0).sum((1, 2)) / s.shape[1]


def torch_pairs(s, t):
    import torch

    classes = [[i for i, chosen in enumerate(row) if chosen] for row in t.tolist()]
    padded = torch.tensor([row + [-1] * (t.shape[1] - len(row)) for row in classes])
    return elementwise("multilabel_margin_loss")(s, padded)


part(f.multilabel_margin, pairs, X, BITS, torch=torch_pairs, special=False)
part(
    f.multilabel_soft_margin,
    lambda z, t: (np.logaddexp(-signs(t) * z, 0) * [1, 2, 0.5]).mean(1),
    X,
    BITS,
    call=lambda z, t: f.multilabel_soft_margin(z, t, np.array([1, 2, 0.5])),
    torch=lambda z, t: elementwise("multilabel_soft_margin_loss", weight=z.new_tensor([1, 2, 0.5]))(z, t.to(z.dtype)),
    special=False,
)
part(
    f.margin_ranking,
    lambda a, b, t: np.maximum(0.3 - signs(t) * (a - b), 0),
    X,
    Y,
    BITS,
    call=lambda a, b, t: f.margin_ranking(a, b, t, 0.3),
    torch=torch_signs("margin_ranking_loss", margin=0.3),
)
part(
    f.hinge_embedding,
    lambda d, t: np.where(t, d, np.maximum(1.5 - d, 0)),
    Arg(("n", 3), 0, 3),
    BITS,
    call=lambda d, t: f.hinge_embedding(d, t, 1.5),
    torch=torch_signs("hinge_embedding_loss", margin=1.5),
)

# ---- distances -------------------------------------------------------------------------------------------------------


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))


def norm(x, p=2.0):
    return (np.abs(x) ** p).sum(-1) ** (1 / p)


for _p in (1, 2.0, 3.5):
    part(
        f.distance,
        lambda a, b, p=_p: norm(a - b, p),
        X,
        Y,
        call=lambda a, b, p=_p: f.distance(a, b, p),
        torch=functional("pairwise_distance", p=_p, eps=0.0),
        special=False,
        label=f"p = {_p:g}",
    )
part(
    f.distance,
    lambda a, b: np.abs(a - b).max(1),
    Arg(("n", 3, 2)),
    Arg((3, 2)),
    call=lambda a, b: f.distance(a, b, float("inf"), axis=1),
    label="the largest",
)
part(f.cosine_similarity, cosine, X, Y, torch=functional("cosine_similarity"), special=False)
part(
    f.cosine_embedding,
    lambda a, b, t: np.where(t, 1 - cosine(a, b), np.maximum(cosine(a, b) - 0.2, 0)),
    X,
    Y,
    SAME,
    call=lambda a, b, t: f.cosine_embedding(a, b, t, 0.2),
    torch=lambda a, b, t: (
        ((c := functional("cosine_similarity")(a, b)) * 0).where(~t, 1 - c) + (c - 0.2).clamp(min=0) * ~t
    ),
    special=False,
)
part(
    f.triplet_margin,
    lambda a, p, n: np.maximum(norm(a - p) - norm(a - n) + 1, 0),
    X,
    Y,
    X,
    torch=elementwise("triplet_margin_loss", eps=0.0),
    special=False,
)
part(
    f.triplet_margin,
    lambda a, p, n: np.maximum(norm(a - p, 3) - np.minimum(norm(a - n, 3), norm(p - n, 3)) + 0.5, 0),
    X,
    Y,
    X,
    call=lambda a, p, n: f.triplet_margin(a, p, n, 0.5, p=3, swap=True),
    torch=elementwise("triplet_margin_loss", eps=0.0, p=3, swap=True, margin=0.5),
    special=False,
    label="swapped",
)
part(
    f.contrastive,
    lambda a, b, t: np.where(t, norm(a - b), np.maximum(2.5 - norm(a - b), 0)) ** 2 / 2,
    X,
    Y,
    SAME,
    call=lambda a, b, t: f.contrastive(a, b, t, 2.5),
    special=False,
)


def log_rows(z):
    """log_softmax, also of no columns."""
    return z - np.logaddexp.reduce(z, -1, keepdims=True)


def units(x):
    return x / norm(x)[:, None]


def info_nce(a, b):
    return -np.diagonal(log_rows(units(a) @ units(b).T / 0.5))


def ntxent(a, b):
    views = units(np.concatenate([a, b]))
    z = views @ views.T / 0.5
    np.fill_diagonal(z, -np.inf)
    n = len(a)
    return -log_rows(z)[np.arange(2 * n), (np.arange(2 * n) + n) % max(2 * n, 1)]


part(f.info_nce, info_nce, X, Y, call=lambda a, b: f.info_nce(a, b, 0.5), special=False)
part(f.ntxent, ntxent, X, Y, special=False)

# ---- sequences -------------------------------------------------------------------------------------------------------

STEPS, GIVEN, MOST = 4, np.array([[1, 2], [1, 1], [2, 0]]), np.array([2, 2, 1])


def spells(path, labels):
    return [c for c, _ in itertools.groupby(path) if c] == list(labels)


def ctc(z):
    """All paths, one by one."""
    lp = scipy.special.log_softmax(z, -1)
    out = np.zeros(3)
    for i, (labels, most, steps) in enumerate(zip(GIVEN, MOST, (4, 3, 2), strict=True)):
        ways = [p for p in itertools.product(range(3), repeat=steps) if spells(p, labels[:most])]
        out[i] = -scipy.special.logsumexp([sum(lp[t, i, c] for t, c in enumerate(p)) for p in ways])
    return out


def torch_ctc(z):
    import torch

    lengths = [torch.tensor(v) for v in (GIVEN, [4, 3, 2], MOST)]
    return functional("ctc_loss", reduction="none")(z.log_softmax(-1), *lengths)


part(
    f.ctc,
    ctc,
    Arg((STEPS, 3, 3)),
    call=lambda z: f.ctc(wf.log_softmax(z), GIVEN, np.array([4, 3, 2]), MOST),
    torch=torch_ctc,
    special=False,
    sizes=(3,),
)


def circle(x, t, m=0.25, gamma=3.0):
    """Pair by pair."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    s, out = x @ x.T, np.zeros(len(x))
    for i, own in enumerate(t):
        near = [np.exp(-gamma * max(1 + m - v, 0) * (v - 1 + m)) for j, v in enumerate(s[i]) if t[j] == own and j != i]
        far = [np.exp(gamma * max(v + m, 0) * (v - m)) for j, v in enumerate(s[i]) if t[j] != own]
        out[i] = np.log1p(sum(near) * sum(far))
    return out


part(
    f.circle,
    circle,
    Arg(("n", 4)),
    LABELS,
    call=lambda x, t: f.circle(x, t, 0.25, 3.0),
    special=False,
    eps=64,
)
