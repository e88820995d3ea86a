"""Runs the programs of the gallery, and writes the page that shows them.

    python -m examples.gallery                           # all, on scikit-learn's digits
    python -m examples.gallery mnist                     # a group, or a program such as mnist.lenet
    python -m examples.gallery mnist.lenet --data DIR    # with the options of programs
    python -m examples.gallery --page                    # the page alone, from the figures that are there

Names come first, then options.  Pictures and figures go to docs/gallery, the page to docs/gallery.md; a run with
options has pictures and figures of its own, beside those of a run without.
"""

import argparse
import ast
import difflib
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.table import machine

EXAMPLES = Path(__file__).parent
DOCS = EXAMPLES.parent / "docs"
PICTURES = DOCS / "gallery"
FIGURES = PICTURES / "figures.json"
PAGE = DOCS / "gallery.md"
# the groups, from a single neuron on
GROUPS = ("neurons", "backpropagation", "mnist", "linear", "shapes", "activations", "initialisation", "regularisation")
GROUPS += ("optimisers", "images", "sequences", "unsupervised", "generators", "inputs", "transfer", "devices")
GROUPS += ("extending", "moving")
CALL = "import json, sys; from examples.{0} import main; print(json.dumps(main(sys.argv[1:])))"


class Program(NamedTuple):
    """A program of the gallery, by the texts at its head."""

    name: str  # mnist.lenet
    path: Path

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    @property
    def words(self) -> str:
        """What it shows: the first paragraph of its docstring, in one line."""
        return " ".join(doc_of(self.path).partition("\n\n")[0].split())

    @property
    def lines(self) -> int:
        return len(self.path.read_text().splitlines())


@cache
def doc_of(path: Path) -> str:
    """The docstring of a module."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def programs() -> Iterator[Program]:
    """All programs, group after group."""
    for group in GROUPS:
        for path in sorted((EXAMPLES / group).glob("*.py")):
            if "def main(" in path.read_text():
                yield Program(f"{group}.{path.stem}", path)


def missing(program: Program) -> list[str]:
    """The packages that a program imports and that are not installed."""
    tree = ast.parse(program.path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if not node.level}
    return sorted(name for name in {name.partition(".")[0] for name in names} if find_spec(name) is None)


def run(program: Program, options: list[str], shown: str) -> dict[str, Any]:
    """Run a program in a process of its own; what it gives, how long it took, and where.

    shown : the options as the page has them
    """
    print(f"== {program.name} {shown}", flush=True)
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-c", CALL.format(program.name), *options, "--out", folder]
        done = subprocess.run(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"{program.name} ended with exit status {done.returncode}; nothing of it was kept.")
        figures = json.loads(done.stdout.splitlines()[-1])
        print(f"   {figures} in {seconds:.0f} s", flush=True)
        drawn = sorted(Path(folder).glob("*.png"))
        for path in drawn:
            shrink(path, PICTURES / picture_name(path.name, shown))
    return {
        "figures": figures,
        "seconds": round(seconds, 1),
        "options": shown,
        "pictures": [picture_name(path.name, shown) for path in drawn],
        "machine": machine(),
    }


def picture_name(name: str, shown: str) -> str:
    """lenet.png; of a run with --data DIR --epochs 10, lenet.data-dir-epochs-10.png."""
    words = re.findall(r"[a-z0-9.]+", shown.lower())
    return ".".join([name.removesuffix(".png"), *["-".join(words)] * bool(words), "png"])


def shrink(path: Path, to: Path) -> None:
    """Write a picture again in 256 colours, which takes a third of the bytes."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256).save(to, optimize=True)


def page(found: dict[str, Any]) -> str:
    """The page: groups, and for each program what it shows, how it is run, its figures and its pictures."""
    machines = sorted({run_of["machine"] for run_of in found.values()})
    where = f"on {machines[0]}" if len(machines) == 1 else "on the machine that is named with them"
    lines = ["# Gallery", "", "Small programs that can be read in a few minutes each; most of them train a network on"]
    lines += ["real data, such as scikit-learn's digits. `python -m examples.gallery` ran them and wrote this page."]
    lines += ["Figures are of one seed; seconds include start and compilation, and are those"]
    lines += [f"{where}, which may have had other work beside.", ""]
    group = ""
    for program in programs():
        if program.group != group:
            group = program.group
            lines += [f"## {doc_of(program.path.parent / '__init__.py')}", ""]
        link = program.path.relative_to(EXAMPLES.parent).as_posix()
        lines += [f"**[{program.name}](../{link})** ({program.lines} lines). {program.words}", ""]
        for key, run_of in found.items():
            if key.split(" ")[0] == program.name:
                lines += describe(program, run_of, len(machines) > 1)
    return "\n".join(lines)


def describe(program: Program, found: dict[str, Any], with_machine: bool) -> list[str]:
    """The lines of one run."""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in found["figures"].items())
    command = f"python -m examples.{program.name} {found['options']}".strip()
    pictures = [f"![{program.name}](gallery/{name})" for name in found["pictures"]]
    where = f" on {found['machine']}" if with_machine else ""
    return [f"`{command}`: {numbers}; {found['seconds']:.0f} s{where}", "", *pictures, ""]


def parser() -> argparse.ArgumentParser:
    """Of what stands after the names; what it does not know goes to the programs."""
    found = argparse.ArgumentParser(
        usage="python -m examples.gallery [NAME ...] [--page] [--data DIR] [options of the programs]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.add_argument("--page", action="store_true", help="run nothing")
    found.add_argument("--data", type=Path, metavar="DIR", help="a folder or file for programs, DIR on the page")
    found.add_argument("--out", help=argparse.SUPPRESS)
    return found


def asked(argv: Sequence[str]) -> tuple[list[Program], list[str], str]:
    """(the programs to run, the options they are given, those as the page shows them), by the words of a command."""
    command, first = parser(), next((i for i, word in enumerate(argv) if word.startswith("-")), len(argv))
    names, (args, options) = argv[:first], command.parse_known_args(argv[first:])
    everything = list(programs())
    known = {p.path.stem: p.name for p in everything} | {name: name for p in everything for name in (p.name, p.group)}
    for name in names:
        if name not in known.values():
            (near,) = difflib.get_close_matches(name.replace("/", "."), known, 1, cutoff=0)
            command.error(f"There is no program or group {name!r}; the nearest name is {known[near]}.")
    for number, word in enumerate(options):
        if word in known.values() or (number == 0 and not word.startswith("-")):
            command.error(f"{word!r} stands after an option; the names of programs come first.")
    if args.out is not None:
        command.error("--out is not taken: pictures go to docs/gallery, where the page shows them.")
    if args.data is not None and not args.data.exists():
        command.error(f"--data: there is no {args.data}.")
    wanted = [p for p in everything if not names or p.name in names or p.group in names]
    data = [] if args.data is None else ["--data", str(args.data.resolve())]
    return [] if args.page else wanted, data + options, shlex.join([*data[:1], *["DIR"] * bool(data), *options])


def keep(found: dict[str, Any]) -> None:
    """Write the figures, and the page that shows them."""
    ordered = dict(sorted(found.items()))
    FIGURES.write_text(json.dumps(ordered, indent=1) + "\n")
    PAGE.write_text(page(ordered))


def main(argv: Sequence[str] | None = None) -> None:
    """Run what was asked for, keep its figures, write the page."""
    wanted, options, shown = asked(sys.argv[1:] if argv is None else argv)
    PICTURES.mkdir(parents=True, exist_ok=True)
    found = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for program in wanted:
        if absent := missing(program):
            print(f"== {program.name} is left out: it imports {', '.join(absent)}, which no package here has.")
            continue
        found[f"{program.name} {shown}".strip()] = run(program, options, shown)
        keep(found)
    keep(found)


if __name__ == "__main__":
    main()
