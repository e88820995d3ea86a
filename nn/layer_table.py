"""A network layer by layer: shapes, numbers of parameters, multiply-adds, and the user's lines."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..ops.conv import Conv
from ..ops.linalg import MatMul
from ..ops.loop import Loop
from ..ops.movement import Concatenate
from ..ops.pooling import Pooling
from ..symbolic.arguments import check_expression, check_mapping
from ..symbolic.dims import Dim, SymDim, show
from ..symbolic.expr import Expr, toposort
from ..symbolic.leaves import Input, Shared
from ..symbolic.types import TupleType
from .state import parameters

SHOWN = (MatMul, Conv, Pooling, Concatenate, Loop)  # what has a row though it has no parameters


@dataclass
class Row:
    """A layer: its name, or that of its operation; the shape that comes out; what it holds and costs; its line."""

    name: str
    shape: tuple[Dim, ...] = ()
    parameters: int = 0
    multiply_adds: int = 0
    line: str = ""


@dataclass
class Summary:
    """The rows of a network.  `print` shows a table, and so does a notebook."""

    rows: list[Row] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Of all products of matrices and convolutions, sizes that are symbols taken as 1."""
        return sum(row.multiply_adds for row in self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text, with its head and the sums."""
        lines = [(r.name, show(r.shape), f"{r.parameters:,}", f"{r.multiply_adds:,}", r.line) for r in self.rows]
        head = ("layer", "shape", "parameters", "multiply-adds", "line")
        return [head, *lines, ("all", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", "")]

    def __str__(self) -> str:
        table = self.cells()
        widths = [max(len(row[i]) for row in table) for i in range(5)]
        lines = []
        for row in table:
            left = [cell.ljust(w) for cell, w in zip(row[:2], widths, strict=False)]
            right = [cell.rjust(w) for cell, w in zip(row[2:4], widths[2:], strict=False)]
            lines.append("  ".join([*left, *right, row[4]]).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head, *rows = self.cells()
        lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
        first = "".join(f"<th>{name}</th>" for name in head)
        return f"<table><tr>{first}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def summary(expr: Expr, sizes: Mapping[str, int] | None = None) -> Summary:
    """The layers of a network in the order in which they are computed: `print(nn.summary(logits))`.

    A row is a layer with parameters, by the name that these have in common; or a pooling, a concatenation, a product or
    a loop without any.

    Parameters
    ----------
    expr : what the network gives
    sizes : {name: number} of symbolic sizes; those that are not named count as 1: of ("batch", 784), one example

    Returns
    -------
    Summary
        `rows` with name, shape, parameters, multiply_adds and line; `parameters` and `multiply_adds` of all
    """
    check_expression("summary: expr", expr)
    known = dict(check_mapping("summary: sizes", sizes, "name: number", str))
    order = toposort([expr])
    owners, rows = _owners(order), {}
    for node in order:
        if not node.args or node in owners:
            continue
        owner = next((owners[a] for a in node.args if a in owners), None)
        if owner is None and not isinstance(node.op, SHOWN):
            continue
        row = rows.setdefault(owner or node, Row(owner or node.op.name, line=f"{node.site.file}:{node.site.line}"))
        row.multiply_adds += multiply_adds(node, known)
        shape = node.type.items[-1].shape if isinstance(node.type, TupleType) else node.shape
        row.shape = shape if len(shape) >= len(row.shape) else row.shape
    for p in parameters(expr).values():
        rows[owners[p]].parameters += math.prod(p.get_value(borrow=True).shape)
    return Summary(list(rows.values()))


def _owners(order: Iterable[Expr]) -> dict[Expr, str]:
    """The layer of each node that is made of parameters and no inputs: what the names of its parameters begin with."""
    found: dict[Expr, str] = {}
    reads: set[Expr] = set()  # what depends on inputs
    for node in order:
        if isinstance(node.op, Input) or any(a in reads for a in node.args):
            reads.add(node)
        elif isinstance(node.op, Shared) and node.dtype.kind == "f":
            found[node] = (node.name or "").rpartition("_")[0] or node.name or "parameter"
        else:
            owner = next((found[a] for a in node.args if a in found), None)
            if owner is not None:
                found[node] = owner
    return found


def multiply_adds(node: Expr, sizes: Mapping[str, int]) -> int:
    """Those of one node: a product of matrices, a convolution, or a loop of them; 0 of all else."""
    op = node.op
    if isinstance(op, MatMul):
        return _product(node.shape, sizes) * _product(node.args[0].shape[-1:], sizes)
    if isinstance(op, Conv):
        w = node.args[1].shape  # (out, channels of a group, *kernel)
        return _product(node.shape, sizes) * _product(w[1:], sizes)
    if isinstance(op, Loop):
        return _product((op.length,), sizes) * sum(multiply_adds(inner, sizes) for inner in op.body.nodes)
    return 0


def _product(shape: tuple[Dim, ...], sizes: Mapping[str, int]) -> int:
    """The elements of a shape; symbols that are not known count as 1."""
    known = [d.value({name: sizes.get(name, 1) for name in d.names}) if isinstance(d, SymDim) else d for d in shape]
    return math.prod(known)
