"""LAPACK through Numba, matrix by matrix: kernels as users write them, over arrays of (batch, m, n).

Numba reaches LAPACK through SciPy.  A matrix that LAPACK refuses raises, and the error names the user's line.  What
holds a NaN or an infinity is not asked for: its result is NaN.
"""

from typing import Any

import numba
import numpy as np


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def finite(a: Any) -> bool:
    """Whether a matrix holds neither NaN nor infinity."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if not np.isfinite(a[i, j]):
                return False
    return True


def cholesky(a: Any, out: Any) -> None:
    """The lower triangle, of what mirrors the lower triangle of a."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        out[b] = np.nan
        if finite(one):
            out[b] = np.linalg.cholesky(np.tril(one) + np.tril(one, -1).T)


def inverse(a: Any, out: Any) -> None:
    """Through LU."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        out[b] = np.nan
        if finite(one):
            out[b] = np.linalg.inv(one)


def solve(a: Any, right: Any, out: Any) -> None:
    """Through LU."""
    for b in range(a.shape[0]):
        one, other = np.ascontiguousarray(a[b]), np.ascontiguousarray(right[b])
        out[b] = np.nan
        if finite(one) and finite(other):
            out[b] = np.linalg.solve(one, other)


def solve_triangular(a: Any, right: Any, out: Any, lower: bool) -> None:
    """Row by row: what is known is taken from the right side."""
    rows, columns = out.shape[1], out.shape[2]
    for b in range(a.shape[0]):
        for step in range(rows):
            i = step if lower else rows - 1 - step
            if a[b, i, i] == 0:
                raise ValueError("a 0 on the diagonal")
            for j in range(columns):
                out[b, i, j] = right[b, i, j]
            for k in range(0 if lower else i + 1, i if lower else rows):
                factor = a[b, i, k]
                for j in range(columns):
                    out[b, i, j] -= factor * out[b, k, j]
            for j in range(columns):
                out[b, i, j] /= a[b, i, i]


def sign_log_det(a: Any, sign: Any, log: Any) -> None:
    """Through LU."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        sign[b], log[b] = np.nan, np.nan
        if finite(one):
            sign[b], log[b] = np.linalg.slogdet(one)


def eigh(a: Any, values: Any, vectors: Any) -> None:
    """Of the lower triangle."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        values[b], vectors[b] = np.nan, np.nan
        if finite(one):
            values[b], vectors[b] = np.linalg.eigh(one)


def svd(a: Any, u: Any, s: Any, vt: Any) -> None:
    """The thin one."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        u[b], s[b], vt[b] = np.nan, np.nan, np.nan
        if finite(one) and s.shape[1]:
            u[b], s[b], vt[b] = np.linalg.svd(one, full_matrices=False)


def qr(a: Any, q: Any, r: Any) -> None:
    """The thin one."""
    for b in range(a.shape[0]):
        one = np.ascontiguousarray(a[b])
        q[b], r[b] = np.nan, np.nan
        if finite(one) and q.shape[2]:
            q[b], r[b] = np.linalg.qr(one)
