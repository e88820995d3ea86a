"""The four equations of backpropagation, as `wf.latex` writes them of the graph that learns digits.

An activation that is written in SymPy, x tanh(log(1 + exp(x))), learns beside the sigmoid; its derivative is weft's.

    python -m examples.moving.formulas              # scikit-learn's digits, 8 x 8 pixels
    python -m examples.moving.formulas --data DIR   # MNIST

Nielsen 2015, Neural networks and deep learning, chapter 2.
Misra 2019, Mish: a self regularized non-monotonic activation function.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots


def mish(z: wf.Expr) -> wf.Expr:
    """x tanh(log(1 + exp(x))), from SymPy."""
    x = sympy.Symbol("x", real=True)
    return wf.from_sympy(x * sympy.tanh(sympy.log(1 + sympy.exp(x))), {x: z})


def network(
    pixels: int, units: int, activation: Callable[[wf.Expr], wf.Expr]
) -> tuple[list[wf.Expr], wf.Expr, wf.Expr]:
    """([x, labels], C, a2): two layers, and half the squared distance from the one-hot codes, for each example."""
    x, labels = wf.matrix("x", ("n", pixels)), wf.vector("labels", ("n",), dtype="int64")
    rng = np.random.default_rng(0)
    w1 = wf.shared(nn.init.glorot_uniform((pixels, units), rng), "w1")
    w2 = wf.shared(nn.init.glorot_uniform((units, 10), rng), "w2")
    b1, b2 = wf.shared(np.zeros(units, np.float32), "b1"), wf.shared(np.zeros(10, np.float32), "b2")
    y = wf.one_hot(labels, 10)
    z1 = x @ w1 + b1
    a1 = activation(z1)
    z2 = a1 @ w2 + b2
    a2 = wf.sigmoid(z2)
    C = wf.sum((a2 - y) ** 2) / 2 / wf.cast(x.shape[0], "float32")
    return [x, labels], C, a2


def equations(cost: wf.Expr) -> list[str]:
    """The equations of the gradients, one by one."""
    lines = wf.latex(wf.grad(cost, list(nn.parameters(cost).values()))).splitlines()[1:-1]
    return [line.removesuffix(r" \\").replace("&=", "=") for line in lines]


def write(plot: Any, lines: Sequence[str]) -> None:
    """Typeset equations where a plot would be."""
    for place, line in enumerate(lines):
        plot.text(0, 1 - (place + 0.5) / len(lines), f"${line}$", va="center", fontsize=11)
    plot.axis("off")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Learn with both activations, print the equations and the errors; draw the equations and the costs."""
    args = options(__doc__, argv, epochs=30, batch=32, rate=(2.0, "learning rate"))
    data, figures = images(args).flat, {}
    figure, (formulas, curve) = plots(2, 9, 5)
    for name, activation in (("sigmoid", wf.sigmoid), ("mish", mish)):
        inputs, cost, outputs = network(data.images.shape[1], 16 if args.quick else 64, activation)
        if name == "sigmoid":
            print("\n".join(equations(cost)))
            write(formulas, equations(cost))
        updates = nn.updates.sgd(cost, nn.parameters(cost), args.rate)
        error = 1 - nn.metrics.accuracy(outputs, inputs[1])
        history = nn.fit(
            inputs, cost, data.train, updates=updates, validation=data.test, metrics={"error": error}, **how(args)
        )
        by_epoch(curve, 100 * np.array(history["error"]), name, marker=".")
        figures[f"{name}, test error, %"] = 100 * history["error"][-1]
    curve.set(ylabel="test error, %", ylim=(0, None))
    curve.legend()
    print(figures)
    picture(args, "formulas", figure)
    return figures


if __name__ == "__main__":
    main()
