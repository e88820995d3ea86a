"""The invariants of a graph, checked between passes in tests and in debug mode (`wf.config.debug = True`)."""

from __future__ import annotations

from .dims import same
from .errors import ArgumentError, VerifyError, blame, user_site
from .expr import Expr
from .graph import Graph
from .leaves import Input, Shared
from .types import TupleType, Type


def verify(graph: Graph) -> None:
    """Raise VerifyError where a type is not what the op infers, an input is missing, or an update does not fit."""
    if not isinstance(graph, Graph):
        raise blame(ArgumentError(f"verify takes a Graph, not {graph!r}."), user_site())
    inputs = set(graph.inputs)
    for node in graph.nodes:
        if isinstance(node.op, Input) and node not in inputs:
            raise blame(VerifyError(f"{node.name or 'An input'} is not among the graph's inputs."), node.site)
        _check_type(node)
    for shared, new in graph.updates:
        if not isinstance(shared.op, Shared):
            raise blame(VerifyError("Only shared variables can be updated."), shared.site)
        check_same_type("update", shared, new)


def _check_type(node: Expr) -> None:
    inferred, stated = node.op.infer(*[a.type for a in node.args]), node.type
    if isinstance(inferred, TupleType) and isinstance(stated, TupleType):
        agree = len(inferred.items) == len(stated.items) and all(map(compatible, inferred.items, stated.items))
    else:
        agree = isinstance(inferred, Type) and isinstance(stated, Type) and compatible(inferred, stated)
    if not agree:
        raise blame(VerifyError(f"{node.op.name} infers {inferred}, the node says {stated}."), node.site)


def compatible(a: Type, b: Type) -> bool:
    """The same dtype and rank, and no two sizes that certainly differ."""
    if a.dtype != b.dtype or a.ndim != b.ndim:
        return False
    return all(same(x, y) is not False for x, y in zip(a.shape, b.shape, strict=True))


def check_same_type(what: str, before: Expr, after: Expr) -> None:
    """Raise VerifyError unless `after` can stand where `before` stood: a pass may not change a type."""
    if not compatible(before.type, after.type):
        text = f"The {what} of {before.name or before.op.name} has type {after.type}, and {before.type} is needed."
        raise blame(VerifyError(text), after.site, before.site)
