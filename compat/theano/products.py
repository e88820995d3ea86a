"""T.dot, tensordot, and linear algebra under Theano's names (theano.tensor.nlinalg, slinalg)."""

from __future__ import annotations

from typing import Any

import numpy as np

import weft as wf

from ...symbolic.errors import blame, user_site
from .convert import alike, floats, unwrap
from .variables import method, wrap


@method("dot")
def dot(a: Any, b: Any) -> Any:
    """The sum over the last axis of a and the last but one (of a vector: the only one) of b."""
    return wrap(wf.dot(*alike(a, b)))


def outer(x: Any, y: Any) -> Any:
    """out[i, j] = x[i] y[j]."""
    return wrap(wf.outer(*[wf.ravel(v) for v in alike(x, y)]))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes, or over the last axes of a and the first of b."""
    return wrap(wf.tensordot(*alike(a, b), axes))


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


def matrix_inverse(x: Any) -> Any:
    """The inverse of a matrix."""
    return wrap(wf.inv(floats(x)))


def pinv(x: Any) -> Any:
    """The Moore-Penrose inverse, by singular values; those below 1e-15 of the largest count as 0."""
    u, s, vt = wf.svd(floats(x))
    large = s > 1e-15 * wf.max(s)
    inverse = wf.where(large, 1.0 / wf.where(large, s, 1.0), 0.0)
    return wrap((wf.transpose(vt) * inverse) @ wf.transpose(u))


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


def cholesky(A: Any, lower: bool = True, on_error: str = "raise") -> Any:
    """The triangular factor L with A = L L', or its transpose with lower=False."""
    factor = wf.cholesky(floats(A))
    return wrap(factor if lower else wf.transpose(factor))


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
