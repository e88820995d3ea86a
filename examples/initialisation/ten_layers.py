"""What becomes of digits, and of the gradients, in ten layers by the initial weights: N(0, 0.01), Glorot and He.

    python -m examples.initialisation.ten_layers                 # scikit-learn's digits
    python -m examples.initialisation.ten_layers --data DIR      # MNIST

Glorot, Bengio 2010, equation 12; He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, equation 10.
"""

from collections.abc import Sequence
from functools import partial

import weft as wf
from weft import nn

from ..activations.saturation import draw_layers, network, standardised
from ..common import options, picture, plots

INITIAL = {
    "N(0, 0.01)": partial(nn.init.normal, std=0.01),
    "Glorot": nn.init.glorot_normal,
    "He": partial(nn.init.he_normal, gain=nn.init.gain("relu")),
}
ACTIVATIONS = {"tanh": wf.tanh, "relu": wf.relu}


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Draw what the layers give, print the spread of the last one and the gradient that reaches the first."""
    args = options(__doc__, argv, epochs=0, units=200)
    pixels, labels = (a[:500] for a in standardised(args).train)
    units = 20 if args.quick else args.units
    cases = [(start, act) for act in ACTIVATIONS for start in INITIAL]
    figure, rows = plots(2, 10, 5, rows=3)
    figures = {}
    for plot, (start, act) in zip(rows.T.ravel(), cases, strict=True):
        inputs, given, _, logits = network(pixels.shape[1], ACTIVATIONS[act], INITIAL[start], units)
        loss = nn.losses.crossentropy(logits, inputs[1]).mean()
        first = nn.parameters(loss)["net.dense_w"]
        gradient = wf.sqrt(wf.square(wf.grad(loss, first)).mean())
        *found, slope = wf.function(inputs, [*given, gradient], target=args.target)(pixels, labels)
        draw_layers(plot, f"{act}, {start}", found)
        figures[f"{act}, {start}: spread of layer 10"] = float(found[-1].std())
        figures[f"{act}, {start}: gradient of layer 1"] = float(slope)
    print(*(f"{name} {value:.2e}" for name, value in figures.items()), sep="\n")
    picture(args, "ten_layers", figure)
    return figures


if __name__ == "__main__":
    main()
