"""GoogLeNet's inception blocks in small: windows of 1 x 1, 3 x 3, 5 x 5 and a pool, side by side.

Szegedy et al. 2015, Going Deeper with Convolutions.

    python -m examples.images.googlenet              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.images.googlenet --data DIR   # CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show
from ..convnet import curve, inputs, learn

BRANCHES = ("1 x 1", "3 x 3", "5 x 5", "pool, 1 x 1")


def block(x: wf.Expr, maps: int) -> list[wf.Expr]:
    """What four kinds of windows see; 1 x 1 convolutions in front of the large ones make them cheap."""

    def conv(x: wf.Expr, maps: int, size: int) -> wf.Expr:
        return wf.relu(nn.layers.conv2d(x, maps, size, padding=size // 2))

    return [
        conv(x, maps, 1),
        conv(conv(x, maps, 1), 2 * maps, 3),
        conv(conv(x, maps // 2, 1), maps, 5),
        conv(wf.max_pool2d(x, 3, 1, 1), maps, 1),
    ]


def network(x: wf.Expr, training: wf.Expr, maps: int = 8) -> tuple[wf.Expr, list[wf.Expr]]:
    """(logits, the four branches of the first block)."""
    with nn.scope("net"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, 2 * maps, 3, padding=1)), 2)
        first = block(wf.local_response_norm(h), maps)
        h = wf.max_pool2d(wf.concatenate(first, 1), 2)
        h = wf.concatenate(block(h, 2 * maps), 1)
        h = wf.concatenate(block(h, 2 * maps), 1)
        h = nn.layers.dropout(nn.layers.global_avg_pool(h), 0.2, training=training)
        return nn.layers.dense(h, 10), first


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw what the branches see of a digit."""
    more = {"rate": (0.005, "Adam's learning rate at the start"), "maps": (8, "of the smallest branch")}
    args = options(__doc__, argv, epochs=20, batch=64, **more)
    data = images(args, 16)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    logits, branches = network(x, training, 2 if args.quick else args.maps)
    print(nn.summary(logits))
    history = learn(args, [x, t], logits, data, training=training)
    figure, rows = plots(5, 7, 3)
    curve(rows[0], history)
    rows[0].set_title("inception blocks", fontsize=10)
    found = wf.function([x], branches, target=args.target)(data.test_images[:1])
    for plot, name, maps in zip(rows[1:], BRANCHES, found, strict=True):
        show(plot, name, (maps / max(maps.max(), 1e-9)).swapaxes(0, 1)[:8], 2)
    picture(args, "googlenet", figure)
    figures = {"test error, %": history["error"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
