"""Initial values of parameters: each function gives a NumPy array of a shape, drawn with a `numpy.random.Generator`.

Weights are (inputs, outputs) for dense layers and (outputs, inputs, *kernel) for convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..symbolic.errors import ShapeError, blame, user_site
from ..symbolic.types import dtype as as_dtype

Shape = Sequence[int]


def fans(shape: Shape) -> tuple[int, int]:
    """(inputs, outputs) that a unit is connected with: both times the kernel's size for convolutions."""
    if len(shape) < 2:
        text = f"Weights of shape {tuple(shape)} have no inputs and outputs to scale by."
        raise blame(ShapeError(text), user_site(), hint="use constant or normal for vectors.")
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def constant(shape: Shape, value: float = 0.0, dtype: Any = None) -> np.ndarray:
    """`value` everywhere; dtype None: config.float_dtype."""
    return np.full(shape, value, as_dtype(dtype))


def normal(
    shape: Shape, rng: np.random.Generator, std: float = 0.01, mean: float = 0.0, dtype: Any = None
) -> np.ndarray:
    """Normally distributed with this standard deviation and mean."""
    return rng.normal(mean, std, shape).astype(as_dtype(dtype))


def uniform(shape: Shape, rng: np.random.Generator, limit: float = 0.01, dtype: Any = None) -> np.ndarray:
    """Uniform on [-limit, limit)."""
    return rng.uniform(-limit, limit, shape).astype(as_dtype(dtype))


def glorot_normal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(2 / (inputs + outputs)) (Glorot, Bengio 2010)."""
    return normal(shape, rng, gain * math.sqrt(2 / max(1, sum(fans(shape)))), dtype=dtype)


def glorot_uniform(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(6 / (inputs + outputs)) (Glorot, Bengio 2010, equation 16)."""
    return uniform(shape, rng, gain * math.sqrt(6 / max(1, sum(fans(shape)))), dtype=dtype)


def he_normal(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(1 / inputs); the gain is sqrt(2) for relu (He et al. 2015, equation 10)."""
    return normal(shape, rng, gain * math.sqrt(1 / max(1, fans(shape)[0])), dtype=dtype)


def he_uniform(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(3 / inputs); the gain is sqrt(2) for relu (He et al. 2015)."""
    return uniform(shape, rng, gain * math.sqrt(3 / max(1, fans(shape)[0])), dtype=dtype)


def lecun_normal(shape: Shape, rng: np.random.Generator, dtype: Any = None) -> np.ndarray:
    """Normal with std = sqrt(1 / inputs) (LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.6)."""
    return he_normal(shape, rng, 1.0, dtype)


def lecun_uniform(shape: Shape, rng: np.random.Generator, dtype: Any = None) -> np.ndarray:
    """Uniform within sqrt(3 / inputs) (LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.6)."""
    return he_uniform(shape, rng, 1.0, dtype)


def orthogonal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2013).

    The matrix is the array with all axes but the first flattened.
    """
    rows = shape[0]
    columns = math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the distribution uniform over all such matrices
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(as_dtype(dtype))
