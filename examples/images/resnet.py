"""A residual network beside its plain twin, which has the same parameters and no shortcuts, and learns worse.

He, Zhang, Ren, Sun 2016, Deep Residual Learning for Image Recognition, section 4.2.

    python -m examples.images.resnet                                     # scikit-learn's digits, 16 x 16 pixels
    python -m examples.images.resnet --data DIR --width 1 --epochs 30    # CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import by_epoch, images, options, picture, plots
from ..convnet import curve, inputs, learn


def network(x: wf.Expr, training: wf.Expr, depth: int = 20, plain: bool = False, width: float = 1.0) -> wf.Expr:
    """The logits of ResNet-20, 32, 44 ..., or of its plain twin."""
    kind = "plain" if plain else "resnet"
    return nn.zoo.cifar_resnet(x, depth, 10, training, plain=plain, width=width, name=kind)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both, print their test errors, draw how both learn."""
    more = {"depth": (44, "layers: 6 n + 2"), "width": (0.25, "times the paper's numbers of maps")}
    args = options(__doc__, argv, epochs=10, batch=64, rate=(0.003, "Adam's learning rate at the start"), **more)
    data = images(args, 16)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    depth, figures = 8 if args.quick else args.depth, {}
    figure, (losses, errors) = plots(2)
    for plain in (False, True):
        logits = network(x, training, depth, plain, args.width)
        name = f"{'plain' if plain else 'residual'} network"
        history = learn(args, [x, t], logits, data, training=training)
        figures[f"{name}: test error, %"] = history["error"][-1]
        by_epoch(losses, history["loss"], name)
        curve(errors, history, name)
    print(f"{depth} layers, {nn.count(logits):,} parameters each: {figures}")
    losses.set(ylabel="training loss", yscale="log", title=f"{depth} layers")
    losses.legend(frameon=False)
    picture(args, "resnet", figure)
    return figures


if __name__ == "__main__":
    main()
