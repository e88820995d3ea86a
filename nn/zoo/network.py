"""What the networks of the zoo have in common: checks of their arguments, and layers that share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ops import scalar
from ...ops.reduce import check_float
from ...symbolic.arguments import check_count, check_function, check_name, check_number
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ..arguments import stream, training_flag
from ..layers.convolution import check_images, conv2d
from ..layers.dense import dense
from ..layers.noise import dropout
from ..layers.normalization import batch_norm

Initialiser = Callable[..., np.ndarray]
Size = int | tuple[int, int]

WIDEST = 16


class LayerMaker(NamedTuple):
    """What is one for all layers of a network."""

    training: Any
    weights: Initialiser
    rng: np.random.Generator | None
    stream: Any = None  # that dropout draws from
    width: float = 1.0
    normal: bool = False  # whether convolutions have batch normalisation in the place of biases
    eps: float = 1e-5  # that of batch normalisation

    def maps(self, count: int) -> int:
        """How many maps or units a layer has, where the paper has so many: `width` times as many, an even number."""
        return count if self.width == 1 else 2 * max(1, round(count * self.width / 2))

    def linear(self, x: Expr, maps: int, size: Size, name: str, *, b: Any = 0.0, **how: Any) -> Expr:
        """A convolution, with biases or batch normalisation."""
        bias = None if self.normal else b
        h = conv2d(x, self.maps(maps), size, self.weights, bias, rng=self.rng, name=name, **how)
        return self.norm(h, name) if self.normal else h

    def conv(self, x: Expr, maps: int, size: Size, name: str, **how: Any) -> Expr:
        """relu of a convolution, with biases or batch normalisation."""
        return scalar.relu(self.linear(x, maps, size, name, **how))

    def norm(self, x: Expr, name: str) -> Expr:
        """Batch normalisation."""
        return batch_norm(x, self.training, eps=self.eps, name=name)

    def dense(self, x: Expr, units: int, name: str) -> Expr:
        """A dense layer of so many units, whatever `width` is: the last one."""
        return dense(x, units, self.weights, rng=self.rng, name=name)

    def hidden_units(self, x: Expr, units: int, name: str, rate: Any) -> Expr:
        """A dense layer, relu, and dropout."""
        return self.drop(scalar.relu(self.dense(x, self.maps(units), name)), rate)

    def drop(self, x: Expr, rate: Any) -> Expr:
        """Dropout."""
        return dropout(x, rate, self.stream, self.training)


def begin(
    word: str, name: Any, x: Any, classes: Any, training: Any, weights: Any, rng: Any, width: Any = 1.0, **how: Any
) -> tuple[Expr, LayerMaker]:
    """The images that a network is given, and what is one for its layers.  Raises for arguments that do not fit.

    Where `how` has a stream, of None one is made, before any weights are drawn.
    """
    node = check_images(word, x, 2)
    check_float(node, word)
    check_count(word, "classes", classes, 1, 1 << 24)
    check_function(f"{word}: weights", weights, ["the shape", "rng"])
    if not check_name(name):
        raise blame(ArgumentError(f"{word}: name is a string that is not empty, not {name!r}."), user_site())
    if check_number(f"{word}: width", width) <= 0 or width > WIDEST:
        text = f"{word}: width multiplies numbers of maps, and is above 0 and up to {WIDEST}, not {width!r}."
        raise blame(ArgumentError(text), user_site())
    if "stream" in how:
        how["stream"] = stream(word, how["stream"], "stream")
    return node, LayerMaker(training_flag(word, training), weights, rng, width=width, **how)
