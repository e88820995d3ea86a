"""Kernels beside PyTorch, JAX and NumPy: the same numbers, each framework in a process of its own, turn by turn.

    python -m benchmarks.kernels [--cases conv,matmul/512] [--threads 1,2] [--rounds 5] [--python torch=PATH,jax=PATH]

A figure is the fastest call of all rounds: what the code takes where nobody disturbs it.  `ratio` is the best peer's
time over weft's: 1 or more is what weft is for.  `of the limit` holds the useful operations against what fused
multiply-adds reach here, all threads together, or, where there are few, the bytes that must be moved against the
memory's (more than 100 % where they fit into the caches).  `apart` is the largest difference from the best peer's
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
from workloads import Case, Draw, cases

# ---- the side that holds one framework ----------------------------------------------------------------------------


def work(framework: str) -> None:
    """Build a case, or time the one that was built, whenever asked."""
    holder, known, current = FRAMEWORKS[framework](), cases(), list[Callable[[], Any]]()

    def respond(question: Any) -> Any:
        if not isinstance(question, str):
            return fastest(current[0], question)
        current.clear()
        try:
            current.append(known[question].build(holder, Draw(len(question))))
            result = current[0]()
        except Exception:
            if framework == "weft":
                raise
            return None  # it has no such operation, or no code for it
        result = result() if callable(result) else result
        return [sample(np.asarray(part)) for part in (result if isinstance(result, list | tuple) else [result])]

    answer(respond, framework)


def sample(result: np.ndarray) -> list[float]:
    """Some of the elements, the same ones for everybody."""
    return [float(v) for v in result.ravel()[:: max(1, result.size // 997)]]


def fastest(call: Callable[[], Any], seconds: float) -> float:
    """Seconds of the fastest call, of three at least; short ones are timed many at a time."""
    begun = time.perf_counter()
    call()
    count = max(1, int(5e-4 / (time.perf_counter() - begun)))
    best, end, rounds = math.inf, time.perf_counter() + seconds, 0
    while time.perf_counter() < end or rounds < 3:
        begun = time.perf_counter()
        for _ in range(count):
            call()
        best, rounds = min(best, (time.perf_counter() - begun) / count), rounds + 1
    return best


# ---- the side that compares ---------------------------------------------------------------------------------------


class Limits(NamedTuple):
    """What one core reaches: operations a second, and bytes a second."""

    flops: float
    bytes: float

    def share(self, case: Case, seconds: float, threads: int) -> float:
        """The part of the limit that a case reaches: of arithmetic, times the cores; or of memory."""
        itemsize = np.dtype(case.dtype).itemsize
        if case.flops:
            return case.flops / seconds / (self.flops * threads * 4 / itemsize)
        return case.values * itemsize / seconds / self.bytes


def limits() -> Limits:
    """A tile whose operands stay in registers and first cache; c = a + b far larger than the second-level cache."""
    import ctypes

    from weft.codegen.cpu.tiles import code, shapes, tile

    shape, steps = shapes.shape("float32", 2), 100_000
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(tile.ARGUMENTS))
    data = np.zeros(4096, np.float32)
    starts, at = np.zeros(1, np.int64), data.ctypes.data
    call = kind(code.tile(shape, shape.rows, True).address())
    arguments = (shape.lanes, 0, at, 0, 0, at, 0, starts.ctypes.data, 1, steps, at, shape.lanes, 0)
    flops = 2.0 * shape.rows * shape.lanes * steps / fastest(lambda: call(*arguments), 0.3)
    a, b, c = (np.ones(10_000_000, np.float32) for _ in range(3))
    return Limits(flops, 3.0 * a.nbytes / fastest(lambda: np.add(a, b, out=c), 0.3))


def row(name: str, case: Case, threads: int, workers: list[Worker], rounds: int, limit: Limits) -> list[object]:
    """One row of the table."""
    results = {w.framework: w.ask(name) for w in workers}
    able = [w for w in workers if results[w.framework] is not None]
    times = {w.framework: math.inf for w in able}
    for _ in range(rounds):
        for worker in able:
            times[worker.framework] = min(times[worker.framework], worker.ask(0.15))
    peers = {f: t for f, t in times.items() if f != "weft"}
    mine, best = times["weft"], min(peers, key=peers.__getitem__, default="")
    ratio = f"{peers[best] / mine:.2f}" if best else ""
    cells = [f"{times[w.framework] * 1e3:.3g}" if w in able else "" for w in workers]
    shown = f"{limit.share(case, mine, threads):.0%}"
    return [name, threads, *cells, best, ratio, shown, f"{apart(results['weft'], results.get(best)):.0e}"]


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
    limit = limits()
    reached = f"{limit.flops / 1e9:.0f} GFLOP/s of fused multiply-adds and {limit.bytes / 1e9:.0f} GB/s of memory"
    print(f"{machine()}; one core reaches {reached}\n")
    rows, running = [], list[Worker]()
    for threads in map(int, given.threads.split(",")):
        script = Path(__file__).resolve()
        workers = [Worker(script, pythons.get(f, sys.executable), f, threads) for f in FRAMEWORKS]
        running = [w for w in workers if w.hello is not None]
        for name, case in chosen.items():
            rows.append(row(name, case, threads, running, given.rounds, limit))
            print(*rows[-1], sep="  ", file=sys.stderr, flush=True)
        for worker in workers:
            worker.end()
    compared = [f"{w.framework}, ms" for w in running]
    header = ["case", "threads", *compared, "best peer", "ratio", "of the limit", "apart"]
    show("kernels, float32 unless said otherwise", header, rows)


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["--work"] else main()
