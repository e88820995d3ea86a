"""A long short-term memory reads a digit, then noise, and knows the digit better than a plain recurrent network does.

Hochreiter, Schmidhuber 1997, Long short-term memory.  The loss is at the end alone: gradients have to come back through
all the noise, and the digit has to be kept from it.

    python -m examples.sequences.lstm              # scikit-learn's digits
    python -m examples.sequences.lstm --data DIR   # MNIST
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

import weft as wf
from weft import nn

from ..common import by_epoch, images, options, picture, plots
from .rnn import learn, network

LAYERS = {
    "rnn": partial(nn.layers.rnn, w_h=nn.init.glorot_uniform),
    "lstm": partial(nn.layers.lstm, forget_bias=4.0),  # remember for some exp(4) steps (Tallec, Ollivier 2018)
}


def noisy(rows: np.ndarray, wait: int, rng: np.random.Generator) -> np.ndarray:
    """The rows of images, and so many of noise after them."""
    count, _, width = rows.shape
    return np.concatenate([rows, rng.uniform(size=(count, wait, width)).astype(rows.dtype)], axis=1)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both, print their test errors, draw learning curves and how much of a gradient comes back to each row."""
    args = options(__doc__, argv, epochs=30, batch=32, rate=(0.003, "learning rate"), wait=(32, "rows of noise"))
    data = images(args)
    rng = np.random.default_rng(args.seed)
    train, test = ((noisy(rows[:, 0], args.wait, rng), labels) for rows, labels in (data.train, data.test))
    figures = {}
    figure, (left, right) = plots(2, 8)
    for name, layer in LAYERS.items():
        nn.init.seed(args.seed)
        net = network(layer, *train[0].shape[1:])
        flow = wf.function([net["x"], net["t"]], net["through"], target=args.target)
        before = flow(test[0][:300], test[1][:300])
        history = learn(args, net, train, test)
        figures[f"test error, {name}, %"] = 100 * history["error"][-1]
        line = by_epoch(left, history["error"], name)
        right.semilogy(before, ":", color=line.get_color(), label=f"{name}, before training")
        right.semilogy(flow(test[0][:300], test[1][:300]), color=line.get_color(), label=f"{name}, after")
    left.set(ylim=(0, 1))
    left.set_title("test error", fontsize=10)
    right.axvspan(data.images.shape[2] - 0.5, len(before) - 1, color="gray", alpha=0.15, linewidth=0)
    right.set(xlabel="row (noise where gray)")
    right.set_title("|d loss / d row|", fontsize=10)
    for plot in (left, right):
        plot.grid(alpha=0.3)
        plot.legend(fontsize=8)
    picture(args, "lstm", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
