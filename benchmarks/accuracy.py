"""How far float32 results are from the same computation in float64.

    python -m benchmarks.accuracy

Functions: the largest error over random numbers of all magnitudes that the function takes, in ulp (units in the last
place of the true value).  Contractions and reductions: the largest error over what the terms' magnitudes add up to, in
units of float32's rounding error u = 2**-24; adding k terms one after the other may reach k.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np
from table import machine, show

import weft as wf

COUNT = 2_000_000
FUNCTIONS = {
    "exp": (np.exp, -87, 88),
    "expm1": (np.expm1, -17, 88),
    "log": (np.log, 0, np.inf),
    "log1p": (np.log1p, -0.999, np.inf),
    "sqrt": (np.sqrt, 0, np.inf),
    "tanh": (np.tanh, -20, 20),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), -80, 80),
    "sin": (np.sin, -1e5, 1e5),
    "cos": (np.cos, -1e5, 1e5),
    "arctan": (np.arctan, -np.inf, np.inf),
}


def sample(low: float, high: float) -> np.ndarray:
    """Numbers of all magnitudes between two bounds."""
    random = np.random.default_rng(0)
    spread = 10.0 ** random.uniform(-30, 30, COUNT) * random.choice([-1, 1], COUNT)
    found = spread[(spread > low) & (spread < high)]
    if np.isfinite(low) and np.isfinite(high):
        found = np.concatenate([found, random.uniform(low, high, COUNT)])
    return found.astype(np.float32)


def ulps(name: str, reference: Callable[[Any], Any], low: float, high: float) -> float:
    """The largest error of a function, in ulp."""
    values = sample(low, high)
    x = wf.vector("x", ("n",))
    mine = wf.function([x], getattr(wf, name)(x))(values).astype(np.float64)
    true = reference(values.astype(np.float64))
    normal = np.abs(true) >= np.finfo(np.float32).tiny
    spacing = np.spacing(np.abs(true[normal]).astype(np.float32)).astype(np.float64)
    return float((np.abs(mine - true)[normal] / spacing).max())


def contraction(function: Callable[..., Any], *shapes: tuple[int, ...]) -> float:
    """The largest error of something that is linear in every argument, in u of what the magnitudes add up to."""
    random = np.random.default_rng(1)
    arrays = [random.standard_normal(shape, np.float32) for shape in shapes]
    inputs = [wf.tensor(None, a.shape) for a in arrays]
    wide = [wf.tensor(None, a.shape, dtype="float64") for a in arrays]
    mine = wf.function(inputs, function(*inputs))(*arrays)
    exact = wf.function(wide, function(*wide))
    true = exact(*(a.astype(np.float64) for a in arrays))
    size = exact(*(np.abs(a).astype(np.float64) for a in arrays))
    return float((np.abs(mine - true) / size).max() * 2**24)


def main() -> None:
    """Print the tables."""
    print(machine())
    rows = [[name, f"{low:g} to {high:g}", ulps(name, f, low, high)] for name, (f, low, high) in FUNCTIONS.items()]
    show("functions", ["function", "arguments", "largest error, ulp"], rows)
    conv = {"padding": 1}
    sums: list[list[object]] = [
        [f"matmul of 64x{k} and {k}x64", k, contraction(wf.matmul, (64, k), (k, 64))] for k in (64, 1024, 16384)
    ]
    sums.append(
        [
            "conv2d, 3x3 on 64 channels",
            576,
            contraction(lambda x, w: wf.conv2d(x, w, **conv), (4, 64, 28, 28), (64, 64, 3, 3)),
        ]
    )
    sums.append(["sum of 10,000,000 in a row", 10_000_000, contraction(wf.sum, (10_000_000,))])
    sums.append(["sum over axis 0 of 100,000x64", 100_000, contraction(lambda x: wf.sum(x, 0), (100_000, 64))])
    show("contractions and sums", ["computation", "terms", "largest error, u"], sums)


if __name__ == "__main__":
    main()
