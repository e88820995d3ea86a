"""One hidden layer of 64 sigmoid units learns digits.

python -m examples.mnist.one_hidden_layer                              # scikit-learn's digits
python -m examples.mnist.one_hidden_layer --data DIR --epochs 300      # MNIST
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, show


def network(pixels: int, units: int = 64) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        h = wf.sigmoid(nn.layers.dense(x, units, nn.init.glorot_uniform, name="hidden"))
        return [x, t], nn.layers.dense(h, 10, nn.init.glorot_uniform, name="out")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw the learning curve and what the units see."""
    args = options(__doc__, argv, epochs=60, batch=32, rate=(0.5, "learning rate"))
    data = images(args).flat
    inputs, logits = network(data.images.shape[1])
    loss = nn.losses.crossentropy(logits, inputs[1]).mean()
    print(nn.summary(logits))
    history = nn.fit(
        inputs,
        loss,
        data.train,
        updates=nn.updates.sgd(loss, nn.parameters(loss), args.rate),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
        **how(args),
    )
    figures = {"test error, %": 100 * history["error"][-1]}
    print(f"test error {figures['test error, %']:.2f} %")
    figure, (curve, units) = plots(2, 8, 3.4)
    by_epoch(curve, history["loss"], "training loss")
    by_epoch(curve, history["error"], "test error")
    curve.set(title="one hidden layer", yscale="log")
    curve.legend()
    show(units, "weights of the hidden units", nn.parameters(loss)["net.hidden_w"].get_value().T, 8)
    picture(args, "one_hidden_layer", figure)
    return figures


if __name__ == "__main__":
    main()
