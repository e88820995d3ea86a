"""Pooling whose windows follow from the size of the result, and over windows at drawn distances."""

import itertools
import math

import numpy as np

import weft as wf

from . import Arg, functional, part

layers = wf.nn.layers


def pooled(x, limits, reduce):
    """`reduce` over the box of each window; `limits` has (begin, end) of each, along each axis of space."""
    out = np.empty((*x.shape[:2], *map(len, limits)))
    for place in itertools.product(*[range(len(axis)) for axis in limits]):
        box = [slice(*axis[i]) for axis, i in zip(limits, place, strict=True)]
        out[:, :, *place] = reduce(x[:, :, *box], axis=tuple(range(2, x.ndim)))
    return out


def adaptive(x, counts, reduce):
    """PyTorch's windows."""
    limits = [
        [(math.floor(i * n / m), math.ceil((i + 1) * n / m)) for i in range(m)]
        for n, m in zip(x.shape[2:], counts, strict=True)
    ]
    return pooled(x, limits, reduce)


def fractional(x, u, size, counts):
    """Graham's windows, of each channel."""
    out = np.empty((*x.shape[:2], *counts))
    for n, c in np.ndindex(x.shape[:2]):
        limits = []
        for axis, (of, k, m) in enumerate(zip(x.shape[2:], size, counts, strict=True)):
            alpha, draw = (of - k) / max(m - 1, 1), u[c, axis]
            begins = [math.floor((i + draw) * alpha) - math.floor(draw * alpha) for i in range(m - 1)] + [of - k]
            limits.append([(b, b + k) for b in begins])
        out[n, c] = pooled(x[n : n + 1, c : c + 1], limits, np.max)[0, 0]
    return out


def in_torchs_order(u, examples):
    """Draws for PyTorch: of two axes, the one of the width comes first."""
    import torch

    return torch.tensor(np.broadcast_to(u[:, ::-1] if u.shape[1] == 2 else u, (examples, *u.shape)).copy())


SIZES = {1: ((7,), (3,)), 2: ((6, 5), (2, 3)), 3: ((2, 3, 4), (1, 2, 3))}
for _kind, _reduce in (("avg", np.mean), ("max", np.max)):
    for _rank, (_sizes, _counts) in SIZES.items():
        _op = getattr(layers, f"adaptive_{_kind}_pool{_rank}d")
        _theirs = functional(_op.__name__)
        part(
            _op,
            lambda x, m=_counts, f=_reduce: adaptive(x, m, f),
            Arg(("n", 2, *_sizes)),
            call=lambda x, f=_op, m=_counts: f(x, m),
            torch=lambda x, f=_theirs, m=_counts: f(x, m),
        )
    _global = getattr(layers, f"global_{_kind}_pool")
    part(_global, lambda x, f=_reduce: f(x, axis=(2, 3)), Arg(("n", 2, 3, 2)))
    part(
        _global,
        lambda x, f=_reduce: f(x, axis=(2,), keepdims=True),
        Arg(("n", 2, 5)),
        call=lambda x, f=_global: f(x, keepdims=True),
        label="of lines, keepdims",
    )
part(
    layers.adaptive_max_pool1d,
    lambda x: adaptive(x, (5,), np.max),
    Arg(("n", 2, 3)),
    call=lambda x: layers.adaptive_max_pool1d(x, 5),
    torch=lambda x: functional("adaptive_max_pool1d")(x, 5),
    label="more than there are",
)
part(
    layers.spatial_pyramid_pool,
    lambda x: np.concatenate([adaptive(x, (m, m), np.max).reshape(len(x), 2 * m * m) for m in (2, 1)], axis=1),
    Arg(("n", 2, 3, 4)),
    call=lambda x: layers.spatial_pyramid_pool(x, (2, 1)),
)
DRAWS = np.random.default_rng(0).random((2, 3))  # of each channel and axis, the same for all examples
GRAHAM = {2: ((6, 7), (2, 3), (4, 3)), 3: ((4, 5, 6), (1, 2, 2), (2, 2, 3))}
for _rank, (_sizes, _window, _counts) in GRAHAM.items():
    _op = getattr(layers, f"fractional_max_pool{_rank}d")
    _theirs = functional(_op.__name__)
    part(
        _op,
        lambda x, u=DRAWS[:, :_rank], k=_window, m=_counts: fractional(x, u, k, m),
        Arg(("n", 2, *_sizes)),
        call=lambda x, u=DRAWS[:, :_rank], f=_op, k=_window, m=_counts: f(
            x, k, m, wf.broadcast_to(wf.constant(u), (x.shape[0], *u.shape))
        ),
        torch=lambda x, u=DRAWS[:, :_rank], f=_theirs, k=_window, m=_counts: f(
            x, k, m, _random_samples=in_torchs_order(u, len(x))
        ),
    )
