"""What the programs of this group share: the inputs of a network, and how it learns."""

import argparse
from typing import Any

import weft as wf
from weft import nn

from ..common import Data


def inputs(data: Data) -> list[wf.Expr]:
    """[images, labels, whether it trains], for batches of such images."""
    x = wf.tensor4("x", ("batch", *data.images.shape[1:]))
    return [x, wf.vector("t", ("batch",), dtype="int64"), wf.scalar("training", dtype="bool")]


def learn(args: argparse.Namespace, given: list[wf.Expr], logits: wf.Expr, data: Data, **more: Any) -> nn.History:
    """Adam, whose learning rate falls along a cosine; the history has the error of the test images in percent."""
    x, t, training = given
    loss = nn.losses.crossentropy(logits, t).mean()
    rate = nn.schedules.cosine(args.rate, args.epochs * -(-len(data.images) // args.batch))
    return nn.fit(
        [x, t],
        loss,
        data.train,
        updates=nn.updates.adam(loss, nn.parameters(loss), rate),
        epochs=args.epochs,
        batch=args.batch,
        seed=args.seed,
        validation=data.test,
        metrics={"error": 100 * (1 - nn.metrics.accuracy(logits, t))},
        training=training,
        target=args.target,
        **more,
    )


def curve(plot: Any, history: nn.History, label: str = "") -> None:
    """The error of the test images, epoch by epoch."""
    plot.plot(range(1, len(history) + 1), history["error"], label=label)
    highest = max(max(line.get_ydata()) for line in plot.lines)
    plot.set(xlabel="epoch", ylabel="test error, %", ylim=(0, 1.05 * highest))
    plot.xaxis.get_major_locator().set_params(integer=True)
    plot.spines[["top", "right"]].set_visible(False)
