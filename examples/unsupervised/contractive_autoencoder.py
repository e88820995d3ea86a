"""A contractive autoencoder: hidden units that change little with the image, and most of that in few directions.

The squared Frobenius norm of the Jacobian d hidden / d image is added to the loss (Rifai, Vincent, Muller, Glorot,
Bengio 2011, Contractive auto-encoders).

    python -m examples.unsupervised.contractive_autoencoder              # scikit-learn's digits
    python -m examples.unsupervised.contractive_autoencoder --data DIR   # MNIST
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show


def network(pixels: int, units: int = 100) -> tuple[wf.Expr, wf.Expr, wf.Expr, wf.Expr]:
    """(images, logits of the pixels, the penalty for each image, the Jacobians d hidden / d image)."""
    x = wf.matrix("x", ("batch", pixels))
    with nn.scope("net"):
        before = nn.layers.dense(x, units, nn.init.glorot_uniform, name="hidden")
        h, w = wf.sigmoid(before), nn.parameters(before)["net.hidden_w"]
        logits = nn.layers.dense(h, pixels, w.T, name="drawn")
    slopes = wf.grad(h.sum(), before)
    return x, logits, nn.regularizers.contractive(h, before, w), wf.expand_dims(slopes, 1) * w


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with and without the penalty, draw the filters and the singular values of the Jacobian."""
    args = options(__doc__, argv, epochs=60, batch=32, weight=(0.5, "of the penalty"))
    data = images(args).flat
    figures = {}
    figure, (*masks, right) = plots(3, 9)
    for plot, (name, weight) in zip(masks, {"plain": 0.0, "contractive": args.weight}.items(), strict=True):
        nn.init.seed(args.seed)
        x, logits, penalty, jacobians = network(data.images.shape[1])
        loss = nn.losses.binary_crossentropy(logits, x).sum(axis=1).mean() + weight * penalty.mean()
        params = nn.parameters(loss)
        nn.fit([x], loss, data.images, updates=nn.updates.adam(loss, params, 0.003), **how(args))
        error = nn.losses.squared_error(wf.sigmoid(logits), x).mean()
        test = wf.function([x], [error, wf.sqrt(penalty).mean()], target=args.target)
        error, norm = nn.average(test, data.test_images)
        figures |= {f"squared error of a pixel, {name}": error, f"norm of the Jacobian, {name}": norm}
        show(plot, f"filters, {name}", params["net.hidden_w"].get_value().T)
        found = wf.function([x], jacobians, target=args.target)(data.test_images[:100])
        spread = np.linalg.svd(found, compute_uv=False)  # the squares of these sum to that of the norm
        share = np.square(spread[:, :10]).sum(1) / np.square(spread).sum(1)
        figures[f"in ten directions, {name}, %"] = 100 * float(share.mean())
        right.plot(spread.mean(axis=0), label=name)
    right.set(xlabel="direction", ylabel="singular value")
    right.set_title("how far hidden units follow", fontsize=10)
    right.legend()
    picture(args, "contractive_autoencoder", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
