"""AlexNet, and ZFNet, which looks at images more closely."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.max_pool import max_pool2d
from ...ops.normalization import local_response_norm
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, begin


def alexnet(
    x: Any,
    classes: int = 1000,
    training: Any = False,
    *,
    dropout: Any = 0.5,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "alexnet",
) -> Expr:
    """Five convolutions, three of them in two groups that do not see each other; local response normalisation.

    The images are 224x224, with two pixels of zeros around: the paper's numbers want 227.  Parameters as those of
    `vgg16`; dense layers take what other sizes leave.

    Returns
    -------
    (batch, classes) logits

    References
    ----------
    Krizhevsky, Sutskever, Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks, section 3.5.
    """
    h, n = begin("alexnet", name, x, classes, training, weights, rng, width, stream=stream)
    with scope(name):
        h = local_response_norm(n.conv(h, 96, 11, "conv1", stride=4, padding=2))
        h = max_pool2d(h, 3, 2)
        h = local_response_norm(n.conv(h, 256, 5, "conv2", padding=2, groups=2))
        h = max_pool2d(h, 3, 2)
        h = n.conv(h, 384, 3, "conv3", padding=1)
        h = n.conv(h, 384, 3, "conv4", padding=1, groups=2)
        h = n.conv(h, 256, 3, "conv5", padding=1, groups=2)
        h = max_pool2d(h, 3, 2)
        h = n.hidden_units(h, 4096, "fc6", dropout)
        h = n.hidden_units(h, 4096, "fc7", dropout)
        return n.dense(h, classes, "fc8")


def zfnet(
    x: Any,
    classes: int = 1000,
    training: Any = False,
    *,
    dropout: Any = 0.5,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "zfnet",
) -> Expr:
    """AlexNet with smaller windows and steps in its first layers, and without groups.

    Contrast is normalised after pooling, by `local_response_norm`.  Parameters as those of `vgg16`.

    Returns
    -------
    (batch, classes) logits

    References
    ----------
    Zeiler, Fergus 2014, Visualizing and Understanding Convolutional Networks, figure 3.
    """
    h, n = begin("zfnet", name, x, classes, training, weights, rng, width, stream=stream)
    with scope(name):
        h = n.conv(h, 96, 7, "conv1", stride=2, padding=1)
        h = local_response_norm(max_pool2d(h, 3, 2, ceil_mode=True))
        h = n.conv(h, 256, 5, "conv2", stride=2)
        h = local_response_norm(max_pool2d(h, 3, 2, ceil_mode=True))
        for layer, maps in (("conv3", 384), ("conv4", 384), ("conv5", 256)):
            h = n.conv(h, maps, 3, layer, padding=1)
        h = max_pool2d(h, 3, 2)
        h = n.hidden_units(h, 4096, "fc6", dropout)
        h = n.hidden_units(h, 4096, "fc7", dropout)
        return n.dense(h, classes, "fc8")
