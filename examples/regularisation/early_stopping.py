"""Early stopping: train until the validation loss has not fallen for some epochs, and go back to the best.

    python -m examples.regularisation.early_stopping                            # 300 of scikit-learn's digits
    python -m examples.regularisation.early_stopping --data DIR                 # 300 of MNIST's

Half of the 600 examples are kept for validation; the test set has no say. Prechelt 1998, Early stopping, but when?
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots


def network(pixels: int, units: int = 256) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        return [x, t], nn.layers.dense(wf.relu(nn.layers.dense(x, units)), 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with patience and without, draw where it stopped and where the best was."""
    args = options(__doc__, argv, epochs=200, batch=30, rate=(1e-2, "Adam's learning rate"), patience=10, few=300)
    data = images(args).flat
    train, validation = ([a[part] for a in data.train] for part in (slice(args.few), slice(args.few, 2 * args.few)))
    if args.quick:
        train, validation = ([a[part] for a in data.train] for part in (slice(100), slice(100, 200)))
    found, tested = {}, {"stopped": [], "to the end": []}
    for name, patience in (("stopped", args.patience), ("to the end", None)):
        nn.init.seed(args.seed)
        inputs, logits = network(data.images.shape[1], 32 if args.quick else 256)
        loss = nn.losses.crossentropy(logits, inputs[1]).mean()
        found[name] = nn.fit(
            inputs,
            loss,
            train,
            updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
            epochs=args.epochs,
            batch=args.batch,
            seed=args.seed,
            validation=validation,
            patience=patience,
            callbacks=[lambda run: tested[name].append(nn.average(run.test, data.test)["loss"])],
            target=args.target,
        )
    best = int(np.argmin(found["stopped"]["validation loss"])) + 1
    figures = {
        "stopped after epochs": len(found["stopped"]),
        "best epoch": best,
        "test loss of the best": tested["stopped"][best - 1],
        "test loss at the end": tested["to the end"][-1],
    }
    print(figures)
    figure, (plot,) = plots(1, 7)
    whole = range(1, len(found["to the end"]) + 1)
    plot.plot(whole, found["to the end"]["loss"], label="training loss")
    plot.plot(whole, found["to the end"]["validation loss"], label="validation loss")
    plot.plot(whole, tested["to the end"], lw=0.8, color="gray", label="test loss")
    plot.axvline(best, color="tab:green", label=f"best: epoch {best}")
    plot.axvline(len(found["stopped"]), color="tab:red", ls="--", label=f"stopped: epoch {len(found['stopped'])}")
    plot.set(xlabel="epoch", yscale="log", title=f"patience of {args.patience} epochs")
    plot.legend(loc="center right")
    picture(args, "early_stopping", figure)
    return figures


if __name__ == "__main__":
    main()
