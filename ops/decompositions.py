"""Inverses, solutions and decompositions of matrices, by LAPACK; each over any leading axes.

The ops take and give (batch, m, n); the functions below put leading axes in and out.  Derivatives: Giles 2008,
Collected matrix derivative results for forward and reverse mode; Seeger et al. 2017, Auto-differentiating linear
algebra; Murray 2016, Differentiation of the Cholesky decomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..symbolic.dims import minimum, product, same, show
from ..symbolic.errors import GradientError, LinAlgError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import meet
from ..symbolic.leaves import Item
from ..symbolic.types import TupleType, Type, float_like, promote
from .coerce import as_expr
from .creation import eye, iota, zeros_like
from .elementwise import cast
from .linalg import matmul
from .movement import broadcast_to, check_same_dtype, expand_dims, reshape, squeeze, swapaxes
from .scalar import eq, exp, where


def _square(name: str, a: Type) -> None:
    meet(a.shape[-1], a.shape[-2], lambda: f"{name}: a matrix of shape {show(a.shape[-2:])} is not square.")


def _same_batch(name: str, a: Type, b: Type) -> None:
    check_same_dtype(name, a, b)
    if a.ndim != 3 or b.ndim != 3:
        raise ShapeError(f"{name}: the operands are (batch, m, n) here, not {show(a.shape)} and {show(b.shape)}.")
    meet(a.shape[0], b.shape[0], lambda: f"{name}: {a.shape[0]} matrices and {b.shape[0]} right sides.")


def _guarded(name: str, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """What NumPy says of the matrices; NaN for those that hold a NaN or an infinity."""
    bad = np.zeros(len(arrays[0]), bool)
    for a in arrays:
        bad |= ~np.isfinite(a).all((1, 2))
    good = [np.where(bad[:, None, None], np.eye(*a.shape[1:], dtype=a.dtype), a) for a in arrays]
    try:
        found = function(*good)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{name}: {str(error).rstrip('.')}.") from None
    for result in found if isinstance(found, tuple) else (found,):
        result[bad] = np.nan
    return tuple(found) if isinstance(found, tuple) else found


@dataclass(frozen=True)
class Cholesky(Op):
    """The lower triangular L with L Lᵀ = a; of a, the lower triangle is read."""

    def infer(self, a: Type) -> Type:
        _square("cholesky", a)
        return Type(a.dtype, a.shape)

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("cholesky", np.linalg.cholesky, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        inner = _halved(tril(matmul(_t(out), g)))
        back = apply(SolveTriangular(lower=False), _t(out), inner)
        back = _t(apply(SolveTriangular(lower=False), _t(out), _t(back)))
        return [tril(_symmetric(back) * 2) - _diagonal_part(_symmetric(back))]


@dataclass(frozen=True)
class Inverse(Op):
    """The x with a x = 1."""

    def infer(self, a: Type) -> Type:
        _square("inv", a)
        return Type(a.dtype, a.shape)

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("inv", np.linalg.inv, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [-matmul(matmul(_t(out), g), _t(out))]


@dataclass(frozen=True)
class Solve(Op):
    """The x with a x = b."""

    def infer(self, a: Type, b: Type) -> Type:
        _square("solve", a)
        _same_batch("solve", a, b)
        meet(a.shape[-1], b.shape[-2], lambda: f"solve: {show(a.shape)} and {show(b.shape)} do not fit.")
        return Type(b.dtype, b.shape)

    def numpy(self, a: np.ndarray, b: np.ndarray) -> Any:
        return _guarded("solve", np.linalg.solve, a, b)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        back = apply(Solve(), _t(args[0]), g)
        return [lambda: -matmul(back, _t(out)), back]


@dataclass(frozen=True)
class SolveTriangular(Op):
    """The x with a x = b, for a triangular a: the other triangle is not read."""

    lower: bool

    def infer(self, a: Type, b: Type) -> Type:
        _square("solve_triangular", a)
        _same_batch("solve_triangular", a, b)
        meet(a.shape[-1], b.shape[-2], lambda: f"solve_triangular: {show(a.shape)} and {show(b.shape)} do not fit.")
        return Type(b.dtype, b.shape)

    def numpy(self, a: np.ndarray, b: np.ndarray) -> Any:
        return _guarded("solve_triangular", np.linalg.solve, np.tril(a) if self.lower else np.triu(a), b)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        back = apply(SolveTriangular(not self.lower), _t(args[0]), g)
        part = tril if self.lower else triu
        return [lambda: -part(matmul(back, _t(out))), back]


@dataclass(frozen=True)
class SignLogDet(Op):
    """(sign, log |det a|); (0, -inf) where the determinant is 0."""

    def infer(self, a: Type) -> TupleType:
        _square("slogdet", a)
        return TupleType((Type(a.dtype, a.shape[:1]), Type(a.dtype, a.shape[:1])))

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("slogdet", np.linalg.slogdet, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        if g[1] is None:
            return [zeros_like(args[0])]
        return [_column(g[1]) * _t(apply(Inverse(), args[0]))]


@dataclass(frozen=True)
class EigH(Op):
    """(values in ascending order, vectors in columns) of a symmetric matrix; of a, the lower triangle is read."""

    def infer(self, a: Type) -> TupleType:
        _square("eigh", a)
        return TupleType((Type(a.dtype, a.shape[:2]), Type(a.dtype, a.shape)))

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("eigh", np.linalg.eigh, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        values, vectors = apply(Item(0), out), apply(Item(1), out)
        inner = zeros_like(args[0])
        if g[0] is not None:
            inner = inner + eye(values.shape[1], dtype=values.dtype) * expand_dims(g[0], 1)
        if g[1] is not None:
            inner = inner + _apart(expand_dims(values, 1) - expand_dims(values, 2)) * matmul(_t(vectors), g[1])
        back = _symmetric(matmul(matmul(vectors, inner), _t(vectors)))
        return [tril(back * 2) - _diagonal_part(back)]


@dataclass(frozen=True)
class SVD(Op):
    """(u, s, vᵀ) with a = u diag(s) vᵀ, s descending; k = min(m, n) columns of u and rows of vᵀ."""

    def infer(self, a: Type) -> TupleType:
        b, m, n = a.shape
        k = minimum(m, n)
        return TupleType((Type(a.dtype, (b, m, k)), Type(a.dtype, (b, k)), Type(a.dtype, (b, k, n))))

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("svd", lambda x: np.linalg.svd(x, full_matrices=False), a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        u, s, vt = (apply(Item(i), out) for i in range(3))
        row, column = expand_dims(s, 1), expand_dims(s, 2)
        gaps = _apart(row * row - column * column)
        inner = eye(s.shape[1], dtype=s.dtype) * expand_dims(g[1] if g[1] is not None else zeros_like(s), 1)
        outside = zeros_like(args[0])
        if g[0] is not None:
            turn = matmul(_t(u), g[0])
            inner = inner + gaps * (turn - _t(turn)) * row
            outside = outside + matmul((g[0] - matmul(u, turn)) / row, vt)
        if g[2] is not None:
            turn = matmul(vt, _t(g[2]))
            inner = inner + column * (gaps * (turn - _t(turn)))
            outside = outside + matmul(u / row, g[2] - matmul(_t(turn), vt))
        return [matmul(matmul(u, inner), vt) + outside]


@dataclass(frozen=True)
class QR(Op):
    """(q, r) with a = q r: orthonormal columns, and an upper triangle; k = min(m, n)."""

    def infer(self, a: Type) -> TupleType:
        b, m, n = a.shape
        k = minimum(m, n)
        return TupleType((Type(a.dtype, (b, m, k)), Type(a.dtype, (b, k, n))))

    def numpy(self, a: np.ndarray) -> Any:
        return _guarded("qr", np.linalg.qr, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        q, r = apply(Item(0), out), apply(Item(1), out)
        rows, columns = args[0].shape[1:]
        if isinstance(rows, int) and isinstance(columns, int) and rows < columns:
            raise GradientError(f"qr has a derivative for tall matrices; this one is {show(args[0].shape[1:])}.")
        to_q = g[0] if g[0] is not None else zeros_like(q)
        inner = -matmul(_t(to_q), q)
        if g[1] is not None:
            inner = inner + matmul(r, _t(g[1]))
        mirrored = tril(inner) + _t(tril(inner, -1))
        return [_t(apply(SolveTriangular(lower=False), r, _t(to_q + matmul(q, mirrored))))]


# ---- what users call ------------------------------------------------------------------------------------------------


def _matrices(name: str, *values: Any) -> tuple[list[Expr], tuple[Any, ...]]:
    """The arguments as (batch, m, n) of one float dtype, and the leading axes."""
    nodes = [as_expr(v) for v in values]
    for node in nodes:
        if node.ndim < 2:
            text = f"{name}: a matrix has two axes, and this expression has shape {show(node.shape)}."
            raise blame(ShapeError(text), user_site(), node.site)
    if len(nodes) == 1 and name in SQUARE and same(nodes[0].shape[-1], nodes[0].shape[-2]) is False:
        text = f"{name}: a matrix of shape {show(nodes[0].shape[-2:])} is not square."
        raise blame(ShapeError(text), user_site(), nodes[0].site)
    kind = float_like(promote(*(n.type for n in nodes)))
    lead = max((n.shape[:-2] for n in nodes), key=len)
    wide = [broadcast_to(n, (*lead, *n.shape[-2:])) if n.shape[:-2] != lead else n for n in nodes]
    return [reshape(cast(n, kind), (product(lead), *n.shape[-2:])) for n in wide], lead


SQUARE = ("cholesky", "inv", "slogdet", "det", "eigh")


def _results(node: Expr, lead: Sequence[Any]) -> tuple[Expr, ...]:
    parts = [apply(Item(i), node) for i in range(len(node.type.items))]
    return tuple(reshape(p, (*lead, *p.shape[1:])) for p in parts)


def cholesky(a: Any) -> Expr:
    """The lower triangular L with L Lᵀ = a, for symmetric positive definite (..., n, n), as np.linalg.cholesky.

    Of a, the lower triangle is read, and its gradient is that of it.  Raises LinAlgError where a is not positive
    definite.
    """
    (node,), lead = _matrices("cholesky", a)
    out = apply(Cholesky(), node)
    return reshape(out, (*lead, *out.shape[1:]))


def inv(a: Any) -> Expr:
    """a⁻¹ for (..., n, n).  Gradient: -a⁻ᵀ g a⁻ᵀ.  Raises LinAlgError for a singular matrix.  To solve, use `solve`."""
    (node,), lead = _matrices("inv", a)
    out = apply(Inverse(), node)
    return reshape(out, (*lead, *out.shape[1:]))


def solve(a: Any, b: Any) -> Expr:
    """The x with a x = b, for a (..., n, n) and b (..., n, k), or (n,) where a is one matrix.

    Leading axes are the same, or missing.  Raises LinAlgError for a singular matrix.
    """
    return _solved("solve", Solve(), a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Expr:
    """The x with a x = b, for a triangular a; its other triangle is not read, and gets no gradient.

    a, b : as in `solve`.  Raises LinAlgError where there is a 0 on the diagonal.
    """
    return _solved("solve_triangular", SolveTriangular(bool(lower)), a, b)


def _solved(name: str, op: Op, a: Any, b: Any) -> Expr:
    right = as_expr(b)
    flat = right.ndim == 1
    (left, right), lead = _matrices(name, a, expand_dims(right, 1) if flat else right)
    out = apply(op, left, right)
    out = reshape(out, (*lead, *out.shape[1:]))
    return squeeze(out, -1) if flat else out


def slogdet(a: Any) -> tuple[Expr, Expr]:
    """(sign, log |det a|) for (..., n, n), as np.linalg.slogdet.  Gradient of the second: g a⁻ᵀ; of the first: 0."""
    (node,), lead = _matrices("slogdet", a)
    sign, log = _results(apply(SignLogDet(), node), lead)
    return sign, log


def det(a: Any) -> Expr:
    """The determinant of (..., n, n): the product of the pivots.  Gradient: g det(a) a⁻ᵀ, for regular matrices."""
    sign, log = slogdet(a)
    return sign * exp(log)


def eigh(a: Any) -> tuple[Expr, Expr]:
    """(values in ascending order, vectors in columns) of symmetric matrices (..., n, n), as np.linalg.eigh.

    Of a, the lower triangle is read, and its gradient is that of it.  Where values are equal, the gradient of the
    vectors does not exist: the pair contributes 0.
    """
    (node,), lead = _matrices("eigh", a)
    values, vectors = _results(apply(EigH(), node), lead)
    return values, vectors


def svd(a: Any) -> tuple[Expr, Expr, Expr]:
    """(u, s, vᵀ) with a = u diag(s) vᵀ, as np.linalg.svd(full_matrices=False).

    Where singular values are equal, the gradient of the vectors does not exist: the pair contributes 0.
    """
    (node,), lead = _matrices("svd", a)
    u, s, vt = _results(apply(SVD(), node), lead)
    return u, s, vt


def qr(a: Any) -> tuple[Expr, Expr]:
    """(q, r) with a = q r, as np.linalg.qr.  Gradient: for m >= n and full rank."""
    (node,), lead = _matrices("qr", a)
    q, r = _results(apply(QR(), node), lead)
    return q, r


# ---- triangles ------------------------------------------------------------------------------------------------------


def tril(x: Any, k: int = 0) -> Expr:
    """x with zeros above the k-th diagonal of its last two axes, as np.tril."""
    node = as_expr(x)
    return where(_below(node, k), node, 0)


def triu(x: Any, k: int = 0) -> Expr:
    """x with zeros below the k-th diagonal of its last two axes, as np.triu."""
    node = as_expr(x)
    return where(_below(node, k - 1), 0, node)


def _below(x: Expr, k: int) -> Expr:
    if x.ndim < 2:
        error = ShapeError(f"A triangle belongs to a matrix, and this expression has shape {show(x.shape)}.")
        raise blame(error, user_site(), x.site)
    shape = x.shape[-2:]
    return iota(shape, 1) <= iota(shape, 0) + k


def _t(x: Expr) -> Expr:
    return swapaxes(x, -1, -2)


def _symmetric(x: Expr) -> Expr:
    return (x + _t(x)) / 2


def _halved(x: Expr) -> Expr:
    """A lower triangle with half its diagonal."""
    return x - _diagonal_part(x) / 2


def _diagonal_part(x: Expr) -> Expr:
    return x * eye(x.shape[-2], x.shape[-1], dtype=x.dtype)


def _apart(differences: Expr) -> Expr:
    """1 / difference; 0 where there is none."""
    none = eq(differences, 0)
    return where(none, 0, 1 / where(none, 1, differences))


def _column(x: Expr) -> Expr:
    return reshape(x, (*x.shape, 1, 1))
