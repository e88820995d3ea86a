"""Kernels beside PyTorch, JAX and NumPy: the same numbers, each framework in a process of its own, turn by turn.

    python -m benchmarks.kernels [--cases conv,matmul/512] [--threads 1,2] [--rounds 5] [--python torch=PATH,jax=PATH]

A figure is the fastest call of all rounds: what the code takes where nobody disturbs it.  `ratio` is the best peer's
time over weft's: 1 or more is what weft is for.  `of the limit` holds the useful operations against what this machine's
fused multiply-adds reach, from registers, in the same run.  `apart` is the largest difference from the best peer's
result over the largest value.  What cannot be imported, or cannot do a case, is left out.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np
from frameworks import FRAMEWORKS
from table import machine, show
from workers import Worker, answer, interpreters


class Case(NamedTuple):
    """One computation: build(framework, normal) gives a call; `flops` are its useful operations, 0 where few."""

    build: Callable[[Any, Callable[..., np.ndarray]], Callable[[], Any]]
    flops: float = 0.0


def matmul(m: int, k: int, n: int, left: bool = False, right: bool = False) -> Case:
    """a @ b, one of them transposed or not."""

    def build(f: Any, normal: Any) -> Any:
        shapes = (k, m) if left else (m, k), (n, k) if right else (k, n)
        return f.call(lambda a, b: f.matmul(a.T if left else a, b.T if right else b), [normal(*s) for s in shapes])

    return Case(build, 2.0 * m * k * n)


def dense(m: int, k: int, n: int, backward: bool = False) -> Case:
    """relu(x @ w + b), or its gradients to all three."""

    def build(f: Any, normal: Any) -> Any:
        def layer(x: Any, w: Any, b: Any) -> Any:
            return f.relu(f.matmul(x, w) + b)

        arrays = [normal(m, k), normal(k, n), normal(n)]
        return f.gradient(layer, [*arrays, normal(m, n)], (0, 1, 2)) if backward else f.call(layer, arrays)

    return Case(build, (4.0 if backward else 2.0) * m * k * n)


def conv(what: str, n: int, c: int, size: int, o: int, k: int, stride: int, pad: int, dil: int, groups: int) -> Case:
    """A convolution, or one of its gradients."""
    out = (size + 2 * pad - dil * (k - 1) - 1) // stride + 1

    def build(f: Any, normal: Any) -> Any:
        def forward(x: Any, w: Any) -> Any:
            return f.conv(x, w, stride, pad, dil, groups)

        arrays = [normal(n, c, size, size), normal(o, c // groups, k, k)]
        if what == "forward":
            return f.call(forward, arrays)
        return f.gradient(forward, [*arrays, normal(n, o, out, out)], (0 if what == "to input" else 1,))

    return Case(build, 2.0 * n * o * out * out * (c // groups) * k * k)


def max_pool(shape: tuple[int, ...], size: int, stride: int, pad: int, backward: bool = False) -> Case:
    """Maxima of windows, or where their cotangents go."""
    out = (*shape[:2], *((s + 2 * pad - size) // stride + 1 for s in shape[2:]))

    def build(f: Any, normal: Any) -> Any:
        def pool(x: Any) -> Any:
            return f.max_pool(x, size, stride, pad)

        return f.gradient(pool, [normal(*shape), normal(*out)], (0,)) if backward else f.call(pool, [normal(*shape)])

    return Case(build)


def apply(name: str, shape: tuple[int, ...], axis: int | None = None) -> Case:
    """A function of that name along an axis, or one of CHAINS."""

    def build(f: Any, normal: Any) -> Any:
        if name in CHAINS:
            return f.call(lambda x, y: CHAINS[name](f, x, y), [normal(*shape), normal(*shape)])
        return f.call(lambda x: getattr(f, name)(x, axis), [normal(*shape)])

    return Case(build)


CHAINS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "arithmetic": lambda f, x, y: ((x * 2.0 + y) * (x - 3.0) - y * 0.5) * (x + y) + x * y,
    "functions": lambda f, x, y: f.tanh(x) * f.exp(-(y * y)) + f.log(x * x + 1.0) * f.sqrt(y * y + 1.0),
}

SHAPES = {
    "lenet 1": (128, 1, 28, 20, 5, 1, 0, 1, 1),
    "lenet 2": (128, 20, 12, 50, 5, 1, 0, 1, 1),
    "alexnet 1": (16, 3, 224, 64, 11, 4, 2, 1, 1),
    "alexnet 2": (16, 64, 27, 192, 5, 1, 2, 1, 1),
    "alexnet 3": (16, 192, 13, 384, 3, 1, 1, 1, 1),
    "vgg 2": (4, 64, 112, 128, 3, 1, 1, 1, 1),
    "vgg 4": (4, 256, 56, 256, 3, 1, 1, 1, 1),
    "vgg 7": (4, 512, 14, 512, 3, 1, 1, 1, 1),
    "resnet 16": (64, 16, 32, 16, 3, 1, 1, 1, 1),
    "resnet 32": (64, 32, 16, 32, 3, 1, 1, 1, 1),
    "resnet 64": (64, 64, 8, 64, 3, 1, 1, 1, 1),
    "1x1 stride 2": (64, 16, 32, 32, 1, 2, 0, 1, 1),
    "depthwise": (16, 128, 56, 128, 3, 1, 1, 1, 128),
    "7x7 stride 2": (4, 3, 224, 64, 7, 2, 3, 1, 1),
    "dilated": (8, 64, 56, 64, 3, 1, 2, 2, 1),
}


def cases() -> dict[str, Case]:
    """All rows."""
    found: dict[str, Case] = {}
    for s in (64, 128, 256, 512, 1024, 2048):
        found[f"matmul/{s} square"] = matmul(s, s, s)
    found["matmul/512 square, left transposed"] = matmul(512, 512, 512, left=True)
    found["matmul/512 square, right transposed"] = matmul(512, 512, 512, right=True)
    for m, k, n in ((128, 784, 64), (128, 256, 256), (64, 4096, 1000), (1, 1024, 1024)):
        found[f"matmul/{m}x{k}x{n}"] = matmul(m, k, n)
    for m, k, n in ((128, 784, 256), (1024, 1024, 1024)):
        found[f"dense relu/{m}x{k}x{n}"] = dense(m, k, n)
        found[f"dense relu/{m}x{k}x{n} backward"] = dense(m, k, n, backward=True)
    for name, shape in SHAPES.items():
        for what in ("forward", "to weights", "to input"):
            if what != "to input" or shape[1] > 3:
                found[f"conv/{name} {what}"] = conv(what, *shape)
    for pooled in ((64, 64, 32, 32), (16, 64, 112, 112)):
        for size, stride, pad in ((2, 2, 0), (3, 2, 1)):
            name = f"max pool/{size}x{size} on {'x'.join(map(str, pooled))}"
            found[name] = max_pool(pooled, size, stride, pad)
            found[name + " backward"] = max_pool(pooled, size, stride, pad, backward=True)
    for chain in CHAINS:
        for count in (10_000, 1_000_000, 10_000_000):
            found[f"chain/{chain} of {count:,}"] = apply(chain, (count,))
    for axis in range(3):
        for name in ("sum", "max"):
            found[f"reduction/{name} over axis {axis} of 1024x1024x8"] = apply(name, (1024, 1024, 8), axis)
    for name in ("softmax", "logsumexp", "argmax"):
        found[f"reduction/{name} of 4096x1000"] = apply(name, (4096, 1000), 1)
    return found


# ---- the side that holds one framework ----------------------------------------------------------------------------


def work(framework: str) -> None:
    """Build a case, or time the one that was built, whenever asked."""
    holder, known, current = FRAMEWORKS[framework](), cases(), list[Callable[[], Any]]()

    def respond(question: Any) -> Any:
        if isinstance(question, str):
            random = np.random.default_rng(math.prod(map(ord, question[:8])) % 2**32)
            current[:] = []
            try:
                call = known[question].build(holder, lambda *s: random.standard_normal(s, np.float32))
                result = call()
            except (AttributeError, NotImplementedError):  # it has no such operation
                return None
            current[:] = [call]
            parts = result if isinstance(result, list | tuple) else [result]
            return [sample(np.asarray(p.numpy() if hasattr(p, "numpy") else p, np.float64)) for p in parts]
        return fastest(current[0], question)

    answer(respond, framework)


def sample(result: np.ndarray) -> list[float]:
    """Some of the elements, the same ones for everybody."""
    return [float(v) for v in result.ravel()[:: max(1, result.size // 997)]]


def fastest(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of the fastest call; short ones are timed many at a time."""
    begun = time.perf_counter()
    call()
    count = max(1, int(5e-4 / (time.perf_counter() - begun)))
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or best == math.inf:
        begun = time.perf_counter()
        for _ in range(count):
            call()
        best = min(best, (time.perf_counter() - begun) / count)
    return best


# ---- the side that compares ---------------------------------------------------------------------------------------


def limit() -> float:
    """Fused multiply-adds on one core, in operations a second: a tile whose operands stay where they are."""
    import ctypes

    from weft.codegen.cpu import tile

    shape, steps = tile.shape("float32", 2), 100_000
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(tile.ARGUMENTS))
    data = np.zeros(4096, np.float32)
    starts, at = np.zeros(1, np.int64), data.ctypes.data
    call = kind(tile.address(shape, shape.rows, True))
    arguments = (shape.lanes, 0, at, 0, 0, at, 0, starts.ctypes.data, 1, steps, at, shape.lanes, at, 0)
    return 2.0 * shape.rows * shape.lanes * steps / fastest(lambda: call(*arguments), 0.3)


def row(name: str, case: Case, threads: int, workers: list[Worker], rounds: int, peak: float) -> list[object]:
    """One row of the table."""
    results = {w.framework: w.ask(name) for w in workers}
    able = [w for w in workers if results[w.framework] is not None]
    times = {w.framework: math.inf for w in able}
    for _ in range(rounds):
        for worker in able:
            times[worker.framework] = min(times[worker.framework], worker.ask(0.15))
    peers = {f: t for f, t in times.items() if f != "weft"}
    mine, best = times["weft"], min(peers, key=peers.__getitem__, default="")
    ratio = peers[best] / mine if best else math.nan
    share = f"{case.flops / mine / peak / threads:.0%}" if case.flops else ""
    cells = [f"{times[f] * 1e3:.3g}" if f in times else "" for f in FRAMEWORKS]
    return [name, threads, *cells, best, ratio, share, f"{apart(results['weft'], results.get(best)):.0e}"]


def apart(mine: list[list[float]], other: list[list[float]] | None) -> float:
    """The largest difference over the largest value."""
    if other is None:
        return math.nan
    pairs = [(np.array(a), np.array(b)) for a, b in zip(mine, other, strict=True)]
    return max(float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) for a, b in pairs)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="parts of names, separated by commas")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    given = parser.parse_args()
    pythons, wanted = interpreters(given.python), given.cases.split(",")
    chosen = {name: case for name, case in cases().items() if any(part in name for part in wanted)}
    peak = limit()
    print(f"{machine()}, {peak / 1e9:.0f} GFLOP/s of fused multiply-adds on one core\n")
    rows = []
    for threads in map(int, given.threads.split(",")):
        script = Path(__file__).resolve()
        workers = [Worker(script, pythons.get(f, sys.executable), f, threads) for f in FRAMEWORKS]
        running = [w for w in workers if w.hello is not None]
        for name, case in chosen.items():
            rows.append(row(name, case, threads, running, given.rounds, peak))
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
        for worker in workers:
            worker.end()
    header = ["case", "threads", *(f"{f}, ms" for f in FRAMEWORKS), "best peer", "ratio", "of the limit", "apart"]
    show("kernels, float32", header, rows)


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["--work"] else main()
