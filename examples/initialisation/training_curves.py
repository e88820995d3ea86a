"""How ten layers of relu learn from initial weights N(0, 0.01), Glorot's and He's: not at all, slowly, and at once.

    python -m examples.initialisation.training_curves                           # scikit-learn's digits
    python -m examples.initialisation.training_curves --data DIR --epochs 5     # MNIST

He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, figure 3.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..activations.saturation import network
from ..common import images, options, picture, plots
from .ten_layers import INITIAL


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train from each, draw the losses and the test errors."""
    args = options(__doc__, argv, epochs=20, batch=64, rate=(0.02, "learning rate"), units=100)
    data, figures = images(args).flat, {}
    figure, (losses, errors) = plots(2, 8)
    for name, how in INITIAL.items():
        inputs, _, _, logits = network(data.images.shape[1], wf.relu, how, 20 if args.quick else args.units)
        loss = nn.losses.crossentropy(logits, inputs[1]).mean()
        history = nn.fit(
            inputs,
            loss,
            data.train,
            updates=nn.updates.sgd(loss, nn.parameters(loss), args.rate),
            epochs=args.epochs,
            batch=args.batch,
            seed=args.seed,
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
            target=args.target,
        )
        epochs = range(1, len(history) + 1)
        losses.plot(epochs, history["loss"], ".-", label=name)
        errors.plot(epochs, 100 * np.array(history["error"]), ".-", label=name)
        figures[f"{name}: loss"] = history["loss"][-1]
        figures[f"{name}: test error, %"] = 100 * history["error"][-1]
    losses.set(title="ten layers of relu: training loss", xlabel="epoch", ylim=(0, None))
    errors.set(title="test error, %", xlabel="epoch", ylim=(0, None))
    losses.legend()
    print(figures)
    picture(args, "training_curves", figure)
    return figures


if __name__ == "__main__":
    main()
