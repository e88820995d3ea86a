"""GoogLeNet: nine inception modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.max_pool import max_pool2d
from ...ops.movement import concatenate
from ...ops.normalization import local_response_norm
from ...ops.reduce import mean
from ...ops.sum_pool import avg_pool2d
from ...symbolic.arguments import check_flag
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, LayerMaker, begin

# maps of: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj (table 1)
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(
    x: Any,
    classes: int = 1000,
    training: Any = False,
    *,
    aux: bool = False,
    normal: bool = False,
    dropout: Any = 0.4,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "googlenet",
) -> Expr | tuple[Expr, Expr, Expr]:
    """Three convolutions and nine inception modules of six convolutions each; 22 layers deep.

    Parameters
    ----------
    x : (batch, 3, height, width) floats; 224x224 in the paper, other sizes too, and symbols where aux is False
    classes, training, width, weights, rng, stream, name : as those of `vgg16`
    aux : whether the two classifiers of training are there, which want 79x79 or more; the paper adds their losses times
        0.3
    normal : False: the paper's network, with biases and local response normalisation.  True: batch normalisation in
        their place, with which it learns more easily
    dropout : the rate in front of the last layer; that of the two classifiers is 0.7

    Returns
    -------
    (batch, classes) logits; with aux (logits, those after module 4a, those after module 4d)

    References
    ----------
    Szegedy et al. 2015, Going Deeper with Convolutions, table 1 and section 5.
    """
    aux, normal = check_flag("googlenet", "aux", aux), check_flag("googlenet", "normal", normal)
    h, n = begin("googlenet", name, x, classes, training, weights, rng, width, stream=stream, normal=normal)
    seen = {}
    with scope(name):
        h = _stem(n, h)
        for module, maps in MODULES.items():
            if module in ("4a", "5a"):
                h = max_pool2d(h, 3, 2, ceil_mode=True)
            with scope(f"inception{module}"):
                h = seen[module] = _inception(n, h, maps)
        logits = n.dense(n.drop(mean(h, (2, 3)), dropout), classes, "fc")
        return (logits, *[_aux(n, seen[m], classes, f"aux{m}") for m in ("4a", "4d")]) if aux else logits


def _stem(n: LayerMaker, x: Expr) -> Expr:
    """192 maps, of an eighth of the image's height and width."""
    h = max_pool2d(n.conv(x, 64, 7, "conv1", stride=2, padding=3), 3, 2, ceil_mode=True)
    h = h if n.normal else local_response_norm(h)
    h = n.conv(n.conv(h, 64, 1, "conv2_reduce"), 192, 3, "conv2", padding=1)
    return max_pool2d(h if n.normal else local_response_norm(h), 3, 2, ceil_mode=True)


def _inception(n: LayerMaker, x: Expr, maps: tuple[int, ...]) -> Expr:
    """Figure 2 (b): what windows of 1x1, 3x3, 5x5 and a pool see, side by side."""
    one, reduce3, three, reduce5, five, pooled = maps
    parts = [
        n.conv(x, one, 1, "1x1"),
        n.conv(n.conv(x, reduce3, 1, "3x3_reduce"), three, 3, "3x3", padding=1),
        n.conv(n.conv(x, reduce5, 1, "5x5_reduce"), five, 5, "5x5", padding=2),
        n.conv(max_pool2d(x, 3, 1, 1), pooled, 1, "pool_proj"),
    ]
    return concatenate(parts, 1)


def _aux(n: LayerMaker, x: Expr, classes: int, name: str) -> Expr:
    """A classifier of training."""
    with scope(name):
        h = n.conv(avg_pool2d(x, 5, 3), 128, 1, "conv")
        return n.dense(n.hidden_units(h, 1024, "fc1", 0.7), classes, "fc2")
