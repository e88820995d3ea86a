"""What penalties make of weights: L2 spreads them over all pixels, L1 leaves the few that matter.

python -m examples.linear.penalties                            # scikit-learn's digits
python -m examples.linear.penalties --data DIR --epochs 20     # MNIST
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots

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
    """Train with each penalty, print errors and how many weights are nearly 0, draw the weights."""
    args = options(__doc__, argv, epochs=80, batch=64, rate=(0.3, "learning rate at the start"))
    data, figures = images(args).flat, {}
    figure, rows = plots(3, 9, 4.5, rows=2)
    for name, (above, below) in zip(PENALTIES, rows.T, strict=True):
        inputs, logits, loss = network(data.images.shape[1], name)
        params = nn.parameters(loss)
        rate = nn.schedules.cosine(args.rate, args.epochs * -(-len(data.images) // args.batch))
        history = nn.fit(
            inputs,
            loss,
            data.train,
            updates=nn.updates.sgd(loss, params, rate),
            epochs=args.epochs,
            batch=args.batch,
            seed=args.seed,
            validation=data.test,
            metrics={"error": 1 - nn.metrics.accuracy(logits, inputs[1])},
            target=args.target,
        )
        w = params["net.dense_w"].get_value().T
        figures[f"{name}: test error, %"] = 100 * history["error"][-1]
        figures[f"{name}: weights below 0.01, %"] = 100 * float((abs(w) < 0.01).mean())
        side, limit = int(w.shape[1] ** 0.5), abs(w).max()
        grid = [np.hstack([np.pad(one.reshape(side, side), 1) for one in w[i : i + 5]]) for i in (0, 5)]
        above.imshow(np.vstack(grid), cmap="RdBu", vmin=-limit, vmax=limit)
        above.set_title(f"penalty: {name}, test error {figures[f'{name}: test error, %']:.1f} %", fontsize=10)
        above.axis("off")
        below.hist(w.ravel(), 61, range=(-1.5, 1.5))
        below.set(xlabel="weight", yscale="log", ylim=(0.5, None))
    print(figures)
    picture(args, "penalties", figure)
    return figures


if __name__ == "__main__":
    main()
