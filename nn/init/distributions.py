"""Numbers that are drawn, each for itself, and numbers that fill."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbolic.arguments import check_choice, check_number
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.leaves import constant as as_constant
from ...symbolic.types import dtype as as_dtype
from .drawing import Shape, allocate, draw, fans, scale_of, sizes_of

CUT_STD = 0.87962566103423978  # the standard deviation of a normal distribution that is cut at 2


def constant(shape: Shape, value: float = 0.0, dtype: Any = None) -> np.ndarray:
    """`value` everywhere; dtype None: config.float_dtype."""
    number = as_constant(check_number("value", value), as_dtype(dtype)).op.numpy()
    return allocate(sizes_of(shape), lambda sizes: np.full(sizes, number))


def zeros(shape: Shape, rng: Any = None, dtype: Any = None) -> np.ndarray:
    """0 everywhere."""
    return constant(shape, 0.0, dtype)


def ones(shape: Shape, rng: Any = None, dtype: Any = None) -> np.ndarray:
    """1 everywhere."""
    return constant(shape, 1.0, dtype)


def normal(
    shape: Shape, rng: np.random.Generator, std: float = 0.01, mean: float = 0.0, dtype: Any = None
) -> np.ndarray:
    """Normally distributed with this standard deviation and mean."""
    spread, middle = check_number("std", std, least=0), check_number("mean", mean)
    return draw(shape, rng, dtype, lambda r, sizes: r.normal(middle, spread, sizes))


def uniform(shape: Shape, rng: np.random.Generator, limit: float = 0.01, dtype: Any = None) -> np.ndarray:
    """Uniform on [-limit, limit)."""
    reach = check_number("limit", limit, least=0)
    return draw(shape, rng, dtype, lambda r, sizes: r.uniform(-reach, reach, sizes))


def truncated_normal(
    shape: Shape, rng: np.random.Generator, std: float = 0.01, mean: float = 0.0, cut: float = 2.0, dtype: Any = None
) -> np.ndarray:
    """Normally distributed, drawn again where farther than cut * std from the mean.

    So its standard deviation is less than `std`, which is that before the cut: 0.88 std for cut = 2.
    """
    spread, middle = check_number("std", std, least=0), check_number("mean", mean)
    if check_number("cut", cut) < 0.1:  # where draws are seldom kept
        raise blame(ArgumentError(f"truncated_normal: cut is a number from 0.1 up, not {cut!r}."), user_site())
    return draw(shape, rng, dtype, lambda r, sizes: middle + spread * _within(r, sizes, cut))


def _within(rng: Any, shape: tuple[int, ...], cut: float) -> np.ndarray:
    found = np.asarray(rng.normal(size=shape))
    while (beyond := np.abs(found) > cut).any():
        found[beyond] = rng.normal(size=np.count_nonzero(beyond))
    return found


def variance_scaling(
    shape: Shape,
    rng: np.random.Generator,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "truncated_normal",
    dtype: Any = None,
) -> np.ndarray:
    """Drawn with variance scale / n, with n = inputs for "fan_in", outputs for "fan_out", their mean for "fan_avg".

    distribution : "truncated_normal", which is cut at two standard deviations and has the variance after that,
        "normal" or "uniform"
    """
    check_choice("mode", mode, ("fan_in", "fan_out", "fan_avg"))
    check_choice("distribution", distribution, ("truncated_normal", "normal", "uniform"))
    inputs, outputs = fans(shape)
    units = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[mode]
    std = math.sqrt(check_number("scale", scale, least=0) / max(1, units))
    if distribution == "uniform":
        return uniform(shape, rng, std * math.sqrt(3), dtype)
    if distribution == "normal":
        return normal(shape, rng, std, dtype=dtype)
    return truncated_normal(shape, rng, std / CUT_STD, dtype=dtype)


def glorot_normal(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(2 / (inputs + outputs)) (Glorot, Bengio 2010)."""
    return normal(shape, rng, scale_of(gain, 2, sum(fans(shape))), dtype=dtype)


def glorot_uniform(shape: Shape, rng: np.random.Generator, gain: float = 1.0, dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(6 / (inputs + outputs)) (Glorot, Bengio 2010, equation 16)."""
    return uniform(shape, rng, scale_of(gain, 6, sum(fans(shape))), dtype=dtype)


def he_normal(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Normal with std = gain * sqrt(1 / inputs); the gain is sqrt(2) for relu (He et al. 2015, equation 10)."""
    return normal(shape, rng, scale_of(gain, 1, fans(shape)[0]), dtype=dtype)


def he_uniform(shape: Shape, rng: np.random.Generator, gain: float = math.sqrt(2), dtype: Any = None) -> np.ndarray:
    """Uniform within gain * sqrt(3 / inputs); the gain is sqrt(2) for relu (He et al. 2015)."""
    return uniform(shape, rng, scale_of(gain, 3, fans(shape)[0]), dtype=dtype)


def lecun_normal(shape: Shape, rng: np.random.Generator, dtype: Any = None) -> np.ndarray:
    """Normal with std = sqrt(1 / inputs) (LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.6)."""
    return he_normal(shape, rng, 1.0, dtype)


def lecun_uniform(shape: Shape, rng: np.random.Generator, dtype: Any = None) -> np.ndarray:
    """Uniform within sqrt(3 / inputs) (LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.6)."""
    return he_uniform(shape, rng, 1.0, dtype)
