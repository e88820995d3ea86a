"""VGG-11 in small: 3 x 3 convolutions and pools, down to a single pixel of many maps.

Simonyan, Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition.

    python -m examples.images.vgg              # scikit-learn's digits, 32 x 32 pixels
    python -m examples.images.vgg --data DIR   # CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show
from ..convnet import curve, inputs, learn

LAYERS = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))  # configuration A: convolutions of a block, and their maps


def network(x: wf.Expr, training: wf.Expr, width: float = 0.125) -> tuple[wf.Expr, list[wf.Expr]]:
    """(logits, what each block gives), `width` times as wide as the paper's."""
    blocks = []
    with nn.scope("net"):
        h = x
        for count, maps in LAYERS:
            for _ in range(count):
                h = wf.relu(nn.layers.conv2d(h, int(maps * width), 3, padding=1))
            h = wf.max_pool2d(h, 2)
            blocks.append(h)
        for _ in range(2):
            h = nn.layers.dropout(wf.relu(nn.layers.dense(h, int(4096 * width))), 0.2, training=training)
        return nn.layers.dense(h, 10), blocks


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw what the first maps of each block say about a digit."""
    more = {"rate": (0.001, "Adam's learning rate at the start"), "width": (0.125, "times the paper's numbers of maps")}
    args = options(__doc__, argv, epochs=12, batch=64, **more)
    data = images(args, 32)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    logits, blocks = network(x, training, 1 / 32 if args.quick else args.width)
    history = learn(args, [x, t], logits, data, training=training)
    figure, (left, right) = plots(2)
    curve(left, history)
    left.set_title("VGG-11")
    maps = [nn.layers.resize(block[:, :2], x.shape[2:]) for block in blocks[:4]]
    found = wf.function([x], maps, target=args.target)(data.test_images[:1])
    seen = [block[0, :, None] / max(block.max(), 1e-9) for block in found]
    show(right, "two maps of each of four blocks", np.concatenate(seen, 1).reshape(-1, 1, *x.shape[2:]), 4)
    picture(args, "vgg", figure)
    figures = {"test error, %": history["error"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
