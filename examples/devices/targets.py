"""A function runs where its `target` says, and gives the same there, but for rounding.

The same steps of training are taken on each target.

    python -m examples.devices.targets                              # "cpu", and "reference": NumPy, step by step
    python -m examples.devices.targets --others cuda                # a device of NVIDIA's
    python -m examples.devices.targets --others cuda:simulator --quick   # what it would do, thread by thread
"""

import time
from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots


def network(pixels: int, units: int = 64, seed: int = 0) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], loss): the same weights for each that is made from a seed."""
    nn.init.seed(seed)
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        logits = nn.layers.dense(wf.tanh(nn.layers.dense(x, units)), 10)
        return [x, t], nn.losses.crossentropy(logits, t).mean()


def train(target: str, batches: list[tuple[np.ndarray, ...]], units: int, seed: int) -> tuple[list[float], float]:
    """(the losses of steps of momentum on a target, seconds of a step)."""
    inputs, loss = network(batches[0][0].shape[1], units, seed)
    step = wf.function(inputs, loss, updates=nn.updates.momentum(loss, nn.parameters(loss), 0.1), target=target)
    losses, seconds = [], []
    for batch in batches:
        start = time.perf_counter()
        losses.append(float(step(*batch)))
        seconds.append(time.perf_counter() - start)
    return losses, float(np.median(seconds))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train on each target, print how far they are apart, draw the losses and the seconds of a step."""
    more = {
        "others": ("reference", "targets beside cpu, with commas"),
        "steps": (100, "of training"),
        "units": (64, ""),
    }
    args = options(__doc__, argv, epochs=10, batch=64, **more)
    data, rng = images(args).flat, np.random.default_rng(args.seed)
    steps, size, units = (4, 4, 4) if args.quick else (args.steps, args.batch, args.units)
    few = [tuple(a[i] for a in data.train) for i in rng.integers(0, len(data.images), (steps, size))]
    runs = {target: train(target, few, units, args.seed) for target in ("cpu", *args.others.split(","))}
    figure, (left, right) = plots(2)
    for number, (target, (losses, seconds)) in enumerate(runs.items()):
        left.plot(losses, label=target, linestyle="-" if number == 0 else ":", linewidth=2 if number else 1)
        right.barh(target, 1e6 * seconds)
        right.text(1e6 * seconds, target, f" {1e6 * seconds:,.0f}", va="center")
    left.set(xlabel="step", ylabel="loss", title="the same losses")
    left.legend(frameon=False)
    right.set(xscale="log", title="microseconds of a step")
    right.set_xlim(1, 5 * right.get_xlim()[1])
    picture(args, "targets", figure)
    first = runs["cpu"][0]
    figures = {
        f"{t}: largest difference of a loss": float(np.abs(np.subtract(r[0], first)).max()) for t, r in runs.items()
    }
    figures |= {f"{target}: microseconds of a step": 1e6 * seconds for target, (_, seconds) in runs.items()}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
