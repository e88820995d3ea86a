"""Training steps beside PyTorch and JAX: the same numbers, each framework in a process of its own, turn by turn.

    python -m benchmarks.steps [--threads 1,2] [--models mlp,lenet] [--rounds 7] [--python torch=PATH,jax=PATH]

A process is stopped while it is not its turn.  A round's figure is the median over its calls, a framework's figure the
median over the rounds.  The losses of the first three steps must agree.  `--python` names other interpreters for the
frameworks, where they are installed elsewhere; what cannot be imported is left out and said so.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import machine, show

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
    print(json.dumps({"first": first, "losses": losses}), flush=True)
    for line in sys.stdin:
        seconds, samples = float(line), []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(samples) < 3:
            begun = time.perf_counter()
            step()
            samples.append(time.perf_counter() - begun)
        print(json.dumps(statistics.median(samples)), flush=True)


class Worker:
    """A process that is stopped while it is not its turn."""

    def __init__(self, python: str, framework: str, model: str, threads: int):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = dict(os.environ, **dict.fromkeys(names, str(threads)))
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        pinned = ["taskset", "-c", "0"] if threads == 1 and sys.platform == "linux" else []
        command = [*pinned, python, str(HERE / "steps.py"), "--work", framework, model]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.framework, self.times = framework, list[float]()
        self.hello = self._answer()
        self._stop()

    def _answer(self) -> object:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def _stop(self) -> None:
        if self.hello is not None:
            self.process.send_signal(signal.SIGSTOP)

    def turn(self, seconds: float) -> None:
        """Run for a while and keep the median."""
        assert self.process.stdin is not None
        self.process.send_signal(signal.SIGCONT)
        print(seconds, file=self.process.stdin, flush=True)
        answer = self._answer()
        assert isinstance(answer, float)
        self.times.append(answer)
        self._stop()

    def end(self) -> None:
        """Let go of the process."""
        self.process.kill()
        self.process.wait()


def compare(model: str, threads: int, rounds: int, pythons: dict[str, str]) -> list[list[object]]:
    """Rows of the table for one model and number of threads."""
    workers = [Worker(pythons.get(f, sys.executable), f, model, threads) for f in ("weft", "torch", "jax")]
    running = [w for w in workers if w.hello is not None]
    for _ in range(rounds):
        for worker in running:
            worker.turn(0.5)
    for worker in workers:
        worker.end()
    mine = statistics.median(running[0].times)
    wanted = running[0].hello["losses"]  # type: ignore[index]
    rows: list[list[object]] = []
    for w in workers:
        if w.hello is None:
            rows.append([model, threads, w.framework, "not installed", "", "", ""])
            continue
        spent = statistics.median(w.times)
        losses = w.hello["losses"]  # type: ignore[index]
        apart = max(abs(a - b) / abs(b) for a, b in zip(losses, wanted, strict=True))
        rows.append([model, threads, w.framework, spent * 1e3, spent / mine, w.hello["first"], f"{apart:.1e}"])  # type: ignore[index]
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--models", default="mlp,lenet")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    given = parser.parse_args()
    pythons = dict(pair.split("=") for pair in given.python.split(",") if pair)
    print(machine())
    rows = []
    for model in given.models.split(","):
        for threads in given.threads.split(","):
            rows += compare(model, int(threads), given.rounds, pythons)
    header = ["model", "threads", "framework", "ms a step", "time / weft's", "first call, s", "losses apart"]
    show("training steps, batch 128, momentum", header, rows)


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--work"] else main()
