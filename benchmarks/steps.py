"""Training steps beside PyTorch and JAX: the same numbers, each framework in a process of its own, turn by turn.

    python -m benchmarks.steps [--threads 1,2] [--models mlp,lenet] [--rounds 7] [--python torch=PATH,jax=PATH]

A process is stopped while it is not its turn.  A round's figure is the median over its calls, a framework's figure the
median over the rounds.  The losses of the first three steps must agree.  Any network of models.py will do.  `--python`
names other interpreters for the frameworks, where they are installed elsewhere; what cannot be imported is left out and
said so.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import machine, show
from workers import Worker, answer, interpreters

HERE = Path(__file__).resolve().parent


def work() -> None:
    """The side that holds one framework: build a step, then time it whenever asked."""
    framework, model = sys.argv[2:4]
    sys.path.insert(0, str(HERE))
    import models

    if "torch" in framework:
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    begun = time.perf_counter()
    step = models.STEPS[framework](model)
    losses = [step()]
    first = time.perf_counter() - begun
    losses += [step(), step()]

    def timed(seconds: float) -> float:
        samples: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(samples) < 3:
            begun = time.perf_counter()
            step()
            samples.append(time.perf_counter() - begun)
        return statistics.median(samples)

    answer(timed, {"first": first, "losses": losses})


def compare(model: str, threads: int, rounds: int, pythons: dict[str, str]) -> list[list[object]]:
    """Rows of the table for one model and number of threads."""
    script = HERE / "steps.py"
    workers = [Worker(script, pythons.get(f, sys.executable), f, threads, model) for f in ("weft", "torch", "jax")]
    running = [w for w in workers if w.hello is not None]
    times: dict[str, list[float]] = {w.framework: [] for w in running}
    for _ in range(rounds):
        for worker in running:
            times[worker.framework].append(worker.ask(0.5))
    for worker in workers:
        worker.end()
    mine = statistics.median(times["weft"])
    wanted = running[0].hello["losses"]
    rows: list[list[object]] = []
    for w in workers:
        if w.hello is None:
            rows.append([model, threads, w.framework, "not installed", "", "", ""])
            continue
        spent = statistics.median(times[w.framework])
        losses = w.hello["losses"]
        apart = max(abs(a - b) / abs(b) for a, b in zip(losses, wanted, strict=True))
        rows.append([model, threads, w.framework, spent * 1e3, spent / mine, w.hello["first"], f"{apart:.1e}"])
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--models", default="mlp,lenet")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    given = parser.parse_args()
    pythons = interpreters(given.python)
    print(machine())
    rows = []
    for model in given.models.split(","):
        for threads in given.threads.split(","):
            rows += compare(model, int(threads), given.rounds, pythons)
    header = ["model", "threads", "framework", "ms a step", "time / weft's", "first call, s", "losses apart"]
    show("training steps, momentum", header, rows)


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--work"] else main()
