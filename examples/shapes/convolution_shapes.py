"""A convolution makes (N - F + 2P) / S + 1 numbers of N: twenty 5x5 filters on 3x32x32 make 20x32x32 of 1500 weights.

python -m examples.shapes.convolution_shapes                 # a photograph that scikit-learn has
python -m examples.shapes.convolution_shapes --data DIR      # an image of CIFAR-10
"""

from argparse import Namespace
from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show

CASES = [(7, 3, 0, 1), (7, 3, 0, 2), (7, 3, 1, 1), (32, 5, 0, 1), (32, 5, 2, 1), (227, 11, 0, 4), (224, 7, 3, 2)]


def network(filters: np.ndarray, size: int = 32) -> tuple[wf.Expr, wf.Expr]:
    """(images, maps): a convolution of padding 2, without biases."""
    x = wf.tensor4("x", ("batch", filters.shape[1], size, size))
    with nn.scope("net"):
        return x, nn.layers.conv2d(x, len(filters), filters.shape[2:], filters, None, padding=2)


def edges(number: int, size: int = 5) -> np.ndarray:
    """Filters (number, 3, size, size), each of which finds the edges of one direction: slopes of a Gaussian."""
    angles = np.pi * 2 * np.arange(number)[:, None, None] / number
    row, column = np.mgrid[:size, :size] - size // 2
    one = (np.cos(angles) * column + np.sin(angles) * row) * np.exp(-(row**2 + column**2) / 2)
    return np.repeat(one[:, None], 3, 1).astype(np.float32)


def photograph(args: Namespace, size: int = 32) -> np.ndarray:
    """(3, size, size): China's Summer Palace, or the first image of CIFAR-10."""
    if args.data is not None:
        return images(args).images[0]
    from sklearn.datasets import load_sample_image

    whole, by = load_sample_image("china.jpg")[:416, 120:536].transpose(2, 0, 1) / np.float32(255), 416 // size
    return whole.reshape(3, size, by, size, by).mean((2, 4))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Check the formula for several sizes, apply twenty filters, draw what they find."""
    args = options(__doc__, argv, epochs=0)
    for n, f, p, s in CASES:
        y = wf.conv2d(wf.tensor4(None, (1, 1, n, n)), wf.ones((1, 1, f, f)), padding=p, stride=s)
        formula = (n - f + 2 * p) // s + 1
        print(f"N {n:3}, F {f:2}, P {p}, S {s}: ({n} - {f} + 2 * {p}) / {s} + 1 = {formula}, and weft {y.shape[2:]}")
        assert y.shape[2:] == (formula, formula)
    image = photograph(args)
    x, maps = network(edges(20))
    print(nn.summary(maps))
    found = wf.function([x], maps, target=args.target)(image[None])[0]
    figures = {"channels": found.shape[0], "size": found.shape[1], "weights": nn.count(maps)}
    print(figures)
    figure, (left, middle, right) = plots(3, 9)
    show(left, "3 x 32 x 32", image[None], 1)
    show(middle, "twenty filters 3 x 5 x 5", edges(20)[:, :1], 5)
    show(right, "20 x 32 x 32", found[:, None], 5)
    picture(args, "convolution_shapes", figure)
    return figures


if __name__ == "__main__":
    main()
