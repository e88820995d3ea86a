"""A sigmoid neuron changes its answer little by little, so that it can learn by gradients; and how the loss matters.

From a saturated start it needs more steps by the squared error, whose gradient has the factor s'(z), than by the
crossentropy, whose gradient has not (Nielsen 2015, chapter 3).

    python -m examples.neurons.sigmoid_neuron                 # scikit-learn's digits 0 and 1
    python -m examples.neurons.sigmoid_neuron --data DIR      # MNIST's
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots


def network(features: int, w: object = nn.init.glorot_uniform, b: object = 0.0) -> tuple[list[wf.Expr], wf.Expr]:
    """([x, t], what is within the sigmoid): the neuron's output is sigmoid(x @ w + b)."""
    x, t = wf.matrix("x", ("batch", features)), wf.vector("t", ("batch",))
    with nn.scope("net"):
        return [x, t], nn.layers.dense(x, 1, w, b)[:, 0]


def losses(z: wf.Expr, t: wf.Expr) -> dict[str, wf.Expr]:
    """The losses that are compared."""
    squared = nn.losses.squared_error(wf.sigmoid(z), t).mean() / 2
    return {"squared error": squared, "crossentropy": nn.losses.binary_crossentropy(z, t).mean()}


def outputs(name: str, start: float, steps: int, rate: float, target: str = "cpu") -> np.ndarray:
    """The neuron's output for 1, which should become 0, before each step, from w = b = start."""
    (x, t), z = network(1, start, start)
    loss = losses(z, t)[name]
    updates = nn.updates.sgd(loss, nn.parameters(loss), rate)
    step = wf.function([x, t], wf.sigmoid(z), updates=updates, target=target)
    return np.array([step(np.ones((1, 1), "float32"), np.zeros(1, "float32"))[0] for _ in range(steps)])


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Unlearn a wrong answer by two losses, learn two digits by both; draw the neuron and its learning."""
    args = options(__doc__, argv, epochs=10, batch=10, rate=(0.15, "learning rate"))
    data, figures = images(args).flat.only(0, 1), {}
    figure, (neuron, slow, curve) = plots(3, 9)
    z = np.linspace(-6, 6, 241)
    neuron.plot(z, z > 0, color="gray", label="perceptron")
    neuron.plot(z, 1 / (1 + np.exp(-z)), label="sigmoid neuron")
    neuron.set(title="output", xlabel="$x w + b$")
    for name in ("squared error", "crossentropy"):
        found = outputs(name, 2.0, 20 if args.quick else 300, args.rate, args.target)
        slow.plot(found, label=name)
        inputs, z = network(data.images.shape[1], 0.1, 2.0)
        loss, error = losses(z, inputs[1])[name], 1 - nn.metrics.accuracy(z, inputs[1])
        history = nn.fit(
            inputs,
            loss,
            (data.images, data.labels.astype("float32")),
            updates=nn.updates.sgd(loss, nn.parameters(loss), args.rate),
            validation=(data.test_images, data.test_labels.astype("float32")),
            metrics={"error": error},
            **how(args),
        )
        by_epoch(curve, 100 * np.array(history["error"]), name, marker=".")
        figures[f"{name}, steps with an output above 0.5"] = int((found > 0.5).sum())
        figures[f"{name}, test error, %"] = 100 * history["error"][-1]
    slow.set(title="from w = b = 2, 1 should become 0", xlabel="step", ylabel="output", ylim=(0, 1))
    curve.set(title="0 or 1, from w = 0.1, b = 2", ylabel="test error, %", ylim=(0, None))
    for plot in (neuron, slow, curve):
        plot.legend()
    print(figures)
    picture(args, "sigmoid_neuron", figure)
    return figures


if __name__ == "__main__":
    main()
