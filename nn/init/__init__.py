"""Initial values of parameters: each function gives a NumPy array of a shape, drawn with a `numpy.random.Generator`.

Weights are (inputs, outputs) for dense layers and (outputs, inputs, *kernel) for convolutions.
"""

from .distributions import (
    constant,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    truncated_normal,
    uniform,
    variance_scaling,
    zeros,
)
from .drawing import fans, gain, generator, seed
from .patterns import bilinear, delta_orthogonal, identity, orthogonal, sparse

__all__ = [
    "bilinear",
    "constant",
    "delta_orthogonal",
    "fans",
    "gain",
    "generator",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "seed",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "zeros",
]
