"""The multiclass SVM loss: each wrong class should score lower than the right one by a margin of 1, or it costs.

For three images with scores of cat, car and frog it is 2.9, 0 and 12.9; then a linear classifier learns digits by it.

    python -m examples.linear.svm_loss                            # scikit-learn's digits
    python -m examples.linear.svm_loss --data DIR --epochs 20     # MNIST, or CIFAR-10

Weston, Watkins 1999, Support vector machines for multi-class pattern recognition.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show

CLASSES = ("cat", "car", "frog")
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])  # of images of a cat, a car and a frog
LABELS = np.array([0, 1, 2])


def network(pixels: int, classes: int = 10) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], scores)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        return [x, t], nn.layers.dense(x, classes, nn.init.normal)


def svm_loss(scores: wf.Expr, labels: wf.Expr) -> wf.Expr:
    """sum over j != label of max(0, scores[j] - scores[label] + 1): `nn.losses.multiclass_hinge`, written out."""
    right = wf.take_along_axis(scores, labels[:, None], 1)
    others = wf.ne(wf.arange(scores.shape[1]), labels[:, None])
    return wf.where(others, wf.maximum(0, scores - right + 1), 0).sum(1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Print the three losses, train, draw the loss and the weights."""
    args = options(__doc__, argv, epochs=40, batch=64, rate=(0.05, "learning rate"), decay=(1e-3, "of the weights"))
    each = svm_loss(wf.constant(SCORES), wf.constant(LABELS)).eval()
    figures = {f"loss of the {name}": round(float(loss), 9) for name, loss in zip(CLASSES, each, strict=True)}
    data = images(args).flat
    inputs, scores = network(data.images.shape[1])
    params = nn.parameters(scores)
    loss = svm_loss(scores, inputs[1]).mean() + args.decay * nn.regularizers.l2(params["net.dense_w"])
    history = nn.fit(
        inputs,
        loss,
        data.train,
        updates=nn.updates.sgd(loss, params, args.rate),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(scores, inputs[1])},
        **how(args),
    )
    figures["test error, %"] = 100 * history["error"][-1]
    print(figures)
    figure, (curve, weights) = plots(2, 8)
    moved = np.linspace(-4, 8, 121)
    for row, label, name in zip(SCORES, LABELS, CLASSES, strict=True):
        table = np.tile(row, (len(moved), 1))
        table[:, label] = moved
        line = curve.plot(moved, svm_loss(*map(wf.constant, (table, np.full(len(moved), label)))).eval(), label=name)
        curve.plot(row[label], figures[f"loss of the {name}"], "o", color=line[0].get_color())
    curve.set(title="2.9, 0 and 12.9, and if it scored otherwise", xlabel="score of the right class", ylabel="loss")
    curve.legend()
    show(weights, "weights of each class", params["net.dense_w"].get_value().T, 5)
    picture(args, "svm_loss", figure)
    return figures


if __name__ == "__main__":
    main()
