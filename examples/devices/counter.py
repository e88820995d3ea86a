"""A counter: a variable that a compiled function updates each time it is called, and that is set and read between.

Every read in a call sees the values before any update.

    python -m examples.devices.counter              # scikit-learn's digits
    python -m examples.devices.counter --data DIR   # MNIST or CIFAR-10
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, show


def counters(shape: tuple[int, ...]) -> tuple[list[wf.Expr], dict[wf.Expr, wf.Expr], wf.Expr]:
    """([images, labels], updates: how many there were, in all and of each class, and their sums; the count of all)."""
    x, t = wf.tensor4("x", ("batch", *shape)), wf.vector("t", ("batch",), dtype="int64")
    count = wf.shared(0, name="count")
    of_class = wf.shared(np.zeros(10, np.int64), name="of_class")
    sums = wf.shared(np.zeros((10, *shape), np.float32), name="sums")
    updates = {
        count: count + x.shape[0],
        of_class: wf.index_add(of_class, t, 1),
        sums: wf.index_add(sums, t, x),
    }
    return [x, t], updates, count


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Count the images of a set batch by batch, print the counts, draw them and the mean image of each class."""
    args = options(__doc__, argv, epochs=1, batch=64)
    data = images(args, 8)
    inputs, updates, count = counters(data.images.shape[1:])
    tick = wf.function(inputs, count, updates=updates, target=args.target)
    count.set_value(-len(data.images))  # fed: now it says how many are left
    for batch in nn.batches(data.train, args.batch):
        print(f"{-tick(*batch):6} images are left")
    left, of_class, sums = (variable.get_value() for variable in updates)  # fetched
    figure, (bars, means) = plots(2)
    bars.bar(range(10), of_class)
    bars.set(xticks=range(10), xlabel="class", title="images of each class")
    show(means, "their means", sums / np.maximum(of_class, 1)[:, None, None, None], 5)
    picture(args, "counter", figure)
    figures = {"images": float(of_class.sum()), "left": float(left), "mean pixel": float(sums.sum() / sums[0].size)}
    figures["mean pixel"] /= figures["images"]
    print(figures)
    return figures


if __name__ == "__main__":
    main()
