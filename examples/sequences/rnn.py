"""A recurrent network reads a digit row by row, and learns by backpropagation through time.

Elman 1990, Finding structure in time; Werbos 1990, Backpropagation through time.

    python -m examples.sequences.rnn              # scikit-learn's digits
    python -m examples.sequences.rnn --data DIR   # MNIST
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots


def network(layer: Callable[..., Any], steps: int, width: int, units: int = 64) -> dict[str, wf.Expr]:
    """Rows of images, labels, logits after each row, the loss of the last ones, and how far each row changes it."""
    x, t = wf.tensor3("x", ("batch", steps, width)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        states, _ = layer(x, units)
        logits = nn.layers.dense(states, 10, nn.init.glorot_uniform, flatten=False, name="out")
    losses = nn.losses.crossentropy(logits[:, -1], t)
    through = wf.sqrt(wf.square(wf.grad(losses.sum(), x)).sum(axis=2)).mean(axis=0)
    error = 1 - nn.metrics.accuracy(logits[:, -1], t)
    return {"x": x, "t": t, "logits": logits, "loss": losses.mean(), "error": error, "through": through}


def learn(args: argparse.Namespace, net: dict[str, wf.Expr], train: Any, test: Any) -> nn.History:
    """Train with gradients whose norm is 1 at most."""
    params = nn.parameters(net["loss"])
    grads = nn.updates.clip_by_norm(wf.grad(net["loss"], list(params.values())), 1.0)
    return nn.fit(
        [net["x"], net["t"]],
        net["loss"],
        train,
        updates=nn.updates.adam(grads, params, args.rate),
        validation=test,
        metrics={"error": net["error"]},
        **how(args),
    )


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print the test error, draw what an image is taken for as it is read, and the gradients' way back."""
    args = options(__doc__, argv, epochs=40, batch=32, rate=(0.003, "learning rate"))
    data = images(args)
    train, test = (data.images[:, 0], data.labels), (data.test_images[:, 0], data.test_labels)
    net = network(nn.layers.rnn, *train[0].shape[1:])
    flow = wf.function([net["x"], net["t"]], net["through"], target=args.target)
    before = flow(test[0][:300], test[1][:300])
    history = learn(args, net, train, test)
    guess = wf.function([net["x"]], wf.softmax(net["logits"]), target=args.target)
    figure, (left, middle, right) = plots(3, 9)
    left.imshow(test[0][0], cmap="gray", aspect="auto")
    left.set(ylabel="row", xticks=[])
    left.set_title("what is read", fontsize=10)
    middle.imshow(guess(test[0][:1])[0], aspect="auto", vmin=0, vmax=1)
    middle.set(xticks=range(10), xlabel="digit")
    middle.set_title("what it is taken for, after each row", fontsize=10)
    for values, name in ((before, "before training"), (flow(test[0][:300], test[1][:300]), "after")):
        right.semilogy(np.arange(len(values)), values, marker=".", label=name)
    right.set(xlabel="row")
    right.set_title("|d loss / d row|", fontsize=10)
    right.legend()
    picture(args, "rnn", figure)
    figures = {"test error, %": 100 * history["error"][-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
