"""Convolution flips its kernel, y[n] = sum over k of x[k] w[n - k]; networks leave that out. Both.

    python -m examples.shapes.convolution_1d                 # a photograph that scikit-learn has
    python -m examples.shapes.convolution_1d --data DIR      # an image of CIFAR-10

The signals are the lines of the photograph, from which, and from what came of them, the kernel is learnt back.
"""

from collections.abc import Sequence

import numpy as np

import weft as wf
from weft import nn

from ..common import options, picture, plots
from .convolution_shapes import photograph

ECHO = np.array([1.0, 0.0, 0.0, 0.0, 0.6, 0.0, 0.0, 0.3])  # what is there, and later again


def network(w: wf.Expr, flip: bool) -> tuple[wf.Expr, wf.Expr]:
    """(signals, what comes of them): (batch, n) -> (batch, n + the kernel's size - 1)."""
    x = wf.matrix("x", ("batch", "n"))
    return x, wf.conv1d(x[:, None], w[None, None], padding="full", flip=flip)[:, 0]


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Convolve and correlate, compare with NumPy, learn the kernel; draw the signals and the kernel."""
    args = options(__doc__, argv, epochs=100)
    lines = photograph(args, 32 if args.data or args.quick else 104).mean(0)
    lines -= lines.mean()
    signal = lines[len(lines) // 5]
    results = {}
    for name, flip in (("convolution", True), ("correlation", False)):
        x, y = network(wf.constant(ECHO.astype(signal.dtype)), flip)
        results[name] = wf.function([x], y, target=args.target)(signal[None])[0]
    numpys = {"convolution": np.convolve(signal, ECHO), "correlation": np.correlate(signal, ECHO, "full")}
    figures = {f"{name}: apart from NumPy": float(abs(y - numpys[name]).max()) for name, y in results.items()}

    w = wf.shared(nn.init.zeros(len(ECHO)), "w")
    x, y = network(w, flip=True)
    t = wf.matrix("t", ("batch", "m"))
    loss = nn.losses.squared_error(y, t).mean()
    heard = np.stack([np.convolve(line, ECHO) for line in lines]).astype(lines.dtype)
    result = nn.minimize(loss, [w], {x: lines, t: heard}, options={"maxiter": args.epochs})
    figures |= {"learnt kernel, largest error": float(abs(w.get_value() - ECHO).max()), "loss": float(result.fun)}
    print(figures)
    figure, (above, below) = plots(2, 9)
    above.plot(signal, color="gray", label="a line of the photograph")
    for name, y in results.items():
        above.plot(y, label=name)
    above.set(title="echoes come later; by correlation, earlier", xlabel="n")
    above.legend(fontsize=8)
    below.bar(np.arange(len(ECHO)) - 0.2, ECHO, 0.4, label="kernel")
    below.bar(np.arange(len(ECHO)) + 0.2, w.get_value(), 0.4, label="learnt from all lines")
    below.set(title="kernel")
    below.legend()
    picture(args, "convolution_1d", figure)
    return figures


if __name__ == "__main__":
    main()
