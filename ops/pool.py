"""Pooling in one to three dimensions: maxima, sums, means and norms of windows.

The ops are closed under differentiation.  The gradient of a maximum is a scatter to the places of the maxima, whose
own gradient is a gather from there; both are linear in what they move, and constant in x wherever they have a
derivative at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import Shape, show
from ..symbolic.errors import ShapeError
from ..symbolic.expr import Expr, apply
from ..symbolic.guards import unify
from ..symbolic.records import record
from ..symbolic.types import INT64, DType, Type
from .operands import check_rank, check_same_dtype
from .pooling import MaxPooling, Pooling


def unify_shapes(name: str, found: Shape, wanted: Shape) -> None:
    """Raise ShapeError, or assume what only a call can tell, unless two shapes are the same."""

    def message() -> str:
        return f"{name}: {show(found)} instead of {show(wanted)}."

    if len(found) != len(wanted):
        raise ShapeError(message())
    for mine, its in zip(found, wanted, strict=True):
        unify(mine, its, message)


def flatten_space(v: np.ndarray) -> np.ndarray:
    """v with its spatial axes as one."""
    return v.reshape(*v.shape[:2], int(np.prod(v.shape[2:])))


def _at(v: np.ndarray, places: np.ndarray, nothing: Any) -> np.ndarray:
    """v at places of its flattened spatial axes, `nothing` where the place is -1."""
    flat, wanted = flatten_space(v), flatten_space(places)
    if not flat.shape[-1]:
        return np.full(places.shape, nothing, v.dtype)
    found = np.take_along_axis(flat, np.maximum(wanted, 0), -1)
    return np.where(wanted < 0, np.asarray(nothing, v.dtype), found).reshape(places.shape)


def lowest(kind: DType) -> Any:
    """What is smaller than all other values: -inf, the least integer, False."""
    return -np.inf if kind.kind == "f" else np.iinfo(kind).min if kind.kind in "iu" else False


class MaxPool(MaxPooling):
    """The largest element of each window; NaN if it holds one."""

    def infer(self, x: Type) -> Type:
        return self.check_grid(x)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return _at(x, self.first_maxima(x), lowest(x.dtype))

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(MaxPoolScatter(*self.fields), args[0], g)]


class MaxPoolScatter(MaxPooling):
    """In the shape of x: zeros, and the g of each window added at the first maximum of the window."""

    def infer(self, x: Type, g: Type) -> Type:
        check_same_dtype("max_pool_scatter", x, g)
        unify_shapes("max_pool_scatter", g.shape, self.pooled_type(x).shape)
        return Type(g.dtype, x.shape)

    def numpy(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        out, places = np.zeros(flatten_space(x).shape, g.dtype), flatten_space(self.first_maxima(x))
        n, c, window = np.nonzero(places >= 0)
        np.add.at(out, (n, c, places[n, c, window]), flatten_space(g)[n, c, window])
        return out.reshape(x.shape)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        return [None, apply(MaxPoolGather(*self.fields), args[0], g)]


class MaxPoolGather(MaxPooling):
    """For each window of x: the element of v, of the shape of x, at the first maximum of the window."""

    def infer(self, x: Type, v: Type) -> Type:
        check_same_dtype("max_pool_gather", x, v)
        unify_shapes("max_pool_gather", v.shape, x.shape)
        return self.pooled_type(Type(v.dtype, x.shape))

    def numpy(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return _at(v, self.first_maxima(x), 0)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        return [None, apply(MaxPoolScatter(*self.fields), args[0], g)]


class MaxPoolPlaces(MaxPooling):
    """For each window of x: the place of its first maximum in the flattened spatial axes, -1 where it is empty."""

    def infer(self, x: Type) -> Type:
        return Type(INT64, self.check_grid(x).shape)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return self.first_maxima(x)  # type: ignore[no-any-return]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[None]:
        return [None]


class SumPool(Pooling):
    """The sum of each window; padding counts as 0."""

    def infer(self, x: Type) -> Type:
        return self.check_grid(x)

    def numpy(self, x: np.ndarray) -> Any:
        out: Any = np.zeros((*x.shape[:2], *self.grid(x.shape[2:])), x.dtype)
        for place, box in self.boxes(x.shape[2:], out.shape[2:]):
            out[:, :, *place] = flatten_space(x[:, :, *box]).sum(-1)
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        sizes = args[0].shape[2:]
        return [apply(SumPoolScatter(*self.geometry, sizes), g)]


@record
class SumPoolScatter(Pooling):
    """For each place of the spatial sizes `spatial`: the sum of g over the windows that cover it."""

    spatial: Shape = ()

    def infer(self, g: Type) -> Type:
        check_rank("sum_pool_scatter", g, 3)
        unify_shapes("sum_pool_scatter", g.shape[2:], self.grid(self.spatial))
        return Type(g.dtype, (*g.shape[:2], *self.spatial))

    def numpy(self, g: Any) -> Any:
        out: Any = np.zeros((*g.shape[:2], *self.spatial), g.dtype)
        for place, box in self.boxes(self.spatial, g.shape[2:]):  # type: ignore[arg-type]
            out[:, :, *box] += g[:, :, *place].reshape(*g.shape[:2], *[1] * len(box))
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(SumPool(*self.geometry), g)]
