"""Discrete Fourier transforms of pairs of arrays, real and imaginary parts, as products with matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ....ops import scalar
from ....ops.creation import iota
from ....ops.elementwise import cast
from ....ops.linalg import matmul
from ....ops.movement import reshape, swapaxes
from ....symbolic.dims import Dim, SymDim
from ....symbolic.expr import Expr
from ....symbolic.leaves import size

LARGEST_FACTOR = 64  # a transform of so many places is one product; a longer one is taken apart where it can be


class Spectrum(NamedTuple):
    """Complex numbers, by their parts."""

    real: Expr
    imaginary: Expr | None  # None: all are 0

    def map(self, function: Callable[[Expr], Expr]) -> Spectrum:
        """A function that is linear, of each of the parts."""
        return Spectrum(function(self.real), None if self.imaginary is None else function(self.imaginary))

    def times(self, cosine: Expr, sine: Expr) -> Spectrum:
        """Each turned by an angle."""
        if self.imaginary is None:
            return Spectrum(self.real * cosine, self.real * sine)
        a, b = self.real, self.imaginary
        return Spectrum(a * cosine - b * sine, a * sine + b * cosine)

    def matmul(self, cosine: Expr, sine: Expr) -> Spectrum:
        """The product with a matrix of turns."""
        if self.imaginary is None:
            return Spectrum(matmul(self.real, cosine), matmul(self.real, sine))
        a, b = self.real, self.imaginary
        return Spectrum(matmul(a, cosine) - matmul(b, sine), matmul(a, sine) + matmul(b, cosine))

    def reshape(self, *shape: Dim) -> Spectrum:
        """In another shape."""
        return self.map(lambda part: reshape(part, shape))

    def swap(self) -> Spectrum:
        """With the last two axes exchanged."""
        return self.map(lambda part: swapaxes(part, -1, -2))


def transform(x: Spectrum, inverse: bool) -> Spectrum:
    """sum over n of x[..., n] exp(-2 pi i k n / N), for k from 0 to N - 1; with `inverse` exp(+...) and without 1 / N.

    A known N = p q is taken apart: q transforms of p places, turns, p transforms of q places (Cooley and Tukey 1965).
    """
    *lead, length = x.real.shape
    part = _factor(length)
    if part is None or not isinstance(length, int):
        return x.matmul(*_turns(length, length, length, x.real.dtype, inverse))
    rest = length // part
    # n = rest a + b, k = c + part d: over a first, and then over b
    over_a = transform(x.reshape(*lead, part, rest).swap(), inverse)  # (..., b, c)
    turned = over_a.times(*_turns(rest, part, length, x.real.dtype, inverse))
    return transform(turned.swap(), inverse).swap().reshape(*lead, length)  # (..., c, d) -> (..., d, c)


def _factor(length: Dim) -> int | None:
    """The factor that is split off: the largest that is one product, or else the smallest there is."""
    if isinstance(length, SymDim) or length <= LARGEST_FACTOR:
        return None
    small = [p for p in range(2, LARGEST_FACTOR + 1) if length % p == 0]
    if small:
        return small[-1]
    return next((p for p in range(LARGEST_FACTOR + 1, math.isqrt(length) + 1) if length % p == 0), None)


def _turns(rows: Dim, columns: Dim, period: Dim, dtype: object, inverse: bool) -> tuple[Expr, Expr]:
    """The cosines and sines of -2 pi i j / period (or +): of i j modulo the period, so that large ones keep digits."""
    place = scalar.mod(iota((rows, columns), 0) * iota((rows, columns), 1), size(period))
    angle = cast(place, "float64") * ((2 if inverse else -2) * math.pi) / cast(size(period), "float64")
    return cast(scalar.cos(angle), dtype), cast(scalar.sin(angle), dtype)
