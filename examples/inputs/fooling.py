"""Fooling images: a step along the sign of the gradient that a person hardly sees, and the network is wrong.

Goodfellow, Shlens, Szegedy 2015, Explaining and Harnessing Adversarial Examples.

    python -m examples.inputs.fooling              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.inputs.fooling --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import options, picture, plots, show
from .nets import learnt_digits

SIZES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)


def fooled(x: wf.Expr, t: wf.Expr, logits: wf.Expr, size: wf.Expr) -> wf.Expr:
    """The images, each pixel moved by `size` to where the loss grows, and kept in [0, 1]."""
    slope = wf.grad(nn.losses.crossentropy(logits, t).sum(), x)
    return wf.clip(x + size * wf.sign(slope), 0, 1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train a network, print how often it is fooled, draw images that fool it, and how far they had to go."""
    args = options(__doc__, argv, epochs=10, batch=32)
    data, x, t, logits = learnt_digits(args)
    size = wf.scalar("size")
    change = wf.function([x, t, size], fooled(x, t, logits, size), target=args.target)
    classes = wf.function([x], wf.argmax(logits, -1), target=args.target)
    some = data.test_images[:1000], data.test_labels[:1000]
    moved = [change(*some, by) for by in SIZES]
    noise = np.random.default_rng(args.seed).choice([-1, 1], some[0].shape)
    random = [np.clip(some[0] + np.float32(by) * noise, 0, 1).astype(np.float32) for by in SIZES]
    figure, (left, right) = plots(2, 8)
    for label, kind in (("along the gradient's sign", moved), ("by random signs", random)):
        wrong = [100 * np.mean(classes(images) != some[1]) for images in kind]
        left.plot(SIZES, wrong, marker="o", label=f"moved {label}")
    left.set(xlabel="how far each pixel is moved", ylabel="test error, %")
    left.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    at = SIZES.index(0.15)
    first = np.flatnonzero((classes(moved[0]) == some[1]) & (classes(moved[at]) != some[1]))[:5]
    shown = [kind[first] for kind in (some[0], moved[at])]
    if len(first):
        show(
            right, "right; below taken for " + " ".join(map(str, classes(shown[1]))), np.concatenate(shown), len(first)
        )
    picture(args, "fooling", figure)
    errors = {by: 100 * float(np.mean(classes(images) != some[1])) for by, images in zip(SIZES, moved, strict=True)}
    figures = {f"test error of pixels moved by {by}, %": errors[by] for by in (0.0, 0.05, 0.1, 0.2)}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
