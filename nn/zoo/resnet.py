"""Residual networks, and the plain ones that they are compared with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.max_pool import max_pool2d
from ...ops.padding import pad
from ...ops.reduce import mean
from ...symbolic.arguments import check_count, check_flag, check_sequence
from ...symbolic.errors import ArgumentError, blame, give_name, user_site
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, LayerMaker, begin

Shortcut = Callable[[Expr, int, int], Expr]


def resnet(
    x: Any,
    repeats: Sequence[int] = (3, 4, 6, 3),
    classes: int = 1000,
    training: Any = False,
    *,
    bottleneck: bool = False,
    plain: bool = False,
    stride_first: bool = False,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    name: str = "resnet",
) -> Expr:
    """A residual network for large images: stages of blocks relu(shortcut(x) + convolutions(x)), each half the size.

    A shortcut is x itself, or a 1x1 convolution where the shape changes (the paper's option B).

    Parameters
    ----------
    x : (batch, 3, height, width) floats; 224x224 in the paper, other sizes too, and symbols
    repeats : how many blocks each stage has; the stages have 64, 128, 256 ... maps
    classes, width, weights, rng, name : as those of `vgg16`
    training : a bool, or a scalar bool expression that a call decides by: whether batch normalisation takes the batch's
        statistics
    bottleneck : False: blocks of two 3x3 convolutions; True: 1x1, 3x3, and 1x1 with four times the maps
    plain : True: without shortcuts
    stride_first : which convolution of a bottleneck makes the size half: False: the 3x3, as is usual now, True: the
        first, as in the paper

    Returns
    -------
    (batch, classes) logits

    References
    ----------
    He, Zhang, Ren, Sun 2016, Deep Residual Learning for Image Recognition, table 1.
    """
    counts = [check_count("resnet", "a number of repeats", r, 1, 10**4) for r in check_sequence("repeats", repeats)]
    flags = {"bottleneck": bottleneck, "plain": plain, "stride_first": stride_first}
    deep, straight, first = (check_flag("resnet", what, flag) for what, flag in flags.items())
    build = functools.partial(_bottleneck, first=first) if deep else _basic
    h, n = begin("resnet", name, x, classes, training, weights, rng, width, normal=True)

    def shortcut(x: Expr, maps: int, stride: int) -> Expr:
        same = stride == 1 and x.shape[1] == n.maps(maps)
        return x if same else n.linear(x, maps, 1, "shortcut", stride=stride)

    with scope(name):
        h = max_pool2d(n.conv(h, 64, 7, "conv1", stride=2, padding=3), 3, 2, 1)
        for stage, count in enumerate(counts):
            for block in range(count):
                stride = 2 if stage and not block else 1
                with scope(f"conv{stage + 2}_{block + 1}"):
                    h = build(n, h, 64 << stage, stride, None if straight else shortcut)
        return n.dense(mean(h, (2, 3)), classes, "fc")


def _basic(n: LayerMaker, x: Expr, maps: int, stride: int, shortcut: Shortcut | None) -> Expr:
    """Figure 5, left: two 3x3 convolutions."""
    h = n.conv(x, maps, 3, "conv1", stride=stride, padding=1)
    h = n.linear(h, maps, 3, "conv2", padding=1)
    return scalar.relu(h if shortcut is None else h + shortcut(x, maps, stride))


def _bottleneck(n: LayerMaker, x: Expr, maps: int, stride: int, shortcut: Shortcut | None, first: bool) -> Expr:
    """Figure 5, right: 3x3 between two 1x1 convolutions, the second of which has four times the maps."""
    h = n.conv(x, maps, 1, "conv1", stride=stride if first else 1)
    h = n.conv(h, maps, 3, "conv2", stride=1 if first else stride, padding=1)
    h = n.linear(h, 4 * maps, 1, "conv3")
    return scalar.relu(h if shortcut is None else h + shortcut(x, 4 * maps, stride))


def _imagenet(word: str, repeats: tuple[int, ...], bottleneck: bool) -> Callable[..., Expr]:
    def network(
        x: Any,
        classes: int = 1000,
        training: Any = False,
        *,
        width: float = 1.0,
        weights: Initialiser = init.he_normal,
        rng: np.random.Generator | None = None,
        name: str = word,
    ) -> Expr:
        how = {"width": width, "weights": weights, "rng": rng, "name": name}
        return resnet(x, repeats, classes, training, bottleneck=bottleneck, **how)

    kind = "bottlenecks" if bottleneck else "blocks of two 3x3 convolutions"
    network.__doc__ = f"""`resnet` with {repeats} {kind} in its stages: (batch, classes) logits.

    Parameters as those of `resnet`.  He, Zhang, Ren, Sun 2016, table 1.
    """
    return give_name(network, word)


resnet18 = _imagenet("resnet18", (2, 2, 2, 2), bottleneck=False)
resnet34 = _imagenet("resnet34", (3, 4, 6, 3), bottleneck=False)
resnet50 = _imagenet("resnet50", (3, 4, 6, 3), bottleneck=True)
resnet101 = _imagenet("resnet101", (3, 4, 23, 3), bottleneck=True)
resnet152 = _imagenet("resnet152", (3, 8, 36, 3), bottleneck=True)


def cifar_resnet(
    x: Any,
    depth: int = 20,
    classes: int = 10,
    training: Any = False,
    *,
    plain: bool = False,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    name: str = "resnet",
) -> Expr:
    """A residual network for images of 32x32: three stages of (depth - 2) / 6 blocks with 16, 32 and 64 maps.

    A shortcut is x itself, and where the shape changes every second pixel of it, with maps of zeros behind (the paper's
    option A): none has parameters.

    Parameters
    ----------
    x : (batch, 3, height, width) floats
    depth : 6 n + 2: 20, 32, 44, 56 and 110 in the paper
    plain : True: without shortcuts
    classes, training, width, weights, rng, name : as those of `resnet`

    Returns
    -------
    (batch, classes) logits

    Raises ArgumentError for another depth.

    References
    ----------
    He, Zhang, Ren, Sun 2016, Deep Residual Learning for Image Recognition, section 4.2.
    """
    straight = check_flag("cifar_resnet", "plain", plain)
    if check_count("cifar_resnet", "depth", depth, 8, 10**4) % 6 != 2:
        text = f"cifar_resnet: depth is 6 n + 2, for n blocks of two layers in three stages, not {depth}."
        raise blame(ArgumentError(text), user_site(), hint="20, 32, 44, 56 and 110 are those of the paper.")
    h, n = begin("cifar_resnet", name, x, classes, training, weights, rng, width, normal=True)

    def shortcut(x: Expr, maps: int, stride: int) -> Expr:
        more = n.maps(maps) - x.shape[1]
        return x if stride == 1 else pad(x[:, :, ::stride, ::stride], [(0, 0), (0, more), (0, 0), (0, 0)])

    with scope(name):
        h = n.conv(h, 16, 3, "conv1", padding=1)
        for stage, maps in enumerate((16, 32, 64)):
            for block in range(depth // 6):
                with scope(f"conv{stage + 2}_{block + 1}"):
                    h = _basic(n, h, maps, 2 if stage and not block else 1, None if straight else shortcut)
        return n.dense(mean(h, (2, 3)), classes, "fc")
