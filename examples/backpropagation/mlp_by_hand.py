"""The four equations of backpropagation in NumPy agree with the graph's gradients; a mistake in one layer is found.

    python -m examples.backpropagation.mlp_by_hand                 # scikit-learn's digits, 64-256-128-10
    python -m examples.backpropagation.mlp_by_hand --data DIR      # MNIST, 784-256-128-10

Nielsen 2015, Neural networks and deep learning, chapter 2.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots

Gradients = Callable[[Mapping[wf.Expr, np.ndarray]], list[np.ndarray]]


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z) / sum(exp(z)) of each row."""
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def network(pixels: int, hidden: Sequence[int]) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits) of sigmoid units."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    h = x
    with nn.scope("net"):
        for units in hidden:
            h = wf.sigmoid(nn.layers.dense(h, units, nn.init.glorot_uniform))
        return [x, t], nn.layers.dense(h, 10, nn.init.glorot_uniform)


def backpropagation(x: wf.Expr, t: wf.Expr, params: Sequence[wf.Expr], mistake: bool = False) -> Gradients:
    """A function of the arrays: the gradients of the mean crossentropy to all parameters w1, b1, w2, b2 ..."""

    def gradients(values: Mapping[wf.Expr, np.ndarray]) -> list[np.ndarray]:
        weights, biases = [values[p] for p in params[0::2]], [values[p] for p in params[1::2]]
        activations, zs = [values[x]], []
        for w, b in zip(weights, biases, strict=True):
            zs.append(activations[-1] @ w + b)
            activations.append(sigmoid(zs[-1]))
        examples, found = len(values[t]), []
        delta = (softmax(zs[-1]) - np.eye(zs[-1].shape[1])[values[t]]) / examples  # 1: of the output, d loss / d z
        for layer in reversed(range(len(weights))):
            found += [delta.sum(axis=0), activations[layer].T @ delta]  # 3 and 4: of biases and weights
            if layer:
                slope = sigmoid(zs[layer - 1])
                delta = (delta @ weights[layer].T) * slope * (1 if mistake and layer == 1 else 1 - slope)  # 2: back
        return found[::-1]

    return gradients


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Compare the gradients, then those with a mistake; learn by both, and draw the errors and the weights' way."""
    args = options(__doc__, argv, epochs=1, batch=32, rate=(0.5, "learning rate"))
    data = images(args).flat
    (x, t), logits = network(data.images.shape[1], (12, 8) if args.quick else (256, 128))
    loss = nn.losses.crossentropy(logits, t).mean()
    params = list(nn.parameters(loss).values())
    by_hand, values = backpropagation(x, t, params), {x: data.images[:128], t: data.labels[:128]}
    right = wf.compare_gradients(loss, params, by_hand, values)
    wrong = wf.compare_gradients(loss, params, backpropagation(x, t, params, mistake=True), values)
    print(right, "with the derivative of the first layer's sigmoid written wrongly:", wrong, sep="\n\n")

    step = wf.function([x, t], loss, updates=nn.updates.sgd(loss, params, args.rate), target=args.target)
    own, apart, rng = {p: p.get_value() for p in params}, [], np.random.default_rng(args.seed)
    for pixels, labels in (batch for _ in range(args.epochs) for batch in nn.batches(data.train, args.batch, rng)):
        for p, gradient in zip(params, by_hand({x: pixels, t: labels, **own}), strict=True):
            own[p] = own[p] - args.rate * gradient
        step(pixels, labels)
        apart.append(max(abs(p.get_value() - own[p]).max() for p in params))
    draw(args, right, wrong, apart)
    figures = {
        "largest error of a gradient": max(row.error for row in right.rows),
        "parameters that depart after the mistake": sum(not row.agrees for row in wrong.rows),
        "weights apart at the end": float(apart[-1]),
    }
    print(figures)
    return figures


def draw(args: Any, right: Any, wrong: Any, apart: list[float]) -> None:
    """The errors of the gradients, and how far apart the weights are after each step."""
    figure, (errors, way) = plots(2, 8)
    for number, (name, table) in enumerate({"right": right, "with a mistake in layer 1": wrong}.items()):
        places = np.arange(len(table.rows)) + 0.4 * number
        errors.bar(places, [row.error + 1e-9 for row in table.rows], 0.4, label=name)
    errors.set(title="error of the gradients by hand", yscale="log", ylabel="relative error")
    errors.set_xticks(np.arange(len(right.rows)) + 0.2, [row.name.removeprefix("net.") for row in right.rows])
    errors.tick_params("x", rotation=30)
    errors.legend()
    way.semilogy(range(1, len(apart) + 1), apart)
    way.set(title="learning by hand and by the graph", xlabel="step", ylabel="largest difference of weights")
    picture(args, "mlp_by_hand", figure)


if __name__ == "__main__":
    main()
