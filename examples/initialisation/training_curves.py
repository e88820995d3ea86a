"""How soon ten layers of relu learn from initial weights N(0, 0.01), Glorot's and He's: He's need the fewest epochs.

    python -m examples.initialisation.training_curves                           # scikit-learn's digits
    python -m examples.initialisation.training_curves --data DIR --epochs 5     # MNIST

He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, figure 3.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..activations.saturation import network, standardised
from ..common import by_epoch, how, options, picture, plots
from .ten_layers import INITIAL


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train from each, draw the losses and the test errors, print for how many epochs these were above 20 %."""
    args = options(__doc__, argv, epochs=30, batch=64, rate=(0.02, "learning rate"), units=100)
    data, figures = standardised(args), {}
    figure, (losses, errors) = plots(2, 8)
    for name, weights in INITIAL.items():
        nn.init.seed(args.seed)
        inputs, _, _, logits = network(data.images.shape[1], wf.relu, weights, 20 if args.quick else args.units)
        loss = nn.losses.crossentropy(logits, inputs[1]).mean()
        history = nn.fit(
            inputs,
            loss,
            data.train,
            updates=nn.updates.sgd(loss, nn.parameters(loss), args.rate),
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
            **how(args),
        )
        by_epoch(losses, history["loss"], name, marker=".")
        by_epoch(errors, 100 * np.array(history["error"]), marker=".")
        figures[f"{name}: loss"] = history["loss"][-1]
        figures[f"{name}: test error, %"] = 100 * history["error"][-1]
        figures[f"{name}: epochs above 20 %"] = sum(error > 0.2 for error in history["error"])
    losses.set(title="ten layers of relu: training loss", ylim=(0, None))
    errors.set(title="test error, %", ylim=(0, None))
    losses.legend()
    print(figures)
    picture(args, "training_curves", figure)
    return figures


if __name__ == "__main__":
    main()
