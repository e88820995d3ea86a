"""Graphs as pictures: SVG by Graphviz where it is installed, and what notebooks show."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .expr import Expr, toposort
from .graph import Graph
from .text import listing, to_dot

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


def draw_in_notebook(node: Expr) -> str | None:
    """The graph of an expression as SVG; None where it is large, or Graphviz is missing: then it is listed."""
    if len(toposort([node])) > LARGEST:
        return None
    try:
        return to_svg(node)
    except ImportError:
        return None


def list_in_notebook(node: Expr) -> str:
    """The graph of an expression as a listing in HTML, with the user's lines."""
    lines = listing(Graph((), (node,))).splitlines()
    if len(lines) > LARGEST:
        lines = [f"... {len(lines) - LARGEST} lines before", *lines[-LARGEST:]]
    return f"<pre>{html.escape(chr(10).join(lines))}</pre>"
