"""Twelve optimisers on one net: what each makes of the same start and the same batches.

python -m examples.optimisers.comparison                           # scikit-learn's digits
python -m examples.optimisers.comparison --data DIR --epochs 2     # MNIST
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import weft as wf
from weft import nn

from ..common import images, options, picture, plots

u, s = nn.updates, nn.schedules
OPTIMISERS: dict[str, Callable[[Any, Any], u.Updates]] = {
    "SGD": lambda loss, params: u.sgd(loss, params, 0.1),
    "SGD, rate / (1 + n / 300)": lambda loss, params: u.sgd(loss, params, s.inverse_time(0.3, every=300)),
    "SGD, rate 10^(-n/tau)": lambda loss, params: u.sgd(loss, params, lambda n: 0.3 * 10 ** (-n / 1000)),
    "momentum": lambda loss, params: u.momentum(loss, params, 0.02),
    "Nesterov": lambda loss, params: u.nesterov(loss, params, 0.02),
    "AdaGrad": lambda loss, params: u.adagrad(loss, params, 0.02),
    "AdaDelta": lambda loss, params: u.adadelta(loss, params),
    "RMSProp": lambda loss, params: u.rmsprop(loss, params, 0.001),
    "Adam": lambda loss, params: u.adam(loss, params, 0.001),
    "AdamW": lambda loss, params: u.adamw(loss, params, 0.001),
    "Lion": lambda loss, params: u.lion(loss, params, 2e-4),
    "Muon": lambda loss, params: u.muon(loss, params, 0.01),
}


def network(pixels: int, units: int = 64) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits): two hidden layers of tanh."""
    x, t = wf.matrix("x", ("batch", pixels)), wf.vector("t", ("batch",), dtype="int64")
    h = x
    with nn.scope("net"):
        for _ in range(2):
            h = wf.tanh(nn.layers.dense(h, units, nn.init.glorot_uniform))
        return [x, t], nn.layers.dense(h, 10, nn.init.glorot_uniform)


def losses(name: str, data: Any, args: Any) -> tuple[np.ndarray, float]:
    """(the loss of every step, the test error at the end)."""
    nn.init.seed(args.seed)
    inputs, logits = network(data.images.shape[1], 16 if args.quick else 64)
    loss, rng = nn.losses.crossentropy(logits, inputs[1]).mean(), np.random.default_rng(args.seed)
    step = wf.function(inputs, loss, updates=OPTIMISERS[name](loss, nn.parameters(loss)), target=args.target)
    found = [float(step(*batch)) for _ in range(args.epochs) for batch in nn.batches(data.train, args.batch, rng)]
    error = wf.function(inputs, 1 - nn.metrics.accuracy(logits, inputs[1]), target=args.target)
    return np.array(found), nn.average(error, data.test)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Train with each, draw the losses, print the means of the last 30 steps and the test errors."""
    args = options(__doc__, argv, epochs=20, batch=32)
    data, figures = images(args).flat, {}
    figure, kinds = plots(3, 11, 3.6)
    for number, name in enumerate(OPTIMISERS):
        found, error = losses(name, data, args)
        figures[f"{name}: loss"], figures[f"{name}: test error, %"] = float(found[-30:].mean()), 100 * error
        print(f"{name:28} loss {figures[f'{name}: loss']:.4f}, test error {100 * error:.2f} %")
        window = min(20, len(found))
        smooth = np.convolve(found, np.ones(window) / window, "valid")
        kinds[3 * number // len(OPTIMISERS)].semilogy(smooth, label=name, lw=1)
    for plot in kinds:
        plot.set(xlabel="step", ylim=(1e-3, 3))
        plot.legend(fontsize=7)
    kinds[0].set_ylabel("training loss, mean of 20 steps")
    picture(args, "comparison", figure)
    return figures


if __name__ == "__main__":
    main()
