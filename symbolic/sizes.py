"""Sizes that are values: a whole number computed in the graph may be the size of an axis.

Such a size is a symbol of its own, which keeps the expression it stands for.  A compiled function computes these
values first, from the call's arguments, and then runs with all sizes known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .dims import Dim, Shape, SymDim, fresh
from .errors import ShapeError, blame, user_site
from .expr import Body, Expr, Op, toposort
from .leaves import Constant, Input, Shared, Size
from .storage import Sizes
from .types import TupleType, Type

_any = False  # whether any size stands for a value

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floor_divide": lambda a, b: a // b,
}


def value_dim(node: Expr) -> Dim:
    """The size that a whole number has: arithmetic over sizes is a size itself, all else a symbol for the value.

    Raises ShapeError unless the expression is an integer scalar.
    """
    if node.ndim or node.dtype.kind not in "iu":
        error = ShapeError(f"A size is a whole number, and this expression is {node.type}.")
        raise blame(error, user_site(), node.site)
    known = _of_sizes(node)
    if known is not None:
        return known
    if not hasattr(node, "size_name"):
        global _any
        _any, node.size_name = True, fresh(f"{node.name or 'v'}_").text
    return SymDim(node.size_name, None, {node.size_name: node})


def as_dim(given: Any, hint: str | None = None) -> Dim:
    """A size as users write it: a number, a name, a symbol, an integer scalar, or None for a fresh symbol."""
    if given is None:
        return fresh(f"{hint}_" if hint else "d")
    if isinstance(given, str):
        if not given.isidentifier():
            text = f"A size's name must be an identifier, like 'batch'; {given!r} is not."
            raise blame(ShapeError(text), user_site())
        return SymDim(given)
    if isinstance(given, SymDim):
        return given
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 0:
        return int(given)
    if isinstance(given, Expr):
        return value_dim(given)
    text = f"A size is a number from 0 up, a name or None; {given!r} is none of these."
    raise blame(ShapeError(text), user_site())


def shape_of(shape: Any) -> Shape:
    """A shape as users write it: one size, or a sequence of sizes; numbers, symbols, or names."""
    listed = [shape] if isinstance(shape, int | np.integer | str) or not isinstance(shape, Sequence) else shape
    return tuple(as_dim(d) for d in listed)


def _of_sizes(node: Expr) -> Dim | None:
    """The size, where the expression computes with sizes and numbers alone, in integers that hold every size."""
    found: dict[Expr, Dim | None] = {}
    for each in toposort([node]):
        found[each] = _dim_of_node(each, [found[a] for a in each.args])
    return found[node]


def _dim_of_node(node: Expr, args: Sequence[Dim | None]) -> Dim | None:
    op: Any = node.op
    if isinstance(op, Constant) and not node.ndim and node.dtype.kind in "iu":
        return int(op.value)
    if isinstance(op, Size):
        return op.dim
    if not args or None in args or isinstance(node.type, TupleType) or node.ndim:
        return None
    if node.dtype.itemsize >= 4:  # smaller integers wrap
        if op.name in _ARITHMETIC and len(args) == 2 and args[1] != 0:
            return _ARITHMETIC[op.name](*args)  # type: ignore[no-any-return]
        if op.name == "cast" and node.dtype.kind in "iu" and node.args[0].dtype.kind in "iu":
            return args[0]
    return None


# ---- the values that sizes stand for ---------------------------------------------------------------------------------


def sources(nodes: Iterable[Expr], more: Iterable[SymDim] = ()) -> dict[str, Expr]:
    """For each symbol among the sizes of these nodes, and `more`, that stands for a value, its expression."""
    if not _any:
        return {}
    found = {name: source for dim in [*dims_of(nodes), *more] for name, source in dim.sources.items()}
    return {name: source for name, source in found.items() if isinstance(source, Expr)}


def stored_sizes(nodes: Iterable[Expr], more: Iterable[SymDim] = ()) -> list[Sizes]:
    """The present sizes of the shared variables that sizes of these nodes, and `more`, are taken from."""
    found = [source for dim in [*dims_of(nodes), *more] for source in dim.sources.values()]
    return list(dict.fromkeys(source for source in found if isinstance(source, Sizes)))


def all_sources(nodes: Iterable[Expr]) -> dict[str, Expr]:
    """Also those that these expressions need themselves."""
    found: dict[str, Expr] = {}
    new = sources(nodes)
    while new:
        found.update(new)
        new = {name: node for name, node in sources(toposort(new.values())).items() if name not in found}
    return found


def dims_of(nodes: Iterable[Expr]) -> set[SymDim]:
    """The sizes that are not numbers, of these nodes and among their parameters."""
    return {dim for node in nodes for dim in _dims_of(node)}


def _dims_of(node: Expr) -> list[SymDim]:
    types = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    shaped = [dim for one in types for dim in one.shape if isinstance(dim, SymDim)]
    if not isinstance(node.op, Input | Shared | Constant) and is_dataclass(node.op):
        for field in fields(node.op):
            _collect(getattr(node.op, field.name), shaped)
    return shaped


def _collect(value: Any, into: list[SymDim]) -> None:
    if isinstance(value, SymDim):
        into.append(value)
    elif isinstance(value, tuple):
        for item in value:
            _collect(item, into)
    elif isinstance(value, Type):
        _collect(value.shape, into)
    elif isinstance(value, Op) and is_dataclass(value):
        for field in fields(value):
            _collect(getattr(value, field.name), into)
    elif isinstance(value, Body):
        for node in value.nodes:
            into.extend(_dims_of(node))
