"""Dropout as it is trained and as it is tested: the net without draws gives about the mean of many thinned ones.

    python -m examples.regularisation.dropout_at_test_time                            # 300 of scikit-learn's digits
    python -m examples.regularisation.dropout_at_test_time --data DIR --epochs 20     # 300 of MNIST's

Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014, Dropout, sections 4, 7.5 and 10.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots


def network(pixels: int, units: int = 128, rate: float = 0.5) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels, training], logits): `training` says whether units are dropped."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    training = wf.scalar("training", dtype="bool")
    h = nn.layers.dropout(x, 0.2, training=training)
    with nn.scope("net"):
        for _ in range(2):
            h = nn.layers.dropout(wf.relu(nn.layers.dense(h, units)), rate, training=training)
        return [x, t, training], nn.layers.dense(h, 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, test by the whole net and by means of thinned ones, draw both."""
    args = options(__doc__, argv, epochs=150, batch=50, rate=(2e-3, "Adam's learning rate"), draws=50, few=300)
    data = images(args).flat
    (x, t, training), logits = network(data.images.shape[1], 32 if args.quick else 128)
    loss = nn.losses.crossentropy(logits, t).mean()
    updates = nn.updates.adam(loss, nn.parameters(loss), args.rate)
    history = nn.fit(
        [x, t],
        loss,
        [a[: args.few] for a in data.train],
        updates=updates,
        training=training,
        **how(args),
    )
    answer = wf.function([x, training], wf.softmax(logits), target=args.target)
    whole = answer(data.test_images, False)
    thinned = np.array([answer(data.test_images, True) for _ in range(args.draws)])
    means = thinned.cumsum(0) / np.arange(1, args.draws + 1)[:, None, None]
    errors = 100 * (means.argmax(2) != data.test_labels).mean(1)
    figures = {
        "whole net: test error, %": 100 * float((whole.argmax(1) != data.test_labels).mean()),
        "one thinned net: test error, %": 100 * float((thinned.argmax(2) != data.test_labels).mean()),
        f"mean of {args.draws}: test error, %": float(errors[-1]),
        "probabilities apart, mean": float(abs(whole - means[-1]).mean()),
        "loss": history["loss"][-1],
    }
    print(figures)
    figure, (curve, cloud) = plots(2, 8)
    curve.plot(range(1, args.draws + 1), errors, label="mean of thinned nets")
    curve.axhline(figures["whole net: test error, %"], color="tab:orange", label="whole net, nothing dropped")
    curve.set(title="test error, %", xlabel="thinned nets", ylim=(0, None))
    curve.legend()
    cloud.plot(whole.ravel(), means[-1].ravel(), ".", ms=2)
    cloud.plot([0, 1], [0, 1], color="gray", lw=0.8)
    cloud.set(title="probabilities", xlabel="of the whole net", ylabel=f"mean of {args.draws} thinned nets")
    picture(args, "dropout_at_test_time", figure)
    return figures


if __name__ == "__main__":
    main()
