"""DenseNet: each layer sees the maps of all before it, and the weights say which of them it listens to.

Huang, Liu, van der Maaten, Weinberger 2017, Densely Connected Convolutional Networks, figure 5.

    python -m examples.images.densenet                                     # scikit-learn's digits, 16 x 16 pixels
    python -m examples.images.densenet --data DIR --growth 12 --depth 40   # CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots
from ..convnet import curve, inputs, learn


def network(x: wf.Expr, training: wf.Expr, depth: int = 22, growth: int = 8) -> wf.Expr:
    """The logits of three dense blocks with (depth - 4) / 3 layers each, which add `growth` maps.

    Weights begin small, for which batch normalisation makes up: so their sizes are those that are learnt.
    """
    return nn.zoo.cifar_densenet(x, depth, growth, 10, training, bottleneck=False, weights=nn.init.normal, name="net")


def listening(params: dict[str, wf.Expr], growth: int, layers: int) -> np.ndarray:
    """[source, layer]: how large the weights of a layer of the first block are for what each source gave it."""
    found = np.full((layers, layers), np.nan)
    for layer in range(layers):
        w = abs(params[f"net.block1_{layer + 1}.conv2_w"].get_value()).mean((0, 2, 3))
        bounds = [0, *range(w.size - layer * growth, w.size, growth)]
        found[: layer + 1, layer] = np.add.reduceat(w, bounds) / np.diff([*bounds, w.size])
    return found / np.nanmax(found, 0)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw which layers are listened to."""
    more = {"depth": (22, "layers: 3 n + 4"), "growth": (8, "maps that a layer adds"), "rate": (0.01, "learning rate")}
    args = options(__doc__, argv, epochs=10, batch=64, **more)
    data = images(args, 16)
    depth, growth = (7, 2) if args.quick else (args.depth, args.growth)
    x, t = inputs(data)
    training = wf.scalar("training", dtype="bool")
    logits = network(x, training, depth, growth)
    history = learn(args, [x, t], logits, data, training=training)
    figure, (left, right) = plots(2)
    curve(left, history)
    left.set_title(f"DenseNet of {depth} layers")
    layers = (depth - 4) // 3
    shown = right.imshow(listening(nn.parameters(logits), growth, layers), vmin=0)
    right.set(title="size of weights in the first block", xlabel="of layer", ylabel="for the maps of layer (0: input)")
    right.set(xticks=range(layers), yticks=range(layers), xticklabels=range(1, layers + 1))
    figure.colorbar(shown)
    picture(args, "densenet", figure)
    figures = {"test error, %": history["error"][-1], "parameters": float(nn.count(logits))}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
