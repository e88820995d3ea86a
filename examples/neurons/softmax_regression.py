"""Softmax regression: one layer of ten sums, which become probabilities of the ten digits.

python -m examples.neurons.softmax_regression                            # scikit-learn's digits
python -m examples.neurons.softmax_regression --data DIR --epochs 20     # MNIST
"""

import argparse
from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, templates


def network(pixels: int, classes: int = 10) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits): softmax(logits) are the probabilities."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        return [x, t], nn.layers.dense(x, classes, 0.0)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw the weights of each digit and what is taken for what."""
    args = options(__doc__, argv, epochs=60, batch=32, rate=(0.3, "learning rate"))
    data = images(args).flat
    inputs, logits = network(data.images.shape[1])
    loss = nn.losses.crossentropy(logits, inputs[1]).mean()
    history = nn.fit(
        inputs,
        loss,
        data.train,
        updates=nn.updates.sgd(loss, nn.parameters(loss), args.rate),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
        **how(args),
    )
    figures = {"test error, %": 100 * history["error"][-1]}
    print(figures)
    counts = wf.function(inputs, nn.metrics.confusion(logits, inputs[1]), target=args.target)(*data.test)
    draw(args, nn.parameters(loss)["net.dense_w"].get_value().T, counts)
    return figures


def draw(args: argparse.Namespace, weights: np.ndarray, counts: np.ndarray) -> None:
    """The weights of each digit, and the matrix of confusion."""
    figure, (digits, table) = plots(2, 8)
    templates(digits, "weights of 0 to 9: blue speaks for it", weights)
    table.imshow(np.log1p(counts), cmap="Blues")
    for (i, j), n in np.ndenumerate(counts):
        if n:
            table.text(j, i, n, ha="center", va="center", fontsize=7, color="white" if i == j else "black")
    table.set(title="test images", xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
    picture(args, "softmax_regression", figure)


if __name__ == "__main__":
    main()
