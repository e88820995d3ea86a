"""A neural ordinary differential equation: digits flow apart, and the longer they flow the better they are told apart.

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

from ..common import images, options, picture, plots, scatter

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


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw where images are at the beginning, on the way, and at the end."""
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
        epochs=args.epochs,
        batch=args.batch,
        seed=args.seed,
        validation=data.test,
        metrics={"error": 1 - nn.metrics.accuracy(logits, t)},
        target=args.target,
    )
    shown = data.test_images[:1000]
    way = np.stack([shown, *wf.function([x], states, target=args.target)(shown)])
    _, _, axes = np.linalg.svd(way[-1] - way[-1].mean(0), full_matrices=False)  # the principal ones at the end
    figure, places = plots(3, 9)
    for plot, step in zip(places, (0, args.steps // 2, args.steps), strict=True):
        scatter(plot, f"t = {args.time * step / args.steps:g}", way[step] @ axes[:2].T, data.test_labels[:1000])
    picture(args, "neural_ode", figure)
    figures = {"test error, %": 100 * min(history["error"])}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
