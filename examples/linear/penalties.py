"""What penalties make of weights: L2 makes the largest smaller, L1 leaves few that are not nearly 0.

python -m examples.linear.penalties                            # scikit-learn's digits
python -m examples.linear.penalties --data DIR --epochs 20     # MNIST
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, steps, templates

PENALTIES = {
    "none": lambda w: 0.0,
    "L1": lambda w: 3e-3 * nn.regularizers.l1(w),
    "L2": lambda w: 1e-2 * nn.regularizers.l2(w),
}


def network(pixels: int, penalty: str) -> tuple[list[wf.Expr], wf.Expr, wf.Expr]:
    """([images, labels], logits, loss with the penalty of the weights)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        logits = nn.layers.dense(x, 10, nn.init.glorot_uniform)
    w = nn.parameters(logits)["net.dense_w"]
    return [x, t], logits, nn.losses.crossentropy(logits, t).mean() + PENALTIES[penalty](w)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with each penalty, print errors, how many weights are nearly 0, and the largest; draw them."""
    args = options(__doc__, argv, epochs=80, batch=64, rate=(0.3, "learning rate at the start"))
    data, figures = images(args).flat, {}
    figure, rows = plots(3, 9, 4.5, rows=2)
    for name, (above, below) in zip(PENALTIES, rows.T, strict=True):
        inputs, logits, loss = network(data.images.shape[1], name)
        params = nn.parameters(loss)
        rate = nn.schedules.cosine(args.rate, steps(args, len(data.images)))
        history = nn.fit(
            inputs,
            loss,
            data.train,
            updates=nn.updates.sgd(loss, params, rate),
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
            **how(args),
        )
        w = params["net.dense_w"].get_value().T
        figures[f"{name}: test error, %"] = 100 * history["error"][-1]
        figures[f"{name}: weights below 0.01, %"] = 100 * float((abs(w) < 0.01).mean())
        figures[f"{name}: largest weight"] = float(abs(w).max())
        templates(above, f"penalty: {name}, test error {figures[f'{name}: test error, %']:.1f} %", w)
        below.hist(w.ravel(), 61, range=(-2.5, 2.5))
        below.set(xlabel="weight", yscale="log", ylim=(0.5, None))
    print(figures)
    picture(args, "penalties", figure)
    return figures


if __name__ == "__main__":
    main()
