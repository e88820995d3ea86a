"""Two hidden layers of 256 relu units learn digits, by steps with momentum; and the digits that are taken for others.

python -m examples.mnist.two_hidden_layers                              # scikit-learn's digits
python -m examples.mnist.two_hidden_layers --data DIR --epochs 30       # MNIST
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, show


def network(pixels: int, units: int = 256) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    h = x
    with nn.scope("net"):
        for _ in range(2):
            h = wf.relu(nn.layers.dense(h, units))
        return [x, t], nn.layers.dense(h, 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw the learning curve and the digits that are taken for others."""
    args = options(__doc__, argv, epochs=30, batch=64, rate=(0.1, "learning rate"))
    data = images(args).flat
    inputs, logits = network(data.images.shape[1], 32 if args.quick else 256)
    loss = nn.losses.crossentropy(logits, inputs[1]).mean()
    history = nn.fit(
        inputs,
        loss,
        data.train,
        updates=nn.updates.momentum(loss, nn.parameters(loss), args.rate, 0.5),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
        **how(args),
    )
    figures = {"test error, %": 100 * history["error"][-1]}
    print(figures)
    found = nn.predict(wf.function(inputs[:1], wf.argmax(logits, 1), target=args.target), data.test_images)
    wrong = (found != data.test_labels).nonzero()[0][:40]
    figure, (curve, missed) = plots(2, 8)
    by_epoch(curve, history["loss"], "training loss")
    by_epoch(curve, history["error"], "test error")
    curve.set(title="two hidden layers", yscale="log")
    curve.legend()
    if len(wrong):
        names = " ".join(str(k) for k in found[wrong[:10]])
        show(missed, f"taken for others: the first row for {names}", data.test_images[wrong])
        missed.title.set_fontsize(9)
    picture(args, "two_hidden_layers", figure)
    return figures


if __name__ == "__main__":
    main()
