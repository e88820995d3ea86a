"""Kernels of a user's: traced Python with a gradient of another op, called among weft's own steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...codegen.target import kernel
from ...ops.reduce import sum as sum_over
from ...symbolic.expr import Expr, Op, apply
from ...symbolic.grad import grad
from ...symbolic.types import Type
from ...symbolic.variables import matrix
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare_all, normal


@dataclass(frozen=True)
class LeakyRows(Op):
    """The sum of each row of x where it is positive, else of slope x.  x: (n, m) any float -> (n,)."""

    slope: float

    def infer(self, x: Type) -> Type:
        return Type(x.dtype, x.shape[:1])

    def numpy(self, x: Array) -> Array:
        return np.asarray(np.where(x > 0, x, x.dtype.type(self.slope) * x).sum(1))

    def vjp(self, g: Expr, out: Expr, x: Expr) -> list[Expr]:
        return [apply(LeakyRowsGradient(self.slope), g, x)]


@dataclass(frozen=True)
class LeakyRowsGradient(Op):
    """g[i] where x[i, j] is positive, else slope g[i]."""

    slope: float

    def infer(self, g: Type, x: Type) -> Type:
        return x

    def numpy(self, g: Array, x: Array) -> Array:
        return np.asarray(np.where(x > 0, g[:, None], g.dtype.type(self.slope) * g[:, None]))


def _sum_rows(k: Any, x: Any, out: Any, slope: float) -> None:
    for (row,) in k.each(out):
        total = k.register(out.dtype, 0)
        for column in k.range(0, x.shape[1]):
            value = x[row, column]
            total.set(total.get() + k.select(value > 0, value, value * slope))
        out[row] = total.get()


def _spread_rows(k: Any, g: Any, x: Any, out: Any, slope: float) -> None:
    for row, column in k.each(out):
        out[row, column] = k.select(x[row, column] > 0, g[row], g[row] * slope)


@cache
def _register() -> None:
    """Give both ops their kernels, once."""
    kernel(LeakyRows, "cuda")(_sum_rows)
    kernel(LeakyRowsGradient, "cuda")(_spread_rows)


def check_own_kernels(setting: DeviceSetting) -> None:
    """Values and gradients at ragged and empty sizes, with steps of weft's before and behind."""
    _register()
    for dtype in ("float32", "float64"):
        x = matrix("x", (None, None), dtype)
        y = apply(LeakyRows(0.25), x * 2.0) + 1.0
        f = setting.compile([x], [y, grad(sum_over(y * y), x)])
        for shape in ((0, 3), (3, 0), (1, 1), setting.pick((1000, 129), (33, 7))):
            value = normal(shape, dtype)
            wanted = LeakyRows(0.25).numpy(value * 2) + 1
            slopes = LeakyRowsGradient(0.25).numpy(2 * wanted, value) * 2
            expected = [v.astype(dtype) for v in (wanted, slopes)]
            compare_all(f"kernels of a user's, {dtype}{shape}", f(value), expected, 64)


def checks() -> list[DeviceCheck]:
    """All of the group."""
    return group_checks("own kernels", {"traced": check_own_kernels})
