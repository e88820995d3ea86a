"""A training step in a new process: what it takes until the first loss is known, and what it takes it for."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


def report(begun: float, framework: str, model: str) -> None:
    """Print the figures of this process, whose imports began then; the making of the arrays is left out."""
    import models
    from training import TRAINING

    named, named_cpu = time.perf_counter(), time.process_time()
    task = models.task(model)
    begun, drawing_cpu = begun + time.perf_counter() - named, time.process_time() - named_cpu
    training = TRAINING[framework]()
    imported = time.perf_counter()
    losses, spans = _first_losses(training, task, framework == "weft")
    figures = {
        "seconds": losses.pop() - begun,
        "losses": losses,
        "cpu": time.process_time() - drawing_cpu,
        "peak": peak_bytes(),
        "spans": {"imports": [imported - begun, 1], **spans} if spans else {},
    }
    print(json.dumps(figures | (_counts(training.compiled) if framework == "weft" else {})))


def _first_losses(training: Any, task: Any, is_weft: bool) -> tuple[list[float], dict[str, list[float]]]:
    """(the first loss, and when it was known; seconds and how many of each span)."""
    if not is_weft:
        return [training.step(task)(), time.perf_counter()], {}
    from weft.codegen.spans import record_spans, span

    found: dict[str, list[float]] = {}
    with record_spans() as spans:
        step = training.step(task)
        with span("first call"):
            losses = [step(), time.perf_counter()]
    for name, seconds, items in spans:
        old = found.get(name, [0.0, 0])
        found[name] = [old[0] + seconds, old[1] + items]
    return losses, found


def _counts(function: Any) -> dict[str, int]:
    """How large a function of weft's is."""
    return {
        "nodes": len(function.source.nodes),
        "rewritten": len(function.graph.nodes),
        "launches": sum(len(binding.rows) for binding in function.bindings),
        "nests": len({one.address() for one in function.nests.values()}),
    }


def peak_bytes() -> int:
    """The most memory that this process has had at once, since its program was loaded."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
