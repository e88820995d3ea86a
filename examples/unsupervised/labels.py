"""What networks whose layers start at random, and at what they learnt from images alone, learn from few labels."""

import argparse
from collections.abc import Mapping
from typing import Any

import weft as wf
from weft import nn

from ..common import Data, by_epoch, how


def tune(args: argparse.Namespace, inputs: list[wf.Expr], logits: wf.Expr, data: Data) -> nn.History:
    """Train all layers with the first `args.labels` examples, for twice as many epochs as there are of images."""
    loss = nn.losses.crossentropy(logits, inputs[1]).mean()
    return nn.fit(
        inputs,
        loss,
        [part[: args.labels] for part in data.train],
        updates=nn.updates.adam(loss, nn.parameters(loss), 0.003),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
        **how(args, epochs=2 * args.epochs),
    )


def compare(plot: Any, found: Mapping[str, nn.History], labels: int) -> dict[str, float]:
    """Draw the test errors of trainings {name: history}; those of the last epochs."""
    for name, history in found.items():
        by_epoch(plot, history["error"], name)
    plot.set(ylim=(0, 1))
    plot.grid(alpha=0.3)
    plot.set_title(f"test error, of {labels} labels", fontsize=10)
    plot.legend()
    return {f"test error, {name}, %": 100 * history["error"][-1] for name, history in found.items()}
