"""Dropout of 256 hidden units with rate 0.4, beside the same net without it: losses and errors, epoch by epoch.

    python -m examples.mnist.dropout                              # scikit-learn's digits
    python -m examples.mnist.dropout --data DIR --epochs 100      # MNIST

Srivastava et al. 2014, Dropout: A simple way to prevent neural networks from overfitting.
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, steps


def network(pixels: int, rate: float, units: int = 256) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels, training], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    training = wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        h = nn.layers.dropout(wf.relu(nn.layers.dense(x, units)), rate, training=training)
        return [x, t, training], nn.layers.dense(h, 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both nets, print their errors, draw their learning curves."""
    args = options(__doc__, argv, epochs=60, batch=64, rate=(1e-3, "Adam's first learning rate"), dropout=0.4)
    data, figures = images(args).flat, {}
    figure, (losses, errors) = plots(2, 8)
    for dropped in (0.0, args.dropout):
        nn.init.seed(args.seed)
        (x, t, training), logits = network(data.images.shape[1], dropped, 32 if args.quick else 256)
        loss = nn.losses.crossentropy(logits, t).mean()
        rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
        history = nn.fit(
            [x, t],
            loss,
            data.train,
            updates=nn.updates.adam(loss, nn.parameters(loss), rate),
            validation=data.test,
            metrics={"error": 100 * (1 - nn.metrics.accuracy(logits, t))},
            training=training,
            **how(args),
        )
        name = f"dropout {dropped:g}"
        figures[f"{name}: test error, %"] = history["error"][-1]
        figures[f"{name}: test loss"] = history["validation loss"][-1]
        color = by_epoch(losses, history["loss"], f"{name}, training", linestyle="--").get_color()
        by_epoch(losses, history["validation loss"], f"{name}, test", color=color)
        by_epoch(errors, history["error"], name, color=color)
    losses.set(title="loss", yscale="log")
    errors.set(title="test error, %")
    losses.legend(fontsize=8)
    errors.legend()
    print(figures)
    picture(args, "dropout", figure)
    return figures


if __name__ == "__main__":
    main()
