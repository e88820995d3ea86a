"""A perceptron decides whether to mow the lawn, is a NAND gate, and learns both and two digits (Rosenblatt 1958).

python -m examples.neurons.perceptron                 # scikit-learn's digits 0 and 1
python -m examples.neurons.perceptron --data DIR      # MNIST's
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, images, options, picture, plots, templates

CASES = np.array(list(itertools.product((0, 1), repeat=3)), np.float32)  # is it dry, the grass long, does one help?
LAWN = ((5.0, 3.0, 3.0), -7.0)  # weights and bias: where it is dry, and the grass is long or somebody helps
NAND = ((-2.0, -2.0), 3.0)


def network(features: int, w: Any = 0.0, b: Any = 0.0) -> tuple[list[wf.Expr], wf.Expr, dict[wf.Expr, wf.Expr]]:
    """([x, t], whether it fires: where x @ w + b > 0, the updates of the perceptron's rule)."""
    x, t = wf.matrix("x", ("batch", features)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        score = nn.layers.dense(x, 1, w, b)
    fires = (score[:, 0] > 0).astype("int64")
    weights, bias = nn.parameters(score).values()
    wrong = (t - fires).astype(x.dtype)  # 1: it should have fired; -1: it should not have
    return [x, t], fires, {weights: weights + (wrong @ x)[:, None], bias: bias + wrong.sum()}


def answers(weights: Sequence[float], bias: float, x: np.ndarray, target: str = "cpu") -> np.ndarray:
    """What a perceptron with these weights says of each row."""
    (inputs, _), fires, _ = network(len(weights), np.array(weights, np.float32)[:, None], bias)
    return wf.function([inputs], fires, target=target)(x)


def learn(data: tuple[np.ndarray, np.ndarray], epochs: int, target: str = "cpu") -> tuple[np.ndarray, float, list[int]]:
    """(weights, bias, mistakes of each epoch), one example at a time, until there are no mistakes."""
    inputs, fires, updates = network(data[0].shape[1])
    step, mistakes = wf.function(inputs, fires, updates=updates, target=target), []
    while len(mistakes) < epochs and 0 not in mistakes:
        mistakes.append(sum(int(step(x, t)[0] != t[0]) for x, t in nn.batches(data, 1)))
    w, b = (p.get_value() for p in updates)
    return w[:, 0], float(b[0]), mistakes


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Decide, learn two truth tables and two digits; draw NAND's line, the mistakes and the weights."""
    args = options(__doc__, argv, epochs=20)
    mow, pairs = answers(*LAWN, CASES, args.target), CASES[:4, 1:]
    for (dry, long, help_), m in zip(CASES, mow, strict=True):
        print(f"dry {dry:.0f}, grass long {long:.0f}, help {help_:.0f}: {'mow' if m else 'do not mow'}")
    nand = answers(*NAND, pairs, args.target)
    *_, lawn_mistakes = learn((CASES, mow), 100, args.target)
    w, b, nand_mistakes = learn((pairs, nand), 100, args.target)
    data = images(args).flat.only(0, 1)
    template, bias, digit_mistakes = learn(data.train, args.epochs, args.target)
    error = float(np.mean(answers(template, bias, data.test_images, args.target) != data.test_labels))
    draw(args, (w, b, nand), {"lawn": lawn_mistakes, "NAND": nand_mistakes, "0 or 1": digit_mistakes}, template)
    figures = {"NAND, epochs": len(nand_mistakes), "lawn, epochs": len(lawn_mistakes), "test error, %": 100 * error}
    print(figures)
    return figures


def draw(args: Any, gate: tuple[np.ndarray, float, np.ndarray], mistakes: dict[str, list[int]], w: np.ndarray) -> None:
    """What NAND's perceptron has learnt, how many mistakes were made, and the weights of the digits' one."""
    figure, (plane, curve, template) = plots(3)
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 200)] * 2), -1)
    plane.contourf(*grid.transpose(2, 0, 1), grid @ gate[0] + gate[1] > 0, levels=1, cmap="Pastel1_r")
    plane.scatter(*CASES[:4, 1:].T, c=gate[2], cmap="gray", edgecolors="black", s=80)
    plane.set(title="NAND: white fires", xlabel="$x_1$", ylabel="$x_2$", xticks=[0, 1], yticks=[0, 1], aspect="equal")
    for name, counts in mistakes.items():
        by_epoch(curve, counts, name, marker=".")
    curve.set(title="mistakes in an epoch", ylim=(-0.5, None))
    curve.legend()
    templates(template, "weights: 1 blue, 0 red", w[None], 1)
    picture(args, "perceptron", figure)


if __name__ == "__main__":
    main()
