"""A restricted Boltzmann machine learns to dream digits, by contrastive divergence.

Hinton 2002, Training products of experts by minimizing contrastive divergence.  The energy of an image v and hidden
units h is -v @ b - h @ c - v @ w @ h; summed over all h it is the free energy, which learning makes lower for the
images, and higher for what a few steps of Gibbs sampling make of them.

    python -m examples.unsupervised.rbm              # scikit-learn's digits
    python -m examples.unsupervised.rbm --data DIR   # MNIST
"""

from collections.abc import Sequence
from typing import NamedTuple

import weft as wf
from weft import nn

from ..common import how, images, options, picture, plots, show, steps


class Machine(NamedTuple):
    """Weights (visible, hidden), and the biases of hidden and of visible units: expressions of one distribution."""

    w: wf.Expr
    c: wf.Expr
    b: wf.Expr

    def hidden(self, v: wf.Expr) -> wf.Expr:
        """The probabilities that hidden units are on."""
        return wf.sigmoid(v @ self.w + self.c)

    def visible(self, h: wf.Expr) -> wf.Expr:
        """The probabilities that visible units are on."""
        return wf.sigmoid(h @ self.w.T + self.b)

    def free_energy(self, v: wf.Expr) -> wf.Expr:
        """-log of the sum of exp(-energy) over all hidden units, for each row."""
        return -(v @ self.b) - wf.softplus(v @ self.w + self.c).sum(axis=1)

    def gibbs(self, v: wf.Expr, draws: wf.random.Stream, steps: int = 1) -> wf.Expr:
        """After so many steps of drawing all hidden units, then all visible ones."""

        def step(v: wf.Expr, _: None) -> tuple[wf.Expr, None]:
            on = self.hidden(v)
            on = self.visible(draws.bernoulli(on, on.shape, v.dtype))
            return draws.bernoulli(on, on.shape, v.dtype), None

        return wf.scan(step, v, length=steps)[0]

    def loss(self, v: wf.Expr, drawn: wf.Expr) -> wf.Expr:
        """Whose gradient is that of contrastive divergence: lower energy for v, higher for what was drawn instead."""
        return self.free_energy(v).mean() - self.free_energy(wf.stop_gradient(drawn)).mean()


def network(pixels: int, units: int = 100, name: str = "rbm") -> Machine:
    """A machine of small random weights."""
    w = wf.shared(nn.init.normal((pixels, units), nn.init.generator(), std=0.05), f"{name}_w")
    c, b = (wf.shared(nn.init.constant((n,), 0), f"{name}_{what}") for n, what in ((units, "c"), (pixels, "b")))
    return Machine(w, c, b)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, print how well images are drawn again, draw filters and dreams."""
    args = options(
        __doc__, argv, epochs=100, batch=20, steps=(1, "of Gibbs sampling"), dream=(1000, "steps of a dream")
    )
    data = images(args).flat
    x = wf.matrix("x", ("batch", data.images.shape[1]))
    machine, draws = network(data.images.shape[1]), wf.random.Stream(args.seed)
    loss = machine.loss(x, machine.gibbs(x, draws, args.steps))
    rate = nn.schedules.cosine(0.1, steps(args, len(data.images)))
    nn.fit([x], loss, data.images, updates=nn.updates.momentum(loss, machine, rate, 0.5), **how(args))
    again = machine.visible(machine.hidden(x))
    error = wf.function([x], nn.losses.squared_error(again, x).mean(), target=args.target)
    dream = machine.visible(machine.hidden(machine.gibbs(x, draws, args.dream)))
    dreams = wf.function([x], dream, target=args.target)(data.test_images[:40])
    figures = {"squared error of a pixel": nn.average(error, data.test_images)}
    figure, (left, middle, right) = plots(3, 9)
    show(left, "images", data.test_images[:40], 8)
    show(middle, "filters", machine.w.get_value().T[:100])
    show(right, f"dreams: {args.dream} steps later", dreams, 8)
    picture(args, "rbm", figure)
    print(figures)
    return figures


if __name__ == "__main__":
    main()
