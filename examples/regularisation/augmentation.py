"""Augmentation in the graph: images are cropped, scaled, rotated, sheared, flipped and jittered as they are learnt.

    python -m examples.regularisation.augmentation                            # 150 of scikit-learn's digits
    python -m examples.regularisation.augmentation --data DIR                 # 150 of MNIST's, or of CIFAR-10's

An affine map says where each pixel is read; at test time images are as they are.  Digits are not flipped in training.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, show

KINDS = ("crop", "scale", "rotate", "shear", "jitter")


def augmented(x: wf.Expr, kinds: Sequence[str], rng: wf.random.Stream) -> wf.Expr:
    """Images changed in each of these ways, by a draw for each image."""
    n = x.shape[0]

    def between(low: float, high: float) -> wf.Expr:
        """A number for each image."""
        return rng.uniform((n,), low, high, x.dtype)

    zero, one = wf.zeros((n,), x.dtype), wf.ones((n,), x.dtype)
    maps = {
        "flip": lambda: [[wf.where(rng.bernoulli(0.5, (n,)), -one, one), zero, zero], [zero, one, zero]],
        "crop": lambda: [[0.9 * one, zero, between(-0.15, 0.15)], [zero, 0.9 * one, between(-0.15, 0.15)]],
        "scale": lambda: [[between(0.85, 1.15), zero, zero], [zero, between(0.85, 1.15), zero]],
        "rotate": lambda: rotation(between(-0.3, 0.3), zero),
        "shear": lambda: [[one, between(-0.3, 0.3), zero], [zero, one, zero]],
    }
    whole = wf.eye(3, dtype=x.dtype)
    for kind in kinds:
        if kind in maps:
            rows = [*maps[kind](), [zero, zero, one]]
            whole = whole @ wf.stack([wf.stack(row, 1) for row in rows], 1)
    if any(kind in maps for kind in kinds):
        x = nn.layers.grid_sample(x, nn.layers.affine_grid(whole[:, :2], x.shape[2:]))
    if "jitter" in kinds:  # of brightness, for each image and channel
        x = wf.clip(x * rng.uniform((n, x.shape[1], 1, 1), 0.7, 1.3) + rng.uniform((n, 1, 1, 1), -0.1, 0.1), 0, 1)
    return x


def rotation(angle: wf.Expr, zero: wf.Expr) -> list[list[wf.Expr]]:
    """The first two rows of a rotation's matrix."""
    return [[wf.cos(angle), -wf.sin(angle), zero], [wf.sin(angle), wf.cos(angle), zero]]


def network(
    channels: int, size: int, kinds: Sequence[str], maps: int = 16, seed: int = 0
) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels, training], logits) of a small convolutional network."""
    x = wf.tensor4("x", ("batch", channels, size, size))
    t, training = wf.vector("t", ("batch",), dtype="int64"), wf.scalar("training", dtype="bool")
    h = wf.where(training, augmented(x, kinds, wf.random.Stream(seed)), x) if kinds else x
    with nn.scope("net"):
        for number in (1, 2):
            h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, number * maps, 3, padding="same")), 2)
        return [x, t, training], nn.layers.dense(h, 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Draw what each kind does to an image; train without, and with those that keep digits what they are.

    The test errors are means of the last ten epochs.
    """
    args = options(__doc__, argv, epochs=100, batch=30, rate=(3e-3, "Adam's learning rate"), few=150)
    data, figures = images(args, 16), {}
    kinds = KINDS if data.images.shape[1] == 1 else ("flip", *KINDS)
    figure, (samples, curve) = plots(2, 9, 3.6)
    one = wf.constant(np.repeat(data.images[3:4], 8, 0))
    rows = [augmented(one, [kind], wf.random.Stream(args.seed)) for kind in ("flip", *KINDS)]
    show(samples, ", ".join(("flip", *KINDS)), np.concatenate(wf.function([], rows, target=args.target)()), 8)
    for name, chosen in (("as they are", ()), ("augmented", kinds)):
        nn.init.seed(args.seed)
        (x, t, training), logits = network(*data.images.shape[1:3], chosen, 4 if args.quick else 16, args.seed)
        loss = nn.losses.crossentropy(logits, t).mean()
        history = nn.fit(
            [x, t],
            loss,
            [a[: args.few] for a in data.train],
            updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
            training=training if chosen else None,
            **how(args),
        )
        figures[f"{name}: test error, %"] = 100 * float(np.mean(history["error"][-10:]))
        by_epoch(curve, 100 * np.array(history["error"]), name)
    top = min(100, 5 * max(figures.values()))
    curve.set(title=f"{args.few} examples: test error, %", ylim=(0, top))
    curve.legend()
    print(figures)
    picture(args, "augmentation", figure)
    return figures


if __name__ == "__main__":
    main()
