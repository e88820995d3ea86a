"""Large networks from nothing to the first result: nodes, seconds in each stage, memory, beside JAX.

    python -m benchmarks.large [--models densenet121,rnn200] [--families resnet,rnn] [--rounds 1] [--limit 600]
                               [--wheel] [--python jax=PATH]
    python -m benchmarks.large --small-change [--wheel]

Each figure is from a process of its own, the least of all rounds.  Seconds count from the start of the imports to the
first loss, without the making of the arrays.  Cold: with empty caches, which the process fills; warm: a second process
that finds what the first left, JAX in its persistent cache.  A stage's seconds are those of weft's spans, without what
other stages took within them: `imports` are those of `import weft`, `function` holds later ones.

For each family of growing networks the last table fits seconds = c * nodes ** exponent to each stage, by least squares
in logarithms: 1 is linear.  Behind it stands the exponent from the largest but one to the largest, in which what is
the same for all networks weighs least.

With --small-change densenet121 is compiled, then in new processes, each with what the first one left, densenet121 after
one change.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np
from installation import installed_wheel
from models import CHANGED, FAMILIES, LARGE
from processes import measure
from table import machine, show
from workers import interpreters

STARTS = ("cold", "warm")
LEAST_SECONDS = 0.01  # of the largest network's stage, for an exponent of it: less is noise
Figures = dict[str, Any]
Runs = dict[tuple[str, str, str], Figures]  # by model, framework and start


def measure_model(model: str, framework: str, python: str, rounds: int, limit: float) -> Runs:
    """The least figures of a model, cold and warm."""
    found: dict[str, list[Figures]] = {start: [] for start in STARTS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for start in STARTS:
                figures = measure(framework, model, python, cache, limit)
                if figures is None:
                    break
                print(f"{model}, {framework}, {start}: {figures['seconds']:.2f} s", file=sys.stderr)
                found[start].append(figures)
    return {(model, framework, start): join(runs) for start, runs in found.items() if runs}


def join(runs: list[Figures]) -> Figures:
    """One run's figures, with the least seconds of all, in each stage too."""
    spans = {name: min(run["spans"].get(name, [0.0])[0] for run in runs) for name in runs[0]["spans"]}
    return {**runs[0], "seconds": min(run["seconds"] for run in runs), "spans": spans}


# ---- tables ---------------------------------------------------------------------------------------------------------


def show_sizes(runs: Runs, models: list[str]) -> None:
    """Nodes, launches and nests."""
    counts = ("nodes", "rewritten", "launches", "nests")
    rows = [[model, *(f"{runs[model, 'weft', 'cold'][count]:,}" for count in counts)] for model in models]
    show("sizes", ["network", "nodes as written", "after the passes", "launches", "distinct nests"], rows)


def show_starts(runs: Runs, models: list[str], limit: float) -> None:
    """Seconds and memory, beside JAX's."""
    rows = []
    missing = f"> {limit:g}" if any(framework == "jax" for _, framework, _ in runs) else ""
    for model in models:
        row: list[object] = [model]
        for start in STARTS:
            mine, theirs = (runs.get((model, framework, start)) for framework in ("weft", "jax"))
            row += [figures["seconds"] if figures else missing for figures in (mine, theirs)]
            row.append(theirs["seconds"] / mine["seconds"] if mine and theirs else "")
            row += [round(figures["peak"] / 2**20) if figures else "" for figures in (mine, theirs)]
        rows.append(row)
    header = [f"{start}, {what}" for start in STARTS for what in ("s", "JAX, s", "JAX / weft", "MB", "JAX, MB")]
    show("first result", ["network", *header], rows)


def show_stages(runs: Runs, models: list[str], start: str) -> None:
    """Seconds in each stage."""
    rows = []
    stages = stages_of([runs[model, "weft", start] for model in models])
    for model in models:
        spans = runs[model, "weft", start]["spans"]
        rows.append([model, *(spans.get(stage, 0.0) for stage in stages)])
    show(f"weft's stages, {start}: seconds", ["network", *stages], rows)


def stages_of(figures: list[Figures]) -> list[str]:
    """The stages of any of these runs, in their order."""
    return list(dict.fromkeys(stage for one in figures for stage in one["spans"]))


def show_exponents(runs: Runs, families: list[str]) -> None:
    """How the seconds of stages grow with the nodes."""
    found = [runs[model, "weft", "cold"] for family in families for model in FAMILIES[family]]
    stages = stages_of(found)
    rows = []
    for family in families:
        for start in STARTS:
            figures = [runs[model, "weft", start] for model in FAMILIES[family]]
            nodes = [one["nodes"] for one in figures]
            columns = [[one["spans"].get(stage, 0.0) for one in figures] for stage in stages]
            whole = [one["seconds"] for one in figures]
            growth = f"{min(nodes):,} to {max(nodes):,}"
            rows.append([family, start, growth, *(exponent(nodes, seconds) for seconds in [*columns, whole])])
    show("exponents of nodes", ["family", "start", "nodes", *stages, "all"], rows)


def exponent(nodes: list[int], seconds: list[float]) -> str:
    """The slope of log seconds over log nodes, and that of the largest two; nothing where the seconds say little."""
    if seconds[-1] < LEAST_SECONDS or min(seconds) <= 0:
        return ""
    points = np.log(nodes), np.log(seconds)
    slopes = (np.polyfit(*(axis[-count:] for axis in points), 1)[0] for count in (len(nodes), 2))
    return "{:.2f} ({:.2f})".format(*slopes)


def show_changes(python: str, limit: float) -> None:
    """densenet121 after one change, with what it left on disk before the change."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "kept"
        kept.mkdir()
        for model in ("densenet121", "densenet121", *CHANGED):
            cache = kept if model == "densenet121" else Path(folder) / model
            if cache != kept:
                shutil.copytree(kept, cache)
            figures = measure("weft", model, python, str(cache), limit)
            if figures is None:
                raise SystemExit(f"{model} takes more than {limit:g} seconds, and --limit allows no more.")
            counts = [figures["spans"].get(name, [0.0, 0])[1] for name in ("compile nests", "compile kernels")]
            rows.append([model, figures["seconds"], figures["cpu"], figures["nests"], *counts])
    for row, what in zip(rows, ("densenet121, cold", "densenet121, warm"), strict=False):
        row[0] = what
    header = ["what", "seconds", "CPU seconds", "distinct nests", "nests compiled", "kernels compiled"]
    show("after a small change", header, rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="")
    parser.add_argument("--families", default="")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds that a process may take")
    parser.add_argument("--python", default="", help="framework=interpreter, separated by commas")
    parser.add_argument("--wheel", action="store_true", help="measure a wheel of this checkout")
    parser.add_argument("--small-change", action="store_true", help="densenet121 after one change")
    given = parser.parse_args()
    chosen = interpreters(given.python)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        if given.wheel:
            chosen["weft"] = installed_wheel(Path(folder))
        if given.small_change:
            show_changes(chosen.get("weft", sys.executable), given.limit)
        else:
            show_all(given, {framework: chosen.get(framework, sys.executable) for framework in ("weft", "jax")})


def show_all(given: argparse.Namespace, pythons: dict[str, str]) -> None:
    """Measure what was asked for, or all, and print its tables."""
    asked = [name for name in given.models.split(",") if name]
    families = [name for name in given.families.split(",") if name] or ([] if asked else list(FAMILIES))
    grown = [model for family in families for model in FAMILIES[family]]
    names = list(dict.fromkeys([*asked, *grown])) if asked or given.families else list(LARGE)
    runs: Runs = {}
    for model in names:
        for framework, python in pythons.items():
            runs |= measure_model(model, framework, python, given.rounds, given.limit)
    done = [model for model in names if (model, "weft", "warm") in runs]
    for model in [name for name in names if name not in done]:
        print(f"\n{model} takes weft more than {given.limit:g} seconds.")
    show_sizes(runs, done)
    show_starts(runs, done, given.limit)
    for start in STARTS:
        show_stages(runs, done, start)
    whole = [family for family in families if set(FAMILIES[family]) <= set(done)]
    if whole:
        show_exponents(runs, whole)


if __name__ == "__main__":
    main()
