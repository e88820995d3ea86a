"""An autoencoder puts each digit at a place in the plane, and draws it again from there.

Hinton, Salakhutdinov 2006, Reducing the dimensionality of data with neural networks.

    python -m examples.unsupervised.autoencoder              # scikit-learn's digits
    python -m examples.unsupervised.autoencoder --data DIR   # MNIST
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, scatter, show, steps


def network(pixels: int, units: int = 128, code: int = 2) -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(images, their codes, logits of the pixels that are drawn from the codes)."""
    x = wf.matrix("x", ("batch", pixels))
    with nn.scope("net"):
        h = wf.relu(nn.layers.dense(x, units))
        h = wf.relu(nn.layers.dense(h, units // 2))
        codes = nn.layers.dense(h, code, nn.init.glorot_uniform)
        h = wf.relu(nn.layers.dense(codes, units // 2))
        h = wf.relu(nn.layers.dense(h, units))
        return x, codes, nn.layers.dense(h, pixels, nn.init.glorot_uniform)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the error of the images drawn again, draw the plane and the images."""
    args = options(__doc__, argv, epochs=100, batch=32, rate=(0.003, "learning rate"))
    data = images(args).flat
    x, codes, logits = network(data.images.shape[1])
    loss = nn.losses.binary_crossentropy(logits, x).sum(axis=1).mean()
    drawn = wf.sigmoid(logits)
    error = nn.losses.squared_error(drawn, x).mean()
    rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
    history = nn.fit(
        [x],
        loss,
        data.images,
        updates=nn.updates.adam(loss, nn.parameters(loss), rate),
        validation=data.test_images,
        metrics={"squared error": error},
        **how(args),
    )
    places, again = nn.predict(wf.function([x], [codes, drawn], target=args.target), data.test_images)
    figure, (left, right) = plots(2)
    scatter(left, "where digits are put", places, data.test_labels)
    rows = [side[at : at + 10] for at in (0, 10, 20) for side in (data.test_images, again)]
    show(right, "images, and below drawn from two numbers", np.concatenate(rows))
    picture(args, "autoencoder", figure)
    figures = {"squared error of a pixel": history["squared error"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
