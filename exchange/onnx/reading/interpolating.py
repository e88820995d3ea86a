"""The arithmetic of Resize: where along an axis an element of the result lies in x, and what it is made of."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ....ops import scalar
from ....ops.coerce import as_expr
from ....ops.creation import iota
from ....ops.elementwise import as_float, cast
from ....ops.indexing import take
from ....ops.movement import Slice, expand_dims, repeat, reshape, transpose
from ....symbolic.dims import Dim, SymDim, product, same
from ....symbolic.evaluate import evaluate
from ....symbolic.expr import Expr, apply
from ....symbolic.leaves import constant
from .registry import Unsaid

LARGE = 1 << 22  # elements of a matrix that is computed when the model is read, else in each call
NEAR_ENOUGH = 2e-7  # how far, relatively, a float32 may be from the fraction that it stands for


class Line(NamedTuple):
    """An axis of n elements that becomes one of m: `up` elements for each `down` of x; `part` of it, from 0 to 1.

    All of it are numbers, symbols, or expressions.
    """

    n: Dim
    m: Dim
    up: Any
    down: Any
    part: tuple[Any, Any] = (0.0, 1.0)

    @property
    def stays(self) -> bool:
        """Whether nothing happens to the axis."""
        if any(isinstance(v, Expr) for v in (self.up, *self.part)):
            return False
        return same(self.n, self.m) is True and bool(self.up == self.down) and self.part == (0.0, 1.0)

    @property
    def numbers(self) -> bool:
        """Whether all of it is known now."""
        return not any(isinstance(v, SymDim | Expr) for v in (*self[:4], *self.part))

    @property
    def length(self) -> Any:
        """n up / down: the length of the result before it is rounded."""
        return _float(self.n) * _float(self.up) / _float(self.down)


def fraction(scale: float) -> tuple[Any, Any]:
    """(up, down) of a scale: the numbers of the fraction that a float32 is meant to be, or itself and 1."""
    if not 0 < scale < math.inf:
        raise ValueError(f"a scale is a number above 0, and {scale} is not")
    found = Fraction(scale).limit_denominator(10_000)
    return (found.numerator, found.denominator) if abs(found - scale) <= NEAR_ENOUGH * scale else (scale, 1)


def _float(d: Any) -> Expr:
    return cast(as_expr(d), "float64")


# ---- places ----------------------------------------------------------------------------------------------------------


def _half_pixel(i: Expr, line: Line) -> Expr:
    up, down = _float(line.up), _float(line.down)
    return ((2 * i + 1) * down - up) / (2 * up)


def _pytorch_half_pixel(i: Expr, line: Line) -> Expr:
    return scalar.where(scalar.gt(line.length, 1), _half_pixel(i, line), 0.0)


def _symmetric(i: Expr, line: Line) -> Expr:
    return _half_pixel(i, line) + _float(line.n) / 2 * (1 - _float(line.m) / line.length)


def _asymmetric(i: Expr, line: Line) -> Expr:
    return i * _float(line.down) / _float(line.up)


def _for_nearest(i: Expr, line: Line) -> Expr:
    return (2 * i + 1) * _float(line.down) / (2 * _float(line.up))


def _corners(i: Expr, line: Line) -> Expr:
    last = line.length - 1
    return i * (_float(line.n) - 1) / scalar.where(scalar.eq(last, 0), np.inf, last)


def _crop(i: Expr, line: Line) -> Expr:
    first, end = line.part
    last, width = line.length - 1, _float(line.n) - 1
    single = scalar.eq(last, 0)
    inner = i * (end - first) * width / scalar.where(single, 1.0, last) + first * width
    return scalar.where(single, (first + end) / 2 * width, inner)


PLACES: dict[str, Callable[[Expr, Line], Expr]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "asymmetric": _asymmetric,
    "align_corners": _corners,
    "tf_half_pixel_for_nn": _for_nearest,
    "tf_crop_and_resize": _crop,
}
"""Where an element of the result lies in x, by coordinate_transformation_mode."""


def _ceil_of_smaller(at: Expr, line: Line) -> Expr:
    return scalar.where(scalar.lt(_float(line.up), _float(line.down)), scalar.ceil(at), scalar.floor(at))


NEAREST: dict[str, Callable[[Expr, Line], Expr]] = {
    "round_prefer_floor": lambda at, line: scalar.ceil(at - 0.5),
    "round_prefer_ceil": lambda at, line: scalar.floor(at + 0.5),
    "floor": lambda at, line: scalar.floor(at),
    "ceil": lambda at, line: scalar.ceil(at),
    "ceil of smaller": _ceil_of_smaller,
}
"""The element that is nearest to a place, by nearest_mode, and as opset 10 has it."""


# ---- x at places -----------------------------------------------------------------------------------------------------


def interpolate(
    x: Expr,
    lines: Mapping[int, Line],
    mode: str,
    where: str,
    nearest: str,
    *,
    slope: float = -0.75,
    antialias: bool = False,
    drop: bool = False,
    outside: float | None = None,
) -> Expr:
    """x with other numbers of elements along axes; lines : what becomes of each.

    Parameters
    ----------
    slope : that of the cubic at distance 1
    antialias : whether an element of a smaller result is made of all those of x that it covers
    drop : whether elements outside of x count as nothing, not as the one at the border
    outside : the value of places outside of x; None: as if elements at the border went on
    """
    if where not in PLACES or nearest not in NEAREST or mode not in ("nearest", "linear", "cubic"):
        raise ValueError(f"of its modes {mode!r}, {where!r} and {nearest!r} one is none of the standard's")
    kernel = None if mode == "nearest" else Kernel(mode, slope, antialias, drop)
    wide = x if kernel is None else as_float(x)
    masks = []
    for axis, line in lines.items():
        if line.stays and where != "half_pixel_symmetric":
            continue
        at = PLACES[where](cast(iota((line.m,)), "float64"), line)
        if outside is not None:
            masks.append(_along(scalar.ge(at, 0) & scalar.le(at, _float(line.n) - 1), axis, x.ndim))
        if kernel is not None:
            wide = kernel.weigh(wide, axis, line, at)
        else:
            wide = _nearest(wide, axis, line, NEAREST[nearest](at, line))
    if masks:
        wide = scalar.where(functools.reduce(scalar.logical_and, masks), wide, outside)
    return _into(wide, x.dtype)


def _along(line: Expr, axis: int, ndim: int) -> Expr:
    return reshape(line, [-1 if i == axis else 1 for i in range(ndim)])


def _into(x: Expr, dtype: np.dtype) -> Expr:
    """x in a dtype; as integers rounded, and within their bounds."""
    if x.dtype == dtype or dtype.kind not in "iu":
        return cast(x, dtype)
    bounds = np.iinfo(dtype)
    return cast(scalar.clip(scalar.rint(x), float(bounds.min), float(bounds.max)), dtype)


def _nearest(x: Expr, axis: int, line: Line, at: Expr) -> Expr:
    """One element of x for each of the result: repeated, every so many, or taken one by one."""
    index = cast(scalar.clip(at, 0.0, _float(line.n) - 1), "int64")
    if not (line.numbers and line.n and line.m):
        return take(x, index, axis)
    known = evaluate(index)
    times = line.m // line.n
    if line.n * times == line.m and np.array_equal(known, np.repeat(np.arange(line.n), times)):
        return x if times == 1 else repeat(x, times, axis)
    steps = set(np.diff(known).tolist())
    if len(steps) == 1 and (step := steps.pop()) > 0:
        start = tuple(int(known[0]) if i == axis else 0 for i in range(x.ndim))
        apart = tuple(step if i == axis else 1 for i in range(x.ndim))
        return apply(Slice(start, apart, (*x.shape[:axis], line.m, *x.shape[axis + 1 :])), x)
    return take(x, constant(known), axis)


class Kernel(NamedTuple):
    """How the elements around a place are weighted by their distance."""

    mode: str
    slope: float
    antialias: bool
    drop: bool

    @property
    def reach(self) -> int:
        """The distance from which on elements do not count."""
        return 1 if self.mode == "linear" else 2

    def __call__(self, distance: Expr) -> Expr:
        d = scalar.abs(distance)
        if self.mode == "linear":
            return scalar.maximum(1 - d, 0.0)
        a = self.slope
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        return scalar.where(scalar.le(d, 1), near, scalar.where(scalar.lt(d, 2), far, 0.0))

    def weigh(self, x: Expr, axis: int, line: Line, at: Expr) -> Expr:
        """The matrix of weights times x along an axis: an infinity or NaN there reaches the whole line."""
        matrix = cast(self._matrix(line, at), x.dtype)
        if line.numbers and isinstance(matrix.type.size, int) and matrix.type.size <= LARGE:
            matrix = constant(evaluate(matrix))
        if axis == x.ndim - 1:
            return x @ transpose(matrix)
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        return reshape(matrix @ reshape(x, (*before, line.n, product(after))), (*before, line.m, *after))

    def _matrix(self, line: Line, at: Expr) -> Expr:
        """How much of each element of x (columns) is in each of the result (rows)."""
        narrow = self._narrow(line)
        first, total, matrix = scalar.floor(at), as_expr(0.0), as_expr(np.zeros((1, 1)))
        most = math.ceil(self.reach / narrow)
        for offset in range(1 - most, most + 1):
            place = first + offset
            weight = self((place - at) * narrow)
            if self.drop:
                inside = scalar.ge(place, 0) & scalar.le(place, _float(line.n) - 1)
                weight = scalar.where(inside, weight, 0.0)
            column = expand_dims(scalar.clip(place, 0.0, _float(line.n) - 1), 1)
            there = scalar.eq(column, cast(iota((1, line.n), 1), "float64"))
            total, matrix = total + weight, matrix + scalar.where(there, expand_dims(weight, 1), 0.0)
        if narrow == 1 and not self.drop:
            return matrix
        return matrix / expand_dims(scalar.where(scalar.eq(total, 0), 1.0, total), 1)

    def _narrow(self, line: Line) -> float:
        """What distances are multiplied by: below 1, an element of the result covers several of x."""
        if not self.antialias:
            return 1.0
        if not line.numbers:
            raise Unsaid("has antialias over a size that only a call knows")
        return min(float(line.up) / float(line.down), 1.0)
