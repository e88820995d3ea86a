"""Transposed convolutions draw each image from a code of its own, and learn code and drawing together.

Lines from one code to another are walks through what the network can draw.
Bojanowski, Joulin, Lopez-Paz, Szlam 2018, Optimizing the latent space of generative networks; Dosovitskiy,
Springenberg, Brox 2015, Learning to generate chairs with convolutional neural networks.

    python -m examples.generators.transposed_convolution              # scikit-learn's digits, of 16 x 16 pixels
    python -m examples.generators.transposed_convolution --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show


def network(
    examples: int, channels: int, size: int, code: int = 16, filters: int = 32
) -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(numbers of images, their codes, logits of the pixels)."""
    number = wf.vector("number", ("batch",), dtype="int64")
    with nn.scope("net"):
        codes = nn.layers.embedding(number, examples, code, name="codes")
        h = wf.relu(nn.layers.dense(codes, 2 * filters * (size // 4) ** 2))
        h = h.reshape(number.shape[0], 2 * filters, size // 4, size // 4)
        h = wf.relu(nn.layers.conv2d_transpose(h, filters, 4, stride=2, padding=1))
        return number, codes, nn.layers.conv2d_transpose(h, channels, 4, nn.init.glorot_uniform, stride=2, padding=1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print how near images are drawn, draw images, and walks from one to another."""
    more = {"rate": (0.003, "Adam's learning rate"), "code": (16, "numbers that an image is made of")}
    args = options(__doc__, argv, epochs=60, batch=32, **more)
    data = images(args, size=16)
    count, channels, size, _ = data.images.shape
    number, codes, logits = network(count, channels, size, args.code)
    x = wf.tensor4("x", ("batch", channels, size, size))
    error = nn.losses.binary_crossentropy(logits, x).sum(axis=(1, 2, 3)).mean()
    loss = error + 0.1 * wf.square(codes).sum(axis=1).mean()
    params = nn.parameters(loss)
    given = (np.arange(count), data.images)
    nn.fit([number, x], loss, given, updates=nn.updates.adam(loss, params, args.rate), **how(args))
    test = wf.function([number, x], nn.losses.squared_error(wf.sigmoid(logits), x).mean(), target=args.target)
    z = wf.matrix("z", ("batch", args.code))
    draw = wf.function([z], wf.sigmoid(logits), givens={codes: z}, target=args.target)
    found = params["net.codes_w"].get_value()
    way = np.linspace(0, 1, 10, dtype=found.dtype)[:, None]
    ends = [int(np.flatnonzero(data.labels == digit)[0]) for digit in range(7)]
    walks = np.concatenate([(1 - way) * found[a] + way * found[b] for a, b in pairwise(ends)])
    figure, (left, right) = plots(2, 8)
    rows = [side[at : at + 10] for at in (0, 10, 20) for side in (data.images[:30], draw(found[:30]))]
    show(left, "images, and below drawn from their codes", np.concatenate(rows))
    show(right, "walks from one code to another", draw(walks))
    picture(args, "transposed_convolution", figure)
    figures = {"squared error of a pixel": nn.average(test, given)}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
