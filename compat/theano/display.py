"""theano.printing: graphs as text and as pictures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import weft as wf

from ...symbolic.errors import blame, user_site
from .convert import unwrap
from .creation import as_tensor_variable
from .custom import Print
from .elementwise import Elemwise
from .functions import Function, _in_a_row
from .graphs import ancestors
from .variables import TensorConstant, variable_of

__all__ = ["Print"]

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "true_div": "/", "int_div": "//", "mod": "%", "pow": "**",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "neq": "!=",
}  # fmt: skip


def pprint(*variables: Any) -> str:
    """An expression as a formula; what has a name is written as that."""
    return ", ".join(_formula(v) for v in variables)


pp = pprint


def _formula(root: Any) -> str:
    root = as_tensor_variable(root)
    texts: dict[Any, str] = {}
    for variable in ancestors([root]):
        if variable.owner is None or (variable.name and variable is not root):
            plain = variable.data if isinstance(variable, TensorConstant) else variable
            texts[variable] = variable.name or str(plain)
        else:
            texts[variable] = _of_application(variable.owner.op, [texts[v] for v in variable.owner.inputs])
    return texts[root]


def _of_application(op: Any, args: Sequence[str]) -> str:
    name = op.scalar_op.name if isinstance(op, Elemwise) else str(op)
    if name in INFIX and len(args) > 1:
        return f"({f' {INFIX[name]} '.join(args)})"
    if name == "neg":
        return f"(-{args[0]})"
    return f"{name}({', '.join(args)})"


def debugprint(obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, **ignored: Any) -> Any:
    """A graph as an indented tree: on the screen, in a file, or with file="str" as text."""
    if isinstance(obj, Function):
        roots = [variable_of(r) for r in obj.compiled.graph.roots]
    else:
        roots = [as_tensor_variable(v) for v in _in_a_row(obj)]
    lines: list[str] = []
    seen: dict[Any, str] = {}
    for root in roots:
        _tree(root, depth, print_type, lines, seen)
    text = "\n".join(lines) + "\n"
    if file == "str":
        return text
    (sys.stdout if file is None else file).write(text)
    return file


def _tree(root: Any, depth: int, print_type: bool, lines: list[str], seen: dict[Any, str]) -> None:
    waiting = [(root, 0)]
    while waiting:
        variable, level = waiting.pop()
        owner = variable.owner
        key = variable if owner is None or owner.nout > 1 else owner
        known = key in seen
        label = seen.setdefault(key, _letters(len(seen)))
        what = str(variable) if owner is None else f"{owner.op}.{variable.index}" if owner.nout > 1 else str(owner.op)
        kind = f" <{variable.type}>" if print_type else ""
        name = "" if owner is None else f" {(variable.name or '')!r}"
        lines.append(f"{' |' * level}{what} [id {label}]{kind}{name}")
        if not known and owner is not None and (depth < 0 or level + 1 < depth):
            waiting += [(v, level + 1) for v in reversed(owner.inputs)]


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


class Node:
    """A node of a picture: what Theano draws d3viz from."""

    def __init__(self, *args: Any, **options: Any) -> None:
        text = "theano.printing.Node is for pictures that are drawn in a browser, which are not here."
        raise blame(NotImplementedError(text), user_site(), hint="use theano.printing.pydotprint or debugprint.")
