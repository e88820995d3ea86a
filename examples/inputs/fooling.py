"""Fooling images: each pixel is moved a little along the sign of the gradient, and most images are taken for others.
By random signs few are.

Goodfellow, Shlens, Szegedy 2015, Explaining and Harnessing Adversarial Examples.

    python -m examples.inputs.fooling              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.inputs.fooling --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show
from ..convnet import body, head, inputs, learn

SIZES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


def fooled(x: wf.Expr, t: wf.Expr, logits: wf.Expr, size: wf.Expr) -> wf.Expr:
    """The images, each pixel moved by `size` to where the loss grows, and kept in [0, 1]."""
    slope = wf.grad(nn.losses.crossentropy(logits, t).sum(), x)
    return wf.clip(x + size * wf.sign(slope), 0, 1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train a network, print how often it is fooled, draw images that fool it, and how far they had to go."""
    args = options(__doc__, argv, epochs=10, batch=32, rate=(0.003, "Adam's learning rate at the start"))
    data = images(args, 16)
    x, t = inputs(data)
    logits = head(body(x, 2 if args.quick else 12))
    learn(args, [x, t], logits, data)
    size = wf.scalar("size")
    change = wf.function([x, t, size], fooled(x, t, logits, size), target=args.target)
    classes = wf.function([x], wf.argmax(logits, -1), target=args.target)
    some, labels = data.test_images[:1000], data.test_labels[:1000]
    signs = np.random.default_rng(args.seed).choice(np.array([-1, 1], some.dtype), some.shape)
    moved = {
        "along the gradient's sign": [change(some, labels, by) for by in SIZES],
        "by random signs": [np.clip(some + some.dtype.type(by) * signs, 0, 1) for by in SIZES],
    }
    figure, (left, right) = plots(2, 8)
    figures = {"test error, %": 100 * float(np.mean(classes(some) != labels))}
    for way, kind in moved.items():
        wrong = [100 * float(np.mean(classes(pictures) != labels)) for pictures in kind]
        left.plot(SIZES, wrong, marker="o", label=f"moved {way}")
        figures |= {f"moved by {by} {way}: test error, %": wrong[SIZES.index(by)] for by in (0.05, 0.1, 0.2)}
    left.set(xlabel="how far each pixel is moved", ylabel="test error, %")
    left.legend(frameon=False)
    far = moved["along the gradient's sign"][SIZES.index(0.15)]
    first = np.flatnonzero((classes(some) == labels) & (classes(far) != labels))[:5]
    if len(first):
        title = "right; below taken for " + " ".join(map(str, classes(far[first])))
        show(right, title, np.concatenate([some[first], far[first]]), len(first))
    picture(args, "fooling", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
