"""Early stopping: train until the validation loss has not fallen for some epochs, and go back to the best.

    python -m examples.regularisation.early_stopping                            # 300 of scikit-learn's digits
    python -m examples.regularisation.early_stopping --data DIR                 # 300 of MNIST's

Half of the 600 examples are kept for validation; the test set has no say.  It is the loss that is watched: the error
need not rise with it.  Prechelt 1998, Early stopping, but when?
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, how, images, options, picture, plots


def network(pixels: int, units: int = 256) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        return [x, t], nn.layers.dense(wf.relu(nn.layers.dense(x, units)), 10)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with patience and without, print how the chosen epoch and the last do on the test, draw where they are."""
    args = options(__doc__, argv, epochs=200, batch=30, rate=(1e-2, "Adam's learning rate"), patience=10, few=300)
    data, few = images(args).flat, 100 if args.quick else args.few
    train, validation = ([a[start : start + few] for a in data.train] for start in (0, few))
    found, figures = {}, {}
    for name, patience in (("chosen", args.patience), ("last", None)):
        nn.init.seed(args.seed)
        inputs, logits = network(data.images.shape[1], 32 if args.quick else 256)
        loss, tested = nn.losses.crossentropy(logits, inputs[1]).mean(), []
        found[name] = nn.fit(
            inputs,
            loss,
            train,
            updates=nn.updates.adam(loss, nn.parameters(loss), args.rate),
            validation=validation,
            callbacks=[lambda run: tested.append(nn.average(run.test, data.test)["loss"])],  # to be drawn, no more
            **how(args, patience=patience, keep_best=patience is not None),  # of the validation loss
        )
        test = wf.function(inputs, [loss, 1 - nn.metrics.accuracy(logits, inputs[1])], target=args.target)
        figures[f"test loss of the {name}"], error = nn.average(test, data.test)
        figures[f"test error of the {name}, %"] = 100 * error
    best, stopped = int(np.argmin(found["chosen"]["validation loss"])) + 1, len(found["chosen"])
    figures = {"stopped after epochs": stopped, "chosen epoch": best, **figures}
    print(figures)
    figure, (plot,) = plots(1, 7)
    by_epoch(plot, found["last"]["loss"], "training loss")
    by_epoch(plot, found["last"]["validation loss"], "validation loss")
    by_epoch(plot, tested, "test loss", lw=0.8, color="gray")
    plot.axvline(best, color="tab:green", label=f"chosen: epoch {best}")
    plot.axvline(stopped, color="tab:red", ls="--", label=f"stopped: epoch {stopped}")
    plot.set(yscale="log", title=f"patience of {args.patience} epochs")
    plot.legend(loc="center right")
    picture(args, "early_stopping", figure)
    return figures


if __name__ == "__main__":
    main()
