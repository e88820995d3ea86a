"""Sizes that are values: a whole number computed in the graph may be the size of an axis.

Such a size is a symbol of its own, which keeps the expression it stands for.  A compiled function computes these
values first, from the call's arguments, and then runs with all sizes known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .dims import Dim, SymDim, fresh
from .errors import ShapeError, at_site, blame, user_site
from .expr import Expr, Op, apply, rebuilt, toposort
from .graph import Graph
from .leaves import Constant, Input, Shared, Size, Sizes, size
from .types import TupleType, Type

Change = Callable[[SymDim], Any]  # what stands in place of a size that is not a number

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


def cells(nodes: Iterable[Expr], more: Iterable[SymDim] = ()) -> list[Sizes]:
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
    elif isinstance(value, Graph):
        for node in value.nodes:
            into.extend(_dims_of(node))


# ---- other sizes in their place --------------------------------------------------------------------------------------


def renaming(order: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> Change | None:
    """How sizes change where nodes are replaced: those of replaced inputs, and values that depend on them.

    None where none does.
    """
    names: dict[str, Dim] = {}
    for old, new in replacements.items():
        if isinstance(old.op, Input) and old.shape != new.shape:
            for before, after in zip(old.shape, new.shape, strict=False):
                if isinstance(before, SymDim) and before.is_name and before != after:
                    names.setdefault(before.text, after)
    if names:
        for node in order:
            if isinstance(node.op, Input | Shared) and node not in replacements:
                for dim in node.shape:
                    names.pop(str(dim), None)
    from .expr import substitute

    for name, source in sources(order).items():
        (new,) = substitute([source], replacements)
        if new is not source:
            names[name] = value_dim(new)
    return (lambda dim: dim.renamed(names)) if names else None


def resized(node: Expr, args: tuple[Expr, ...], change: Change) -> Expr:
    """The node with other arguments, and other sizes among its parameters."""
    if isinstance(node.op, Size):
        return size(change(node.op.dim)) if isinstance(node.op.dim, SymDim) else node
    if isinstance(node.op, Input | Shared | Constant):
        return node
    op = with_sizes(node.op, change)
    if op is node.op:
        return rebuilt(node, args)
    with at_site(node.site):
        return apply(op, *args)


def with_sizes(op: Op, change: Change) -> Op:
    """The op with other sizes or numbers in place of the symbols among its parameters, those of its bodies included."""
    changes: dict[str, Any] = {}
    parameters: tuple[Any, ...] = fields(op) if is_dataclass(op) else ()
    for parameter in parameters:
        before = getattr(op, parameter.name)
        after = _changed(before, change)
        if after is not before:
            changes[parameter.name] = after
    return replace(op, **changes) if changes else op  # type: ignore[type-var]


def _changed(value: Any, change: Change) -> Any:
    if isinstance(value, SymDim):
        return change(value)
    if isinstance(value, tuple):
        items = tuple(_changed(item, change) for item in value)
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else items
    if isinstance(value, Type):
        shape = _changed(value.shape, change)
        return value if shape is value.shape else Type(value.dtype, shape, value.weak)
    if isinstance(value, Op):
        return with_sizes(value, change)
    return _changed_body(value, change) if isinstance(value, Graph) else value


def _changed_body(body: Graph, change: Change) -> Graph:
    done: dict[Expr, Expr] = {}
    for x in body.inputs:
        of = _changed(x.type, change)
        done[x] = apply(replace(x.op, number=(*x.op.number[:2], of), of=of))  # type: ignore[attr-defined, type-var]
    for node in body.nodes:
        if node not in done:
            done[node] = resized(node, tuple(done[a] for a in node.args), change)
    if all(old is new for old, new in done.items()):
        return body
    return Graph(tuple(done[x] for x in body.inputs), tuple(done[y] for y in body.outputs))
