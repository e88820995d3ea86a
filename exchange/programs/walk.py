"""What is written before a node: arguments, bodies and the values of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from ...ops.elementwise import Composite, Elementwise
from ...symbolic.dims import SymDim
from ...symbolic.expr import Body, Expr, Op
from ...symbolic.leaves import Constant, Input, Shared
from ...symbolic.types import FLOAT16, FLOAT32, DType, Type
from .vocabulary import own_functions

Kinds = tuple[DType, ...]


def needs_of(node: Expr) -> Iterator[Expr]:
    """What stands before a node: arguments, values of sizes, what its bodies compute, and functions made of others."""
    yield from node.args
    for dim in dims_of_node(node):
        yield from (source for source in dim.sources.values() if isinstance(source, Expr))
    for body in _bodies_of(node.op):
        yield from (*body.inputs, *body.outputs)
    for inputs, output in traces_of(node).values():
        yield from (*inputs, output)


def _bodies_of(op: Op) -> Iterator[Body]:
    if not isinstance(op, Input | Constant | Shared):
        yield from (value for value in _parts(op) if isinstance(value, Body))


def dims_of_node(node: Expr) -> Iterator[SymDim]:
    """The sizes of a node that are not numbers, those among its parameters included, but for those of its bodies."""
    types = getattr(node.type, "items", None) or (node.type,)
    for of in types:
        yield from (dim for dim in of.shape if isinstance(dim, SymDim))
    if not isinstance(node.op, Input | Constant | Shared):
        yield from (value for value in _parts(node.op) if isinstance(value, SymDim))


def _parts(op: Op) -> Iterator[Any]:
    """The parameters of an op, those within tuples, types and other ops one by one."""
    waiting: list[Any] = [op]
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            waiting += value
        elif isinstance(value, Type):
            waiting += value.shape
        elif isinstance(value, Op) and is_dataclass(value):
            waiting += [getattr(value, f.name) for f in fields(value)]
        else:
            yield value


def traced_function(op: Op) -> Composite | None:
    """The function of an elementwise op that is made of others, and is none of weft's."""
    if not isinstance(op, Elementwise) or not isinstance(op.function, Composite):
        return None
    return None if own_functions().get(op.function.name) is op.function else op.function


def traces_of(node: Expr) -> dict[Kinds, tuple[tuple[Expr, ...], Expr]]:
    """For each set of dtypes that the node's function is computed with, its body: float16 may become float32."""
    function = traced_function(node.op)
    if function is None:
        return {}
    kinds = function.operand_dtypes(*[a.type for a in node.args])
    wide = tuple(FLOAT32 if kind == FLOAT16 else kind for kind in kinds)
    return {each: function.body(*each) for each in dict.fromkeys((kinds, wide))}
