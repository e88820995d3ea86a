"""Losses of classes."""

from __future__ import annotations

from typing import Any

from ....nn.losses.classification import crossentropy, nll
from ....ops import activations, reduce, scalar
from ....ops.creation import ones
from ....ops.elementwise import cast
from ....ops.indexing import take
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import operator


@operator("NegativeLogLikelihoodLoss")
def read_nll(node: ModelNode, x: Expr, labels: Expr, weights: Expr | None = None) -> Expr:
    """-x[label] of log probabilities x (n, classes, ...)."""
    return _reduce(node, nll(x, labels, axis=1, **_options(node, weights)), labels, weights)


@operator("SoftmaxCrossEntropyLoss")
def read_crossentropy(node: ModelNode, x: Expr, labels: Expr, weights: Expr | None = None) -> tuple[Expr, ...]:
    """-log_softmax(x)[label] of scores x (n, classes, ...), and log_softmax(x)."""
    loss = _reduce(node, crossentropy(x, labels, axis=1, **_options(node, weights)), labels, weights)
    return loss, activations.log_softmax(x, 1)


def _options(node: ModelNode, weights: Expr | None) -> dict[str, Any]:
    return {"class_weights": weights, "ignore_index": node["ignore_index"]}


def _reduce(node: ModelNode, loss: Expr, labels: Expr, weights: Expr | None) -> Expr:
    """All of it, its sum, or its mean by the weights of what counts."""
    if node["reduction"] == "none":
        return loss
    total = reduce.sum(loss, dtype=loss.dtype)
    if node["reduction"] == "sum":
        return total
    if weights is None and node["ignore_index"] is None:
        return cast(reduce.mean(loss), loss.dtype)
    counts = ones(labels.shape, "bool")
    if node["ignore_index"] is not None:
        counts = scalar.ne(labels, node["ignore_index"])
    one = node.like(1, loss) if weights is None else take(weights, scalar.where(counts, labels, 0), 0)
    return total / reduce.sum(scalar.where(counts, one, 0), dtype=loss.dtype)
