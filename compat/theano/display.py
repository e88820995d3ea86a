"""theano.printing: graphs as text and as pictures; and NanGuardMode, which looks at every value."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import weft as wf

from ...codegen.function import function as weft_function
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Constant
from ...symbolic.types import TupleType
from .convert import unwrap
from .custom import Print
from .functions import Function, Mode, _in_a_row
from .variables import wrap

__all__ = ["Print"]

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floor_divide": "//", "mod": "%", "pow": "**",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=",
}  # fmt: skip


def pprint(*variables: Any) -> str:
    """An expression as a formula."""
    return ", ".join(_formula(v) for v in variables)


pp = pprint


def _formula(variable: Any) -> str:
    root = unwrap(variable)
    texts: dict[Expr, str] = {}
    for node in toposort([root]):
        texts[node] = _of_node(node, [texts[a] for a in node.args])
    return texts[root]


def _of_node(node: Expr, args: Sequence[str]) -> str:
    shown = None if isinstance(node.type, TupleType) else wrap(node).name
    if shown or not args:
        plain = str(node.op.value) if isinstance(node.op, Constant) else node.op.name
        return shown or plain
    name = node.op.name
    if name in INFIX and len(args) == 2:
        return f"({args[0]} {INFIX[name]} {args[1]})"
    if name == "neg":
        return f"(-{args[0]})"
    return f"{name}({', '.join(args)})"


def debugprint(obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, **ignored: Any) -> Any:
    """A graph as an indented tree: on the screen, in a file, or with file="str" as text."""
    roots = obj.compiled.graph.roots if isinstance(obj, Function) else [unwrap(v) for v in _in_a_row(obj)]
    lines: list[str] = []
    seen: dict[Expr, str] = {}
    for root in roots:
        _tree(root, depth, print_type, lines, seen)
    text = "\n".join(lines) + "\n"
    if file == "str":
        return text
    (sys.stdout if file is None else file).write(text)
    return file


def _tree(root: Expr, depth: int, print_type: bool, lines: list[str], seen: dict[Expr, str]) -> None:
    waiting = [(root, 0)]
    while waiting:
        node, level = waiting.pop()
        known = node in seen
        label = seen.setdefault(node, _letters(len(seen)))
        plural = isinstance(node.type, TupleType)
        name = None if plural else wrap(node).name
        what = str(node.op.value) if isinstance(node.op, Constant) else node.op.name
        kind = f" <{node.type if plural else wrap(node).type}>" if print_type else ""
        lines.append(f"{' |' * level}{what} [id {label}]{kind} {repr(name) if name else ''}".rstrip())
        if not known and node.args and (depth < 0 or level + 1 < depth):
            waiting += [(a, level + 1) for a in reversed(node.args)]


def _letters(number: int) -> str:
    text = ""
    while True:
        text = chr(ord("A") + number % 26) + text
        number = number // 26 - 1
        if number < 0:
            return text


def pydotprint(fct: Any, outfile: str = "graph.png", format: str = "png", **ignored: Any) -> None:
    """A graph as a picture in a file; a name that ends in .dot gets Graphviz's own text."""
    root = fct.compiled.graph.roots if isinstance(fct, Function) else [unwrap(v) for v in _in_a_row(fct)]
    text, path = wf.to_dot(root[0] if len(root) == 1 else list(root)), Path(outfile)
    if path.suffix == ".dot":
        path.write_text(text)
        return
    if shutil.which("dot") is None:
        text = f"Pictures are drawn by Graphviz's program dot, which is not here: {path} cannot be made."
        raise blame(RuntimeError(text), user_site(), hint="install graphviz, or give an outfile that ends in .dot.")
    kind = path.suffix[1:] or format
    subprocess.run(["dot", f"-T{kind}", "-o", str(path)], input=text, text=True, check=True)


def min_informative_str(obj: Any, *ignored: Any) -> str:
    """A graph as a tree."""
    return debugprint(obj, file="str")  # type: ignore[no-any-return]


class NanGuardMode(Mode):
    """Look at every value that a function computes: NaN, infinities and numbers beyond 1e10 are errors."""

    def __init__(
        self, nan_is_error: bool = True, inf_is_error: bool = True, big_is_error: bool = True, **options: Any
    ) -> None:
        super().__init__()
        self.nan, self.inf, self.big = nan_is_error, inf_is_error, big_is_error
        self._watching: dict[Any, Any] = {}

    def before(self, function: Function, arrays: Sequence[np.ndarray]) -> None:
        """Compute all values, without updates, and look at them.  Raises AssertionError at the first bad one."""
        if function not in self._watching:
            graph = function.compiled.source
            nodes = [n for n in graph.nodes if not isinstance(n.type, TupleType) and n.type.is_float]
            watched = weft_function(list(graph.inputs), nodes, _still(graph), on_unused_input="ignore")
            self._watching[function] = nodes, watched
        nodes, watched = self._watching[function]
        for node, value in zip(nodes, watched(*arrays), strict=True):
            what = self._bad(value)
            if what:
                name = wrap(node).name or node.op.name
                text = f"NanGuardMode: {name}, of shape {value.shape}, holds {what}."
                raise blame(AssertionError(text), node.site, *[a.site for a in node.args])

    def _bad(self, value: np.ndarray) -> str:
        if self.nan and np.isnan(value).any():
            return "NaN"
        if self.inf and np.isinf(value).any():
            return "an infinity"
        finite = value[np.isfinite(value)]
        return "a number beyond 1e10" if self.big and (np.abs(finite) > 1e10).any() else ""


def _still(graph: Any) -> dict[Expr, Expr]:
    """Updates that leave the random streams where they are."""
    return {n: n for n in graph.shared if n.op.cell.default_update is not None}
