"""Memory of training steps: what weft plans, what a process is seen to take, and what the peers take.

    python -m benchmarks.memory [--models mlp,lenet] [--python jax=PATH,torch=PATH] [--limits 1,0.5]

Each figure is of a process of its own.  It builds the step and calls it once, lets go of all that, and notes how much
memory it has, which is that of code, modules and arguments.  Then it builds the step again and calls it.  By how much
its memory grew at most: `call`, in the first call from its begin; `first`, until its end, with variables and all that
belongs to the function; `later`, during three more calls, after all was given back that nobody needs.
`--limits` are parts of what weft takes for results and temporaries: it computes again what does not fit, or says that
it cannot.  Linux alone tells the most memory of a process from a point on.
"""

import argparse
import ctypes
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from table import machine, show
from workers import Worker, answer, interpreters

HERE = Path(__file__).resolve().parent
FRAMEWORKS = ("weft", "torch", "jax")
MAPPED_BYTES = 1 << 16  # from which on the C library gives each array pages of its own, and back


def status(field: str) -> int:
    """A line of what the system says of this process, in bytes."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(f"{field}:"))


def forget_peak() -> None:
    """The most memory is counted from now on."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def let_go(framework: str) -> None:
    """Give the system all memory back that nothing needs."""
    gc.collect()
    if framework == "weft":
        from weft.codegen.cpu.run import arenas

        arenas.clear()
    ctypes.CDLL(None).malloc_trim(0)


def work() -> None:
    """The side that holds one framework: builds the step twice, and measures the second time."""
    framework, model, share = sys.argv[2:5]
    sys.path.insert(0, str(HERE))
    import models
    from training import TRAINING

    task, training = models.task(model), TRAINING[framework]()
    options: dict[str, Any] = {}
    step = training.step(task)
    step()
    if framework == "weft" and float(share) < 1:
        options["max_memory"] = int(float(share) * sum(temporary_bytes(training.compiled)))
        try:
            training.step(task, **options)()
        except MemoryError as error:
            answer(lambda question: None, {"refused": str(error).splitlines()[0]})
            return
    step = training.compiled = None
    let_go(framework)
    before = status("VmRSS")
    forget_peak()
    step = training.step(task, **options)
    if framework == "weft":
        touch_variables(training.compiled)
    built = status("VmRSS")
    forget_peak()
    losses = [step()]
    call, first = status("VmHWM") - built, status("VmHWM") - before
    let_go(framework)
    forget_peak()
    seconds = []
    for _ in range(3):
        begun = time.perf_counter()
        losses.append(step())
        seconds.append(time.perf_counter() - begun)
    found = {"call": call, "first": first, "later": status("VmHWM") - before, "losses": losses, "seconds": min(seconds)}
    if framework == "weft":
        found |= planned(training.compiled)
    answer(lambda question: None, found)


def temporary_bytes(function: Any) -> tuple[int, int]:
    """What a call of one of weft's functions takes for temporaries, and for results."""
    bound = function.bounds()[-1]
    return function.working_memory(bound).arena, sum(result.bytes for result in bound.results)


def touch_variables(function: Any) -> None:
    """Have the system give all pages to variables: those of zeros it gives when they are first written to."""
    for buffer in function.program.shared:
        buffer.storage.array[...] += 0


def planned(function: Any) -> dict[str, float]:
    """What weft says of a function: of a call; of all but the arguments, which were there before; the work added."""
    from weft.codegen.lowering.memory_report import total_bytes

    bound = function.bounds()[-1]
    arguments = sum(bound.bytes[buffer] for buffer in bound.program.inputs)
    plan = bound.program.recomputed
    total = total_bytes(bound, function.working_memory(bound)) - arguments
    return {
        "of a call": sum(temporary_bytes(function)),
        "planned": total,
        "added": 0.0 if plan is None else plan.work,
    }


def rows_of(model: str, framework: str, share: float, python: str, wanted: list[float]) -> list[object]:
    """A row of the table; the first framework's losses are those wanted of all."""
    worker = Worker(HERE / "memory.py", python, framework, 2, model, str(share))
    worker.end()
    name = framework if share == 1 else f"weft, {share:.0%} of its temporaries"
    hello = worker.hello
    if hello is None or "refused" in hello:
        return [model, name, "not installed" if hello is None else hello["refused"], *[""] * 8]
    wanted += hello["losses"][len(wanted) :]
    apart = max(abs(a - b) / max(abs(b), 1e-30) for a, b in zip(hello["losses"], wanted, strict=True))
    of_call, total, ratio, added = "", "", "", ""
    if "planned" in hello:
        of_call, total = megabytes(hello["of a call"]), megabytes(hello["planned"])
        ratio, added = f"{hello['of a call'] / hello['call']:.3f}", f"{hello['added']:.1%}"
    seen = [megabytes(hello[key]) for key in ("call", "first", "later")]
    return [model, name, of_call, seen[0], ratio, total, *seen[1:], added, hello["seconds"] * 1e3, f"{apart:.1e}"]


def megabytes(size: float) -> str:
    """A number of bytes."""
    return f"{size / 1e6:.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="mlp,lenet")
    parser.add_argument("--limits", default="1", help="parts of what weft takes, separated by commas")
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    given = parser.parse_args()
    pythons = interpreters(given.python)
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(MAPPED_BYTES)
    print(machine())
    rows = []
    for model in given.models.split(","):
        wanted: list[float] = []
        for framework in FRAMEWORKS:
            for share in map(float, given.limits.split(",") if framework == "weft" else "1"):
                rows.append(rows_of(model, framework, share, pythons.get(framework, sys.executable), wanted))
    header = ["step", "framework", "planned of a call", "call", "planned / call", "planned in all", "first", "later"]
    show("megabytes", [*header, "work added", "ms a step", "losses apart"], rows)


if __name__ == "__main__":
    work() if sys.argv[1:2] == ["--work"] else main()
