"""Elements at the places that index arrays name: taken from there, added there, written there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import Shape, show
from ..symbolic.errors import DTypeError, IndexRangeError, ShapeError
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import unify
from ..symbolic.leaves import constant
from ..symbolic.records import record
from ..symbolic.types import INT64, Type
from . import scalar
from .axes import without
from .creation import full, iota, zeros_like
from .movement import expand_dims, reshape
from .operands import check_axes


@record
class Gather(Op):
    """out[i..., rest...] = x at indices[0][i...], indices[1][i...], ... along `axes`, and at rest along the others.

    The indices are int64 arrays of one shape, with values in [-size, size) of their axis.  The result has the axes of
    the indices, then those of x that are not in `axes`.
    """

    axes: tuple[int, ...]

    def infer(self, x: Type, *indices: Type) -> Type:
        return Type(x.dtype, (*index_shape(self.axes, x, indices), *without(x.shape, self.axes)))

    def numpy(self, x: np.ndarray, *indices: np.ndarray) -> Any:
        check_range(self.axes, x.shape, indices)
        return np.moveaxis(x, self.axes, range(len(self.axes)))[indices]

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        x, *indices = args
        return [apply(ScatterAdd(self.axes), zeros_like(x), g, *indices), *[None] * len(indices)]


@record
class ScatterAdd(Op):
    """x with the elements of v added at the places from which Gather would take them; those that meet add up."""

    axes: tuple[int, ...]

    def infer(self, x: Type, v: Type, *indices: Type) -> Type:
        check_scatter("scatter_add", self.axes, x, v, indices)
        return Type(x.dtype, x.shape)

    def numpy(self, x: np.ndarray, v: np.ndarray, *indices: np.ndarray) -> np.ndarray:
        check_range(self.axes, x.shape, indices)
        out = x.copy()
        np.add.at(np.moveaxis(out, self.axes, range(len(self.axes))), indices, v)
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        _, _, *indices = args
        return [g, apply(Gather(self.axes), g, *indices), *[None] * len(indices)]


@record
class ScatterSet(Op):
    """x with the elements of v written to the places from which Gather would take them.

    Where several meet, the last one in the order of the indices stays.
    """

    axes: tuple[int, ...]

    def infer(self, x: Type, v: Type, *indices: Type) -> Type:
        check_scatter("scatter_set", self.axes, x, v, indices)
        return Type(x.dtype, x.shape)

    def numpy(self, x: np.ndarray, v: np.ndarray, *indices: np.ndarray) -> np.ndarray:
        check_range(self.axes, x.shape, indices)
        out = x.copy()
        moved = np.moveaxis(out, self.axes, range(len(self.axes)))
        for place in np.ndindex(indices[0].shape):  # NumPy, given all at once, writes in an order of its own
            moved[tuple(i[place] for i in indices)] = v[place]
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        x, v, *indices = args
        others = apply(self, g, zeros_like(v), *indices)
        taken = apply(Gather(self.axes), g, *indices)
        stays = self._survivors(x, indices)
        if stays is not None:
            stays = expand_dims(stays, tuple(range(stays.ndim, v.ndim)))
            taken = scalar.where(stays, taken, 0)
        return [others, taken, *[None] * len(indices)]

    def _survivors(self, x: Expr, indices: list[Expr]) -> Expr | None:
        """Which of the elements written are not written over: each leaves its number, and looks whether it is there."""
        shape = indices[0].shape
        if all(d == 1 for d in shape):
            return None
        numbers = reshape(iota((indices[0].type.size,)), shape)
        table = full(tuple(x.shape[a] for a in self.axes), constant(np.int64(-1)))
        every = tuple(range(len(self.axes)))
        written = apply(ScatterSet(every), table, numbers, *indices)
        return scalar.eq(apply(Gather(every), written, *indices), numbers)


def index_shape(axes: tuple[int, ...], x: Type, indices: tuple[Type, ...]) -> Shape:
    """The one shape of all index arrays.  Raises ShapeError or DTypeError where they are not what they should be."""
    if len(indices) != len(axes) or not axes:
        raise ShapeError(f"{len(indices)} index arrays for axes {axes} of {show(x.shape)}.")
    check_axes("gather", axes, x.ndim)
    first = indices[0]
    for other in indices:
        if other.dtype != INT64:
            raise DTypeError(f"Index arrays are int64 here, not {other.dtype.name}.")
        if other.ndim != first.ndim:
            raise ShapeError(f"The index arrays have shapes {show(first.shape)} and {show(other.shape)}.")
        for mine, its in zip(first.shape, other.shape, strict=True):
            unify(mine, its, lambda: f"The index arrays have shapes {show(first.shape)} and {show(other.shape)}.")
    return first.shape


def check_scatter(name: str, axes: tuple[int, ...], x: Type, v: Type, indices: tuple[Type, ...]) -> None:
    """Raise ShapeError or DTypeError unless v is what Gather would give."""
    expected = (*index_shape(axes, x, indices), *without(x.shape, axes))

    def message() -> str:
        return f"{name}: the values have shape {show(v.shape)}, and {show(expected)} is needed."

    if v.ndim != len(expected):
        raise ShapeError(message())
    for mine, wanted in zip(v.shape, expected, strict=True):
        unify(mine, wanted, message)
    if v.dtype != x.dtype:
        raise DTypeError(f"{name}: the values are {v.dtype.name}, and x is {x.dtype.name}.")


def check_range(axes: tuple[int, ...], shape: tuple[int, ...], indices: tuple[np.ndarray, ...]) -> None:
    """Raise IndexRangeError with the first index that is outside of its axis."""
    for axis, index in zip(axes, indices, strict=True):
        outside = first_outside(np.asarray(index), shape[axis])
        if outside is not None:
            raise IndexRangeError(out_of_range(outside, axis, shape[axis]))


def first_outside(indices: np.ndarray, size: Any) -> int | None:
    """The first index that is not in [-size, size)."""
    outside = indices[(indices < -size) | (indices >= size)]
    return int(outside[0]) if outside.size else None


def out_of_range(index: Any, axis: int, size: Any) -> str:
    """The sentence, here and when a function runs."""
    return f"index {index} is out of range for axis {axis} with size {size}."
