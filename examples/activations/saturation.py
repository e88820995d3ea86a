"""Where activations saturate: what the ten layers of a net give, and how often their slope is small.

Saturated is a unit, by an example, where the slope of its activation is less than a tenth of the largest in the net.

    python -m examples.activations.saturation                 # scikit-learn's digits
    python -m examples.activations.saturation --data DIR      # MNIST

After Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, figures 2 and 3.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import Data, images, options, picture, plots

ACTIVATIONS = {"sigmoid": wf.sigmoid, "tanh": wf.tanh, "relu": wf.relu, "leaky relu": wf.leaky_relu}


def standardised(args: argparse.Namespace) -> Data:
    """Images as rows of numbers, whose mean over all to learn from is 0, and whose standard deviation is 1."""
    data = images(args).flat
    mean, deviation = data.images.mean(), data.images.std()
    return data._replace(images=(data.images - mean) / deviation, test_images=(data.test_images - mean) / deviation)


def network(
    pixels: int, activation: Callable[..., wf.Expr], w: Any, units: int = 200, layers: int = 10
) -> tuple[list[wf.Expr], list[wf.Expr], list[wf.Expr], wf.Expr]:
    """([images, labels], what each layer gives, its slope, logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    h, given, slopes = x, [], []
    with nn.scope("net"):
        for _ in range(layers):
            z = nn.layers.dense(h, units, w)
            h = activation(z)
            given.append(h)
            slopes.append(wf.grad(h.sum(), z))
        return [x, t], given, slopes, nn.layers.dense(h, 10, nn.init.glorot_uniform)


def draw_layers(plot: Any, name: str, given: Sequence[np.ndarray]) -> None:
    """A histogram for each layer, side by side, all of one scale from left to right."""
    low, high = min(h.min() for h in given), max(np.quantile(h, 0.999) for h in given)
    high = max(high, low + 1e-9)
    for number, h in enumerate(given, 1):
        heights, ends = np.histogram(h, 40, (low, high))
        plot.stairs(heights / heights.max(), number - 0.45 + 0.9 * (ends - low) / (high - low), fill=True)
    plot.set_title(f"{name}, from {low:.2g} to {high:.2g}", fontsize=9, loc="left")
    plot.set(xticks=range(1, len(given) + 1), yticks=[], xlim=(0.4, len(given) + 0.6))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Draw histograms of what layers with weights N(0, gain / sqrt(inputs)) give; print how much is saturated."""
    args = options(__doc__, argv, epochs=0, gain=(2.0, "of the weights: their spread times sqrt(inputs)"), units=200)
    pixels = standardised(args).images[:500]
    units = 20 if args.quick else args.units
    figure, rows = plots(1, 8, 6, rows=len(ACTIVATIONS))
    figures = {}
    for row, (name, activation) in zip(rows, ACTIVATIONS.items(), strict=True):
        weights = partial(nn.init.he_normal, gain=args.gain)
        inputs, given, slopes, _ = network(pixels.shape[1], activation, weights, units)
        found = wf.function(inputs[:1], [*given, *slopes], target=args.target)(pixels)
        draw_layers(row[0], name, found[:10])
        largest = max(s.max() for s in found[10:])
        for number in (1, 10):
            share = float((found[9 + number] < 0.1 * largest).mean())
            figures[f"{name}: saturated in layer {number}, %"] = 100 * share
    rows[-1, 0].set_xlabel("what each layer gives")
    print(*(f"{name} {value:.1f}" for name, value in figures.items()), sep="\n")
    picture(args, "saturation", figure)
    return figures


if __name__ == "__main__":
    main()
