"""Activations: functions of one element, and of whole rows; those that `weft` itself has stand here, too."""

from ..ops.activations import log_softmax, softmax
from ..ops.scalar import elu, gelu, hard_sigmoid, leaky_relu, log_sigmoid, relu, sigmoid, silu, softplus, softsign, tanh

__all__ = [
    "elu",
    "gelu",
    "hard_sigmoid",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]
