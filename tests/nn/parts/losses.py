"""Losses of numbers, of distributions and of classes."""

import numpy as np
import scipy.special
import scipy.stats

import weft as wf

from . import Arg, functional, part
from .activations import sparsemax

f = wf.nn.losses
X, Y = Arg(), Arg()
FAR, NEAR = Arg(("n", 3), 2.2, 5), Arg(("n", 3), -0.4, 0.4)
PART, RATE, COUNT = Arg(("n", 3), 0.1, 0.9), Arg(("n", 3), 0.3, 3), Arg(("n", 3), 2, 6, "int64")
ROWS, LABELS = Arg(("n", 4)), Arg(("n",), 0, 3, "int64")
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25])
BITS = Arg(("n", 3), dtype="bool")
SIGN = Arg(("n", 3), 0, 1, "int64")  # doubled, less 1


def shrunk(r, delta):
    return np.where(np.abs(r) <= delta, r * r / 2, delta * (np.abs(r) - delta / 2))


def elementwise(name, **options):
    return functional(name, reduction="none", **options)


# ---- numbers ---------------------------------------------------------------------------------------------------------

for _domain in (NEAR, FAR):
    _label = "near" if _domain is NEAR else "far"
    _one, _two = Arg(("n", 3), 0, 0.4), Arg(("n", 3), -0.4, 0)
    _args = (_one, _two) if _domain is NEAR else (FAR, Arg(("n", 3), -2, 0))
    part(
        f.huber,
        lambda y, t: shrunk(y - t, 1.5),
        *_args,
        call=lambda y, t: f.huber(y, t, 1.5),
        torch=elementwise("huber_loss", delta=1.5),
        label=_label,
    )
    part(
        f.smooth_l1,
        lambda y, t: shrunk(y - t, 1.5) / 1.5,
        *_args,
        call=lambda y, t: f.smooth_l1(y, t, 1.5),
        torch=elementwise("smooth_l1_loss", beta=1.5),
        label=_label,
    )
    part(f.log_cosh, lambda y, t: np.log(np.cosh(y - t)), *_args, label=_label)
part(f.squared_error, lambda y, t: (y - t) ** 2, X, Y, torch=elementwise("mse_loss"))
part(f.absolute_error, lambda y, t: np.abs(y - t), X, Y, torch=elementwise("l1_loss"))
part(
    f.quantile_error,
    lambda y, t: np.maximum(0.3 * (t - y), -0.7 * (t - y)),
    X,
    Y,
    call=lambda y, t: f.quantile_error(y, t, 0.3),
)
part(f.absolute_percentage_error, lambda y, t: 100 * np.abs(y - t) / np.abs(t), X, RATE, eps=64)
part(f.squared_logarithmic_error, lambda y, t: (np.log1p(y) - np.log1p(t)) ** 2, PART, RATE)

# ---- distributions ---------------------------------------------------------------------------------------------------

part(
    f.bernoulli_nll,
    lambda p, t: -t * np.log(p) - (1 - t) * np.log1p(-p),
    PART,
    PART,
    torch=elementwise("binary_cross_entropy"),
    special=False,
)
part(
    f.kl_div,
    lambda y, t: scipy.special.rel_entr(t, np.exp(y)),
    X,
    PART,
    torch=elementwise("kl_div"),
    special=False,  # exp(y) is another function where y is infinite
)
part(
    f.kl_div,
    lambda y, t: np.exp(t) * (t - y),
    X,
    Y,
    call=lambda y, t: f.kl_div(y, t, log_targets=True),
    torch=elementwise("kl_div", log_target=True),
    special=False,  # of 0 probability it is 0
    label="of logarithms",
)
part(f.poisson_nll, lambda z, t: np.exp(z) - t * z, X, COUNT, torch=elementwise("poisson_nll_loss"))
part(
    f.poisson_nll,
    lambda r, t: r - t * np.log(r + 1e-8) + t * np.log(t) - t + np.log(2 * np.pi * t) / 2,
    RATE,
    Arg(("n", 3), 1.2, 6),
    call=lambda r, t: f.poisson_nll(r, t, log_input=False, full=True),
    torch=elementwise("poisson_nll_loss", log_input=False, full=True),
    special=False,
    label="of rates, in full",
)
part(
    f.gaussian_nll,
    lambda m, t, v: -scipy.stats.norm.logpdf(t, m, np.sqrt(v)),
    X,
    Y,
    RATE,
    call=lambda m, t, v: f.gaussian_nll(m, t, v, full=True),
    torch=lambda m, t, v: functional("gaussian_nll_loss", full=True, reduction="none")(m, t, v),
    special=False,
)
part(
    f.gaussian_nll,
    lambda m, t, v: (np.log(v) + (m - t) ** 2 / v) / 2,
    X,
    Y,
    Arg(("n", 1), 0.3, 3),
    special=False,
    label="of rows",
)

# ---- classes ---------------------------------------------------------------------------------------------------------


def log_softmax(z):
    return scipy.special.log_softmax(z, -1)


def at(values, labels):
    return np.take_along_axis(values, labels[..., None], -1)[..., 0]


def entropy(z, t):
    """Weighted and smoothed."""
    lp = log_softmax(z)
    smooth = 0.3 / 4 * -(lp * WEIGHTS).sum(-1)
    return np.where(t == 1, 0, 0.7 * WEIGHTS[t] * -at(lp, t) + smooth)


def torch_entropy(z, t):
    import torch

    return functional(
        "cross_entropy", weight=torch.tensor(WEIGHTS), ignore_index=1, label_smoothing=0.3, reduction="none"
    )(z, t)


part(
    f.crossentropy,
    lambda z, t: -at(log_softmax(z), t),
    ROWS,
    LABELS,
    torch=elementwise("cross_entropy"),
    special=False,  # NaN where SciPy has infinities
)
part(
    f.crossentropy,
    entropy,
    ROWS,
    LABELS,
    call=lambda z, t: f.crossentropy(z, t, class_weights=WEIGHTS, ignore_index=1, label_smoothing=0.3),
    torch=torch_entropy,
    special=False,
    label="with all options",
)
part(
    f.crossentropy,
    lambda z, t: np.where(t == 2, 0, -at(log_softmax(np.moveaxis(z, 1, -1)), t)),
    Arg(("n", 3, 2)),
    Arg(("n", 2), 0, 2, "int64"),
    call=lambda z, t: f.crossentropy(z, t, axis=1, ignore_index=2),
    torch=elementwise("cross_entropy", ignore_index=2),
    special=False,
    label="of images",
)
part(
    f.crossentropy,
    lambda z, t: -((0.8 * t + 0.05) * WEIGHTS * log_softmax(z)).sum(-1),
    ROWS,
    Arg(("n", 4), 0.1, 0.4),
    call=lambda z, t: f.crossentropy(z, t, class_weights=WEIGHTS, label_smoothing=0.2),
    torch=lambda z, t: -((0.8 * t + 0.05) * t.new_tensor(WEIGHTS) * z.log_softmax(-1)).sum(-1),
    special=False,
    label="of probabilities",
)
part(
    f.nll,
    lambda z, t, w: w[t] * -at(z, t),
    ROWS,
    LABELS,
    Arg((4,), 0.5, 2),
    call=lambda z, t, w: f.nll(z, t, class_weights=w),
    torch=lambda z, t, w: -z.gather(1, t[:, None])[:, 0] * w[t],
    special=False,
)
part(
    f.nll,
    lambda z, t: -at(np.moveaxis(z, 1, -1), t),
    Arg(("n", 3, 2)),
    Arg(("n", 2), 0, 2, "int64"),
    call=lambda z, t: f.nll(z, t, axis=1),
    torch=elementwise("nll_loss"),
    label="of images",
)
part(
    f.focal,
    lambda z, t: -((1 - np.exp(at(log_softmax(z), t))) ** 1.5) * at(log_softmax(z), t) * WEIGHTS[t],
    ROWS,
    LABELS,
    call=lambda z, t: f.focal(z, t, 1.5, class_weights=WEIGHTS),
    special=False,
)


def binary(z, t, weight=1.0):
    return weight * t * np.logaddexp(-z, 0) + (1 - t) * np.logaddexp(z, 0)


def torch_weighted(z, t):
    import torch

    weights = torch.tensor(WEIGHTS[:3])
    return functional("binary_cross_entropy_with_logits", pos_weight=weights, reduction="none")(z, t)


part(f.binary_crossentropy, binary, X, PART, torch=elementwise("binary_cross_entropy_with_logits"), special=False)
part(
    f.binary_crossentropy,
    lambda z, t: binary(z, t, WEIGHTS[:3]),
    X,
    PART,
    call=lambda z, t: f.binary_crossentropy(z, t, pos_weight=WEIGHTS[:3]),
    torch=torch_weighted,
    label="with weights",
)
part(
    f.binary_crossentropy,
    lambda z, t: binary(z, 0.8 * t + 0.1),
    X,
    BITS,
    call=lambda z, t: f.binary_crossentropy(z, t, label_smoothing=0.2),
    special=False,
    label="smoothed",
)


def binary_focal(z, t):
    p = scipy.special.expit(np.where(t, z, -z))
    return -((1 - p) ** 2) * np.log(p) * np.where(t, 0.3, 0.7)


part(
    f.binary_focal,
    binary_focal,
    X,
    BITS,
    call=lambda z, t: f.binary_focal(z, t, alpha=0.3),
    special=False,
)
part(f.binary_focal, lambda z, t: binary(z, t), X, PART, call=lambda z, t: f.binary_focal(z, t, 0), label="of gamma 0")

# ---- kin of the crossentropy -----------------------------------------------------------------------------------------


def label_probability(x, t):
    return np.exp(at(scipy.special.log_softmax(x, -1), t))


part(
    f.poly_crossentropy,
    lambda x, t: -np.log(label_probability(x, t)) + 2 * (1 - label_probability(x, t)),
    ROWS,
    LABELS,
    call=lambda x, t: f.poly_crossentropy(x, t, 2.0),
    special=False,
)
part(
    f.generalized_crossentropy,
    lambda x, t: (1 - label_probability(x, t) ** 0.3) / 0.3 * WEIGHTS[t],
    ROWS,
    LABELS,
    call=lambda x, t: f.generalized_crossentropy(x, t, 0.3, class_weights=WEIGHTS),
    special=False,
    label="weighted",
)


def sparsemax_loss(x, t):
    """By the support and its threshold, as the paper has it."""
    p = sparsemax(x)
    tau = np.where(p > 0, x - p, -np.inf).max(-1)
    return ((x**2 - tau[:, None] ** 2) * (p > 0)).sum(-1) / 2 + 0.5 - at(x, t)


part(f.sparsemax, sparsemax_loss, Arg(("n", 4), -0.6, 0.6), LABELS, special=False, label="loss")
part(
    f.generalized_kl,
    lambda y, t: scipy.special.kl_div(t, np.exp(y)),
    X,
    PART,
    special=False,
)
