"""Runs the programs of the gallery, and writes the page that shows them.

    python -m examples.gallery                       # all, on scikit-learn's digits
    python -m examples.gallery mnist --data DIR      # a group, or one program such as mnist.lenet, on other data
    python -m examples.gallery --page                # the page alone, from the figures that are there

Pictures and figures go to docs/gallery, the page to docs/gallery.md.
"""

import argparse
import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

EXAMPLES = Path(__file__).parent
DOCS = EXAMPLES.parent / "docs"
PICTURES = DOCS / "gallery"
FIGURES = PICTURES / "figures.json"
# the groups, from a single neuron on
GROUPS = ("neurons", "backpropagation", "mnist", "linear", "shapes", "activations", "initialisation", "regularisation")
GROUPS += ("optimisers", "images", "sequences", "unsupervised", "generators", "inputs", "transfer", "devices")
GROUPS += ("extending",)
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


def doc_of(path: Path) -> str:
    """The docstring of a module."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def programs() -> Iterator[Program]:
    """All programs, group after group."""
    for group in GROUPS:
        for path in sorted((EXAMPLES / group).glob("*.py")):
            if "def main(" in path.read_text():
                yield Program(f"{group}.{path.stem}", path)


def run(program: Program, options: list[str]) -> dict[str, Any]:
    """Run a program in a process of its own; what it gives, and how long it took."""
    print(f"== {program.name} {' '.join(options)}", flush=True)
    start = time.perf_counter()
    command = [sys.executable, "-c", CALL.format(program.name), "--out", str(PICTURES), *options]
    done = subprocess.run(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    figures = json.loads(done.stdout.splitlines()[-1])
    print(f"   {figures} in {seconds:.0f} s", flush=True)
    shown = [o if not o.startswith("/") else "DIR" for o in options]
    pictures = [line.removeprefix("picture: ") for line in done.stdout.splitlines() if line.startswith("picture: ")]
    for path in pictures:
        shrink(Path(path))
    return {
        "figures": figures,
        "seconds": round(seconds, 1),
        "options": " ".join(shown),
        "pictures": [Path(path).name for path in pictures],
    }


def shrink(path: Path) -> None:
    """Write a picture again in 256 colours, which takes a third of the bytes."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def page(found: dict[str, Any]) -> str:
    """The page: groups, and for each program what it shows, how it is run, its figures and its pictures."""
    lines = ["# Gallery", "", "Small programs, each of which trains on real data and can be read in a few minutes."]
    lines += ["`python -m examples.gallery` ran them and wrote this page. Figures are of one seed; seconds include"]
    lines += ["start and compilation, on two cores of an AMD EPYC (Zen 3) that had other work beside.", ""]
    group = ""
    for program in programs():
        if program.group != group:
            group = program.group
            lines += [f"## {doc_of(program.path.parent / '__init__.py')}", ""]
        link = program.path.relative_to(EXAMPLES.parent).as_posix()
        lines += [f"**[{program.name}](../{link})** ({program.lines} lines). {program.words}", ""]
        for key, run_of in found.items():
            if key.split(" ")[0] == program.name:
                lines += describe(program, run_of)
    return "\n".join(lines)


def describe(program: Program, found: dict[str, Any]) -> list[str]:
    """The lines of one run."""
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in found["figures"].items())
    command = f"python -m examples.{program.name} {found['options']}".strip()
    pictures = [f"![{program.name}](gallery/{name})" for name in found["pictures"]]
    return [f"`{command}`: {numbers}; {found['seconds']:.0f} s", "", *pictures, ""]


def main() -> None:
    """Run what was asked for, keep its figures, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="groups or programs; none: all")
    parser.add_argument("--page", action="store_true", help="run nothing")
    args, options = parser.parse_known_args()
    found = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for program in programs():
        wanted = not args.names or program.name in args.names or program.group in args.names
        if wanted and not args.page:
            result = run(program, options)
            found[f"{program.name} {result['options']}".strip()] = result
            PICTURES.mkdir(parents=True, exist_ok=True)
            FIGURES.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")
    (DOCS / "gallery.md").write_text(page(found))


if __name__ == "__main__":
    main()
