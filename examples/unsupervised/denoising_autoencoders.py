"""Stacked denoising autoencoders: layers learn from images alone, one after the other, before they get few labels.

Vincent, Larochelle, Lajoie, Bengio, Manzagol 2010, Stacked denoising autoencoders.  There is one graph: the loss of a
layer is an expression over it, and so is the loss by which all are tuned in the end.

    python -m examples.unsupervised.denoising_autoencoders              # scikit-learn's digits
    python -m examples.unsupervised.denoising_autoencoders --data DIR   # MNIST
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show
from .labels import compare, tune


def network(pixels: int, sizes: Sequence[int] = (100, 100)) -> tuple[list[wf.Expr], list[wf.Expr], wf.Expr]:
    """([images, labels], [images, hidden layers ...], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    layers = [x]
    with nn.scope("net"):
        for units in sizes:
            layers.append(wf.sigmoid(nn.layers.dense(layers[-1], units, nn.init.glorot_uniform)))
        return [x, t], layers, nn.layers.dense(layers[-1], 10, nn.init.glorot_uniform, name="out")


def denoised(below: wf.Expr, above: wf.Expr, draws: wf.random.Stream, noise: float) -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(below with holes, logits that fill them, the loss), by the weights of the layer between the two."""
    *_, w, b = nn.parameters(above).values()
    holes = below * draws.bernoulli(1 - noise, below.shape, below.dtype)
    h = wf.sigmoid(nn.layers.dense(holes, w.shape[1], w, b))
    logits = nn.layers.dense(h, w.shape[0], w.T, name="denoised")
    return holes, logits, nn.losses.binary_crossentropy(logits, below).sum(axis=1).mean()


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Pre-train, tune with few labels; the same without pre-training; draw filters, holes and how they are filled."""
    args = options(
        __doc__,
        argv,
        epochs=40,
        batch=20,
        noise=(0.3, "the share of pixels in holes"),
        labels=(100, "how many are known"),
    )
    data = images(args).flat
    draws = wf.random.Stream(args.seed)
    found = {}
    for name in ("random", "pre-trained"):
        nn.init.seed(args.seed)
        inputs, layers, logits = network(data.images.shape[1])
        if name == "pre-trained":
            for below, above in pairwise(layers):
                loss = denoised(below, above, draws, args.noise)[2]
                params = dict(list(nn.parameters(loss).items())[-3:])  # those of this layer alone
                nn.fit(inputs[:1], loss, data.images, updates=nn.updates.adam(loss, params, 0.003), **how(args))
        found[name] = tune(args, inputs, logits, data)
    figure, (left, middle, right) = plots(3, 9)
    holes, filled, _ = denoised(*layers[:2], draws, args.noise)
    rows = wf.function(inputs[:1], [holes, wf.sigmoid(filled)], target=args.target)(data.test_images[:24])
    show(left, "holes, and filled", np.concatenate([part[at : at + 8] for at in (0, 8, 16) for part in rows]), 8)
    show(middle, "filters of the first layer", nn.parameters(layers[1])["net.dense_w"].get_value().T)
    figures = compare(right, found, len(data.labels[: args.labels]))
    picture(args, "denoising_autoencoders", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
