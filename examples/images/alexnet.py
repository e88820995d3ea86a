"""AlexNet with its local response normalisation, an eighth as wide.

Krizhevsky, Sutskever, Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks.

    python -m examples.images.alexnet              # scikit-learn's digits
    python -m examples.images.alexnet --data DIR   # CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show
from ..convnet import curve, inputs, learn


def network(x: wf.Expr, training: wf.Expr, width: float = 0.125) -> wf.Expr:
    """The logits of AlexNet, which sees the images at 64 x 64 pixels: its first windows have 11 x 11."""
    large = nn.layers.resize(x, 64, mode="linear")
    return nn.zoo.alexnet(large, 10, training, width=width, name="net")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw what the filters of the first layer have learnt."""
    more = {"rate": (0.002, "Adam's learning rate at the start"), "width": (0.125, "times the paper's numbers of maps")}
    args = options(__doc__, argv, epochs=15, batch=64, **more)
    data = images(args, 32)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    logits = network(x, training, 1 / 32 if args.quick else args.width)
    filters = nn.parameters(logits)["net.conv1_w"]
    start = filters.get_value()
    history = learn(args, [x, t], logits, data, training=training)
    figure, (left, right) = plots(2)
    curve(left, history)
    left.set_title("AlexNet")
    show(right, "how the filters of its first layer have changed", filters.get_value() - start, 4)
    picture(args, "alexnet", figure)
    figures = {"test error, %": history["error"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
