"""Nodes replaced wherever they occur, and the sizes that change with them.

An input may be replaced by something of other sizes: these take the place of its symbols in the types and among the
parameters of all that depends on it, bodies of loops and branches included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .dims import Dim, SymDim
from .errors import at_site
from .expr import Body, Expr, Op, apply, rebuild, toposort
from .leaves import Constant, Input, Shared, Size, size
from .sizes import sources, value_dim
from .types import Type

Change = Callable[[SymDim], Any]  # what stands in place of a size that is not a number


def substitute(roots: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> list[Expr]:
    """The roots with nodes replaced wherever they occur; what is not affected stays the same object.

    Where an input is replaced by something of other sizes, these take the place of its symbols.
    """
    done: dict[Expr, Expr] = dict(replacements)
    order = toposort(roots, into=lambda n: n not in replacements)
    change = renaming(order, replacements)
    for node in order:
        if node not in done:
            args = tuple(done[a] for a in node.args)
            done[node] = resize(node, args, change) if change else rebuild(node, args)
    return [done[root] for root in roots]


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
    for name, source in sources(order).items():
        (new,) = substitute([source], replacements)
        if new is not source:
            names[name] = value_dim(new)
    return (lambda dim: dim.rename(names)) if names else None


def resize(node: Expr, args: tuple[Expr, ...], change: Change) -> Expr:
    """The node with other arguments, and other sizes among its parameters."""
    if isinstance(node.op, Size):
        return size(change(node.op.dim)) if isinstance(node.op.dim, SymDim) else node
    if isinstance(node.op, Input | Shared | Constant):
        return node
    op = with_sizes(node.op, change)
    if op is node.op:
        return rebuild(node, args)
    with at_site(node.site):
        return apply(op, *args)


def with_sizes(op: Op, change: Change) -> Op:
    """The op with other sizes or numbers in place of the symbols among its parameters, those of its bodies included."""
    changes: dict[str, Any] = {}
    parameters: tuple[Any, ...] = fields(op) if is_dataclass(op) else ()
    for parameter in parameters:
        before = getattr(op, parameter.name)
        after = _change(before, change)
        if after is not before:
            changes[parameter.name] = after
    return replace(op, **changes) if changes else op  # type: ignore[type-var]


def _change(value: Any, change: Change) -> Any:
    if isinstance(value, SymDim):
        return change(value)
    if isinstance(value, tuple):
        items = tuple(_change(item, change) for item in value)
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else items
    if isinstance(value, Type):
        shape = _change(value.shape, change)
        return value if shape is value.shape else Type(value.dtype, shape, value.weak)
    return _change_body(value, change) if isinstance(value, Body) else value


def _change_body(body: Body, change: Change) -> Body:
    done: dict[Expr, Expr] = {}
    for x in body.inputs:
        of = _change(x.type, change)
        done[x] = apply(replace(x.op, number=(*x.op.number[:2], of), of=of))  # type: ignore[attr-defined, type-var]
    for node in body.nodes:
        if node not in done:
            done[node] = resize(node, tuple(done[a] for a in node.args), change)
    if all(old is new for old, new in done.items()):
        return body
    return replace(body, inputs=tuple(done[x] for x in body.inputs), outputs=tuple(done[y] for y in body.outputs))
