"""Graphs as pictures: SVG by Graphviz where it is installed, and what notebooks show.

A notebook shows the formula of what has up to `SMALL` nodes; of what has more, the graph, drawn where Graphviz is there
and it has up to `LARGEST`; and else the listing.  Of the three ways there is always one, since notebooks prefer HTML to
all others, whatever it is.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from importlib.util import find_spec

from .expr import Expr, toposort
from .graph import Graph
from .text import listing, to_dot

SMALL = 30  # nodes whose formula is shown
LARGEST = 300  # nodes that a notebook draws by itself


def to_svg(outputs: Expr | Sequence[Expr]) -> str:
    """The graph as a picture in SVG, drawn by Graphviz; in a notebook an expression is drawn by itself.

    Raises ImportError, which says what to install, where the package graphviz or its program `dot` is missing.
    """
    text = to_dot(outputs)
    try:
        import graphviz
    except ImportError as error:
        message = "to_svg needs the package graphviz, and the program of that name: pip install graphviz."
        raise ImportError(message) from error
    try:
        picture: str = graphviz.Source(text).pipe(format="svg", encoding="utf-8")
    except graphviz.ExecutableNotFound as error:
        message = "to_svg needs Graphviz's program `dot`, which is not found: install your system's package graphviz."
        raise ImportError(message) from error
    return picture


def way_in_notebook(node: Expr) -> str:
    """How a notebook shows an expression: "latex", "svg" or "html"."""
    count = len(toposort([node]))
    if count <= SMALL:
        return "latex"
    return "svg" if count <= LARGEST and _has_graphviz() else "html"


def _has_graphviz() -> bool:
    try:
        # not shutil.which: importing that takes 4 ms, which every start would pay
        programs = [os.path.join(folder, name) for folder in os.get_exec_path() for name in ("dot", "dot.exe")]
        return find_spec("graphviz") is not None and any(os.access(program, os.X_OK) for program in programs)
    except ValueError:  # a module of that name that was not imported from anywhere
        return False


def draw_in_notebook(node: Expr) -> str | None:
    """The graph of an expression as SVG, where that is the way to show it."""
    return to_svg(node) if way_in_notebook(node) == "svg" else None


def list_in_notebook(node: Expr) -> str | None:
    """The graph of an expression as a listing in HTML, with the user's lines, where that is the way to show it."""
    if way_in_notebook(node) != "html":
        return None
    lines = listing(Graph((), (node,))).splitlines()
    if len(lines) > LARGEST:
        lines = [f"... {len(lines) - LARGEST} lines before", *lines[-LARGEST:]]
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"
