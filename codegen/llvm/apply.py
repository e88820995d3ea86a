"""A scalar function of values in registers: a primitive, a cast, or a composite, whose body is emitted in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from ...ops.elementwise import Composite, Scalar
from ...symbolic.expr import Expr, toposort
from ...symbolic.leaves import Constant
from ...symbolic.types import DType
from .emitters import EMITTERS, cast, constant


def apply_function(
    builder: ir.IRBuilder, function: Scalar, kinds: Sequence[DType], result: DType, operands: Sequence[ir.Value]
) -> ir.Value:
    """function(operands), these being of the dtypes `kinds`, and the result of dtype `result`."""
    if function.name == "cast":
        return cast(builder, operands[0], kinds[0], result)
    if isinstance(function, Composite):
        return _composite(builder, function, kinds, operands)
    return EMITTERS[function.name](builder, kinds[-1], *operands)


def _composite(
    builder: ir.IRBuilder, function: Composite, kinds: Sequence[DType], operands: Sequence[ir.Value]
) -> ir.Value:
    inputs, output = function.body(*kinds)
    known: dict[Expr, ir.Value] = dict(zip(inputs, operands, strict=True))
    for node in toposort([output]):
        if node not in known:
            known[node] = _node(builder, node, known)
    return known[output]


def _node(builder: ir.IRBuilder, node: Expr, known: dict[Expr, ir.Value]) -> ir.Value:
    op: Any = node.op
    if isinstance(op, Constant):
        return constant(node.dtype, op.value[()])
    kinds = op.function.operand_dtypes(*(a.type for a in node.args))
    operands = [cast(builder, known[a], a.dtype, kind) for a, kind in zip(node.args, kinds, strict=True)]
    return apply_function(builder, op.function, kinds, node.dtype, operands)
