"""What programs about image networks share: a network of two convolutions, how networks learn, and a plot of it."""

import argparse
from collections.abc import Sequence
from typing import Any

import weft as wf
from weft import nn

from .common import Data, by_epoch, how, steps


def inputs(data: Data) -> tuple[wf.Expr, wf.Expr]:
    """(images, labels), for batches of such images."""
    return wf.tensor4("x", ("batch", *data.images.shape[1:])), wf.vector("t", ("batch",), dtype="int64")


def body(x: wf.Expr, maps: int = 12) -> wf.Expr:
    """(batch, 8 * maps) features: two convolutions and a dense layer."""
    with nn.scope("body"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, maps, 5, padding=2)), 2)
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, 2 * maps, 3, padding=1)), 2)
        return wf.relu(nn.layers.dense(h, 8 * maps))


def head(features: wf.Expr, classes: int = 10) -> wf.Expr:
    """The logits: the layer that is replaced for other classes."""
    return nn.layers.dense(features, classes, nn.init.glorot_uniform, name="head")


def learn(
    args: argparse.Namespace,
    given: Sequence[wf.Expr],
    logits: wf.Expr,
    data: Data,
    *,
    trained: Sequence[wf.Expr] | None = None,
    training: wf.Expr | None = None,
) -> nn.History:
    """Adam, whose rate falls from `args.rate` along a cosine; the history has the error of the test images in percent.

    given : [images, labels]
    trained : the parameters that learn; None: all
    training : the input that tells a network whether it trains, where it has one
    """
    loss = nn.losses.crossentropy(logits, given[1]).mean()
    rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
    return nn.fit(
        given,
        loss,
        data.train,
        updates=nn.updates.adam(loss, nn.parameters(loss) if trained is None else trained, rate),
        validation=data.test,
        metrics={"error": 100 * (1 - nn.metrics.accuracy(logits, given[1]))},
        training=training,
        **how(args),
    )


def curve(plot: Any, history: nn.History, label: str = "") -> None:
    """The error of the test images, epoch by epoch."""
    by_epoch(plot, history["error"], label)
    highest = max(max(line.get_ydata()) for line in plot.lines)
    plot.set(ylabel="test error, %", ylim=(0, 1.05 * highest or 1))
