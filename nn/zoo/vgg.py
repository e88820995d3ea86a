"""VGG: 3x3 convolutions and pools, up to three dense layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops.max_pool import max_pool2d
from ...ops.normalization import local_response_norm
from ...symbolic.errors import give_name
from ...symbolic.expr import Expr
from .. import init
from ..naming import scope
from .network import Initialiser, begin

MAPS = (64, 128, 256, 512, 512)
LAYERS = {"A": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "C": (2, 2, 3, 3, 3), "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}

TEXT = """{of} (Simonyan, Zisserman's configuration {letter}).

    Parameters
    ----------
    x : (batch, 3, height, width) floats; 224x224 in the paper, from 32x32 up.  The first dense layer takes what is left
        of them, so that height and width are numbers
    classes : how many logits there are
    training : a bool, or a scalar bool expression that a call decides by: whether dropout drops
    dropout : the rate for what the two hidden dense layers give
    width : 0.25 makes a network with a quarter of all maps and units, up to 16
    weights : an initialiser, what weights begin with; biases begin with 0
    rng : draws what weights begin with; None: `init.generator()`
    stream : a `random.Stream`, from which dropout draws; None: one of its own, seeded by `init.generator()`
    name : the parameters are `{{name}}.conv1_1_w`, `{{name}}.conv1_1_b` ..., and the same if it is built again

    Returns
    -------
    (batch, classes) logits

    References
    ----------
    Simonyan, Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition, table 1.
    """


def _vgg(word: str, letter: str, of: str, lrn: bool = False) -> Callable[..., Expr]:
    def network(
        x: Any,
        classes: int = 1000,
        training: Any = False,
        *,
        dropout: Any = 0.5,
        width: float = 1.0,
        weights: Initialiser = init.he_normal,
        rng: np.random.Generator | None = None,
        stream: Any = None,
        name: str = word,
    ) -> Expr:
        h, n = begin(word, name, x, classes, training, weights, rng, width, stream=stream)
        with scope(name):
            for block, (maps, layers) in enumerate(zip(MAPS, LAYERS[letter], strict=True), 1):
                for layer in range(1, layers + 1):
                    size = 1 if letter == "C" and layer == 3 else 3
                    h = n.conv(h, maps, size, f"conv{block}_{layer}", padding=size // 2)
                if lrn and block == 1:
                    h = local_response_norm(h)
                h = max_pool2d(h, 2)
            h = n.hidden_units(h, 4096, "fc6", dropout)
            h = n.hidden_units(h, 4096, "fc7", dropout)
            return n.dense(h, classes, "fc8")

    network.__doc__ = TEXT.format(of=of, letter=letter if not lrn else "A-LRN")
    return give_name(network, word)


vgg_a = _vgg("vgg_a", "A", "VGG-11: eight convolutions and three dense layers")
vgg_a_lrn = _vgg("vgg_a_lrn", "A", "VGG-11 with local response normalisation after the first convolution", lrn=True)
vgg_b = _vgg("vgg_b", "B", "VGG-13: ten convolutions and three dense layers")
vgg_c = _vgg("vgg_c", "C", "VGG-16 whose blocks 3 to 5 end with 1x1 convolutions, and three dense layers")
vgg16 = vgg_d = _vgg("vgg16", "D", "VGG-16: thirteen convolutions and three dense layers")
vgg19 = vgg_e = _vgg("vgg19", "E", "VGG-19: sixteen convolutions and three dense layers")


def small_vgg(
    x: Any,
    classes: int,
    training: Any = False,
    *,
    dropout: Any = 0.25,
    width: float = 1.0,
    weights: Initialiser = init.he_normal,
    rng: np.random.Generator | None = None,
    stream: Any = None,
    name: str = "small_vgg",
) -> Expr:
    """Six convolutions with batch normalisation in blocks of 32, 64 and 128 maps, and two dense layers.

    For images of some 32x32 to 128x128.  Where each image has several labels, take a sigmoid of each logit, and
    `losses.binary_crossentropy`.  Parameters as those of `vgg16`; `dropout` comes after each block and
    after the hidden dense layer of 512 units.

    Returns
    -------
    (batch, classes) logits
    """
    h, n = begin("small_vgg", name, x, classes, training, weights, rng, width, stream=stream, normal=True)
    with scope(name):
        for block, maps in enumerate((32, 64, 128), 1):
            for layer in (1, 2):
                h = n.conv(h, maps, 3, f"conv{block}_{layer}", padding=1)
            h = n.drop(max_pool2d(h, 2), dropout)
        return n.dense(n.hidden_units(h, 512, "fc4", dropout), classes, "fc5")
