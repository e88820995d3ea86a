"""Shapes, generators and spreads: what initialisers begin with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...symbolic.arguments import check_choice, check_count, check_number
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, DTypeError, OutOfMemoryError, ShapeError, blame, user_site
from ...symbolic.types import dtype as as_dtype

Shape = Sequence[int]

_generator = np.random.default_rng(0)


def seed(number: int) -> None:
    """Let layers that are given no `rng` draw their parameters anew from this seed; a program begins with 0."""
    global _generator
    _generator = np.random.default_rng(check_count("seed", "number", number))


def generator() -> np.random.Generator:
    """The generator of layers that are given no `rng`: see `seed`."""
    return _generator


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The shape as numbers: one, or a sequence of them.  Raises ArgumentError for what is none."""
    sizes = [shape] if isinstance(shape, int | np.integer) else shape
    fits = isinstance(sizes, list | tuple | np.ndarray) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in sizes
    )
    if not fits:
        text = f"A shape is a sequence of whole numbers from 0 up, such as (784, 256), not {shape!r}."
        raise blame(ArgumentError(text), user_site())
    return tuple(int(n) for n in sizes)


def draw(shape: Any, rng: Any, dtype: Any, make: Callable[[Any, tuple[int, ...]], np.ndarray]) -> np.ndarray:
    """What `make` makes of the generator and the shape, once these are checked."""
    if not isinstance(rng, np.random.Generator | np.random.RandomState):
        text = f"rng is a numpy.random.Generator, not {rng!r}."
        raise blame(ArgumentError(text), user_site(), hint="make one, once, for all: np.random.default_rng(seed).")
    kind = float_kind(dtype)
    return allocate(sizes_of(shape), lambda sizes: make(rng, sizes).astype(kind))


def float_kind(dtype: Any) -> np.dtype:
    """The dtype of weights; None: config.float_dtype."""
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise blame(DTypeError(f"What is drawn are floats, not {kind.name}."), user_site())
    return kind


def allocate(sizes: tuple[int, ...], make: Callable[[tuple[int, ...]], np.ndarray]) -> np.ndarray:
    try:
        return make(sizes)
    except (MemoryError, ValueError):  # the second from 2**63 bytes up
        text = f"An array of shape {show(sizes)} takes more memory than can be had."
        raise blame(OutOfMemoryError(text), user_site()) from None


def scale_of(gain: Any, variance: float, units: int) -> float:
    return check_number("gain", gain, least=0) * math.sqrt(variance / max(1, units))


def gain(name: str, slope: float = 0.01) -> float:
    """The factor that keeps the spread of values through an activation, such as `gain=init.gain("relu")`.

    1 for "linear" and "sigmoid", 5 / 3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 + slope²)) for "leaky_relu", 3 / 4
    for "selu".
    """
    check_choice("name", name, ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"))
    leak = check_number("slope", slope)
    fixed = {"tanh": 5 / 3, "relu": math.sqrt(2), "leaky_relu": math.sqrt(2 / (1 + leak * leak)), "selu": 0.75}
    return fixed.get(name, 1.0)


def fans(shape: Shape) -> tuple[int, int]:
    """(inputs, outputs) that a unit is connected with: both times the kernel's size for convolutions.

    Raises ShapeError for fewer than two axes, ArgumentError for what is no shape.
    """
    shape = sizes_of(shape)
    if len(shape) < 2:
        text = f"Weights of shape {shape} have no inputs and outputs to scale by."
        raise blame(ShapeError(text), user_site(), hint="use constant or normal for vectors.")
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel
