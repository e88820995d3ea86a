"""A network that has learnt five classes is a feature extractor for five others: few examples of them teach more
by its features than by their pixels, or by features of a random network.

Razavian, Azizpour, Sullivan, Carlsson 2014, CNN Features off-the-shelf.

    python -m examples.transfer.features              # learns the digits 0 to 4, and is used for 5 to 9
    python -m examples.transfer.features --data DIR   # MNIST's, or the classes of CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import Data, options, picture, plots
from ..convnet import body, head, inputs, learn
from .data import few, scattered


def regression(x: wf.Expr, classes: int, penalty: float = 1e-3) -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(labels, logits, loss) of softmax regression with a penalty for large weights."""
    t = wf.vector("t", (x.shape[0],), dtype="int64")
    logits = nn.layers.dense(x, classes, 0.0)
    weights = next(iter(nn.parameters(logits).values()))
    return t, logits, nn.losses.crossentropy(logits, t).mean() + penalty * wf.square(weights).sum()


def error_of(data: Data, target: str) -> float:
    """The percentage of test examples that softmax regression of such rows gets wrong."""
    x = wf.matrix("x", ("batch", data.images.shape[1]))
    t, logits, loss = regression(x, 5)
    nn.minimize(loss, nn.parameters(loss), {x: data.images, t: data.labels}, options={"maxiter": 100})
    return 100 * (1 - nn.average(wf.function([x, t], nn.metrics.accuracy(logits, t), target=target), data.test))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, and print and draw the error of what is learnt from few examples of other classes."""
    args = options(__doc__, argv, epochs=10, batch=32, rate=(0.006, "Adam's learning rate at the start"))
    data = scattered(args)
    known, new = data.only(0, 1, 2, 3, 4), data.only(5, 6, 7, 8, 9)
    x, t = inputs(data)
    features = body(x, 2 if args.quick else 12)
    extract = wf.function([x], features, target=args.target)

    def rows(data: Data) -> Data:
        return data._replace(images=nn.predict(extract, data.images), test_images=nn.predict(extract, data.test_images))

    kinds = {"features of a random network": rows(new)}
    learn(args, [x, t], head(features, 5), known)
    kinds |= {"pixels": new.flat, "features of a network that has learnt 0 to 4": rows(new)}
    counts = [1, 5] if args.quick else [1, 2, 5, 10, 20, 50, 100]
    errors = {name: [error_of(few(kind, each), args.target) for each in counts] for name, kind in kinds.items()}
    figure, (plot,) = plots(1)
    for name, values in errors.items():
        plot.plot(counts, values, marker="o", label=name)
    plot.set(xscale="log", xticks=counts, xticklabels=counts, ylim=(0, None))
    plot.set(xlabel="examples of each of the classes 5 to 9", ylabel="test error, %")
    plot.minorticks_off()
    plot.legend(frameon=False)
    picture(args, "features", figure)
    five = counts.index(5)
    figures = {f"test error from 5 examples each, {name}, %": values[five] for name, values in errors.items()}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
