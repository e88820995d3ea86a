"""Reductions, running sums and orders."""

from __future__ import annotations

from typing import Any

from ....ops.order import ArgSort, CumSum
from ....ops.reduce import ArgReduce, Reduce
from ....symbolic.expr import Expr
from ....symbolic.types import BOOL, DType
from . import sizes
from .elementwise import SMALL
from .writer import ModelWriter, writes

KINDS = {"sum": "ReduceSum", "prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin"}


@writes(Reduce)
def write_reduce(writer: ModelWriter, node: Expr, x: str) -> str:
    """A sum, a product, an extreme; of bools whether any or all are true, as numbers of true or false ones."""
    kind, axes, dtype = node.op.kind, node.op.axes, node.args[0].dtype
    if not axes:
        return writer.cast(x, node.dtype) if node.dtype != dtype else x
    if node.dtype == BOOL:
        every = kind in ("all", "min")
        count = writer.cast(writer.op("Not", x) if every else x, "int64")
        some = writer.op("Greater", _reduce(writer, "ReduceSum", count, axes), writer.constant(0, "int64"))
        return writer.op("Not", some) if every else some
    wide = _wide(dtype)
    found = _reduce(writer, KINDS[kind], x if wide == dtype else writer.cast(x, wide), axes)
    return found if wide == node.dtype else writer.cast(found, node.dtype)


def _wide(dtype: DType) -> Any:
    """The dtype of the whole numbers that operators of ONNX reduce everywhere, else its own."""
    return "int64" if dtype.name in (*SMALL, "uint64") else dtype


def _reduce(writer: ModelWriter, operator: str, x: str, axes: tuple[int, ...]) -> str:
    if operator == "ReduceSum" or writer.opset >= 18:
        return writer.op(operator, x, writer.vector(axes), keepdims=0)
    return writer.op(operator, x, axes=list(axes), keepdims=0)


@writes(ArgReduce)
def write_argreduce(writer: ModelWriter, node: Expr, x: str) -> str:
    """The first place of the largest or smallest element."""
    operator = {"argmax": "ArgMax", "argmin": "ArgMin"}[node.op.kind]
    return writer.op(operator, _comparable(writer, node.args[0], x), axis=node.op.axis, keepdims=0)


def _comparable(writer: ModelWriter, of: Expr, x: str) -> str:
    return writer.cast(x, "int64") if of.dtype == BOOL or of.dtype.name in SMALL else x


@writes(CumSum)
def write_cumsum(writer: ModelWriter, node: Expr, x: str) -> str:
    """Running sums along the last axis."""
    wide = _wide(node.dtype)
    value = x if wide == node.dtype else writer.cast(x, wide)
    axis = writer.constant(node.ndim - 1, "int64")
    found = writer.op("CumSum", value, axis, reverse=int(node.op.reverse))
    return found if wide == node.dtype else writer.cast(found, node.dtype)


@writes(ArgSort)
def write_argsort(writer: ModelWriter, node: Expr, x: str) -> str:
    """The places in the order of their elements: all of the largest or smallest, the first of equal ones first."""
    value = _comparable(writer, node.args[0], x)
    count = sizes.shape(writer, node.shape[-1:])
    return writer.several("TopK", (value, count), 2, axis=-1, largest=int(node.op.descending), sorted=1)[1]
