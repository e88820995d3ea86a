"""A network in two parts, of which the first is used again, and how it learns."""

import argparse
from collections.abc import Iterable

import numpy as np

import weft as wf
from weft import nn

from ..common import Data, images


def scattered(args: argparse.Namespace, room: float = 1.5, copies: int = 4) -> Data:
    """Images anywhere on a black ground that is `room` times as large.

    What a network learns of some classes, that it does not matter where a digit is, is of use for others.
    """
    data, rng, found = images(args, 16), np.random.default_rng(args.seed), []
    for pictures, labels in (data.train, data.test):
        count = 1 if args.quick else copies
        size = pictures.shape[2]
        side = round(room * size)
        wide = np.zeros((count * len(pictures), pictures.shape[1], side, side), pictures.dtype)
        for ground, picture in zip(wide, np.tile(pictures, (count, 1, 1, 1)), strict=True):
            row, column = rng.integers(0, side - size + 1, 2)
            ground[:, row : row + size, column : column + size] = picture
        found += [wide, np.tile(labels, count)]
    return Data(*found)


def inputs(data: Data) -> tuple[wf.Expr, wf.Expr]:
    """(images, labels), for batches of such images."""
    return wf.tensor4("x", ("batch", *data.images.shape[1:])), wf.vector("t", ("batch",), dtype="int64")


def body(x: wf.Expr, maps: int = 12) -> wf.Expr:
    """(batch, 8 * maps) features: two convolutions and a dense layer."""
    with nn.scope("body"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, maps, 5, padding=2)), 2)
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, 2 * maps, 3, padding=1)), 2)
        return wf.relu(nn.layers.dense(h, 8 * maps))


def head(features: wf.Expr, classes: int) -> wf.Expr:
    """The logits: the layer that is replaced for other classes."""
    return nn.layers.dense(features, classes, nn.init.glorot_uniform, name="head")


def learn(
    args: argparse.Namespace,
    given: tuple[wf.Expr, wf.Expr],
    logits: wf.Expr,
    data: Data,
    trained: Iterable[wf.Expr] | None = None,
    rate: float = 0.003,
) -> nn.History:
    """Train all parameters, or some; the history has the error of the test images in percent."""
    loss = nn.losses.crossentropy(logits, given[1]).mean()
    return nn.fit(
        given,
        loss,
        data.train,
        updates=nn.updates.adam(loss, list(trained or nn.parameters(loss).values()), rate),
        epochs=args.epochs,
        batch=args.batch,
        seed=args.seed,
        validation=data.test,
        metrics={"error": 100 * (1 - nn.metrics.accuracy(logits, given[1]))},
        target=args.target,
    )


def few(data: Data, each: int) -> Data:
    """So many examples of each class to learn from, and all to test."""
    chosen = [i for c in sorted(set(data.labels.tolist())) for i in (data.labels == c).nonzero()[0][:each]]
    return data._replace(images=data.images[chosen], labels=data.labels[chosen])
