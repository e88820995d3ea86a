"""Products of matrices, and determinants."""

from __future__ import annotations

from ....ops.determinants import Determinant
from ....ops.linalg import MatMul
from ....symbolic.expr import Expr
from .elementwise import SMALL
from .writer import ModelWriter, writes


@writes(MatMul)
def write_matmul(writer: ModelWriter, node: Expr, a: str, b: str) -> str:
    """a @ b."""
    if node.dtype.name not in SMALL:
        return writer.op("MatMul", a, b)
    return writer.cast(writer.op("MatMul", *(writer.cast(v, "int64") for v in (a, b))), node.dtype)


@writes(Determinant)
def write_det(writer: ModelWriter, node: Expr, a: str) -> str:
    """The determinant of each matrix."""
    return writer.op("Det", a)
