"""Layers: plain functions of expressions, which make their parameters, or take what they are given.

h = wf.relu(layers.dense(x, 256))
loss = losses.crossentropy(layers.dense(h, 10), t).mean()
updates = nn.updates.adam(loss, nn.parameters(loss))
"""

from ...ops.movement import flatten
from ...ops.normalization import dropout
from .convolution import conv1d, conv2d, conv3d, conv_params
from .dense import dense, dense_params
from .normalization import batch_norm

__all__ = [
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_params",
    "dense",
    "dense_params",
    "dropout",
    "flatten",
]
