"""Penalties and bounds of the weights of a net that learns from 150 examples: L1, L2, both, largest norm.

    python -m examples.regularisation.weight_penalties                            # scikit-learn's digits
    python -m examples.regularisation.weight_penalties --data DIR                 # MNIST

Zou, Hastie 2005 (both: the elastic net); Srebro, Rennie, Jaakkola 2005 (largest norm).
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots

PENALTIES = {
    "none": lambda weights: 0.0,
    "L1": lambda weights: 1e-4 * nn.regularizers.l1(weights),
    "L2": lambda weights: 1e-3 * nn.regularizers.l2(weights),
    "elastic net": lambda weights: nn.regularizers.elastic_net(weights, 1e-4, 1e-3),
    "norm of a unit at most 1.5": lambda weights: 0.0,
}


def network(pixels: int, units: int = 128) -> tuple[list[wf.Expr], wf.Expr, wf.Expr, list[wf.Expr]]:
    """([images, labels], logits, crossentropy, weights)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        logits = nn.layers.dense(wf.relu(nn.layers.dense(x, units)), 10)
    weights = [p for p in nn.parameters(logits).values() if p.ndim == 2]
    return [x, t], logits, nn.losses.crossentropy(logits, t).mean(), weights


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with each, draw the test losses and the sizes of the weights.

    The test errors are means of the last ten epochs, and the losses are without the penalty.
    """
    args = options(__doc__, argv, epochs=150, batch=30, rate=(5e-3, "Adam's learning rate"), few=150)
    data, figures = images(args).flat, {}
    figure, (curves, weights_plot) = plots(2, 9)
    for kind, penalty in PENALTIES.items():
        nn.init.seed(args.seed)
        inputs, logits, fit, weights = network(data.images.shape[1], 32 if args.quick else 128)
        loss = fit + penalty(weights)
        updates = nn.updates.adam(loss, nn.parameters(loss), args.rate)
        if kind.startswith("norm"):
            updates = nn.constraints.apply(updates, dict.fromkeys(weights, nn.constraints.max_norm(1.5)))
        history = nn.fit(
            inputs,
            loss,
            [a[: args.few] for a in data.train],
            updates=updates,
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1]), "fit": fit},
            **how(args),
        )
        figures[f"{kind}: test error, %"] = 100 * float(np.mean(history["error"][-10:]))
        figures[f"{kind}: test loss"] = history["fit"][-1]
        values = np.sort(np.concatenate([abs(w.get_value()).ravel() for w in weights]))[::-1]
        by_epoch(curves, history["fit"], kind)
        weights_plot.plot(np.linspace(0, 100, len(values)), values, label=kind)
    curves.set(title="test loss, without the penalty", yscale="log")
    weights_plot.set(title="weights, sorted", xlabel="% of them are larger", ylabel="size")
    curves.legend(fontsize=8)
    print(figures)
    picture(args, "weight_penalties", figure)
    return figures


if __name__ == "__main__":
    main()
