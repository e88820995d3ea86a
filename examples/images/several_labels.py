"""Several labels for each image: a small VGG says which digits are among the two that it sees.

Each logit has a sigmoid of its own, and binary crossentropy.

    python -m examples.images.several_labels              # pairs of scikit-learn's digits, 16 x 32 pixels
    python -m examples.images.several_labels --data DIR   # pairs of MNIST's, or of CIFAR-10's images
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show, steps


def network(x: wf.Expr, training: wf.Expr, width: float = 0.25) -> wf.Expr:
    """(batch, 10) logits: is there a 0, a 1 ...?"""
    return nn.zoo.small_vgg(x, 10, training, width=width, name="net")


def pairs(pictures: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Two images side by side, and for each class 1 if one of them is of it, else 0."""
    left, right = rng.integers(0, len(pictures), (2, count))
    targets = np.zeros((count, 10), np.float32)
    for side in (left, right):
        targets[np.arange(count), labels[side]] = 1
    return np.concatenate([pictures[left], pictures[right]], 3), targets


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print how many images have all labels right, draw some with what was found in them."""
    more = {"rate": (0.003, "learning rate"), "width": (0.25, "times 32, 64 and 128 maps"), "pairs": (6000, "to learn")}
    args = options(__doc__, argv, epochs=8, batch=64, **more)
    data, rng = images(args, 16), np.random.default_rng(args.seed)
    train = pairs(*data.train, 200 if args.quick else args.pairs, rng)
    test = pairs(*data.test, 200 if args.quick else 1000, rng)
    x, t = wf.tensor4("x", ("batch", *train[0].shape[1:])), wf.matrix("t", ("batch", 10))
    training = wf.scalar("training", dtype="bool")
    logits = network(x, training, 1 / 16 if args.quick else args.width)
    loss = nn.losses.binary_crossentropy(logits, t).sum(1).mean()
    right = wf.all(wf.eq(logits > 0, t > 0), 1)
    rate = nn.schedules.cosine(args.rate, steps(args, len(train[0])))
    history = nn.fit(
        [x, t],
        loss,
        train,
        updates=nn.updates.adam(loss, nn.parameters(loss), rate),
        validation=test,
        metrics={"all right": 100 * right.astype("float32").mean()},
        training=training,
        **how(args),
    )
    found = nn.predict(wf.function([x], logits, givens={training: False}, target=args.target), test[0])
    figure, rows = plots(6, 7, 3, rows=3)
    for plot, image, scores, truth in zip(rows.ravel(), *(a[-18:] for a in (test[0], found, test[1])), strict=True):
        show(plot, " and ".join(map(str, np.flatnonzero(scores > 0))) or "none", image[None], 1)
        plot.title.set_color("black" if ((scores > 0) == (truth > 0)).all() else "red")
    picture(args, "several_labels", figure)
    precision = nn.metrics.average_precision(found.ravel(), test[1].ravel())
    figures = {"images with all labels right, %": history["all right"][-1], "average precision": precision}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
