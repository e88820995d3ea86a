"""Triangular systems, matrix by matrix: a kernel as users write them, over arrays of (batch, m, n)."""

from typing import Any


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
