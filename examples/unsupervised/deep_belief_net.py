"""A deep belief net: restricted Boltzmann machines, each of which learns from the hidden units of the one below.

Hinton, Osindero, Teh 2006, A fast learning algorithm for deep belief nets.  Turned upside down the stack dreams; with
a layer of classes on top it is a network whose first layers know images already.

    python -m examples.unsupervised.deep_belief_net              # scikit-learn's digits
    python -m examples.unsupervised.deep_belief_net --data DIR   # MNIST
"""

from collections.abc import Sequence

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show
from .labels import compare, tune
from .rbm import Machine, network


def stack(x: wf.Expr, sizes: Sequence[int]) -> tuple[list[Machine], list[wf.Expr]]:
    """(machines from below to above, the probabilities that units are on, beginning with the image)."""
    machines, layers = [], [x]
    for number, units in enumerate(sizes, 1):
        machines.append(network(layers[-1].shape[1], units, f"rbm{number}"))
        layers.append(machines[-1].hidden(layers[-1]))
    return machines, layers


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Pre-train, tune with few labels; the same without pre-training; draw dreams and learning curves."""
    args = options(
        __doc__, argv, epochs=60, batch=20, labels=(100, "how many are known"), dream=(1000, "steps of a dream")
    )
    data = images(args).flat
    x, t = wf.matrix("x", ("batch", data.images.shape[1])), wf.vector("t", ("batch",), dtype="int64")
    draws = wf.random.Stream(args.seed)
    found = {}
    for name in ("random", "pre-trained"):
        nn.init.seed(args.seed)
        machines, layers = stack(x, (100, 100))
        if name == "pre-trained":
            for machine, below in zip(machines, layers, strict=False):
                loss = machine.loss(below, machine.gibbs(below, draws))
                nn.fit([x], loss, data.images, updates=nn.updates.momentum(loss, machine, 0.05, 0.5), **how(args))
            dream = machines[-1].gibbs(layers[-2], draws, args.dream)
            for machine in reversed(machines[:-1]):
                dream = machine.visible(dream)
            dreams = wf.function([x], dream, target=args.target)(data.test_images[:40])
        logits = nn.layers.dense(layers[-1], 10, nn.init.glorot_uniform, name="out")
        found[name] = tune(args, [x, t], logits, data)
    figure, (left, middle, right) = plots(3, 9)
    show(left, "images", data.test_images[:40], 8)
    show(middle, f"dreams: {args.dream} steps later", dreams, 8)
    figures = compare(right, found, len(data.labels[: args.labels]))
    picture(args, "deep_belief_net", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
