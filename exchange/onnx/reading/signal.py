"""Fourier transforms, and the scale of pitch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....ops import scalar
from ....ops.creation import iota
from ....ops.elementwise import cast
from ....ops.indexing import getitem
from ....ops.movement import concatenate, expand_dims, flip, moveaxis, reshape, stack
from ....symbolic.dims import Dim, same, show
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant, size
from ....symbolic.sizes import as_dim
from .fourier import Spectrum, transform
from .movement import pad_axis, piece
from .node import ModelNode
from .registry import operator

MELS = 2595 / math.log(10)  # a frequency of f hertz is so many times log(1 + f / 700) on the mel scale


@operator("DFT")
def read_dft(node: ModelNode, x: Expr, length: Expr | None = None, axis: Expr | None = None) -> Expr:
    """The discrete Fourier transform along an axis of x (..., 1) or complex x (..., 2)."""
    place = _axis(node, x, axis)
    inverse, half = bool(node["inverse"]), bool(node["onesided"])
    mirrored = inverse and half
    default = x.shape[place] * 2 - 2 if mirrored else x.shape[place]
    count = default if length is None else _size(node, length)
    lines = _parts(x).map(lambda part: _fit(moveaxis(part, place, -1), count // 2 + 1 if mirrored else count))
    found = _transform(lines, count, inverse, half)
    return stack([moveaxis(p, -1, place) for p in found], -1)


def _axis(node: ModelNode, x: Expr, axis: Expr | None) -> int:
    """The axis, which is not the last one; of the standard's two defaults the one of the opset."""
    given: Any = node["axis"] if node.version < 20 else -2
    place = node.check_axis(given if axis is None else node.need_integer(axis, "axis"), x.ndim)
    if place == x.ndim - 1:
        raise ValueError(f"the transform is along axis {place}, where the real and imaginary parts are")
    return place


def _parts(x: Expr) -> Spectrum:
    """The real parts and the imaginary ones, along the last axis."""
    if x.ndim < 2 or x.shape[-1] not in (1, 2):
        raise ValueError(f"the last axis of {show(x.shape)} has size 1 for real numbers, or 2 for complex ones")
    return Spectrum(getitem(x, (..., 0)), getitem(x, (..., 1)) if x.shape[-1] == 2 else None)


def _size(node: ModelNode, value: Expr) -> Dim:
    return as_dim(node.entry(reshape(cast(value, "int64"), ())))


def _fit(x: Expr, count: Dim) -> Expr:
    """So many elements along the last axis: less of them, or zeros behind."""
    have = x.shape[-1]
    if same(have, count):
        return x
    behind = count - have if isinstance(count, int) and isinstance(have, int) else size(count) - size(have)
    return pad_axis(x, x.ndim - 1, 0, behind, "constant", constant(np.zeros((), x.dtype)))


def _transform(x: Spectrum, count: Dim, inverse: bool, half: bool) -> list[Expr]:
    """The real parts and the imaginary ones of a transform; of the inverse of a half the real parts alone."""
    if inverse and half:
        x = _mirror(x, count)
    real, imaginary = transform(x, inverse)
    assert imaginary is not None
    if inverse:
        real, imaginary = (p / cast(size(count), p.dtype) for p in (real, imaginary))
        return [real] if half else [real, imaginary]
    kept = count // 2 + 1
    return [piece(p, p.ndim - 1, 0, kept) if half else p for p in (real, imaginary)]


def _mirror(x: Spectrum, count: Dim) -> Spectrum:
    """All of a spectrum of real numbers, of which the first half is known: x[N - k] is the conjugate of x[k]."""
    behind = count - (count // 2 + 1)

    def whole(part: Expr, sign: int) -> Expr:
        return concatenate([part, flip(piece(part, part.ndim - 1, 1, behind), -1) * sign], -1)

    return Spectrum(whole(x.real, 1), None if x.imaginary is None else whole(x.imaginary, -1))


@operator("STFT")
def read_stft(node: ModelNode, x: Expr, step: Expr, window: Expr | None = None, length: Expr | None = None) -> Expr:
    """The transforms of frames of x (batch, n, 1 or 2): (batch, frames, places, 2)."""
    default = x.shape[1] if window is None else window.shape[0]
    count = default if length is None else _size(node, length)
    stride = _size(node, step)
    frames = (x.shape[1] - count) // stride + 1
    places = expand_dims(iota((frames,)) * size(stride), 1) + iota((1, count), 1)
    taken = _parts(x).map(lambda part: getitem(part, (slice(None), places)))
    if window is not None:
        taken = taken.map(lambda part: part * window)
    return stack(_transform(taken, count, False, bool(node["onesided"])), -1)


@operator("MelWeightMatrix", settings=(3, 4))
def read_mel(node: ModelNode, bins: Expr, length: Expr, rate: Expr, low: Expr, high: Expr) -> Expr:
    """Triangles of height 1 over the places of a spectrum, of equal width on the mel scale: (length // 2 + 1, bins)."""
    count, total = _size(node, bins), _size(node, length)
    first, last = (scalar.log1p(cast(reshape(edge, ()), "float64") / 700) * MELS for edge in (low, high))
    mels = iota((count + 2,)) * ((last - first) / cast(size(count + 2), "float64")) + first
    hertz = scalar.expm1(mels / MELS) * 700
    edges = scalar.floor(hertz * (size(total) + 1) / cast(reshape(rate, ()), "float64"))
    return cast(_triangles(edges, total // 2 + 1, count), node.dtype(node["output_datatype"]))


def _triangles(edges: Expr, places: Dim, count: Dim) -> Expr:
    """Up from one edge to the next one, and down to the one after it."""
    left, middle, right = (expand_dims(piece(edges, 0, i, count), 0) for i in range(3))
    place = cast(iota((places, 1), 0), "float64")
    up = (place - left) / scalar.maximum(middle - left, 1.0)
    down = (right - place) / scalar.maximum(right - middle, 1.0)
    return scalar.where(scalar.eq(place, middle), 1.0, scalar.relu(scalar.minimum(up, down)))
