"""LeNet learns digits: 20C5-MP2-50C5-MP2-FC256 (LeCun et al. 1998, with relu and max pooling).

python -m examples.mnist.lenet                          # scikit-learn's digits, 16 x 16 pixels
python -m examples.mnist.lenet --data DIR --epochs 10   # MNIST
python -m examples.mnist.lenet --target cuda            # on a device of NVIDIA's
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots, show, steps


def network(
    size: int, filters: tuple[int, int] = (20, 50), units: int = 256, channels: int = 1
) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels, training], logits)."""
    x, t = wf.tensor4("x", ("batch", channels, size, size)), wf.vector("t", ("batch",), dtype="int64")
    training = wf.scalar("training", dtype="bool")
    with nn.scope("net"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, filters[0], 5)), 2)
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(h, filters[1], 5)), 2)
        h = nn.layers.dropout(wf.relu(nn.layers.dense(h, units)), 0.4, training=training)
        return [x, t, training], nn.layers.dense(h, 10)


def shifted(batch: tuple[np.ndarray, ...], rng: np.random.Generator, by: int) -> tuple[np.ndarray, ...]:
    """Each image moved by up to so many pixels along each axis: more examples than there are."""
    pictures, *rest = batch
    size = pictures.shape[-1]
    wide = np.pad(pictures, ((0, 0), (0, 0), (by, by), (by, by)))
    windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size), axis=(2, 3))
    rows, columns = rng.integers(0, 2 * by + 1, (2, len(pictures)))
    return (windows[np.arange(len(pictures)), :, rows, columns], *rest)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw the learning curve and the filters of the first layer."""
    more = {"rate": (2e-3, "Adam's learning rate at the start"), "shift": (1, "training images are moved so far")}
    args = options(__doc__, argv, epochs=40, batch=128, **more)
    data = images(args, 16)
    channels, _, size = data.images.shape[1:]
    (x, t, training), logits = network(size, *((4, 6), 16) if args.quick else ((20, 50), 256), channels)
    loss = nn.losses.crossentropy(logits, t).mean()
    rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
    history = nn.fit(
        [x, t],
        loss,
        data.train,
        updates=nn.updates.adam(loss, nn.parameters(loss), rate),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
        training=training,
        augment=lambda batch, rng: shifted(batch, rng, args.shift),
        **how(args),
    )
    figures = {"test error, %": 100 * history["error"][-1], "seconds of an epoch": float(np.median(history["seconds"]))}
    print(figures)
    figure, (curve, filters) = plots(2, 8)
    by_epoch(curve, history["loss"], "training loss")
    by_epoch(curve, history["error"], "test error")
    curve.set(title="LeNet", yscale="log")
    curve.legend()
    show(filters, "filters of the first layer", nn.parameters(loss)["net.conv_w"].get_value(), 5)
    picture(args, "lenet", figure)
    return figures


if __name__ == "__main__":
    main()
