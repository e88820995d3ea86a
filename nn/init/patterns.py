"""Weights with a structure: orthogonal, identities, sparse, interpolating."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbolic.arguments import check_count, check_number
from ...symbolic.errors import ShapeError, blame, user_site
from .drawing import Shape, allocate, draw, float_kind, sizes_of


def orthogonal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """gain times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2013).

    The matrix is the array with all axes but the first flattened.
    """
    sizes, factor = sizes_of(shape), check_number("gain", gain)
    if not sizes:
        raise blame(ShapeError("orthogonal: weights of shape () have no rows to be orthogonal."), user_site())
    return draw(sizes, rng, dtype, lambda r, s: factor * _orthonormal(r, s))


def _orthonormal(rng: Any, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the distribution uniform over all such matrices
    return (q if rows >= columns else q.T).reshape(shape)


def delta_orthogonal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Weights of a convolution: `orthogonal` in the middle of the kernel and 0 elsewhere.

    shape : (outputs, inputs, *kernel), with odd kernels, and no more inputs than outputs

    References
    ----------
    Xiao et al. 2018, Dynamical isometry and a mean field theory of CNNs, algorithm 1.
    """
    sizes, factor = _kernel("delta_orthogonal", shape), check_number("gain", gain)
    if sizes[1] > sizes[0]:
        text = f"delta_orthogonal: columns of {sizes[1]} inputs for {sizes[0]} outputs cannot be orthogonal."
        raise blame(ShapeError(text), user_site())
    return draw(sizes, rng, dtype, lambda r, s: _in_the_middle(s, factor * _orthonormal(r, s[:2])))


def identity(shape: Shape, rng: Any = None, gain: float = 1.0, groups: int = 1, dtype: Any = None) -> np.ndarray:
    """gain times the identity: of as many inputs as there are outputs, for dense layers and for convolutions.

    Weights of convolutions, (outputs, inputs / groups, *kernel), have it in the middle of the kernel, for each of the
    groups of outputs, and 0 elsewhere; with "same" padding they give their inputs back.
    """
    sizes, factor = sizes_of(shape), check_number("gain", gain)
    parts = check_count("identity", "groups", groups, 1)
    if len(sizes) < 2 or (len(sizes) == 2 and parts > 1) or sizes[0] % parts:
        text = f"identity: weights of shape {sizes} have no inputs and outputs for {parts} groups."
        raise blame(ShapeError(text), user_site())
    if len(sizes) == 2:
        return allocate(sizes, lambda s: (factor * np.eye(*s)).astype(float_kind(dtype)))
    return allocate(sizes, lambda s: _in_the_middle(s, _of_groups(s, parts, factor)).astype(float_kind(dtype)))


def _of_groups(sizes: tuple[int, ...], groups: int, factor: float) -> np.ndarray:
    return np.tile(factor * np.eye(sizes[0] // groups, sizes[1]), (groups, 1))


def sparse(
    shape: Shape, rng: np.random.Generator, connections: int = 15, std: float = 1.0, dtype: Any = None
) -> np.ndarray:
    """Normal with this standard deviation for `connections` inputs of each output, drawn without repetition; else 0.

    shape : (inputs, outputs)

    References
    ----------
    Martens 2010, Deep learning via Hessian-free optimization, section 5.
    """
    sizes, spread = sizes_of(shape), check_number("std", std, least=0)
    many = check_count("sparse", "connections", connections)
    if len(sizes) != 2:
        raise blame(ShapeError(f"sparse: weights are (inputs, outputs), not of shape {sizes}."), user_site())
    return draw(sizes, rng, dtype, lambda r, s: _some(r, s, many) * r.normal(0, spread, s))


def _some(rng: Any, sizes: tuple[int, ...], many: int) -> np.ndarray:
    """True for so many places of each column."""
    order = np.argsort(rng.uniform(size=sizes), axis=0)
    return np.argsort(order, axis=0) < many


def bilinear(shape: Shape, rng: Any = None, dtype: Any = None) -> np.ndarray:
    """Weights of a transposed convolution that interpolates linearly along each axis.

    Along an axis with a kernel of size k they are 1 - abs(2 i - k + 1) / (2 f), with f = ceil(k / 2), the stride that
    they belong to: kernels of 2 f or 2 f - 1.  Each channel goes into the one with its number.

    shape : (inputs, outputs, *kernel)

    References
    ----------
    Long, Shelhamer, Darrell 2015, Fully convolutional networks for semantic segmentation, section 3.3.
    """
    sizes = sizes_of(shape)
    if len(sizes) < 3:
        raise blame(ShapeError(f"bilinear: weights are (inputs, outputs, *kernel), not of shape {sizes}."), user_site())

    def make(of: tuple[int, ...]) -> np.ndarray:
        found = np.eye(*of[:2]).reshape(*of[:2], *[1] * len(of[2:]))
        for axis, k in enumerate(of[2:]):
            line = 1 - np.abs(2 * np.arange(k) - k + 1) / (2 * max(1, (k + 1) // 2))
            found = found * line.reshape([-1 if a == axis else 1 for a in range(-2, len(of) - 2)])
        return found.astype(float_kind(dtype))

    return allocate(sizes, make)


def _kernel(name: str, shape: Any) -> tuple[int, ...]:
    """The shape of a convolution's weights."""
    sizes = sizes_of(shape)
    if len(sizes) < 3 or any(k % 2 == 0 for k in sizes[2:]):
        text = f"{name}: weights are (outputs, inputs, *kernel) with odd kernels, not of shape {sizes}."
        raise blame(ShapeError(text), user_site())
    return sizes


def _in_the_middle(sizes: tuple[int, ...], matrix: np.ndarray) -> np.ndarray:
    """Weights of a convolution with this matrix in the middle of the kernel; of an even one, just after it."""
    found = np.zeros(sizes)
    if all(sizes):
        found[(slice(None), slice(None), *(k // 2 for k in sizes[2:]))] = matrix
    return found
