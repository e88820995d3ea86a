"""Saliency: which pixels decide what a network sees, by the gradient of the score with respect to them.

Simonyan, Vedaldi, Zisserman 2014, Deep Inside Convolutional Networks; SmoothGrad: Smilkov et al. 2017.

    python -m examples.inputs.saliency              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.inputs.saliency --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf

from ..common import images, options, picture, plots, show
from ..convnet import body, head, inputs, learn


def saliency(x: wf.Expr, logits: wf.Expr) -> wf.Expr:
    """How much a little more of each pixel changes the largest score."""
    return abs(wf.grad(wf.max(logits, 1).sum(), x))


def without(images: np.ndarray, order: np.ndarray, share: float) -> np.ndarray:
    """The images, the first pixels in their orders set to the mean of all."""
    flat = images.reshape(len(images), -1).copy()
    np.put_along_axis(flat, order[:, : int(share * flat.shape[1])], flat.mean(), 1)
    return flat.reshape(images.shape)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train a network, print what is lost without the pixels that matter most, draw them."""
    more = {"rate": (0.003, "Adam's learning rate at the start"), "draws": (30, "images with noise, to be averaged")}
    args = options(__doc__, argv, epochs=10, batch=32, **more)
    data = images(args, 16)
    x, t = inputs(data)
    logits = head(body(x, 2 if args.quick else 12))
    learn(args, [x, t], logits, data)
    rng = np.random.default_rng(args.seed)
    salient = wf.function([x], saliency(x, logits), target=args.target)
    classes = wf.function([x], wf.argmax(logits, -1), target=args.target)
    some, labels = data.test_images[:500], data.test_labels[:500]
    first = salient(some)
    draws = (some + rng.normal(0, 0.1, some.shape).astype(some.dtype) for _ in range(args.draws))
    smooth = np.mean([salient(noisy) for noisy in draws], 0)
    orders = {
        "at random": rng.permuted(np.tile(np.arange(first[0].size), (len(first), 1)), axis=1),
        "by gradient": np.argsort(-first.reshape(len(first), -1)),
        "by mean gradient": np.argsort(-smooth.reshape(len(first), -1)),
    }
    figure, (left, right) = plots(2, 8)
    figures = {"test error, %": 100 * float(np.mean(classes(some) != labels))}
    shares = np.linspace(0, 0.5, 11)
    for name, order in orders.items():
        wrong = [100 * float(np.mean(classes(without(some, order, share)) != labels)) for share in shares]
        left.plot(100 * shares, wrong, marker=".", label=name)
        figures[f"test error without a fifth of the pixels, {name}, %"] = wrong[4]
    left.set(xlabel="pixels taken away, %", ylabel="test error, %")
    left.legend(frameon=False)
    shown = [some[:5], *(s[:5] / s[:5].max((1, 2, 3), keepdims=True) for s in (first, smooth))]
    show(right, "images; their gradients; means of gradients", np.concatenate(shown), 5)
    picture(args, "saliency", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
