"""Regularisers and constraints."""

import numpy as np

import weft as wf

from . import Arg, part

penalties, constraints = wf.nn.regularizers, wf.nn.constraints

W, V, K = Arg((3, 2), low=0.3, high=2.0), Arg((4,), low=0.3, high=2.0), Arg((2, 3, 2), low=0.3, high=2.0)


def norms(x, axes):
    return np.sqrt((x * x).sum(axes, keepdims=True))


def kl(a, target=0.2):
    q = a.mean(0)
    return (target * np.log(target / q) + (1 - target) * np.log((1 - target) / (1 - q))).sum()


part(penalties.l1, lambda w, v: np.abs(w).sum() + np.abs(v).sum(), W, V, call=lambda *p: penalties.l1(p))
part(penalties.l2, lambda w, v: (w * w).sum() + (v * v).sum(), W, V, call=lambda *p: penalties.l2(p))
part(
    penalties.elastic_net,
    lambda w: 0.2 * np.abs(w).sum() + 0.3 * (w * w).sum(),
    W,
    call=lambda w: penalties.elastic_net(w, 0.2, 0.3),
)
part(
    penalties.group_lasso,
    lambda w, v, k: np.sqrt(3) * norms(w, 0).sum() + 2 * norms(v, 0).sum() + np.sqrt(6) * norms(k, (1, 2)).sum(),
    W,
    V,
    K,
    call=lambda *p: penalties.group_lasso(p),
)
part(
    penalties.orthogonality,
    lambda w, k: ((w.T @ w - np.eye(2)) ** 2).sum() + ((k.reshape(2, 6) @ k.reshape(2, 6).T - np.eye(2)) ** 2).sum(),
    W,
    K,
    call=lambda *p: penalties.orthogonality(p),
    special=False,  # of columns: NaN spreads to other sums
)
part(
    penalties.sparsity,
    kl,
    Arg((3, 2), low=0.1, high=0.9),
    call=lambda a: penalties.sparsity(a, 0.2),
    special=False,  # means beyond [0, 1] are held within
)
part(
    penalties.contractive,
    lambda a, w: ((1 - np.tanh(a) ** 2) ** 2 * (w * w).sum(0)).sum(1),
    Arg(("n", 2)),
    W,
    call=lambda a, w: penalties.contractive(wf.tanh(a), a, w),
    special=False,  # where tanh is flat, 0 times infinity
)
part(
    constraints.max_norm,
    lambda w: w * np.minimum(1, 1.5 / norms(w, 0)),
    Arg((3, 2), low=1.0, high=2.0),
    call=lambda w: constraints.max_norm(1.5)(w),
    special=False,  # infinity divided by infinity
)
part(
    constraints.unit_norm,
    lambda k: k / norms(k, (1, 2)),
    K,
    call=lambda k: constraints.unit_norm()(k),
    special=False,
)
part(
    constraints.min_max_norm,
    lambda w: w * (0.5 * np.clip(norms(w, (0, 1)), 0.1, 0.2) + 0.5 * norms(w, (0, 1))) / norms(w, (0, 1)),
    W,
    call=lambda w: constraints.min_max_norm(0.1, 0.2, 0.5, axes=(0, 1))(w),
    special=False,
)
part(constraints.non_negative, lambda w: np.maximum(w, 0), W)
part(constraints.clip, lambda w: np.clip(w, -0.1, 0.2), W, call=lambda w: constraints.clip(-0.1, 0.2)(w))
