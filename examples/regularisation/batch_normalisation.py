"""Batch normalisation, per channel and per unit, lets a net of sigmoids learn that stands still without it.

    python -m examples.regularisation.batch_normalisation                           # scikit-learn's digits
    python -m examples.regularisation.batch_normalisation --data DIR --epochs 3     # MNIST, or CIFAR-10

Calls that train update the running averages, with which it is tested. Ioffe, Szegedy 2015, Batch Normalization.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots


def network(
    channels: int, size: int, normalised: bool, maps: int = 16, units: int = 64
) -> tuple[list[wf.Expr], list[wf.Expr], wf.Expr]:
    """([images, labels, training], what goes into the sigmoids, logits): two convolutions, three dense layers."""
    x = wf.tensor4("x", ("batch", channels, size, size))
    t, training = wf.vector("t", ("batch",), dtype="int64"), wf.scalar("training", dtype="bool")

    def normal(z: wf.Expr) -> wf.Expr:
        """Of each channel over batch and space; of each unit over the batch."""
        inside.append(nn.layers.batch_norm(z, training) if normalised else z)
        return inside[-1]

    inside: list[wf.Expr] = []
    h = x
    with nn.scope("net"):
        for _ in range(2):
            h = wf.sigmoid(normal(nn.layers.conv2d(h, maps, 3, nn.init.glorot_uniform, padding="same")))
        h = wf.max_pool2d(h, 2)
        for _ in range(3):
            h = wf.sigmoid(normal(nn.layers.dense(h, units, nn.init.glorot_uniform)))
        return [x, t, training], inside, nn.layers.dense(h, 10, nn.init.glorot_uniform)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both nets, draw their errors, and what goes into one sigmoid of the last layer while they learn."""
    args = options(__doc__, argv, epochs=8, batch=64, rate=(0.1, "learning rate"))
    data, figures = images(args), {}
    figure, (errors, *bands) = plots(3, 10)
    for normalised, band in zip((False, True), bands, strict=True):
        nn.init.seed(args.seed)
        sizes = (4, 16) if args.quick else (16, 64)
        (x, t, training), inside, logits = network(*data.images.shape[1:3], normalised, *sizes)
        loss, name = nn.losses.crossentropy(logits, t).mean(), "with" if normalised else "without"
        watch = wf.function([x], inside[-1][:, 0], givens={training: False}, target=args.target)
        spreads = []
        history = nn.fit(
            [x, t],
            loss,
            data.train,
            updates=nn.updates.momentum(loss, nn.parameters(loss), args.rate),
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
            training=training,
            callbacks=[lambda run: spreads.append(np.quantile(watch(data.test_images[:200]), (0.15, 0.5, 0.85)))],
            **how(args),
        )
        figures[f"{name}: test error, %"] = 100 * history["error"][-1]
        by_epoch(errors, 100 * np.array(history["error"]), name, marker=".")
        for line in np.array(spreads).T:
            by_epoch(band, line, color="tab:blue")
        band.set_title(f"{name}: into a sigmoid\n15, 50 and 85 % of the test images", fontsize=9)
    errors.set(title="test error, %", ylim=(0, 100))
    errors.legend()
    print(figures)
    picture(args, "batch_normalisation", figure)
    return figures


if __name__ == "__main__":
    main()
