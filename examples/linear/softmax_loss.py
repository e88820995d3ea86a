"""The softmax loss: scores are logarithms of probabilities but for a constant, and a wrong one is never far enough.

Beside the SVM loss, which is content once the margin is kept.

    python -m examples.linear.softmax_loss                            # scikit-learn's digits
    python -m examples.linear.softmax_loss --data DIR --epochs 20     # MNIST, or CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots
from .svm_loss import CLASSES, LABELS, SCORES, network


def softmax_loss(scores: wf.Expr, labels: wf.Expr) -> wf.Expr:
    """-log(exp(scores[label]) / sum exp(scores)): `nn.losses.crossentropy`, written out; compiled it is stable."""
    p = wf.exp(scores) / wf.exp(scores).sum(1, keepdims=True)
    return -wf.log(wf.take_along_axis(p, labels[:, None], 1)[:, 0])


LOSSES = {"softmax": softmax_loss, "SVM": nn.losses.multiclass_hinge}


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Print the losses of three images, train by both losses, draw probabilities, losses and errors."""
    args = options(__doc__, argv, epochs=40, batch=64, rate=(0.2, "learning rate"), decay=(1e-4, "of the weights"))
    given = [wf.constant(SCORES), wf.constant(LABELS)]
    each, data = softmax_loss(*given).eval(), images(args).flat
    figures = {f"loss of the {name}": float(loss) for name, loss in zip(CLASSES, each, strict=True)}
    figure, (bars, curve, learning) = plots(3, 9)
    for number, p in enumerate(wf.softmax(given[0]).eval()):
        bars.bar(np.arange(3) + 0.25 * number, p, 0.25, label=f"of the {CLASSES[number]}")
    bars.set_xticks(np.arange(3) + 0.25, CLASSES)
    bars.set(title="probabilities", ylim=(0, 1))
    moved = np.linspace(-4, 12, 161)
    table = np.stack([moved, np.full(161, 5.1), np.full(161, -1.7)], 1)
    for name, loss_of in LOSSES.items():
        curve.plot(moved, loss_of(wf.constant(table), wf.constant(np.zeros(161, int))).eval(), label=name)
        inputs, scores = network(data.images.shape[1])
        params = nn.parameters(scores)
        loss = loss_of(scores, inputs[1]).mean() + args.decay * nn.regularizers.l2(params["net.dense_w"])
        history = nn.fit(
            inputs,
            loss,
            data.train,
            updates=nn.updates.sgd(loss, params, args.rate),
            validation=data.test,
            metrics={"error": 100 * (1 - nn.metrics.accuracy(scores, inputs[1]))},
            **how(args),
        )
        figures[f"{name}: test error, %"] = history["error"][-1]
        by_epoch(learning, history["error"], name)
    curve.set(title="loss of the cat", xlabel="score of cat")
    learning.set(title="test error, %", ylim=(0, None))
    for plot in (bars, curve, learning):
        plot.legend(fontsize=8)
    print(figures)
    picture(args, "softmax_loss", figure)
    return figures


if __name__ == "__main__":
    main()
