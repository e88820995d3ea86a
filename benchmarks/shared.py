"""Training steps beside other busy processes, which this program starts: the default threads against one.

    python -m benchmarks.shared [--models mlp,lenet] [--busy 0,1,2] [--rounds 5] [--seconds 1]

Each row is a model beside so many processes that do nothing but count.  Both functions are in one process each, which
is stopped while it is not its turn; a round's figure is the mean over its calls, since what matters is how long an
epoch takes, and a row's the median over the rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import machine, show
from workers import Worker, answer

HERE = Path(__file__).resolve().parent


def work() -> None:
    """The side that holds a step: times it whenever asked."""
    sys.path.insert(0, str(HERE))
    import models

    step = models.STEPS["weft"](sys.argv[3])
    for _ in range(3):
        step()

    def timed(seconds: float) -> float:
        calls, begun = 0, time.perf_counter()
        while calls < 3 or time.perf_counter() - begun < seconds:
            step()
            calls += 1
        return (time.perf_counter() - begun) / calls

    answer(timed, "ready")


def measured(model: str, busy: int, rounds: int, seconds: float) -> list[object]:
    """A row of the table."""
    cores = len(os.sched_getaffinity(0))
    workers = [Worker(HERE / "shared.py", sys.executable, "weft", n, model, pinned=False) for n in (1, cores)]
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        times = [[worker.ask(seconds) for worker in workers] for _ in range(rounds)]
    finally:
        for other in others:
            other.kill()
        for worker in workers:
            worker.end()
    alone, shared = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    return [model, busy, alone, shared, shared / alone]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="mlp,lenet")
    parser.add_argument("--busy", default="0,1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    print(machine())
    rows = [
        measured(model, int(busy), chosen.rounds, chosen.seconds)
        for model in chosen.models.split(",")
        for busy in chosen.busy.split(",")
    ]
    header = ["model", "busy processes", "one thread, ms", "default, ms", "ratio"]
    show("training steps beside busy processes, batch 128, momentum", header, rows)


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--work"] else main()
