"""Two ways to add an operation of your own, with a gradient and a kernel, and a check of both.

python examples/custom_op.py [--quick]
"""

import argparse
from dataclasses import dataclass

import numpy as np

import weft as wf

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


def main() -> None:
    """Compile both, compare with NumPy, and check their gradients."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="small arrays")
    size = 20 if arguments.parse_args().quick else 1000

    x = wf.matrix("x", ("rows", "columns"))
    value = np.random.default_rng(0).uniform(0.9, 1.1, (size, 30)).astype(np.float32)

    y = mish(x)
    f = wf.function([x], [y, wf.grad(y.sum(), x)])
    found, _ = f(value)
    np.testing.assert_allclose(found, value * np.tanh(np.log1p(np.exp(value))), rtol=1e-5)
    wf.check_grad(y, x, {x: value[:5]}, order=2)
    print("mish agrees with NumPy, and its derivatives with differences, to second order")
    print("what the compiled function does:", f.explain("nests"), sep="\n")

    y = wf.apply(CumSum(), x)
    g = wf.function([x], [y, wf.grad((y * y).mean(), x)])
    total, _ = g(value)
    np.testing.assert_allclose(total, np.cumsum(value, axis=-1), rtol=1e-5)
    wf.check_grad(y, x, {x: value[:5]}, order=2)
    print("cumsum agrees with NumPy, and its derivatives with differences")


if __name__ == "__main__":
    main()
