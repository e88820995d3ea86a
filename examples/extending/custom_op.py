"""Two ways to add an operation of your own, with a gradient and a kernel, and a check of both.

python -m examples.extending.custom_op                 # the pixels of scikit-learn's digits
python -m examples.extending.custom_op --data DIR      # MNIST's
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import weft as wf

from ..common import images, options, picture, plots, show, squares

# ---- a function of scalars: five lines --------------------------------------------------------------------------
# It is traced once; its NumPy reference, kernel, gradient and broadcasting follow, and it fuses into loops.


@wf.elementwise
def mish(x):
    """x tanh(softplus(x)) (Misra 2019)."""
    return x * wf.tanh(wf.softplus(x))


# ---- an op of any shape, with a kernel: an ordinary Numba function -----------------------------------------------


@dataclass(frozen=True)
class CumSum(wf.Op):
    """Cumulative sum along the last axis.  x: (n, m) any float -> (n, m)."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return np.cumsum(x, axis=-1)

    def vjp(self, g, out, x):
        return (wf.flip(wf.apply(self, wf.flip(g, -1)), -1),)


@wf.kernel(CumSum, "cpu")
def cumsum_rows(x, out):
    """Row by row."""
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[i, j]
            out[i, j] = total


def network() -> tuple[wf.Expr, wf.Expr, wf.Expr]:
    """(x, mish of it, its cumulative sums)."""
    x = wf.matrix("x", ("rows", "columns"))
    return x, mish(x), wf.apply(CumSum(), x)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Compile both, compare with NumPy, check their gradients, draw what they are and give."""
    args = options(__doc__, argv, epochs=0)
    value = images(args).flat.images
    x, y, sums = network()
    f = wf.function([x], [y, wf.grad(y.sum(), x)], target=args.target)
    figures = {"mish: apart from NumPy": float(abs(f(value)[0] - value * np.tanh(np.log1p(np.exp(value)))).max())}
    wf.check_grad(y, x, {x: value[:5]}, order=2)
    print("the derivatives of mish agree with differences, to second order")
    print("what the compiled function does:", f.explain("nests"), sep="\n")
    add_up = wf.function([x], sums, target="cpu")  # there is a kernel for the CPU
    figures["cumsum: apart from NumPy"] = float(abs(add_up(value) - np.cumsum(value, axis=-1)).max())
    wf.check_grad(sums, x, {x: value[:5]}, order=2)
    print("the derivatives of cumsum agree with differences, to second order")
    print(figures)
    figure, (curve, picture_of, summed) = plots(3, 9)
    line = np.linspace(-5, 5, 201, dtype=np.float32)
    for name, drawn in zip(("mish", "its derivative"), f(line[None]), strict=True):
        curve.plot(line, drawn[0], label=name)
    curve.legend()
    shown = squares(value[:25])
    show(picture_of, "x", shown, 5)
    run = add_up(shown.reshape(-1, shown.shape[-1]))
    show(summed, "its rows, summed from the left", (run / run.max()).reshape(shown.shape), 5)
    picture(args, "custom_op", figure)
    return figures


if __name__ == "__main__":
    main()
