"""Products of matrices and tensors."""

from __future__ import annotations

from typing import Any

from ....ops.determinants import det
from ....ops.einsum import einsum
from ....ops.elementwise import cast
from ....ops.linalg import matmul
from ....ops.movement import swapaxes
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import operator


@operator("MatMul")
def read_matmul(node: ModelNode, a: Expr, b: Expr) -> Expr:
    """a @ b, as NumPy has it."""
    return cast(matmul(a, b), a.dtype)


@operator("Gemm")
def read_gemm(node: ModelNode, a: Expr, b: Expr, c: Expr | None = None) -> Expr:
    """alpha a @ b + beta c, with a and b transposed where that is asked for."""
    left = swapaxes(a, 0, 1) if node["transA"] else a
    right = swapaxes(b, 0, 1) if node["transB"] else b
    product = _scale(cast(matmul(left, right), a.dtype), node["alpha"])
    return product if c is None else product + _scale(c, node["beta"])


def _scale(x: Expr, factor: float) -> Expr:
    return x if factor == 1 else x * _as_number(factor, x)


def _as_number(factor: float, x: Expr) -> Any:
    return factor if x.type.is_float else int(factor)


@operator("Einsum")
def read_einsum(node: ModelNode, *operands: Expr) -> Expr:
    """A sum of products over named axes."""
    return einsum(node["equation"].replace(" ", ""), *operands)


@operator("Det")
def read_det(node: ModelNode, x: Expr) -> Expr:
    """The determinant of each matrix."""
    return det(x)
