"""Processes that each hold one framework, and are stopped while it is not their turn."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_THREADS = ("WEFT_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Worker:
    """`script --work framework ARGUMENTS` in an interpreter; it prints what it has to say first, then answers."""

    def __init__(self, script: Path, python: str, framework: str, threads: int, *arguments: str, pinned: bool = True):
        environment = dict(os.environ, **dict.fromkeys(_THREADS, str(threads)))
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        one_core = ["taskset", "-c", "0"] if pinned and threads == 1 and sys.platform == "linux" else []
        command = [*one_core, python, str(script), "--work", framework, *arguments]
        errors = None if framework == "weft" else subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        self.framework = framework
        self.hello = self._answer()  # None where the framework cannot be imported
        self._signal("SIGSTOP")

    def ask(self, question: Any) -> Any:
        """The answer to a question, for which the process runs; None where it died over it."""
        assert self.process.stdin is not None
        self._signal("SIGCONT")
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return None
        answer = self._answer()
        self._signal("SIGSTOP")
        return answer

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def _signal(self, name: str) -> None:
        if self.process.poll() is None:
            self.process.send_signal(getattr(signal, name))

    def end(self) -> None:
        """Let go of the process."""
        self.process.kill()
        self.process.wait()


def answer(respond: Callable[[Any], Any], hello: Any) -> None:
    """The worker's side: say hello, then answer questions until there are no more."""
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        print(json.dumps(respond(json.loads(line))), flush=True)


def interpreters(given: str) -> dict[str, str]:
    """framework=interpreter, separated by commas."""
    return dict(pair.split("=") for pair in given.split(",") if pair)
