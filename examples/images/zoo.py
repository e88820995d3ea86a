"""What the image networks of `nn.zoo` hold and cost, found from their expressions: no weight is drawn.

Each names its paper: `help(nn.zoo.googlenet)`.

    python -m examples.images.zoo
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import options, picture, plots

NETWORKS: dict[str, tuple[str, int, dict[str, Any]]] = {  # how each is called, and the size of its images
    "AlexNet": ("alexnet", 224, {}),
    "ZFNet": ("zfnet", 224, {}),
    "VGG A": ("vgg_a", 224, {}),
    "VGG A-LRN": ("vgg_a_lrn", 224, {}),
    "VGG B": ("vgg_b", 224, {}),
    "VGG C": ("vgg_c", 224, {}),
    "VGG D": ("vgg_d", 224, {}),
    "VGG E": ("vgg_e", 224, {}),
    "GoogLeNet": ("googlenet", 224, {}),
    "Inception v3": ("inception_v3", 299, {}),
    "ResNet-34": ("resnet34", 224, {}),
    "ResNet-50": ("resnet50", 224, {}),
    "ResNet-152": ("resnet152", 224, {}),
    "DenseNet-121": ("densenet121", 224, {}),
    "DenseNet-169": ("densenet169", 224, {}),
    "DenseNet-201": ("densenet201", 224, {}),
    "DenseNet-264": ("densenet264", 224, {}),
    "ResNet-20, CIFAR": ("cifar_resnet", 32, {"depth": 20}),
    "ResNet-32, CIFAR": ("cifar_resnet", 32, {"depth": 32}),
    "ResNet-44, CIFAR": ("cifar_resnet", 32, {"depth": 44}),
    "ResNet-56, CIFAR": ("cifar_resnet", 32, {"depth": 56}),
    "ResNet-110, CIFAR": ("cifar_resnet", 32, {"depth": 110}),
    "DenseNet-100, CIFAR": ("cifar_densenet", 32, {}),
}


def network(name: str) -> wf.Expr:
    """The logits of a network, whose weights are one zero each that is seen everywhere."""
    function, size, how = NETWORKS[name]
    x = wf.tensor4("x", ("batch", 3, size, size))
    return getattr(nn.zoo, function)(x, weights=lambda shape, rng: np.broadcast_to(np.float32(0), shape), **how)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Print the table and draw it."""
    args = options(__doc__, argv, epochs=0)
    names = ["AlexNet", "ResNet-20, CIFAR"] if args.quick else list(NETWORKS)
    figures = {}
    figure, (left, right) = plots(2, 8, 0.24 * len(names) + 0.8)
    for name in names:
        table = nn.summary(network(name))
        print(f"{name:20} {table.parameters:12,} parameters {table.multiply_adds:15,} multiply-adds")
        for plot, value, unit in ((left, table.parameters / 1e6, "M"), (right, table.multiply_adds / 1e9, "G")):
            plot.barh(name, value, color="C0" if "CIFAR" not in name else "C1")
            plot.text(value, name, f" {value:.3g} {unit}", va="center", fontsize=8)
        figures |= {
            f"{name}: parameters": float(table.parameters),
            f"{name}: multiply-adds": float(table.multiply_adds),
        }
    left.set(title="parameters", xscale="log", xlim=(0.1, 1500))
    right.set(title="multiply-adds for an image", xscale="log", xlim=(0.01, 150), yticks=[])
    for plot in (left, right):
        plot.invert_yaxis()
        plot.tick_params(labelsize=8)
    picture(args, "zoo", figure)
    return figures


if __name__ == "__main__":
    main()
