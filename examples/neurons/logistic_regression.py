"""Logistic regression tells zeros from ones: a convex loss, brought to its minimum over all data at once by L-BFGS.

python -m examples.neurons.logistic_regression                 # scikit-learn's digits 0 and 1
python -m examples.neurons.logistic_regression --data DIR      # MNIST's
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, templates


def network(features: int, decay: float = 1e-3) -> tuple[list[wf.Expr], wf.Expr, wf.Expr]:
    """([x, t], log of the odds, loss): crossentropy, and a penalty of the weights' squares."""
    x, t = wf.matrix("x", ("batch", features)), wf.vector("t", ("batch",))
    with nn.scope("net"):
        odds = nn.layers.dense(x, 1, 0.0)[:, 0]
    w, _ = nn.parameters(odds).values()
    return [x, t], odds, nn.losses.binary_crossentropy(odds, t).mean() + 0.5 * decay * nn.regularizers.l2(w)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Minimise, print the test error, draw the weights and how sure it is of each test image."""
    args = options(__doc__, argv, epochs=200, decay=(1e-3, "penalty of the weights"))
    data = images(args).flat.only(0, 1)
    (x, t), odds, loss = network(data.images.shape[1], args.decay)
    given = {x: data.images, t: data.labels.astype("float32")}
    result = nn.minimize(loss, nn.parameters(loss), given, options={"maxiter": args.epochs})
    probability = wf.function([x], wf.sigmoid(odds), target=args.target)(data.test_images)
    figures = {
        "loss": float(result.fun),
        "steps": float(result.nit),
        "test error, %": 100 * float(np.mean((probability > 0.5) != data.test_labels)),
    }
    print(figures)
    figure, (template, histogram) = plots(2)
    w = nn.parameters(loss)["net.dense_w"].get_value().T
    shown = templates(template, "weights: blue speaks for 1, red for 0", w, 1)
    figure.colorbar(shown, ax=template)
    parts = [probability[data.test_labels == digit] for digit in (0, 1)]
    histogram.hist(parts, np.linspace(0, 1, 21), label=["zeros", "ones"], color=["tab:red", "tab:blue"])
    histogram.set(title="test images", xlabel="probability of 1", yscale="log", ylabel="images")
    histogram.legend()
    picture(args, "logistic_regression", figure)
    return figures


if __name__ == "__main__":
    main()
