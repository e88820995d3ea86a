"""The paths of optimisers down a narrow, bent valley: Rosenbrock's, (1 - x)² + 20 (y - x²)².

    python -m examples.optimisers.valley

Each has a step size of its own.  Muon, for matrices, and decay are left to examples.optimisers.comparison.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import options, picture, plots

u, s = nn.updates, nn.schedules
OPTIMISERS: dict[str, Callable[[Any, Any], u.Updates]] = {
    "SGD": lambda loss, params: u.sgd(loss, params, 0.004),
    "SGD, rate 10^(-n/tau)": lambda loss, params: u.sgd(loss, params, lambda n: 0.006 * 10 ** (-n / 300)),
    "momentum": lambda loss, params: u.momentum(loss, params, 0.002),
    "Nesterov": lambda loss, params: u.nesterov(loss, params, 0.002),
    "AdaGrad": lambda loss, params: u.adagrad(loss, params, 0.3),
    "AdaDelta": lambda loss, params: u.adadelta(loss, params, 5.0),
    "RMSProp": lambda loss, params: u.rmsprop(loss, params, 0.02),
    "Adam": lambda loss, params: u.adam(loss, params, 0.05),
    "Lion": lambda loss, params: u.lion(loss, params, s.exponential(0.05, 0.99)),
}
START = (-1.4, 1.6)


def network(place: Any) -> Any:
    """The height of the valley at (..., 2), an expression or numbers."""
    x, y = place[..., 0], place[..., 1]
    return (1 - x) ** 2 + 20 * (y - x**2) ** 2


def path(name: str, steps: int, target: str = "cpu") -> np.ndarray:
    """Where an optimiser is before each step: (steps + 1, 2)."""
    place = wf.shared(np.array(START, np.float32), "place")
    step = wf.function([], place, updates=OPTIMISERS[name](network(place), [place]), target=target)
    return np.array([step() for _ in range(steps)] + [place.get_value()])


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Walk, draw the paths, print how high each ends."""
    args = options(__doc__, argv, epochs=0, steps=300)
    figure, rows = plots(3, 9, 7, rows=3)
    grid = np.stack(np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-1, 3, 200)), -1)
    heights = network(grid)
    figures = {}
    for plot, name in zip(rows.ravel(), OPTIMISERS, strict=True):
        walked = path(name, 20 if args.quick else args.steps, args.target)
        figures[name] = float(network(walked[-1]))
        plot.contour(*grid.transpose(2, 0, 1), heights, np.geomspace(0.1, 200, 12), cmap="Blues_r", linewidths=0.6)
        plot.plot(*walked.T, ".-", color="tab:red", lw=0.8, ms=2)
        plot.plot(1, 1, "*", color="black", ms=8)
        plot.set(xlim=(-2, 2), ylim=(-1, 3), xticks=[], yticks=[])
        plot.set_title(f"{name}: ends at {figures[name]:.2g}", fontsize=9)
    print(*(f"{name:24} ends at {height:.3g}" for name, height in figures.items()), sep="\n")
    picture(args, "valley", figure)
    return figures


if __name__ == "__main__":
    main()
