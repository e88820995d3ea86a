"""Inverses, solutions and decompositions of matrices, by LAPACK; each over any leading axes.

The ops take and give (batch, m, n); the functions below put leading axes in and out.  Derivatives: Giles 2008,
Collected matrix derivative results for forward and reverse mode; Seeger et al. 2017, Auto-differentiating linear
algebra; Murray 2016, Differentiation of the Cholesky decomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..symbolic.arguments import LARGEST, check_count, check_flag
from ..symbolic.dims import minimum, product, same, show
from ..symbolic.errors import LinAlgError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import unify
from ..symbolic.leaves import Item
from ..symbolic.records import record
from ..symbolic.types import TupleType, Type, float_like, promote
from .coerce import as_expr
from .creation import eye, iota, zeros_like
from .elementwise import cast
from .linalg import matmul
from .movement import broadcast_to, concatenate, expand_dims, reshape, squeeze, swapaxes
from .operands import check_floats, check_same_dtype
from .reduce import top
from .scalar import abs, eq, mul_no_nan, where
from .several import Several


def check_matrices(name: str, a: Type) -> None:
    """Raise ShapeError, DTypeError unless these are matrices of floats, several in a row: LAPACK's."""
    if a.ndim != 3:
        raise ShapeError(f"{name}: the operand is (batch, m, n) here, not {show(a.shape)}.")
    check_floats(name, a)


def square_only(name: str, a: Type) -> None:
    check_matrices(name, a)
    unify(a.shape[-1], a.shape[-2], lambda: f"{name}: a matrix of shape {show(a.shape[-2:])} is not square.")


def _same_batch(name: str, a: Type, b: Type) -> None:
    check_same_dtype(name, a, b)
    if a.ndim != 3 or b.ndim != 3:
        raise ShapeError(f"{name}: the operands are (batch, m, n) here, not {show(a.shape)} and {show(b.shape)}.")
    unify(a.shape[0], b.shape[0], lambda: f"{name}: {a.shape[0]} matrices and {b.shape[0]} right sides.")


def call_finite(name: str, function: Callable[..., Any], *arrays: np.ndarray) -> Any:
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


@record
class Cholesky(Op):
    """The lower triangular L with L Lᵀ = a; of a, the lower triangle is read."""

    def infer(self, a: Type) -> Type:
        square_only("cholesky", a)
        return Type(a.dtype, a.shape)

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("cholesky", np.linalg.cholesky, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        inner = _halve_diagonal(tril(matmul(transpose_matrices(out), g)))
        back = apply(SolveTriangular(lower=False), transpose_matrices(out), inner)
        back = transpose_matrices(
            apply(SolveTriangular(lower=False), transpose_matrices(out), transpose_matrices(back))
        )
        return [tril(_symmetric(back) * 2) - _diagonal_part(_symmetric(back))]


@record
class Inverse(Op):
    """The x with a x = 1."""

    def infer(self, a: Type) -> Type:
        square_only("inv", a)
        return Type(a.dtype, a.shape)

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("inv", np.linalg.inv, a)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [-matmul(matmul(transpose_matrices(out), g), transpose_matrices(out))]


@record
class Solve(Op):
    """The x with a x = b."""

    def infer(self, a: Type, b: Type) -> Type:
        square_only("solve", a)
        _same_batch("solve", a, b)
        unify(a.shape[-1], b.shape[-2], lambda: f"solve: {show(a.shape)} and {show(b.shape)} do not fit.")
        return Type(b.dtype, b.shape)

    def numpy(self, a: np.ndarray, b: np.ndarray) -> Any:
        return call_finite("solve", np.linalg.solve, a, b)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        back = apply(Solve(), transpose_matrices(args[0]), g)
        return [lambda: -matmul(back, transpose_matrices(out)), back]


@record
class SolveTriangular(Op):
    """The x with a x = b, for a triangular a: the other triangle is not read."""

    lower: bool

    def infer(self, a: Type, b: Type) -> Type:
        square_only("solve_triangular", a)
        _same_batch("solve_triangular", a, b)
        unify(a.shape[-1], b.shape[-2], lambda: f"solve_triangular: {show(a.shape)} and {show(b.shape)} do not fit.")
        return Type(b.dtype, b.shape)

    def numpy(self, a: np.ndarray, b: np.ndarray) -> Any:
        return call_finite("solve_triangular", np.linalg.solve, np.tril(a) if self.lower else np.triu(a), b)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Any]:
        back = apply(SolveTriangular(not self.lower), transpose_matrices(args[0]), g)
        part = tril if self.lower else triu
        return [lambda: -part(matmul(back, transpose_matrices(out))), back]


@record
class EigH(Op):
    """(values in ascending order, vectors in columns) of a symmetric matrix; of a, the lower triangle is read."""

    def infer(self, a: Type) -> TupleType:
        square_only("eigh", a)
        return TupleType((Type(a.dtype, a.shape[:2]), Type(a.dtype, a.shape)))

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("eigh", np.linalg.eigh, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        values, vectors = apply(Item(0), out), apply(Item(1), out)
        inner = zeros_like(args[0])
        if g[0] is not None:
            inner = inner + eye(values.shape[1], dtype=values.dtype) * expand_dims(g[0], 1)
        if g[1] is not None:
            gaps = expand_dims(values, 1) - expand_dims(values, 2)
            inner = inner + mul_no_nan(_apart(gaps, values), matmul(transpose_matrices(vectors), g[1]))
        back = _symmetric(matmul(matmul(vectors, inner), transpose_matrices(vectors)))
        return [tril(back * 2) - _diagonal_part(back)]


@record
class SVD(Op):
    """(u, s, vᵀ) with a = u diag(s) vᵀ, s descending; k = min(m, n) columns of u and rows of vᵀ."""

    def infer(self, a: Type) -> TupleType:
        check_matrices("svd", a)
        b, m, n = a.shape
        k = minimum(m, n)
        return TupleType((Type(a.dtype, (b, m, k)), Type(a.dtype, (b, k)), Type(a.dtype, (b, k, n))))

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("svd", lambda x: np.linalg.svd(x, full_matrices=False), a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        u, s, vt = (apply(Item(i), out) for i in range(3))
        row, column = expand_dims(s, 1), expand_dims(s, 2)
        gaps = _apart(row - column, s) / _nonzero(row + column)
        inner = eye(s.shape[1], dtype=s.dtype) * expand_dims(g[1] if g[1] is not None else zeros_like(s), 1)
        outside = zeros_like(args[0])
        if g[0] is not None:
            turn = matmul(transpose_matrices(u), g[0])
            apart = mul_no_nan(gaps, turn)
            inner = inner + (apart + transpose_matrices(apart)) * row
            if same(*u.shape[1:]) is not True:  # else the columns leave nothing outside
                outside = outside + matmul(mul_no_nan(_invert(row, s), g[0] - matmul(u, turn)), vt)
        if g[2] is not None:
            turn = matmul(vt, transpose_matrices(g[2]))
            apart = mul_no_nan(gaps, turn)
            inner = inner + column * (apart + transpose_matrices(apart))
            if same(*vt.shape[1:]) is not True:
                outside = outside + matmul(
                    u, mul_no_nan(_invert(column, s), g[2] - matmul(transpose_matrices(turn), vt))
                )
        return [matmul(matmul(u, inner), vt) + outside]


@record
class QR(Op):
    """(q, r) with a = q r: orthonormal columns, and an upper triangle; k = min(m, n)."""

    def infer(self, a: Type) -> TupleType:
        check_matrices("qr", a)
        b, m, n = a.shape
        k = minimum(m, n)
        return TupleType((Type(a.dtype, (b, m, k)), Type(a.dtype, (b, k, n))))

    def numpy(self, a: np.ndarray) -> Any:
        return call_finite("qr", np.linalg.qr, a)

    def vjp(self, g: Any, out: Expr, *args: Expr) -> list[Expr]:
        q, r = apply(Item(0), out), apply(Item(1), out)
        to_q = g[0] if g[0] is not None else zeros_like(q)
        to_r = g[1] if g[1] is not None else zeros_like(r)
        # a = (b, c) with as many columns in b as in q: b = q r₁, and r₂ = qᵀ c; of tall matrices c is empty
        k = q.shape[2]
        rest = args[0][:, :, k:]
        left, right = r[:, :, :k], to_r[:, :, k:]
        to_q = to_q + matmul(rest, transpose_matrices(right))
        inner = matmul(left, transpose_matrices(to_r[:, :, :k])) - matmul(transpose_matrices(to_q), q)
        mirrored = tril(inner) + transpose_matrices(tril(inner, -1))
        first = transpose_matrices(
            apply(SolveTriangular(lower=False), left, transpose_matrices(to_q + matmul(q, mirrored)))
        )
        return [concatenate([first, matmul(q, right)], 2)]


# ---- what users call ------------------------------------------------------------------------------------------------


def matrices(name: str, *values: Any) -> tuple[list[Expr], tuple[Any, ...]]:
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


def results(node: Expr, lead: Sequence[Any]) -> tuple[Expr, ...]:
    parts = [apply(Item(i), node) for i in range(len(node.type.items))]
    return tuple(reshape(p, (*lead, *p.shape[1:])) for p in parts)


def cholesky(a: Any) -> Expr:
    """The lower triangular L with L Lᵀ = a, for symmetric positive definite (..., n, n), as np.linalg.cholesky.

    Of a, the lower triangle is read, and its gradient is that of it.  Raises LinAlgError where a is not positive
    definite.
    """
    (node,), lead = matrices("cholesky", a)
    out = apply(Cholesky(), node)
    return reshape(out, (*lead, *out.shape[1:]))


def inv(a: Any) -> Expr:
    """a⁻¹ for (..., n, n).  Gradient: -a⁻ᵀ g a⁻ᵀ.  Raises LinAlgError for a singular matrix.  To solve, use `solve`."""
    (node,), lead = matrices("inv", a)
    out = apply(Inverse(), node)
    return reshape(out, (*lead, *out.shape[1:]))


def solve(a: Any, b: Any) -> Expr:
    """The x with a x = b, for a (..., n, n) and b (..., n, k), or (n,) where a is one matrix.

    Leading axes are the same, or missing.  Raises LinAlgError for a singular matrix.
    """
    return _solve("solve", Solve(), a, b)


def solve_triangular(a: Any, b: Any, lower: bool = False) -> Expr:
    """The x with a x = b, for a triangular a; its other triangle is not read, and gets no gradient.

    a, b : as in `solve`.  Raises LinAlgError where there is a 0 on the diagonal.
    """
    return _solve("solve_triangular", SolveTriangular(check_flag("solve_triangular", "lower", lower)), a, b)


def _solve(name: str, op: Op, a: Any, b: Any) -> Expr:
    right = as_expr(b)
    flat = right.ndim == 1
    (left, right), lead = matrices(name, a, expand_dims(right, 1) if flat else right)
    out = apply(op, left, right)
    out = reshape(out, (*lead, *out.shape[1:]))
    return squeeze(out, -1) if flat else out


def eigh(a: Any) -> tuple[Expr, Expr]:
    """(values in ascending order, vectors in columns) of symmetric matrices (..., n, n), as np.linalg.eigh.

    Of a, the lower triangle is read, and its gradient is that of it.  Where values are equal up to rounding, their
    vectors have no derivative, and what depends on them has a gradient of NaN; that of the values alone is
    v diag(g) vᵀ.
    """
    (node,), lead = matrices("eigh", a)
    values, vectors = results(apply(EigH(), node), lead)
    return Several((values, vectors), "eigh", ("values", "vectors"))


def svd(a: Any) -> tuple[Expr, Expr, Expr]:
    """(u, s, vᵀ) with a = u diag(s) vᵀ, as np.linalg.svd(full_matrices=False).

    Where singular values are equal up to rounding, or 0 in a matrix that is not square, their vectors have no
    derivative, and what depends on them has a gradient of NaN; that of the values alone is u diag(g) vᵀ.
    """
    (node,), lead = matrices("svd", a)
    u, s, vt = results(apply(SVD(), node), lead)
    return Several((u, s, vt), "svd", ("u", "s", "vt"))


def qr(a: Any) -> tuple[Expr, Expr]:
    """(q, r) with a = q r, as np.linalg.qr.  Gradient: where the first min(m, n) columns are independent."""
    (node,), lead = matrices("qr", a)
    q, r = results(apply(QR(), node), lead)
    return Several((q, r), "qr", ("q", "r"))


# ---- triangles ------------------------------------------------------------------------------------------------------


def tril(x: Any, k: int = 0) -> Expr:
    """x with zeros above the k-th diagonal of its last two axes, as np.tril."""
    node = as_expr(x)
    return where(_below(node, _diagonal("tril", k)), node, 0)


def triu(x: Any, k: int = 0) -> Expr:
    """x with zeros below the k-th diagonal of its last two axes, as np.triu."""
    node = as_expr(x)
    return where(_below(node, _diagonal("triu", k) - 1), 0, node)


def _diagonal(name: str, k: Any) -> Any:
    return k if isinstance(k, Expr) else check_count(name, "k", k, -LARGEST)


def _below(x: Expr, k: int) -> Expr:
    if x.ndim < 2:
        error = ShapeError(f"A triangle belongs to a matrix, and this expression has shape {show(x.shape)}.")
        raise blame(error, user_site(), x.site)
    shape = x.shape[-2:]
    return iota(shape, 1) <= iota(shape, 0) + k


def transpose_matrices(x: Expr) -> Expr:
    return swapaxes(x, -1, -2)


def _symmetric(x: Expr) -> Expr:
    return (x + transpose_matrices(x)) / 2


def _halve_diagonal(x: Expr) -> Expr:
    """A lower triangle with half its diagonal."""
    return x - _diagonal_part(x) / 2


def _diagonal_part(x: Expr) -> Expr:
    return x * eye(x.shape[-2], x.shape[-1], dtype=x.dtype)


def _apart(gaps: Expr, values: Expr) -> Expr:
    """1 / gap between two of the values; 0 on the diagonal, and NaN where two are equal up to rounding."""
    diagonal = eq(eye(values.shape[1], dtype=values.dtype), 1)
    return where(diagonal, 0, _invert(gaps, values))


def _invert(x: Expr, values: Expr) -> Expr:
    """1 / x; NaN where x is nothing but the rounding of these values."""
    rounding = 16 * float(np.finfo(values.dtype).eps) * expand_dims(top(abs(values), (1,)), 2)
    none = abs(x) <= rounding
    return where(none, np.nan, 1 / where(none, 1, x))


def _nonzero(x: Expr) -> Expr:
    return where(eq(x, 0), 1, x)


def column(x: Expr) -> Expr:
    return reshape(x, (*x.shape, 1, 1))
