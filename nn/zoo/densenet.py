"""DenseNet: each layer sees the maps of all before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.max_pool import max_pool2d
from ...ops.movement import concatenate
from ...ops.reduce import mean
from ...ops.sum_pool import avg_pool2d
from ...symbolic.arguments import check_count, check_flag, check_sequence
from ...symbolic.errors import ArgumentError, blame, give_name, user_site
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, LayerMaker, begin


def densenet(
    x: Any,
    blocks: Sequence[int] = (6, 12, 24, 16),
    growth: int = 32,
    classes: int = 1000,
    training: Any = False,
    *,
    dropout: Any = 0.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "densenet",
) -> Expr:
    """A DenseNet-BC for large images: dense blocks, and between them layers that make maps and size half.

    Parameters
    ----------
    x : (batch, 3, height, width) floats; 224x224 in the paper, other sizes too, and symbols
    blocks : how many layers each block has, each of them 1x1 with 4 * growth maps, and 3x3
    growth : how many maps each layer adds
    dropout : the rate for what each convolution of a block gives
    training : a bool, or a scalar bool expression that a call decides by: for batch normalisation and dropout
    classes, weights, rng, stream, name : as those of `vgg16`

    Returns
    -------
    (batch, classes) logits

    References
    ----------
    Huang, Liu, van der Maaten, Weinberger 2017, Densely Connected Convolutional Networks, table 1.
    """
    counts = [check_count("densenet", "a number of layers", b, 1, 10**4) for b in check_sequence("blocks", blocks)]
    growth = check_count("densenet", "growth", growth, 1, 10**4)
    h, n = begin("densenet", name, x, classes, training, weights, rng, stream=stream)
    with scope(name):
        h = n.linear(h, 2 * growth, 7, "conv0", stride=2, padding=3, b=None)
        h = max_pool2d(scalar.relu(n.norm(h, "norm0")), 3, 2, 1)
        return _blocks(n, h, counts, growth, classes, True, dropout)


def _blocks(
    n: LayerMaker, x: Expr, counts: list[int], growth: int, classes: int, bottleneck: bool, dropout: Any
) -> Expr:
    """Dense blocks with transitions between them, and the classifier."""
    for block, count in enumerate(counts, 1):
        for layer in range(1, count + 1):
            with scope(f"block{block}_{layer}"):
                x = _layer(n, x, growth, bottleneck, dropout)
        if block < len(counts):
            with scope(f"transition{block}"):
                maps = x.shape[1] // 2 if bottleneck else x.shape[1]
                x = n.drop(n.linear(scalar.relu(n.norm(x, "norm")), maps, 1, "conv", b=None), dropout)
                x = avg_pool2d(x, 2)
    return n.dense(mean(scalar.relu(n.norm(x, "norm")), (2, 3)), classes, "fc")


def _layer(n: LayerMaker, x: Expr, growth: int, bottleneck: bool, dropout: Any) -> Expr:
    """x, and `growth` maps more."""
    h = x
    if bottleneck:
        h = n.linear(scalar.relu(n.norm(h, "norm1")), 4 * growth, 1, "conv1", b=None)
        h = n.drop(h, dropout)
    h = n.linear(scalar.relu(n.norm(h, "norm2")), growth, 3, "conv2", padding=1, b=None)
    return concatenate([x, n.drop(h, dropout)], 1)


def _imagenet(word: str, blocks: tuple[int, ...], growth: int = 32) -> Callable[..., Expr]:
    def network(
        x: Any,
        classes: int = 1000,
        training: Any = False,
        *,
        dropout: Any = 0.0,
        weights: Initialiser = init.he_normal,
        rng: np.random.Generator | None = None,
        stream: Any = None,
        name: str = word,
    ) -> Expr:
        how = {"dropout": dropout, "weights": weights, "rng": rng, "stream": stream, "name": name}
        return densenet(x, blocks, growth, classes, training, **how)

    network.__doc__ = f"""`densenet` with {blocks} layers in its blocks, which add {growth} maps each.

    Parameters as those of `densenet`; (batch, classes) logits.  Huang et al. 2017, table 1.
    """
    return give_name(network, word)


densenet121 = _imagenet("densenet121", (6, 12, 24, 16))
densenet161 = _imagenet("densenet161", (6, 12, 36, 24), 48)
densenet169 = _imagenet("densenet169", (6, 12, 32, 32))
densenet201 = _imagenet("densenet201", (6, 12, 48, 32))
densenet264 = _imagenet("densenet264", (6, 12, 64, 48))


def cifar_densenet(
    x: Any,
    depth: int = 100,
    growth: int = 12,
    classes: int = 10,
    training: Any = False,
    *,
    bottleneck: bool = True,
    dropout: Any = 0.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "densenet",
) -> Expr:
    """A DenseNet for images of 32x32: three blocks, all of one number of layers.

    Parameters
    ----------
    x : (batch, 3, height, width) floats
    depth : 3 n + 4, and 6 n + 4 with bottlenecks: 40 and 100 in the paper
    growth : how many maps each layer adds: 12, 24 or 40 in the paper
    bottleneck : True: DenseNet-BC, whose layers have a 1x1 convolution too, and whose transitions make maps half
    dropout : the rate for what each convolution of a block gives; 0.2 in the paper where images are not augmented
    classes, training, weights, rng, stream, name : as those of `densenet`

    Returns
    -------
    (batch, classes) logits

    Raises ArgumentError for another depth.

    References
    ----------
    Huang, Liu, van der Maaten, Weinberger 2017, Densely Connected Convolutional Networks, section 3 and table 2.
    """
    deep = check_flag("cifar_densenet", "bottleneck", bottleneck)
    growth, each = check_count("cifar_densenet", "growth", growth, 1, 10**4), 6 if deep else 3
    if (check_count("cifar_densenet", "depth", depth, 4 + each, 10**4) - 4) % each:
        text = f"cifar_densenet: depth is {each} n + 4 for bottleneck={deep}, not {depth}."
        raise blame(ArgumentError(text), user_site(), hint="40 and 100 are those of the paper.")
    h, n = begin("cifar_densenet", name, x, classes, training, weights, rng, stream=stream)
    with scope(name):
        h = n.linear(h, 2 * growth if deep else 16, 3, "conv0", padding=1, b=None)
        return _blocks(n, h, [(depth - 4) // each] * 3, growth, classes, deep, dropout)
