"""A DCGAN: the two networks of a GAN are convolutional, and the one that draws has transposed convolutions.

Radford, Metz, Chintala 2016, Unsupervised representation learning with deep convolutional generative adversarial
networks.  What they learn by, and how, is that of `gan.py`.

    python -m examples.generators.dcgan              # scikit-learn's digits, of 16 x 16 pixels
    python -m examples.generators.dcgan --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import images, options
from .gan import learn, report


def generator(z: wf.Expr, training: wf.Expr | bool, channels: int, size: int, filters: int = 32) -> wf.Expr:
    """Images of noise: from a quarter of the size to the half, and to the whole."""
    quarter = size // 4
    with nn.scope("generator"):
        h = nn.layers.dense(z, 2 * filters * quarter**2, b=None)
        h = h.reshape(z.shape[0], 2 * filters, quarter, quarter)
        h = wf.relu(nn.layers.batch_norm(h, training))
        h = nn.layers.conv2d_transpose(h, filters, 4, b=None, stride=2, padding=1)
        h = wf.relu(nn.layers.batch_norm(h, training))
        return wf.sigmoid(nn.layers.conv2d_transpose(h, channels, 4, nn.init.glorot_uniform, stride=2, padding=1))


def critic(x: wf.Expr, filters: int = 32) -> wf.Expr:
    """The logit of whether an image is real, for each."""
    with nn.scope("critic"):
        h = wf.leaky_relu(nn.layers.conv2d(x, filters, 4, stride=2, padding=1), 0.2)
        h = wf.leaky_relu(nn.layers.conv2d(nn.layers.dropout(h, 0.3), 2 * filters, 4, stride=2, padding=1), 0.2)
        return nn.layers.dense(nn.layers.dropout(h, 0.3), 1)[:, 0]


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, draw what the same noise becomes as the generator learns."""
    more = {"rate": (0.001, "learning rate"), "noise": (32, "numbers that images are made of")}
    args = options(__doc__, argv, epochs=40, batch=32, **more)
    data = images(args, size=16)
    _, channels, size, _ = data.images.shape
    drawn, losses = learn(args, data.images, lambda z, training: generator(z, training, channels, size), critic)
    return report(args, "dcgan", drawn, losses)


if __name__ == "__main__":
    main()
