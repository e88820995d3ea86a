"""What LAPACK does on the host between a device's steps, and what is written in text or has sizes that data decide."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...codegen.function import Function
from ...ops import decompositions as d
from ...ops import determinants, einsum, nonzero
from ...ops.reduce import sum as sum_over
from ...symbolic.errors import LinAlgError
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, tensor, tensor3
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import compare, compare_all, normal, require

# Functions of symmetric matrices, far from singular, whose results are unique.
SQUARE: dict[str, Callable[[Expr], Any]] = {
    "cholesky": d.cholesky,
    "inv": d.inv,
    "det": determinants.det,
    "slogdet": lambda a: determinants.slogdet(a)[1],
    "solve": lambda a: d.solve(a, a[..., :1] + 1.0),
    "solve_triangular": lambda a: d.solve_triangular(d.tril(a), a[..., :2], lower=True),
    "eigh": lambda a: d.eigh(a)[0],
    "svd": lambda a: d.svd(a)[1],
    "qr": lambda a: abs(d.qr(a)[1]),
    "triu": lambda a: d.triu(a, 1) + d.tril(a, -1),
}


def _definite(shape: Sequence[int], dtype: str) -> np.ndarray:
    a = normal(shape, "float64")
    return np.asarray(a @ a.swapaxes(-1, -2) / shape[-1] + 2 * np.eye(shape[-1])).astype(dtype)


def _compile(setting: DeviceSetting, inputs: Sequence[Expr], outputs: Any) -> Function:
    """A function of which weft says that the host does a part."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        f = setting.compile(inputs, outputs)
    told = [str(warning.message) for warning in said if "On the host" in str(warning.message)]
    require(len(told) == 1, f"What the host computes is told {len(told)} times.")
    return f


def check_square(name: str, setting: DeviceSetting) -> None:
    """One matrix, and batches of them, with gradients."""
    for dtype in ("float32", "float64"):
        for rank, shapes in ((2, ((1, 1), (5, 5))), (3, ((0, 3, 3), (4, 3, 3)))):
            a = tensor("a", (None,) * rank, dtype)
            y = SQUARE[name](a)
            outputs = [y, grad(sum_over(y * y), a)]
            f = setting.compile([a], outputs) if name == "triu" else _compile(setting, [a], outputs)
            for shape in shapes:
                value = _definite(shape, dtype)
                expected = [np.asarray(e) for e in evaluate(outputs, {a: value})]
                compare_all(f"{name} of {dtype}{shape}", f(value), expected, 512)


def check_refused_matrix(setting: DeviceSetting) -> None:
    """A matrix that is not positive definite is refused, and the next one is not."""
    a = matrix("a", (None, None))
    f = _compile(setting, [a], d.cholesky(a))
    refused = False
    try:
        f(-np.eye(3, dtype="float32"))
    except LinAlgError:
        refused = True
    require(refused, "The Cholesky factor of a negative matrix is not refused.")
    compare("the factor of the identity", f(np.eye(3, dtype="float32")), np.eye(3, dtype="float32"))


def check_einsum(setting: DeviceSetting) -> None:
    """Sums that are named by letters."""
    x, y = tensor3("x", ("a", 3, "n")), tensor3("y", ("a", "n", 5))
    outputs = [einsum.einsum(text, x, y) for text in ("bij,bjk->bik", "bij,bjk->k", "bij,bjk->ikb")]
    outputs += grad(sum_over(outputs[0] ** 2), [x, y])
    f = setting.compile([x, y], outputs)
    for a, n in ((0, 2), (1, 1), (3, 7)):
        values = {x: normal((a, 3, n)), y: normal((a, n, 5), seed=1)}
        expected = [np.asarray(e) for e in evaluate(outputs, values)]
        compare_all(f"einsum of {a, n}", f(*values.values()), expected, 128)


def check_nonzero(setting: DeviceSetting) -> None:
    """Results that are as long as there are places, and what is selected by a mask."""
    x = matrix("x", ("n", 3))
    rows, columns = nonzero.nonzero(x > 0.0)
    f = setting.compile([x], [rows, columns, x[x > 0.0], sum_over(x[rows], 0)])
    for n in (0, 1, 40):
        value = normal((n, 3), seed=n)
        i, j = np.nonzero(value > 0)
        compare_all(f"nonzero of {n} rows", f(value), [i, j, value[i, j], value[i].sum(0)], 64)


def checks() -> list[DeviceCheck]:
    """All of the group."""
    found: dict[str, Callable[[DeviceSetting], None]] = {name: partial(check_square, name) for name in SQUARE}
    found |= {"refused": check_refused_matrix, "einsum": check_einsum, "nonzero": check_nonzero}
    return group_checks("matrices", found)
