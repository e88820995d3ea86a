"""Data-parallel training: processes compute the gradients of a part of the batch each; their mean is that of all.

Chen, Pan, Monga, Bengio, Jozefowicz 2016, Revisiting Distributed Synchronous SGD.

    python -m examples.devices.data_parallel                          # two workers, scikit-learn's digits
    python -m examples.devices.data_parallel --workers 4 --data DIR   # MNIST
"""

from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots, refuse


def network(pixels: int, units: int) -> tuple[list[wf.Expr], wf.Expr, list[wf.Expr]]:
    """([images, labels], loss, parameters)."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        logits = nn.layers.dense(wf.relu(nn.layers.dense(x, units)), 10)
    loss = nn.losses.crossentropy(logits, t).mean()
    return [x, t], loss, list(nn.parameters(loss).values())


def work(pipe: Connection, pixels: int, units: int, target: str) -> None:
    """A worker: it is sent the parameters and its examples, and sends the gradients, until it is sent nothing."""
    inputs, loss, params = network(pixels, units)
    gradients = wf.function(inputs, wf.grad(loss, params), target=target)
    while (order := pipe.recv()) is not None:
        vector, *examples = order
        nn.set_flat(params, vector)
        pipe.send(np.concatenate([g.ravel() for g in gradients(*examples)]))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train both ways from the same start, print how far they end from each other, draw how that grows."""
    more = {
        "workers": (2, "processes, of which each takes as large a part of the batch"),
        "units": (64, "of the hidden layer"),
        "rate": (0.5, "learning rate"),
    }
    args = options(__doc__, argv, epochs=10, batch=64, **more)
    if args.workers < 1 or args.batch % args.workers:
        refuse(f"--workers {args.workers} does not divide --batch {args.batch}; each takes as large a part of it.")
    data = images(args).flat
    if len(data.images) < args.batch:
        refuse(f"--batch {args.batch} is more than the {len(data.images)} examples that there are to learn from.")
    pixels, units = data.images.shape[1], 4 if args.quick else args.units
    inputs, loss, params = network(pixels, units)
    step = wf.function(inputs, loss, updates=nn.updates.sgd(loss, params, args.rate), target=args.target)
    vector = nn.flat(params).astype(np.float32)
    context = get_context("spawn")
    pipes, ends = zip(*(context.Pipe() for _ in range(args.workers)), strict=True)
    workers = [context.Process(target=work, args=(end, pixels, units, args.target), daemon=True) for end in ends]
    for worker in workers:
        worker.start()
    rng, losses, apart = np.random.default_rng(args.seed), [], []
    for _ in range(args.epochs):
        for batch in nn.batches(data.train, args.batch, rng, keep_rest=False):
            parts = zip(*(np.split(a, args.workers) for a in batch), strict=True)
            for pipe, part in zip(pipes, parts, strict=True):
                pipe.send((vector, *part))
            vector = vector - np.float32(args.rate) * np.mean([pipe.recv() for pipe in pipes], 0, dtype=np.float32)
            losses.append(float(step(*batch)))  # all at once, in this process
            apart.append(float(abs(vector - nn.flat(params)).max()))
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join()
    figure, (left, right) = plots(2)
    left.plot(losses)
    left.set(xlabel="step", ylabel="loss", title=f"batches of {args.batch}")
    right.plot(apart)
    right.set(xlabel="step", ylabel="largest difference of a weight", title=f"{args.workers} workers beside one")
    picture(args, "data_parallel", figure)
    figures = {"loss": losses[-1], "largest difference of a weight": apart[-1]}
    print(figures)
    return figures


if __name__ == "__main__":
    main()
