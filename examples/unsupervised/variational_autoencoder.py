"""A variational autoencoder: a plane of digits, in which every place draws one.

Kingma, Welling 2014, Auto-encoding variational Bayes.  Codes are drawn, as mean + deviation * noise, so that gradients
flow through the draw; their distribution is held near the normal one.

    python -m examples.unsupervised.variational_autoencoder              # scikit-learn's digits
    python -m examples.unsupervised.variational_autoencoder --data DIR   # MNIST
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, scatter, show, steps


def network(pixels: int, draws: wf.random.Stream, units: int = 100, code: int = 2) -> dict[str, wf.Expr]:
    """Images, the means of their codes, drawn codes, logits of the pixels, and the two parts of the loss."""
    x = wf.matrix("x", ("batch", pixels))
    with nn.scope("net"):
        h = wf.tanh(nn.layers.dense(wf.tanh(nn.layers.dense(x, units)), units))
        mean = nn.layers.dense(h, code, nn.init.glorot_uniform, name="mean")
        log_var = nn.layers.dense(h, code, nn.init.zeros, name="log_var")
        z = mean + wf.exp(0.5 * log_var) * draws.normal(mean.shape)
        h = wf.tanh(nn.layers.dense(wf.tanh(nn.layers.dense(z, units)), units))
        logits = nn.layers.dense(h, pixels, nn.init.glorot_uniform, name="drawn")
    error = nn.losses.binary_crossentropy(logits, x).sum(axis=1).mean()
    divergence = 0.5 * (wf.square(mean) + wf.exp(log_var) - log_var - 1).sum(axis=1).mean()
    return {"x": x, "mean": mean, "z": z, "logits": logits, "error": error, "divergence": divergence}


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the bound, draw where digits are put and what the places of the plane draw."""
    args = options(__doc__, argv, epochs=100, batch=32, rate=(0.003, "learning rate"))
    data = images(args).flat
    net = network(data.images.shape[1], wf.random.Stream(args.seed))
    loss = net["error"] + net["divergence"]
    rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
    history = nn.fit(
        [net["x"]],
        loss,
        data.images,
        updates=nn.updates.adam(loss, nn.parameters(loss), rate),
        validation=data.test_images,
        metrics={name: net[name] for name in ("error", "divergence")},
        **how(args),
    )
    places = nn.predict(wf.function([net["x"]], net["mean"], target=args.target), data.test_images)
    z = wf.matrix("z", ("batch", 2))
    draw = wf.function([z], wf.sigmoid(net["logits"]), givens={net["z"]: z}, target=args.target)
    line = np.array([NormalDist().inv_cdf((k + 0.5) / 12) for k in range(12)])  # equally likely places
    plane = np.stack(np.meshgrid(line, -line), axis=-1).reshape(-1, 2).astype(wf.config.float_dtype)
    figure, (left, right) = plots(2)
    scatter(left, "where digits are put", places, data.test_labels)
    show(right, "what is drawn from each place", draw(plane), 12)
    picture(args, "variational_autoencoder", figure)
    figures = {"nats of a test image": history["validation loss"][-1], "divergence": history["divergence"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
