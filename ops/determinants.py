"""Determinants of matrices, by LAPACK, over any leading axes; their derivatives are the cofactors.

SignLogDet     the sign, and the logarithm of the size
Determinant    the product of the pivots
Cofactors      the derivative of that, of singular matrices, too
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.expr import Expr, Op, apply
from ..symbolic.leaves import size
from ..symbolic.records import record
from ..symbolic.types import TupleType, Type
from .creation import zeros_like
from .decompositions import Inverse, call_finite, column, matrices, results, square_only, transpose_matrices
from .elementwise import cast
from .linalg import matmul
from .movement import reshape
from .scalar import abs, eq, sqrt, square, where
from .several import Several


@record
class SignLogDet(Op):
    """(sign, log |det a|); (0, -inf) where the determinant is 0."""

    def infer(self, a: Type) -> TupleType:
        square_only("slogdet", a)
        return TupleType((Type(a.dtype, a.shape[:1]), Type(a.dtype, a.shape[:1])))

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("slogdet", np.linalg.slogdet, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        if g[1] is None:
            return [zeros_like(args[0])]
        return [column(g[1]) * transpose_matrices(apply(Inverse(), args[0]))]


@record
class Determinant(Op):
    """det a: the product of the pivots."""

    def infer(self, a: Type) -> Type:
        square_only("det", a)
        return Type(a.dtype, a.shape[:1])

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("det", np.linalg.det, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [column(g) * apply(Cofactors(), args[0])]


@record
class Cofactors(Op):
    """d det a / d a: det(a) a⁻ᵀ, and what that tends to where a is singular."""

    def infer(self, a: Type) -> Type:
        square_only("det", a)
        return Type(a.dtype, a.shape)

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("det", _cofactors, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        # the derivative of det(a) a⁻ᵀ, with a⁻ᵀ = out / det(a): NaN where that is nothing but rounding
        det = column(apply(Determinant(), args[0]))
        smallest = float(np.finfo(out.dtype).eps) * cast(size(out.shape[1]), out.dtype) * _norm(out) * _norm(args[0])
        across = out * column((g * out).sum((1, 2))) - matmul(matmul(out, transpose_matrices(g)), out)
        return [where(abs(det) > smallest, across / where(eq(det, 0), 1, det), np.nan)]


def _cofactors(a: np.ndarray) -> np.ndarray:
    """By the inverse; by singular values, of which each has the product of all others, where that loses digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return _cofactors_of_singular(a)
    condition = np.linalg.norm(a, axis=(1, 2)) * np.linalg.norm(inverse, axis=(1, 2))
    found = np.linalg.det(a)[:, None, None] * np.swapaxes(inverse, 1, 2)
    rough = ~(condition < 1e3)
    if rough.any():
        found[rough] = _cofactors_of_singular(a[rough])
    return np.asarray(found)


def _cofactors_of_singular(a: np.ndarray) -> np.ndarray:
    u, s, vt = np.linalg.svd(a)
    others = np.where(np.eye(a.shape[-1], dtype=bool), 1, s[:, None, :]).prod(2)
    turned = np.linalg.det(u) * np.linalg.det(vt)  # 1 or -1
    return np.asarray(u * (others * np.round(turned)[:, None])[:, None, :] @ vt)


def _norm(x: Expr) -> Expr:
    return column(sqrt(square(x).sum((1, 2))))


# ---- what users call ------------------------------------------------------------------------------------------------


def slogdet(a: Any) -> tuple[Expr, Expr]:
    """(sign, log |det a|) for (..., n, n), as np.linalg.slogdet.  Gradient of the second: g a⁻ᵀ; of the first: 0."""
    (node,), lead = matrices("slogdet", a)
    sign, log = results(apply(SignLogDet(), node), lead)
    return Several((sign, log), "slogdet", ("sign", "log"))


def det(a: Any) -> Expr:
    """The determinant of (..., n, n): the product of the pivots.

    Gradient: g times the cofactors, det(a) a⁻ᵀ, for singular matrices, too; of those the second derivative is NaN.
    """
    (node,), lead = matrices("det", a)
    return reshape(apply(Determinant(), node), lead)
