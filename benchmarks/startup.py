"""What a user waits for before the first result, and how much memory that takes, beside JAX and PyTorch.

    python -m benchmarks.startup [--wheel] [--models mlp,lenet] [--rounds 3] [--python torch=PATH,jax=PATH]
                                 [--chart FILE]

Seconds from the start of Python's imports, NumPy's and the framework's among them, to the first loss of a training
step; Python's own start and the making of the arrays are left out.  Every figure is from a process of its own.  Cold:
with empty caches, which for JAX is how it comes; warm: a second process, JAX with its persistent cache.  A cell has the
least of all rounds, and the median behind it.

--wheel builds a wheel of this checkout and installs it in a new virtual environment, as users have it, with the kernels
that a wheel brings, which takes minutes: WEFT_BUILD_KINDS=x86-64-v4-512 makes them for one kind of processor.  --chart
draws the least seconds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from installation import installed_wheel
from processes import measure
from table import machine, show
from workers import interpreters

FRAMEWORKS = ("weft", "jax", "torch")
PEERS = FRAMEWORKS[1:]
Runs = dict[tuple[str, str, str], list[dict[str, Any]]]  # by model, start and framework


def measure_imports(framework: str, python: str) -> float | None:
    """Seconds that importing it takes beyond NumPy, the least of five processes each; None where it is missing."""
    least = []
    for modules in ("numpy", f"numpy, {framework}"):
        program = f"import time; begun = time.perf_counter(); import {modules}; print(time.perf_counter() - begun)"
        runs = [subprocess.run([python, "-c", program], capture_output=True, text=True) for _ in range(5)]
        if any(run.returncode for run in runs):
            return None
        least.append(min(float(run.stdout) for run in runs))
    return least[1] - least[0]


def measure_starts(models: list[str], pythons: dict[str, str], rounds: int, folder: Path) -> Runs:
    """The figures of all rounds, frameworks in turn."""
    found: Runs = {}
    for number in range(rounds):
        for model in models:
            for framework, python in pythons.items():
                kept = folder / f"{framework}-{model}" if framework != "weft" else folder / f"weft-{model}-{number}"
                if framework != "weft" and not number:
                    measure(framework, model, python, str(kept))  # fills what it keeps
                for start, cache in (("cold", str(kept) if framework == "weft" else None), ("warm", str(kept))):
                    figures = measure(framework, model, python, cache)
                    if figures is not None:
                        found.setdefault((model, start, framework), []).append(figures)
    return found


def least(runs: Runs, model: str, start: str, framework: str, what: str = "seconds") -> Any:
    """The least of all rounds; None where there was none."""
    found = [figures[what] for figures in runs.get((model, start, framework), [])]
    return min(found, default=None)


def row_of(runs: Runs, model: str, start: str, frameworks: list[str]) -> list[object]:
    """A row of the table of seconds."""
    row: list[object] = [model, start]
    for framework in frameworks:
        seconds = [figures["seconds"] for figures in runs.get((model, start, framework), [])]
        row.append(f"{min(seconds):.2f} ({statistics.median(seconds):.2f})" if seconds else "")
    mine = least(runs, model, start, "weft")
    peers = [found for peer in PEERS if (found := least(runs, model, start, peer)) is not None]
    assert mine is not None
    return [*row, min(peers) / mine if peers else ""]


def costs_of(runs: Runs, model: str, start: str, frameworks: list[str]) -> list[object]:
    """A row of the table of what a start takes of the machine, the least of all rounds."""
    seconds = [least(runs, model, start, framework, "cpu") for framework in frameworks]
    peaks = [least(runs, model, start, framework, "peak") for framework in frameworks]
    cells = [*("" if one is None else one for one in seconds), *("" if one is None else one >> 20 for one in peaks)]
    return [model, start, *cells]


def draw(runs: Runs, models: list[str], frameworks: list[str], file: str) -> None:
    """A bar for each framework and model, cold on the left, warm on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axes, start in zip(figure.subplots(1, 2), ("cold", "warm"), strict=True):
        for number, framework in enumerate(frameworks):
            heights = [least(runs, model, start, framework) or 0.0 for model in models]
            places = [i + (number - (len(frameworks) - 1) / 2) * 0.8 / len(frameworks) for i in range(len(models))]
            bars = axes.bar(places, heights, 0.8 / len(frameworks), label=framework)
            axes.bar_label(bars, fmt="%.2f", fontsize=7)
        axes.set_xticks(range(len(models)), models)
        axes.set_title({"cold": "nothing compiled before", "warm": "in a second process"}[start])
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("seconds, imports included")
    figure.axes[0].legend(frameon=False)
    figure.suptitle("From the first import to the first loss of a training step")
    figure.savefig(file, dpi=160)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="mlp,lenet,resnet20,char-lstm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    parser.add_argument("--wheel", action="store_true", help="measure a wheel of this checkout")
    parser.add_argument("--chart", help="a file for the chart")
    given = parser.parse_args()
    models = given.models.split(",")
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        chosen = interpreters(given.python)
        if given.wheel:
            chosen["weft"] = installed_wheel(Path(name))
        pythons = {framework: chosen.get(framework, sys.executable) for framework in FRAMEWORKS}
        imports = {framework: measure_imports(framework, python) for framework, python in pythons.items()}
        frameworks = [framework for framework, seconds in imports.items() if seconds is not None]
        runs = measure_starts(models, {f: pythons[f] for f in frameworks}, given.rounds, Path(name))
    starts = [(model, start) for start in ("cold", "warm") for model in models]
    header = ["step", "start", *frameworks, "best peer / weft"]
    show("seconds to the first loss", header, [row_of(runs, *s, frameworks) for s in starts])
    header = ["step", "start", *(f"{f}, CPU s" for f in frameworks), *(f"{f}, MB" for f in frameworks)]
    show(
        "seconds of all threads, memory at most",
        header,
        [costs_of(runs, *s, frameworks) for s in starts],
    )
    show("seconds to import, beyond NumPy", frameworks, [[imports[framework] for framework in frameworks]])
    if given.chart:
        draw(runs, models, frameworks, given.chart)


if __name__ == "__main__":
    main()
