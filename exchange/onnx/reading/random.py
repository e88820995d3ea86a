"""What is drawn, anew in each call, by streams of weft.

A `seed` of the model says which numbers; they are not those of other programs, for the standard names no generator.
"""

from __future__ import annotations

import struct

import numpy as np

from ....nn.arguments import stream
from ....ops import activations, reduce, scalar
from ....ops.creation import ones
from ....ops.elementwise import cast
from ....ops.movement import expand_dims, reshape
from ....ops.order import cumsum
from ....ops.random import Stream
from ....symbolic.dims import Dim
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import Unsaid, operator


def _stream(node: ModelNode) -> Stream:
    """The stream of a node: of its seed, or, as layers have them, of one by itself."""
    if node["seed"] is None:
        return stream(node.kind, None)
    return Stream(struct.unpack("<I", struct.pack("<f", node["seed"]))[0])


@operator("Dropout", settings=(1,))
def read_dropout(
    node: ModelNode, x: Expr, ratio: Expr | None = None, training: Expr | None = None
) -> tuple[Expr, Expr]:
    """x, or while training x / (1 - ratio) where a draw keeps it, 0 where not; and what is kept."""
    kind = "bool" if node.version >= 10 else x.dtype
    rate = node.like(0.5, x) if ratio is None else reshape(cast(ratio, x.dtype), ())
    known = None if training is None else node.numbers(training)
    if training is None or (known is not None and not known.any()) or _is_zero(node, rate):
        return x, ones(x.shape, kind)
    kept = _stream(node).bernoulli(1 - cast(rate, "float32"), x.shape)
    if known is None:
        kept = scalar.logical_or(kept, scalar.logical_not(reshape(training, ())))
        rate = scalar.where(reshape(training, ()), rate, 0)
    return scalar.where(kept, x / (1 - rate), 0), kept


def _is_zero(node: ModelNode, rate: Expr) -> bool:
    known = node.numbers(rate)
    return known is not None and bool(known == 0)


@operator("RandomNormal", "RandomUniform")
def read_random(node: ModelNode) -> Expr:
    """Floats of a distribution, in a shape that an attribute says."""
    return _draw(node, tuple(node["shape"]), node.dtype(node["dtype"]))


@operator("RandomNormalLike", "RandomUniformLike")
def read_random_like(node: ModelNode, x: Expr) -> Expr:
    """Floats of a distribution, in the shape of x."""
    return _draw(node, x.shape, x.dtype if node["dtype"] is None else node.dtype(node["dtype"]))


def _draw(node: ModelNode, shape: tuple[Dim, ...], dtype: np.dtype) -> Expr:
    if dtype.kind != "f":
        raise Unsaid(f"draws {dtype.name}, and weft draws floats")
    draws = _stream(node)
    if node.kind.startswith("RandomNormal"):
        return draws.normal(shape, node["mean"], node["scale"], dtype)
    return draws.uniform(shape, node["low"], node["high"], dtype)


@operator("Bernoulli")
def read_bernoulli(node: ModelNode, p: Expr) -> Expr:
    """1 with these probabilities, else 0."""
    kind = p.dtype if node["dtype"] is None else node.dtype(node["dtype"])
    return _stream(node).bernoulli(p, p.shape, kind)


@operator("Multinomial")
def read_multinomial(node: ModelNode, x: Expr) -> Expr:
    """Classes, by logarithms of what is in proportion to their probabilities: (batch, classes) -> (batch, count)."""
    behind = cumsum(activations.softmax(cast(x, "float64"), 1), 1)
    total = behind[:, -1:]
    drawn = _stream(node).uniform((x.shape[0], node["sample_size"]), dtype="float64") * total
    below = scalar.le(expand_dims(behind, 1), expand_dims(drawn, 2))
    last = reduce.sum(cast(scalar.lt(behind, total), "int64"), 1, keepdims=True)  # the last that is possible
    found = scalar.minimum(reduce.sum(cast(below, "int64"), 2), last)
    return cast(found, node.dtype(node["dtype"]))
