"""NumPy references that NumPy and SciPy do not have ready: short, slow, and written without weft."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def conv(x: Array, w: Array, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1) -> Array:
    """Cross-correlation over all axes but the first two, one output element after the other."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * rank)
    reach = [(k - 1) * dilation + 1 for k in w.shape[2:]]
    sizes = [(d - r) // stride + 1 for d, r in zip(x.shape[2:], reach, strict=True)]
    out = np.zeros((len(x), len(w), *sizes))
    per_in, per_out = x.shape[1] // groups, len(w) // groups
    for group, place in itertools.product(range(groups), np.ndindex(*sizes)):
        window = tuple(slice(p * stride, p * stride + r, dilation) for p, r in zip(place, reach, strict=True))
        seen = x[:, group * per_in : (group + 1) * per_in, *window]
        kernels = w[group * per_out : (group + 1) * per_out]
        axes = tuple(range(1, rank + 2))
        out[:, group * per_out : (group + 1) * per_out, *place] = np.tensordot(seen, kernels, (axes, axes))
    return out


def conv_transpose(x: Array, w: Array, stride: int = 1, padding: int = 0, output_padding: int = 0) -> Array:
    """Every element of x spread over the result with the kernel as its weights."""
    full = [(d - 1) * stride + k for d, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    out = np.zeros((len(x), w.shape[1], *[f + output_padding for f in full]))
    for place in np.ndindex(*x.shape[2:]):
        window = tuple(slice(p * stride, p * stride + k) for p, k in zip(place, w.shape[2:], strict=True))
        out[:, :, *window] += np.tensordot(x[:, :, *place], w, ((1,), (0,)))
    inner = tuple(slice(padding, f + output_padding - padding) for f in full)
    return out[:, :, *inner]


def pool(x: Array, size: int, stride: int, padding: int, reduce: Callable[..., Array], fill: float) -> Array:
    """`reduce` over windows of all axes but the first two."""
    rank = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * rank, constant_values=fill)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size,) * rank, tuple(range(2, x.ndim)))
    return np.asarray(reduce(windows[:, :, *([slice(None, None, stride)] * rank)], axis=tuple(range(-rank, 0))))


def normalized(x: Array, axes: Any, eps: float = 1e-5) -> Array:
    """(x - mean) / sqrt(var + eps) over axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def local_response_norm(x: Array) -> Array:
    """Krizhevsky et al. 2012, section 3.3, with n = 3, k = 2, alpha = 0.1, beta = 0.75."""
    square = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    return x / (2 + 0.1 * (square[:, :-2] + square[:, 1:-1] + square[:, 2:])) ** 0.75


def index_set(x: Array, value: Array) -> Array:
    """x with every second column replaced."""
    out = x.copy()
    out[:, ::2] = value
    return out


def index_add(x: Array, places: Array, value: Array) -> Array:
    """x with rows added at places that may repeat."""
    out = x.copy()
    np.add.at(out, places, value)
    return out


def log_softmax(x: Array) -> Array:
    """The definition, shifted: a row with +inf is NaN, unlike SciPy's."""
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
