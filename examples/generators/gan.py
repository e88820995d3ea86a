"""A generative adversarial network: one network draws digits, another tells them from real ones, and both learn.

Goodfellow et al. 2014, Generative adversarial networks.

    python -m examples.generators.gan              # scikit-learn's digits
    python -m examples.generators.gan --data DIR   # MNIST
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

import weft as wf
from weft import nn

from ..common import by_epoch, images, options, picture, plots, show

Network = Callable[[wf.Expr], wf.Expr]
Generator = Callable[[wf.Expr, wf.Expr | bool], wf.Expr]


def generator(z: wf.Expr, training: wf.Expr | bool, pixels: int, units: int = 128) -> wf.Expr:
    """Images of noise."""
    with nn.scope("generator"):
        h = wf.relu(nn.layers.batch_norm(nn.layers.dense(z, units), training))
        h = wf.relu(nn.layers.batch_norm(nn.layers.dense(h, units), training))
        return wf.sigmoid(nn.layers.dense(h, pixels, nn.init.glorot_uniform))


def critic(x: wf.Expr, units: int = 128) -> wf.Expr:
    """The logit of whether an image is real, for each."""
    with nn.scope("critic"):
        h = wf.leaky_relu(nn.layers.dense(x, units), 0.2)
        h = wf.leaky_relu(nn.layers.dense(nn.layers.dropout(h, 0.3), units), 0.2)
        return nn.layers.dense(nn.layers.dropout(h, 0.3), 1)[:, 0]


def contest(x: wf.Expr, made: wf.Expr, critic: Network) -> tuple[wf.Expr, wf.Expr]:
    """(the critic's loss, the generator's): each learns by its own.

    The generator makes -log(sigmoid(logit)) of its images small, instead of log(1 - sigmoid) large, so that it learns
    from a critic that is sure, too (section 3 of the paper).
    """
    logits = critic(wf.concatenate([x, made]))
    real, drawn = logits[: x.shape[0]], logits[x.shape[0] :]
    loss = nn.losses.binary_crossentropy
    told_apart = loss(real, wf.ones_like(real)).mean() + loss(drawn, wf.zeros_like(drawn)).mean()
    return told_apart, loss(drawn, wf.ones_like(drawn)).mean()


def updates_of_both(losses: tuple[wf.Expr, wf.Expr], made: wf.Expr, rate: float) -> nn.updates.Updates:
    """Adam's: the critic's parameters learn by its loss, the generator's by the other."""
    own = nn.parameters(made)
    others = {name: p for name, p in nn.parameters(losses[0]).items() if name not in own}
    return nn.updates.adam(losses[0], others, rate, beta1=0.5) | nn.updates.adam(losses[1], own, rate, beta1=0.5)


def learn(
    args: argparse.Namespace, images: np.ndarray, generator: Generator, critic: Network
) -> tuple[list[tuple[int, np.ndarray]], np.ndarray]:
    """([(epochs, what the same noise has become after so many) ...], both losses of all epochs)."""
    x, z = wf.tensor("x", ("batch", *images.shape[1:])), wf.matrix("z", ("batch", args.noise))
    training = wf.scalar("training", dtype="bool")
    made = generator(z, training)
    losses = contest(x, made, critic)
    draws = wf.random.Stream(args.seed).normal((x.shape[0], args.noise))
    updates = updates_of_both(losses, made, args.rate)
    train = wf.function([x], list(losses), updates=updates, givens={z: draws, training: True}, target=args.target)
    draw = wf.function([z], made, givens={training: False}, target=args.target)
    rng = np.random.default_rng(args.seed)
    seeds, history, drawn = rng.normal(size=(48, args.noise)).astype(wf.config.float_dtype), [], []
    for epoch in tqdm(range(1, args.epochs + 1)):
        history.append(np.mean([train(batch) for batch in nn.batches(images, args.batch, rng)], axis=0))
        if epoch in {1, args.epochs // 5, args.epochs}:
            drawn.append((epoch, draw(seeds)))
    return drawn, np.transpose(history)


def report(
    args: argparse.Namespace, name: str, drawn: list[tuple[int, np.ndarray]], losses: np.ndarray
) -> dict[str, float]:
    """Draw images as they became better, and both losses; the figures."""
    figure, plot = plots(len(drawn) + 1, 3 * (len(drawn) + 1), 2.6)
    for where, (epoch, pictures) in zip(plot, drawn, strict=False):
        show(where, f"after {epoch} epochs" if epoch > 1 else "after one epoch", pictures, 8)
    for who, curve in zip(("critic", "generator"), losses, strict=True):
        by_epoch(plot[-1], curve, who)
    plot[-1].set_title("losses", fontsize=10)
    plot[-1].legend()
    picture(args, name, figure)
    figures = {"critic's loss": float(losses[0, -1]), "generator's loss": float(losses[1, -1])}
    print(figures)
    return figures


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train, draw what the same noise becomes as the generator learns."""
    more = {"rate": (0.001, "learning rate"), "noise": (32, "numbers that images are made of")}
    args = options(__doc__, argv, epochs=150, batch=32, **more)
    data = images(args).flat
    pixels = data.images.shape[1]
    return report(args, "gan", *learn(args, data.images, lambda z, training: generator(z, training, pixels), critic))


if __name__ == "__main__":
    main()
