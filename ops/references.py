"""NumPy references of primitives that NumPy lacks, or defines less strictly than weft does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any


def power(x: Array, y: Array) -> Array:
    """np.power; integers to negative powers give 0, but for the bases 1 and -1."""
    if np.asarray(x).dtype.kind != "i":
        return np.power(x, y)
    positive = np.power(x, np.maximum(y, np.zeros_like(y)))
    unit = np.where(x == 1, 1, np.where(x == -1, np.where(y % 2 == 0, 1, -1), 0)).astype(positive.dtype)
    return np.where(y < 0, unit, positive)


def mul_no_nan(x: Array, y: Array) -> Array:
    """x * y, and exactly 0 where y is 0."""
    return np.where(y == 0, np.zeros((), np.asarray(y).dtype), np.multiply(x, y))


def left_shift(x: Array, y: Array) -> Array:
    """np.left_shift."""
    return np.left_shift(x, y)


def right_shift(x: Array, y: Array) -> Array:
    """np.right_shift."""
    return np.right_shift(x, y)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), on the side where exp is small."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(np.asarray(x).dtype)


def rint(x: Array) -> Array:
    """np.rint; integers and bools stay what they are."""
    return np.rint(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x)


_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def erf(x: Array) -> Array:
    """math.erf of every element."""
    return _erf(x).astype(np.asarray(x).dtype)


def erfc(x: Array) -> Array:
    """math.erfc of every element."""
    return _erfc(x).astype(np.asarray(x).dtype)


def erfinv(x: Array) -> Array:
    """Newton's iteration on erf from Winitzki's estimate, in float64."""
    y = np.asarray(x, np.float64)
    with np.errstate(all="ignore"):
        logs = np.log1p(-y * y)
        half = 2 / (math.pi * 0.147) + logs / 2
        guess = np.copysign(np.sqrt(np.sqrt(half * half - logs / 0.147) - half), y)
        for _ in range(4):
            residual = np.where(
                np.abs(y) < 0.5, _erf(guess) - y, np.copysign(1, y) * ((1 - np.abs(y)) - _erfc(np.abs(guess)))
            )
            guess = guess - residual / (2 / math.sqrt(math.pi) * np.exp(-guess * guess))
    guess = np.where(np.abs(y) == 1, np.copysign(np.inf, y), np.where(y == 0, y, guess))
    return np.where(np.abs(y) <= 1, guess, np.nan).astype(np.asarray(x).dtype)
