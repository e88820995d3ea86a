"""Inception's later blocks in small: a large window is made of small ones, which cost less.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, Rethinking the Inception Architecture for Computer Vision, section 3.

    python -m examples.images.inception              # scikit-learn's digits, 16 x 16 pixels
    python -m examples.images.inception --data DIR   # CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import images, options, picture, plots
from ..convnet import curve, inputs, learn

Size = int | tuple[int, int]
KINDS: dict[str, list[Size]] = {"one of 7 x 7": [7], "three of 3 x 3": [3, 3, 3], "1 x 7 and 7 x 1": [(1, 7), (7, 1)]}


def network(x: wf.Expr, training: wf.Expr, windows: list[Size], maps: int = 16) -> wf.Expr:
    """The logits of two blocks: windows one after the other, beside a 1 x 1 convolution and a pool."""

    def conv(x: wf.Expr, size: Size) -> wf.Expr:
        padding = size // 2 if isinstance(size, int) else tuple(s // 2 for s in size)
        return wf.relu(nn.layers.batch_norm(nn.layers.conv2d(x, maps, size, b=None, padding=padding), training))

    def block(x: wf.Expr) -> wf.Expr:
        h = conv(x, 1)
        for size in windows:
            h = conv(h, size)
        return wf.concatenate([h, conv(x, 1), conv(wf.avg_pool2d(x, 3, 1, 1), 1)], 1)

    with nn.scope("net"):
        h = wf.max_pool2d(conv(x, 3), 2)
        return nn.layers.dense(nn.layers.global_avg_pool(block(block(h))), 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with each kind of windows, print their test errors, draw what they cost."""
    more = {"rate": (0.01, "Adam's learning rate at the start"), "maps": (16, "of each convolution")}
    args = options(__doc__, argv, epochs=10, batch=64, **more)
    data = images(args, 16)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    figures = {}
    figure, (left, right) = plots(2)
    for name, windows in list(KINDS.items())[args.quick * 2 :]:
        logits = network(x, training, windows, 2 if args.quick else args.maps)
        history = learn(args, [x, t], logits, data, training=training)
        figures[f"{name}: test error, %"] = history["error"][-1]
        curve(left, history, name)
        held = nn.count(logits)
        figures[f"{name}: parameters"] = float(held)
        right.barh(name, held)
        right.text(held, name, f" {held:,}", va="center", fontsize=9)
    left.legend(frameon=False, fontsize=9)
    right.set(title="parameters", xlim=(0, 1.35 * right.get_xlim()[1]))
    picture(args, "inception", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
