"""T.dot, tensordot, and linear algebra under Theano's names (theano.tensor.nlinalg, slinalg)."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...ops.decompositions import Cholesky as WeftCholesky
from ...ops.decompositions import Inverse
from ...ops.decompositions import Solve as WeftSolve
from ...ops.determinants import Determinant
from ...ops.linalg import MatMul
from ...symbolic.errors import blame, user_site
from .convert import alike, floats, unwrap
from .methods import method
from .notes import made_by
from .ops import EQUIVALENTS, Work
from .variables import wrap


class Dot(Work):
    """T.dot."""

    def __call__(self, a: Any, b: Any) -> Any:
        return dot(a, b)

    def __repr__(self) -> str:
        return "dot"


@method("dot")
@made_by(lambda a, b: (Dot(), [a, b]))
def dot(a: Any, b: Any) -> Any:
    """The sum over the last axis of a and the last but one (of a vector: the only one) of b."""
    return wrap(wf.dot(*alike(a, b)))


def outer(x: Any, y: Any) -> Any:
    """out[i, j] = x[i] y[j]."""
    return wrap(wf.outer(*[wf.ravel(v) for v in alike(x, y)]))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes, or over the last axes of a and the first of b."""
    return wrap(wf.tensordot(*alike(a, b), axes))


class BatchedDot(Work):
    """T.batched_dot."""

    def __call__(self, a: Any, b: Any) -> Any:
        return batched_dot(a, b)


@made_by(lambda a, b: (BatchedDot(), [a, b]))
def batched_dot(a: Any, b: Any) -> Any:
    """out[i] = dot(a[i], b[i])."""
    return batched_tensordot(a, b, 1 if unwrap(a).ndim > 1 and unwrap(b).ndim > 1 else 0)


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """out[i] = tensordot(x[i], y[i]); axes count the first one, too."""
    a, b = alike(x, y)
    if isinstance(axes, int):
        left, right = list(range(a.ndim - axes, a.ndim)), list(range(1, axes + 1))
    else:
        left, right = ([int(i)] if isinstance(i, int | np.integer) else [int(j) for j in i] for i in axes)
    if 0 in left or 0 in right:
        raise blame(ValueError("batched_tensordot: axis 0 is the batch, and cannot be summed over."), user_site())
    letters = "abcdefghijklmnopqrstuvwxyz"
    first = letters[: a.ndim]
    fresh = iter(letters[a.ndim :])
    second = [first[0]] + ["" for _ in range(b.ndim - 1)]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    second = [letter or next(fresh) for letter in second]
    kept = [c for i, c in enumerate(first) if i not in left] + [c for j, c in enumerate(second) if j and j not in right]
    return wrap(wf.einsum(f"{first},{''.join(second)}->{''.join(kept)}", a, b))


# ---- linear algebra --------------------------------------------------------------------------------------------------


class MatrixInverse(Work):
    """nlinalg.matrix_inverse."""

    def __call__(self, x: Any) -> Any:
        return matrix_inverse(x)


@made_by(lambda x: (MatrixInverse(), [x]))
def matrix_inverse(x: Any) -> Any:
    """The inverse of a matrix."""
    return wrap(wf.inv(floats(x)))


class MatrixPinv(Work):
    """nlinalg.pinv."""

    def __call__(self, x: Any) -> Any:
        return pinv(x)


@made_by(lambda x: (MatrixPinv(), [x]))
def pinv(x: Any) -> Any:
    """The Moore-Penrose inverse, by singular values; those below 1e-15 of the largest count as 0."""
    u, s, vt = wf.svd(floats(x))
    large = s > 1e-15 * wf.max(s)
    inverse = wf.where(large, 1.0 / wf.where(large, s, 1.0), 0.0)
    return wrap((wf.transpose(vt) * inverse) @ wf.transpose(u))


class Det(Work):
    """nlinalg.det."""

    def __call__(self, x: Any) -> Any:
        return det(x)


@made_by(lambda x: (Det(), [x]))
def det(x: Any) -> Any:
    """The determinant."""
    return wrap(wf.det(floats(x)))


def trace(x: Any) -> Any:
    """The sum of the diagonal."""
    return wrap(wf.trace(unwrap(x)))


def eigh(a: Any, UPLO: str = "L") -> Any:
    """[eigenvalues in ascending order, eigenvectors in columns] of a symmetric matrix, of which a triangle is read."""
    node = floats(a)
    return [wrap(v) for v in wf.eigh(node if UPLO == "L" else wf.transpose(node))]


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """[u, s, vt] of a matrix; compute_uv=False: s alone."""
    node = floats(a)
    u, s, vt = wf.svd(node)
    if not compute_uv:
        return wrap(s)
    if full_matrices and node.shape[0] is not node.shape[1]:
        text = "svd gives the thin factors here, and full_matrices=True asks for square ones."
        raise blame(NotImplementedError(text), user_site(), node.site, hint="pass full_matrices=False.")
    return [wrap(u), wrap(s), wrap(vt)]


def qr(a: Any, mode: str = "reduced") -> Any:
    """[q, r] of a matrix; mode "r": r alone."""
    q, r = wf.qr(floats(a))
    return wrap(r) if mode == "r" else [wrap(q), wrap(r)]


def matrix_power(M: Any, n: int) -> Any:
    """M @ M @ ... n times."""
    node = unwrap(M)
    result = wf.eye(node.shape[0], dtype=node.dtype)
    for _ in range(n):
        result = result @ node
    return wrap(result)


def matrix_dot(*args: Any) -> Any:
    """The product of several matrices."""
    found = args[0]
    for each in args[1:]:
        found = dot(found, each)
    return found


class Cholesky(Work):
    """slinalg.cholesky, of the lower triangle or the upper one."""

    __props__ = ("lower",)

    def __init__(self, lower: bool = True, on_error: str = "raise") -> None:
        self.lower, self.on_error = lower, on_error

    def __call__(self, x: Any) -> Any:
        return cholesky(x, self.lower, self.on_error)


@made_by(lambda A, lower=True, on_error="raise": (Cholesky(lower, on_error), [A]))
def cholesky(A: Any, lower: bool = True, on_error: str = "raise") -> Any:
    """The triangular factor L with A = L L', or its transpose with lower=False."""
    factor = wf.cholesky(floats(A))
    return wrap(factor if lower else wf.transpose(factor))


class Solve(Work):
    """slinalg.solve, for a matrix of this structure."""

    __props__ = ("A_structure", "lower")

    def __init__(self, A_structure: str = "general", lower: bool = False, **ignored: Any) -> None:
        self.A_structure, self.lower = A_structure, lower

    def __call__(self, a: Any, b: Any) -> Any:
        return solve(a, b, self.A_structure, self.lower)


@made_by(lambda a, b, A_structure="general", lower=False, **ignored: (Solve(A_structure, lower), [a, b]))
def solve(a: Any, b: Any, A_structure: str = "general", lower: bool = False, **ignored: Any) -> Any:
    """x with a x = b."""
    left, right = alike(floats(a), floats(b))
    if A_structure in ("lower_triangular", "upper_triangular"):
        return wrap(wf.solve_triangular(left, right, lower=A_structure.startswith("lower")))
    return wrap(wf.solve(left, right))


def solve_lower_triangular(a: Any, b: Any) -> Any:
    """x with a x = b, for a lower triangle a."""
    return solve(a, b, "lower_triangular")


def solve_upper_triangular(a: Any, b: Any) -> Any:
    """x with a x = b, for an upper triangle a."""
    return solve(a, b, "upper_triangular")


def kron(a: Any, b: Any) -> Any:
    """The Kronecker product of two matrices."""
    x, y = alike(a, b)
    product = wf.expand_dims(x, (1, 3)) * wf.expand_dims(y, (0, 2))
    return wrap(wf.reshape(product, (x.shape[0] * y.shape[0], x.shape[1] * y.shape[1])))


EQUIVALENTS[MatMul] = lambda node: Dot()
EQUIVALENTS[Inverse] = lambda node: MatrixInverse()
EQUIVALENTS[Determinant] = lambda node: Det()
EQUIVALENTS[WeftCholesky] = lambda node: Cholesky()
EQUIVALENTS[WeftSolve] = lambda node: Solve()
