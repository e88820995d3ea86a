"""Views that move along several axes at once: diagonals and sliding windows; and their adjoints.

Diagonal     one index moves along two axes
Windows      two indices, of the window and within it, move along one axis
Unmove       zeros, with values where a movement reads them: its adjoint, where it reads nothing twice
OverlapAdd   windows that overlap, added up where they came from: the adjoint of Windows
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..symbolic.arguments import check_count
from ..symbolic.dims import Shape, maximum, minimum, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op, apply
from ..symbolic.guards import fits, inside, unify
from ..symbolic.index_maps import AxisMap, IndexMap, along, identity
from ..symbolic.leaves import weak_constant
from ..symbolic.records import record
from ..symbolic.types import Type
from .axes import normalize, normalize_all, without
from .coerce import as_expr
from .movement import Unslice, broadcast_to, flip, transpose
from .operands import check_axes
from .windows import extent, window_count


@record
class Diagonal(Op):
    """x[..., i - min(offset, 0), ..., i + max(offset, 0), ...]: two axes become one, which is the last."""

    proves_places = True
    offset: int
    axes: tuple[int, int]

    @property
    def starts(self) -> tuple[int, int]:
        """Where the diagonal begins along the two axes."""
        return max(-self.offset, 0), max(self.offset, 0)

    def infer(self, x: Type) -> Type:
        check_axes(self.name, self.axes, x.ndim)
        rows, columns = (x.shape[axis] - start for axis, start in zip(self.axes, self.starts, strict=True))
        length = minimum(rows, columns)
        return Type(x.dtype, (*without(x.shape, self.axes), maximum(length, 0) if self.offset else length))

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return x.diagonal(self.offset, *self.axes)

    def index_map(self, x: Type) -> IndexMap:
        others = iter(identity(x.ndim - 2))
        places = dict(zip(self.axes, self.starts, strict=True))
        return tuple([along(x.ndim - 2, 1, places[k]) if k in places else next(others) for k in range(x.ndim)])

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(Unmove(self, args[0].shape), g)]


@record
class Windows(Op):
    """out[..., i, ..., k] = x[..., i * stride + k * dilation, ...] along one axis; k, below `window`, is the last."""

    proves_places = True
    axis: int
    window: int
    stride: int = 1
    dilation: int = 1
    name = "sliding_windows"
    stretches = True

    @property
    def reach(self) -> int:
        """How many elements a window covers, those between its own included."""
        return int(extent(self.window, self.dilation))

    def infer(self, x: Type) -> Type:
        check_axes(self.name, (self.axis,), x.ndim)
        if min(self.window, self.stride, self.dilation) < 1:
            raise ShapeError(f"{self.name}: window, stride and dilation are from 1 up.")
        size = x.shape[self.axis]
        if isinstance(size, int) and size < self.reach:
            text = (
                f"{self.name}: a window of {self.reach} elements does not fit in axis {self.axis} of {show(x.shape)}."
            )
            raise ShapeError(text)
        fits(self.name, self.reach, size, 0, self.axis)
        count = window_count(size, self.reach, self.stride, (0, 0))
        return Type(x.dtype, (*x.shape[: self.axis], count, *x.shape[self.axis + 1 :], self.window))

    def numpy(self, x: np.ndarray) -> np.ndarray:
        every = np.lib.stride_tricks.sliding_window_view(x, self.reach, self.axis)[..., :: self.dilation]
        return every[(slice(None),) * self.axis + (slice(None, None, self.stride),)]

    def index_map(self, x: Type) -> IndexMap:
        moving = AxisMap(((self.axis, self.stride), (x.ndim, self.dilation)))
        return tuple([moving if k == self.axis else each for k, each in enumerate(identity(x.ndim))])

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        apart = self.window == 1 or self.stride >= self.reach
        return [apply((Unmove if apart else OverlapAdd)(self, args[0].shape), g)]


@record
class _Adjoint(Op):
    """Zeros of `shape`, to which x is added where `movement` reads them."""

    proves_places = True
    movement: Op
    shape: Shape

    @property
    def name(self) -> str:
        return f"un{self.movement.name}"

    @property
    def holds(self) -> bool:
        """As the movement does."""
        return self.movement.holds

    def infer(self, x: Type) -> Type:
        of = self.movement
        if not of.is_affine:
            raise ArgumentError(f"{self.name}: the movement is an op with an index_map, and {of.name} has none.")
        read: Shape = of.infer(Type(x.dtype, self.shape)).shape
        if not of.proves_places:
            inside(of.name, of.index_map(Type(x.dtype, self.shape)), read, self.shape)

        def message() -> str:
            return (
                f"{self.name}: {self.movement.name} of {show(self.shape)} has shape {show(read)}, not {show(x.shape)}."
            )

        if len(read) != x.ndim:
            raise ShapeError(message())
        for mine, wanted in zip(x.shape, read, strict=True):
            unify(mine, wanted, message)
        return Type(x.dtype, self.shape)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.zeros(self.shape, x.dtype)  # type: ignore[arg-type]
        places = self.movement.numpy(np.arange(out.size).reshape(out.shape))
        np.add.at(out.reshape(-1), places, x)
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(self.movement, g)]


class Unmove(_Adjoint):
    """Zeros of `shape`, with x where `movement` reads them: the adjoint of a movement that reads nothing twice."""

    def parts(self, out: Expr, *args: Expr) -> Iterable[tuple[Expr, IndexMap]]:
        yield broadcast_to(weak_constant(0, out.dtype), self.shape), identity(out.ndim)
        yield args[0], self.movement.index_map(out.type)


class OverlapAdd(_Adjoint):
    """Windows, which may overlap, added up where they came from in zeros of `shape`."""

    movement: Windows

    def infer(self, x: Type) -> Type:
        if not isinstance(self.movement, Windows):
            raise ArgumentError(f"What overlaps are sliding windows, and {self.movement.name} makes none.")
        return super().infer(x)

    def expand(self, *args: Expr) -> Expr:
        """sum over k of x[i - k * dilation, k], by sliding backwards over x with zeros around and between."""
        of = self.movement
        x, rest, axis = args[0], (of.window - 1) * of.dilation, of.axis + 1
        lines = transpose(x, (x.ndim - 1, *range(x.ndim - 1)))  # k first, so that sums run along lines of memory
        wide = tuple(d + rest if i == axis else d for i, d in enumerate((of.window, *self.shape)))
        starts = tuple(rest if i == axis else 0 for i in range(x.ndim))
        steps = tuple(of.stride if i == axis else 1 for i in range(x.ndim))
        spread = apply(Unslice(starts, steps, wide), lines)
        backwards = flip(apply(Windows(axis, of.window, 1, of.dilation), spread), x.ndim)
        return apply(Diagonal(0, (0, x.ndim)), backwards).sum(-1)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Expr:
    """The elements x[i, i + offset] of two axes, along a new last axis, as np.diagonal; a view where it is read.

    Of an offset beyond the matrix there are none.  Raises ShapeError for fewer than two axes, or twice the same.
    Gradient: g on the diagonal.
    """
    node = as_expr(x)
    if node.ndim < 2:
        text = f"diagonal: a matrix has two axes, and this expression has shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    places = tuple(normalize(axis, node.ndim, "diagonal", node) for axis in (axis1, axis2))
    if places[0] == places[1]:
        text = f"diagonal: axis1 and axis2 are both axis {places[0]} of an expression with {node.ndim} axes."
        raise blame(ShapeError(text), user_site(), node.site)
    return apply(Diagonal(check_count("diagonal", "offset", offset, -_FAR, _FAR), (places[0], places[1])), node)


def diag(x: Any, k: int = 0) -> Expr:
    """A matrix with the vector x on its k-th diagonal, zeros elsewhere; of a matrix its k-th diagonal; as np.diag."""
    node = as_expr(x)
    if node.ndim == 2:
        return diagonal(node, k)
    if node.ndim != 1:
        text = f"diag takes a vector or a matrix, and this expression has shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    side = node.shape[0] + abs(check_count("diag", "k", k, -_FAR, _FAR))
    return apply(Unmove(Diagonal(int(k), (0, 1)), (side, side)), node)


_FAR = 1 << 40  # so that products with it fit in 64 bits


def sliding_windows(x: Any, window: Any, axis: Any = None, stride: Any = 1, dilation: Any = 1) -> Expr:
    """All windows of x, as np.lib.stride_tricks.sliding_window_view: the axes within the windows are the last ones.

    No element is copied where the windows are read: by loops, reductions or matrix products.

    Parameters
    ----------
    x : (..., size, ...), any dtype
    window : how many elements a window has along each of the axes: a number, or one for each
    axis : one axis or several; None: all
    stride : from one window to the next, a number, or one for each axis
    dilation : from one element of a window to the next, likewise

    Returns
    -------
    (..., floor((size - reach) / stride) + 1, ..., window), with reach = (window - 1) * dilation + 1.

    Raises ShapeError where a window is larger than its axis, at the line where it is certain, else when it is called.
    Gradient: the sum over all windows that an element is in.
    """
    node = as_expr(x)
    if axis is None or not isinstance(axis, list | tuple | np.ndarray):
        places = normalize_all(axis, node.ndim, "sliding_windows", node)
    else:  # in the order given; an axis may come twice, as in NumPy: windows of windows
        places = tuple(normalize(one, node.ndim, "sliding_windows", node) for one in axis)
    given = (("window", window), ("stride", stride), ("dilation", dilation))
    numbers = [_for_each(value, len(places), what) for what, value in given]
    for place, width, step, gap in zip(places, *numbers, strict=True):
        node = apply(Windows(place, width, step, gap), node)
    return node


def _for_each(given: Any, count: int, what: str) -> tuple[int, ...]:
    """A number for each axis."""
    listed = list(given) if isinstance(given, list | tuple | np.ndarray) else [given] * count
    if len(listed) != count:
        text = f"sliding_windows: {what} has {len(listed)} numbers for {count} axes: {given!r}."
        raise blame(ArgumentError(text), user_site())
    return tuple(check_count("sliding_windows", what, v, least=1, most=_FAR) for v in listed)
