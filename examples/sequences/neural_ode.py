"""A neural ordinary differential equation: digits flow apart, so that fewer are nearest to the mean of another class.

Chen, Rubanova, Bettencourt, Duvenaud 2018, Neural ordinary differential equations.  d h / d t = f(h), with a small
network for f, is integrated from the image on by Runge and Kutta's method of order 4: a loop, through which derivatives
go back.

    python -m examples.sequences.neural_ode              # scikit-learn's digits
    python -m examples.sequences.neural_ode --data DIR   # MNIST
"""

from collections.abc import Callable, Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, scatter

Field = Callable[[wf.Expr], wf.Expr]


def field(size: int, units: int) -> Field:
    """Which way a state goes: tanh(h @ w + b) @ v."""
    rng = nn.init.generator()
    w = wf.shared(nn.init.glorot_uniform((size, units), rng), "field_w")
    b = wf.shared(nn.init.zeros((units,)), "field_b")
    v = wf.shared(nn.init.glorot_uniform((units, size), rng), "field_v")
    return lambda h: wf.tanh(h @ w + b) @ v


def flow(f: Field, h: wf.Expr, steps: int, time: float = 1.0) -> wf.Expr:
    """Where states are after each of so many steps: (steps, *h.shape)."""
    dt = time / steps

    def step(h: wf.Expr, _: None) -> tuple[wf.Expr, wf.Expr]:
        k1 = f(h)
        k2 = f(h + dt / 2 * k1)
        k3 = f(h + dt / 2 * k2)
        k4 = f(h + dt * k3)
        h = h + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return h, h

    return wf.scan(step, h, length=steps)[1]


def strays(places: np.ndarray, labels: np.ndarray) -> float:
    """The share of places that are nearer to the mean of another class than to that of their own."""
    classes = np.unique(labels)
    means = np.stack([places[labels == c].mean(0) for c in classes])
    nearest = classes[np.linalg.norm(places[:, None] - means, axis=2).argmin(1)]
    return float((nearest != labels).mean())


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error and how many images are astray, draw where they are at first, midway and at last."""
    args = options(__doc__, argv, epochs=30, batch=32, rate=(0.003, "learning rate"), steps=8, time=1.0)
    data = images(args).flat
    x, t = wf.matrix("x", ("batch", data.images.shape[1])), wf.vector("t", ("batch",), dtype="int64")
    states = flow(field(x.shape[1], 64), x, args.steps, args.time)
    logits = nn.layers.dense(states[-1], 10, nn.init.glorot_uniform, name="out")
    loss = nn.losses.crossentropy(logits, t).mean()
    history = nn.fit(
        [x, t],
        loss,
        data.train,
        updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
        **how(args),
    )
    shown, labels = (part[:1000] for part in data.test)
    way = np.stack([shown, *wf.function([x], states, target=args.target)(shown)])
    _, _, axes = np.linalg.svd(way[-1] - way[-1].mean(0), full_matrices=False)  # the principal ones at the end
    figures = {"test error, %": 100 * history["error"][-1]}
    figure, places = plots(3, 9)
    for plot, step in zip(places, (0, args.steps // 2, args.steps), strict=True):
        name = f"t = {args.time * step / args.steps:g}"
        figures[f"astray at {name}, %"] = 100 * strays(way[step], labels)
        scatter(plot, name, way[step] @ axes[:2].T, labels)
    picture(args, "neural_ode", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
