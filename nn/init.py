"""Initial values of parameters: each function gives a NumPy array of a shape, drawn with a `numpy.random.Generator`.

Weights are (inputs, outputs) for dense layers and (outputs, inputs, *kernel) for convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count, check_number
from ..symbolic.dims import show
from ..symbolic.errors import ArgumentError, DTypeError, OutOfMemoryError, ShapeError, blame, user_site
from ..symbolic.leaves import constant as as_constant
from ..symbolic.types import dtype as as_dtype

Shape = Sequence[int]

_generator = np.random.default_rng(0)


def seed(number: int) -> None:
    """Let layers that are given no `rng` draw their parameters anew from this seed; a program begins with 0."""
    global _generator
    _generator = np.random.default_rng(check_count("seed", "number", number))


def generator() -> np.random.Generator:
    """The generator of layers that are given no `rng`: see `seed`."""
    return _generator


def _sizes(shape: Any) -> tuple[int, ...]:
    """The shape as numbers: one, or a sequence of them.  Raises ArgumentError for what is none."""
    sizes = [shape] if isinstance(shape, int | np.integer) else shape
    fits = isinstance(sizes, list | tuple | np.ndarray) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in sizes
    )
    if not fits:
        text = f"A shape is a sequence of whole numbers from 0 up, such as (784, 256), not {shape!r}."
        raise blame(ArgumentError(text), user_site())
    return tuple(int(n) for n in sizes)


def _draw(shape: Any, rng: Any, dtype: Any, draw: Callable[[Any, tuple[int, ...]], np.ndarray]) -> np.ndarray:
    """What `draw` makes of the generator and the shape, once these are checked."""
    if not isinstance(rng, np.random.Generator | np.random.RandomState):
        text = f"rng is a numpy.random.Generator, not {rng!r}."
        raise blame(ArgumentError(text), user_site(), hint="make one, once, for all: np.random.default_rng(seed).")
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise blame(DTypeError(f"What is drawn are floats, not {kind.name}."), user_site())
    return _allocate(_sizes(shape), lambda sizes: draw(rng, sizes).astype(kind))


def _allocate(sizes: tuple[int, ...], make: Callable[[tuple[int, ...]], np.ndarray]) -> np.ndarray:
    try:
        return make(sizes)
    except (MemoryError, ValueError):  # the second from 2**63 bytes up
        text = f"An array of shape {show(sizes)} takes more memory than can be had."
        raise blame(OutOfMemoryError(text), user_site()) from None


def _scale(gain: Any, variance: float, units: int) -> float:
    return check_number("gain", gain, least=0) * math.sqrt(variance / max(1, units))


def fans(shape: Shape) -> tuple[int, int]:
    """(inputs, outputs) that a unit is connected with: both times the kernel's size for convolutions.

    Raises ShapeError for fewer than two axes, ArgumentError for what is no shape.
    """
    shape = _sizes(shape)
    if len(shape) < 2:
        text = f"Weights of shape {shape} have no inputs and outputs to scale by."
        raise blame(ShapeError(text), user_site(), hint="use constant or normal for vectors.")
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def constant(shape: Shape, value: float = 0.0, dtype: Any = None) -> np.ndarray:
    """`value` everywhere; dtype None: config.float_dtype."""
    number = as_constant(check_number("value", value), as_dtype(dtype)).op.numpy()
    return _allocate(_sizes(shape), lambda sizes: np.full(sizes, number))


def normal(
    shape: Shape, rng: np.random.Generator, std: float = 0.01, mean: float = 0.0, dtype: Any = None
) -> np.ndarray:
    """Normally distributed with this standard deviation and mean."""
    spread, middle = check_number("std", std, least=0), check_number("mean", mean)
    return _draw(shape, rng, dtype, lambda r, sizes: r.normal(middle, spread, sizes))


def uniform(shape: Shape, rng: np.random.Generator, limit: float = 0.01, dtype: Any = None) -> np.ndarray:
    """Uniform on [-limit, limit)."""
    reach = check_number("limit", limit, least=0)
    return _draw(shape, rng, dtype, lambda r, sizes: r.uniform(-reach, reach, sizes))


def glorot_normal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(2 / (inputs + outputs)) (Glorot, Bengio 2010)."""
    return normal(shape, rng, _scale(gain, 2, sum(fans(shape))), dtype=dtype)


def glorot_uniform(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(6 / (inputs + outputs)) (Glorot, Bengio 2010, equation 16)."""
    return uniform(shape, rng, _scale(gain, 6, sum(fans(shape))), dtype=dtype)


def he_normal(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(1 / inputs); the gain is sqrt(2) for relu (He et al. 2015, equation 10)."""
    return normal(shape, rng, _scale(gain, 1, fans(shape)[0]), dtype=dtype)


def he_uniform(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(3 / inputs); the gain is sqrt(2) for relu (He et al. 2015)."""
    return uniform(shape, rng, _scale(gain, 3, fans(shape)[0]), dtype=dtype)


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
    factor = check_number("gain", gain)
    return _draw(shape, rng, dtype, lambda r, sizes: factor * _orthonormal(r, sizes))


def _orthonormal(rng: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not shape:
        raise blame(ShapeError("Weights of shape () have no rows to be orthogonal."), user_site())
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the distribution uniform over all such matrices
    return (q if rows >= columns else q.T).reshape(shape)
