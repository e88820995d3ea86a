"""Noise in training as a regulariser: of inputs, of hidden units (dropout), of weights (DropConnect, Shakeout).

    python -m examples.regularisation.noise                            # 150 of scikit-learn's digits
    python -m examples.regularisation.noise --data DIR                 # 150 of MNIST's

Srivastava et al. 2014, Dropout; Wan et al. 2013, DropConnect; Kang, Li, Tao 2016, Shakeout.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots

KINDS = ("none", "input noise", "dropout", "DropConnect", "Shakeout")


def network(pixels: int, kind: str, units: int = 128, seed: int = 0) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels, training], logits): a hidden layer, and noise of a kind where `training` is true."""
    draws = wf.random.Stream(seed)  # apart from those of the weights, which are the same with each kind
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    training = wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        seen = nn.layers.gaussian_noise(x, 0.3, draws, training) if kind == "input noise" else x
        h = wf.relu(nn.layers.dense(seen, units, name="hidden"))
        w = nn.layers.new_parameter((units, 10), name="w")
        if kind == "dropout":
            h = nn.layers.dropout(h, 0.5, draws, training)
        if kind == "DropConnect":
            return [x, t, training], nn.layers.dense(h, 10, nn.layers.drop_connect(w, 0.5, draws, training))
        if kind == "Shakeout":
            b = nn.layers.new_parameter(10, 0.0, "b")
            return [x, t, training], nn.layers.shakeout(h, w, 0.5, 0.05, draws, training) + b
        return [x, t, training], nn.layers.dense(h, 10, w)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with each kind of noise, draw the test losses and the weights of the last layer in their order.

    The test errors are means of the last ten epochs.
    """
    args = options(__doc__, argv, epochs=150, batch=30, rate=(5e-3, "Adam's learning rate"), few=150)
    data, figures = images(args).flat, {}
    figure, (losses, errors, weights) = plots(3, 10)
    for kind in KINDS:
        nn.init.seed(args.seed)
        (x, t, training), logits = network(data.images.shape[1], kind, 32 if args.quick else 128, args.seed)
        loss = nn.losses.crossentropy(logits, t).mean()
        history = nn.fit(
            [x, t],
            loss,
            [a[: args.few] for a in data.train],
            updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
            training=training,
            **how(args),
        )
        figures[f"{kind}: test error, %"] = 100 * float(np.mean(history["error"][-10:]))
        by_epoch(losses, history["validation loss"], kind, lw=0.8)
        by_epoch(errors, 100 * np.array(history["error"]), lw=0.8)
        w = np.sort(abs(nn.parameters(loss)["net.w"].get_value()).ravel())[::-1]
        weights.plot(np.linspace(0, 100, len(w)), w)
    losses.set(title="test loss", yscale="log")
    errors.set(title="test error, %", ylim=(0, min(100, 2.5 * max(figures.values()))))
    weights.set(title="weights of the last layer, sorted", xlabel="% of them are larger", ylabel="size")
    losses.legend(fontsize=8)
    print(figures)
    picture(args, "noise", figure)
    return figures


if __name__ == "__main__":
    main()
