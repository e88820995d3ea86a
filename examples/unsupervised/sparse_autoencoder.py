"""A sparse autoencoder: hidden units whose mean activity, over all images, is held near a small one.

The Kullback-Leibler divergence of a unit's mean activity from a small one is added to the loss (Ng 2011, CS294A
lecture notes, Sparse autoencoder).

    python -m examples.unsupervised.sparse_autoencoder              # scikit-learn's digits
    python -m examples.unsupervised.sparse_autoencoder --data DIR   # MNIST
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show


def network(pixels: int, units: int = 100) -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(images, hidden units, logits of the pixels)."""
    x = wf.matrix("x", ("batch", pixels))
    with nn.scope("net"):
        h = wf.sigmoid(nn.layers.dense(x, units, nn.init.glorot_uniform, name="hidden"))
        return x, h, nn.layers.dense(h, pixels, nn.init.glorot_uniform, name="drawn")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with and without the penalty, draw the filters and how active units are."""
    args = options(
        __doc__, argv, epochs=80, batch=100, activity=(0.05, "a unit's mean"), weight=(3.0, "of the penalty")
    )
    data = images(args, size=16).flat
    figures = {}
    figure, (*masks, right) = plots(3, 9)
    for plot, (name, weight) in zip(masks, {"plain": 0.0, "sparse": args.weight}.items(), strict=True):
        nn.init.seed(args.seed)
        x, h, logits = network(data.images.shape[1])
        error = nn.losses.binary_crossentropy(logits, x).sum(axis=1).mean()
        loss = error + weight * nn.regularizers.sparsity(h, args.activity)
        params = nn.parameters(loss)
        adam = nn.updates.adamw(loss, params, 0.003, weight_decay=0.1)
        nn.fit([x], loss, data.images, updates=adam, **how(args))
        test = wf.function(
            [x], [h.mean(axis=0), nn.losses.squared_error(wf.sigmoid(logits), x).mean()], target=args.target
        )
        active, figures[f"squared error of a pixel, {name}"] = nn.average(test, data.test_images)
        figures[f"mean activity, {name}"] = float(active.mean())
        show(plot, f"what units draw, {name}", params["net.drawn_w"].get_value()[:64], 8)
        right.plot(np.sort(active)[::-1], label=name)
    right.axhline(args.activity, color="gray", linestyle=":")
    right.set(xlabel="unit", ylim=(0, 1))
    right.set_title("mean activity", fontsize=10)
    right.legend()
    picture(args, "sparse_autoencoder", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
