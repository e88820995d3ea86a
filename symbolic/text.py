"""Graphs as text: a listing with the user's lines, a formula, Python that rebuilds the graph, and Graphviz's dot."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .arguments import check_expressions
from .dims import SymDim
from .errors import ArgumentError, blame, user_site
from .expr import Expr, Op, toposort
from .graph import Graph
from .leaves import Constant, Input, Shared, Size
from .sizes import all_sources
from .storage import Storage

_LONGEST = 160  # characters of a formula in an expression's repr


def names(roots: Sequence[Expr]) -> dict[Expr, str]:
    """A short name for every node: the user's where there is one and it is free, else %0, %1 ..."""
    found: dict[Expr, str] = {}
    taken: set[str] = set()
    for node in toposort(roots):
        label = node.name
        if isinstance(node.op, Constant) and node.op.value.ndim == 0:
            found[node] = str(node.op.value[()])
        elif label and label not in taken:
            taken.add(label)
            found[node] = label
        else:
            found[node] = f"%{len(found)}"
    return found


def parameters(op: Op) -> str:
    """An op's static parameters, as they are printed: 'axes=(0,), keepdims=True'."""
    if hasattr(op, "details"):
        return str(op.details)
    if not is_dataclass(op):
        return ""
    shown = [(f.name, getattr(op, f.name)) for f in fields(op) if f.repr and f.compare]
    # of a function its name: its repr has an address
    return ", ".join(f"{name}={getattr(value, '__qualname__', value)}" for name, value in shown)


def call(node: Expr, named: dict[Expr, str]) -> str:
    """One node as a call: 'sum(%3, axes=(0,))'."""
    op = node.op
    if isinstance(op, Input):
        return "input"
    if isinstance(op, Shared):
        return "shared"
    if isinstance(op, Size):
        return f"size({op.dim})"
    if isinstance(op, Constant):
        return f"constant({np.array2string(op.value, threshold=6, edgeitems=2).replace(chr(10), '')})"
    listed = [named[a] for a in node.args]
    details = parameters(op)
    return f"{op.name}({', '.join([*listed, details] if details else listed)})"


def listing(graph: Graph, sites: bool = True) -> str:
    """The graph, one node a line, with the type and the user's line beside it."""
    named = names(graph.roots)
    lines_of = {site: f"{site}  {site.text}" for site in {node.site for node in graph.nodes}}
    rows = []
    for node in graph.nodes:
        if isinstance(node.op, Constant) and node.op.value.ndim == 0:
            continue
        rows.append((f"{named[node]} = {call(node, named)}", str(node.type), lines_of[node.site]))
    lines = _columns(rows if sites else [(a, b) for a, b, _ in rows])
    lines += [f"return {', '.join(named[o] for o in graph.outputs)}"] if graph.outputs else []
    lines += [f"update {named.get(s, s.name or '?')} <- {named[new]}" for s, new in graph.updates]
    return "\n".join(lines)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [min(70, max(map(len, column))) for column in zip(*rows, strict=True)][:-1]
    padded = ([f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)] for row in rows)
    return ["  ".join([*cells, row[-1]]).rstrip() for cells, row in zip(padded, rows, strict=True)]


def describe(node: Expr) -> str:
    """A formula, cut where it gets long: the repr of an expression."""
    budget = [_LONGEST]

    def formula(n: Expr, depth: int) -> str:
        budget[0] -= 4
        if n.name:
            return n.name
        if isinstance(n.op, Constant) and n.op.value.ndim == 0:
            return str(n.op.value[()])
        if not n.args:
            return call(n, {}) if not isinstance(n.op, Input) else "input"
        if depth > 8 or budget[0] < 0:
            return "..."
        inside = [formula(a, depth + 1) for a in n.args]
        details = parameters(n.op)
        return f"{n.op.name}({', '.join([*inside, details] if details else inside)})"

    return f"<{formula(node, 0)}: {node.type}>"


def to_python(outputs: Expr | Sequence[Expr]) -> str:
    """A Python module that rebuilds the graph: inputs are made anew, shared variables with their present values.

    Large constants are written as nested lists.  The outputs are in the variable `outputs`.  Raises ArgumentError
    where an op has a lambda, or another function that cannot be imported, among its parameters.
    """
    roots = check_expressions("outputs", outputs)
    # what sizes are taken from comes before what has these sizes: values, and axes of shared variables
    sized = list(reversed(all_sources(toposort(roots)).values()))
    memory = [node for node in toposort([*sized, *roots]) if isinstance(node.op, Shared)]
    order = toposort([*memory, *sized, *roots])
    variables = {node: f"v{i}" for i, node in enumerate(order)}
    writer = _Writer(variables)
    body = [f"{variables[n]} = {writer.node(n, [variables[a] for a in n.args])}" for n in order]
    result = f"outputs = [{', '.join(variables[r] for r in roots)}]"
    return "\n".join([*writer.imports(), "", *writer.bodies, *body, result, ""])


class _Writer:
    """Collects what the rebuilt module has to import."""

    def __init__(self, variables: dict[Expr, str]) -> None:
        self.variables = variables
        self.needed: set[tuple[str, str]] = {("weft.symbolic.expr", "apply")}
        self.bodies: list[str] = []  # functions that build the bodies of loops and branches

    def imports(self) -> list[str]:
        return ["import numpy", "import weft", *(f"from {m} import {n}" for m, n in sorted(self.needed))]

    def node(self, node: Expr, args: list[str]) -> str:
        op: Any = node.op
        if isinstance(op, Input) and isinstance(op.number, tuple):
            self.needed.add(("weft.ops.bodies", "parameter"))
            return f"parameter({op.number[1]}, {self.value(node.dtype)}, {self.value(node.shape)})"
        if isinstance(op, Input):
            return f"weft.tensor({op.label!r}, {self.value(node.shape)}, {node.dtype.name!r})"
        if isinstance(op, Shared):
            return f"weft.shared({self.value(op.storage.value)}, {op.label!r}{self._sizes(op.storage)})"
        if isinstance(op, Constant):
            return f"weft.constant({self.number(op.number)})" if op.weak else f"weft.constant({self.value(op.value)})"
        return f"apply({', '.join([self.value(op), *args])})"

    def number(self, number: Any) -> str:
        """A Python number; infinities and NaN have no literal."""
        return repr(number) if np.isfinite(number) else f"float({str(number)!r})"

    def value(self, value: Any) -> str:
        """A parameter as an expression that makes it again."""
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.dtype):
            return f"numpy.dtype({value.name!r})"
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            self.needed.add((type(value).__module__, type(value).__name__))
            return f"{type(value).__name__}({', '.join(self.value(v) for v in value)})"
        if isinstance(value, tuple):
            return "(" + "".join(self.value(v) + ", " for v in value) + ")"
        if hasattr(value, "to_python"):
            return str(value.to_python(self))
        if isinstance(value, Graph):
            return self._body(value)
        if isinstance(value, SymDim):
            return self._size(value)
        if is_dataclass(value):
            return self._instance(value)
        return self._import(value) if callable(value) and not isinstance(value, type) else repr(value)

    def _body(self, body: Graph) -> str:
        """A call of a function that builds the graph."""
        self.needed.add(("weft.symbolic.graph", "Graph"))
        names = {n: f"v{i}" for i, n in enumerate(dict.fromkeys([*body.inputs, *body.nodes]))}
        lines = [f"    {name} = {self.node(n, [names[a] for a in n.args])}" for n, name in names.items()]
        inputs, outputs = ("".join(names[n] + ", " for n in nodes) for nodes in (body.inputs, body.outputs))
        function = f"body{len(self.bodies)}"
        self.bodies.append(
            "\n".join([f"def {function}():", *lines, f"    return Graph(({inputs}), ({outputs}))", "", ""])
        )
        return f"{function}()"

    def _array(self, value: np.ndarray) -> str:
        numbers = repr(value.tolist()).replace("nan", "numpy.nan").replace("inf", "numpy.inf")
        text = f"numpy.array({numbers}, {value.dtype.name!r})"
        return text if value.size else f"{text}.reshape({value.shape})"

    def _import(self, function: Any) -> str:
        name, module = getattr(function, "__qualname__", ""), getattr(function, "__module__", None)
        if getattr(sys.modules.get(module or ""), name, None) is not function:  # a lambda, or a method, or an object
            text = f"{name or repr(function)} cannot be imported, so the graph cannot be written as a module."
            raise blame(ArgumentError(text), user_site(), hint="define it at the top of a module.")
        self.needed.add((str(module), name))
        return str(name)

    def _instance(self, value: Any) -> str:
        cls = type(value).__name__
        self.needed.add((type(value).__module__, cls))
        given = [f"{f.name}={self.value(getattr(value, f.name))}" for f in fields(value)]
        return f"{cls}({', '.join(given)})"

    def _size(self, value: SymDim) -> str:
        self.needed.add(("weft.symbolic.dims", "SymDim" if value.is_name else "restore"))
        plain = f"SymDim({value.text!r})" if value.is_name else f"restore({value.text!r}, {value.text!r})"
        if not value.sources:
            return plain
        known = [f"{name!r}: {self._source(name, source)}" for name, source in value.sources.items()]
        return f"{plain}.rename({{{', '.join(known)}}})"

    def _source(self, name: str, source: Any) -> str:
        """Where the size of that name comes from: a value, or an axis of a shared variable."""
        if isinstance(source, Expr):
            self.needed.add(("weft.symbolic.sizes", "value_dim"))
            return f"value_dim({self.variables[source]})"
        for node, variable in self.variables.items():
            if isinstance(node.op, Shared) and node.op.storage.sizes is source:
                return f"{variable}.shape[{[str(d) for d in node.shape].index(name)}]"
        text = f"The size {name} is that of a shared variable that the graph does not read: it cannot be written."
        raise blame(ArgumentError(text), user_site())

    def _sizes(self, storage: Storage) -> str:
        """The sizes of a shared variable, where they may change."""
        if not any(isinstance(d, SymDim) for d in storage.of.shape):
            return ""
        shown = [repr(d) if isinstance(d, int) else "None" if d.sources else repr(d.text) for d in storage.of.shape]
        return f", shape=({', '.join(shown)},)"


def to_dot(outputs: Expr | Sequence[Expr]) -> str:
    """The graph in Graphviz's language: `graphviz.Source(weft.to_dot(y))` draws it."""
    roots = check_expressions("outputs", outputs)
    named = names(roots)
    lines = ["digraph weft {", "  rankdir=BT; node [shape=box, fontname=monospace];"]
    order = toposort(roots)
    number = {node: i for i, node in enumerate(order)}
    for node in order:
        label = named[node] if not node.args else f"{node.op.name}\\n{parameters(node.op)}"
        text = f"{label}\\n{node.type}".replace('"', "'")
        lines.append(f'  n{number[node]} [label="{text}"];')
        lines += [f"  n{number[a]} -> n{number[node]};" for a in node.args]
    return "\n".join([*lines, "}", ""])
