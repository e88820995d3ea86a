"""Inception v3: large windows made of small ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.max_pool import max_pool2d
from ...ops.movement import concatenate
from ...ops.reduce import mean
from ...ops.sum_pool import avg_pool2d
from ...symbolic.arguments import check_flag
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, LayerMaker, Size, begin

ACROSS, DOWN = (1, 7), (7, 1)


def inception_v3(
    x: Any,
    classes: int = 1000,
    training: Any = False,
    *,
    aux: bool = False,
    dropout: Any = 0.5,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "inception_v3",
) -> Expr | tuple[Expr, Expr]:
    """Five convolutions and eleven modules, 48 layers deep; batch normalisation after each convolution.

    It is the network that the authors published: the paper's table 1 differs from it in the first layers.

    Parameters
    ----------
    x : (batch, 3, height, width) floats; 299x299 in the paper, other sizes from 75x75 up too, and symbols
    classes, training, width, weights, rng, stream, name : as those of `vgg16`
    aux : whether the classifier of training is there, which wants 299x299 or more
    dropout : the rate in front of the last layer

    Returns
    -------
    (batch, classes) logits; with aux (logits, those of the classifier in the middle)

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, Rethinking the Inception Architecture for Computer Vision.
    """
    aux = check_flag("inception_v3", "aux", aux)
    h, n = begin("inception_v3", name, x, classes, training, weights, rng, width, stream=stream, normal=True, eps=1e-3)
    with scope(name):
        h = _stem(n, h)
        for module, pooled in (("5b", 32), ("5c", 64), ("5d", 64)):
            h = _module35(n, h, f"mixed{module}", pooled)
        h = _smaller35(n, h, "mixed6a")
        for module, inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
            h = _module17(n, h, f"mixed{module}", inner)
        middle, h = h, _smaller17(n, h, "mixed7a")
        for module in ("7b", "7c"):
            h = _module8(n, h, f"mixed{module}")
        logits = n.dense(n.drop(mean(h, (2, 3)), dropout), classes, "fc")
        return (logits, _aux(n, middle, classes)) if aux else logits


def _stem(n: LayerMaker, x: Expr) -> Expr:
    """299x299 to 35x35, and 192 maps."""
    h = n.conv(x, 32, 3, "conv1", stride=2)
    h = n.conv(n.conv(h, 32, 3, "conv2"), 64, 3, "conv3", padding=1)
    h = max_pool2d(h, 3, 2)
    h = n.conv(n.conv(h, 80, 1, "conv4"), 192, 3, "conv5")
    return max_pool2d(h, 3, 2)


def _chain(n: LayerMaker, x: Expr, branch: str, *layers: tuple[int, Size]) -> Expr:
    """One convolution after the other, (maps, size) of each, which keep height and width."""
    for number, (maps, size) in enumerate(layers, 1):
        height, width = size if isinstance(size, tuple) else (size, size)
        x = n.conv(x, maps, size, f"{branch}{number}", padding=(height // 2, width // 2))
    return x


def _pool(n: LayerMaker, x: Expr, maps: int) -> Expr:
    """A mean of 3x3 pixels, those outside not counted, and a 1x1 convolution."""
    return n.conv(avg_pool2d(x, 3, 1, 1), maps, 1, "pool")


def _module35(n: LayerMaker, x: Expr, name: str, pooled: int) -> Expr:
    """Figure 5, of 224 + `pooled` maps; but for one 5x5 window that is left."""
    with scope(name):
        parts = [
            _chain(n, x, "a", (64, 1)),
            _chain(n, x, "b", (48, 1), (64, 5)),
            _chain(n, x, "c", (64, 1), (96, 3), (96, 3)),
            _pool(n, x, pooled),
        ]
        return concatenate(parts, 1)


def _module17(n: LayerMaker, x: Expr, name: str, inner: int) -> Expr:
    """Figure 6, of 768 maps: windows of 7x7 as 1x7 and 7x1."""
    with scope(name):
        parts = [
            _chain(n, x, "a", (192, 1)),
            _chain(n, x, "b", (inner, 1), (inner, ACROSS), (192, DOWN)),
            _chain(n, x, "c", (inner, 1), (inner, DOWN), (inner, ACROSS), (inner, DOWN), (192, ACROSS)),
            _pool(n, x, 192),
        ]
        return concatenate(parts, 1)


def _module8(n: LayerMaker, x: Expr, name: str) -> Expr:
    """Figure 7, of 2048 maps: two branches part in 1x3 and 3x1."""
    across, down = (1, 3), (3, 1)
    with scope(name):
        a, b, c = _chain(n, x, "a", (320, 1)), _chain(n, x, "b", (384, 1)), _chain(n, x, "c", (448, 1), (384, 3))
        split = [
            _chain(n, h, f"{branch}_{way}", (384, size))
            for branch, h in (("b", b), ("c", c))
            for way, size in (("across", across), ("down", down))
        ]
        return concatenate([a, *split, _pool(n, x, 192)], 1)


def _smaller35(n: LayerMaker, x: Expr, name: str) -> Expr:
    """Half the height and width, and 480 maps more (figure 10)."""
    with scope(name):
        parts = [
            n.conv(x, 384, 3, "a", stride=2),
            n.conv(_chain(n, x, "b", (64, 1), (96, 3)), 96, 3, "b3", stride=2),
            max_pool2d(x, 3, 2),
        ]
        return concatenate(parts, 1)


def _smaller17(n: LayerMaker, x: Expr, name: str) -> Expr:
    """Half the height and width, and 512 maps more."""
    with scope(name):
        parts = [
            n.conv(_chain(n, x, "a", (192, 1)), 320, 3, "a2", stride=2),
            n.conv(_chain(n, x, "b", (192, 1), (192, ACROSS), (192, DOWN)), 192, 3, "b4", stride=2),
            max_pool2d(x, 3, 2),
        ]
        return concatenate(parts, 1)


def _aux(n: LayerMaker, x: Expr, classes: int) -> Expr:
    """The classifier of training (figure 8)."""
    with scope("aux"):
        h = n.conv(avg_pool2d(x, 5, 3), 128, 1, "conv1")
        return n.dense(mean(n.conv(h, 768, 5, "conv2"), (2, 3)), classes, "fc")
