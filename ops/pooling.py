"""Windows of pooling: how many there are, what they cover, and how many elements they hold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..symbolic.arguments import check_flag
from ..symbolic.dims import Shape, SymDim, show
from ..symbolic.errors import ShapeError, blame, user_site
from ..symbolic.expr import Expr, Op
from ..symbolic.guards import fits
from ..symbolic.leaves import constant
from ..symbolic.records import record
from ..symbolic.types import Type
from . import scalar
from .coerce import as_expr
from .creation import iota
from .elementwise import cast
from .windows import SPATIAL, Padding, check_fits, check_rank, extent, pairs, per_axis, window_count

Places = tuple[int, ...]


@record
class Pooling(Op):
    """Windows over the spatial axes of (batch, channels, *spatial): what the ops below share.

    Window number p of an axis covers [p * stride - before, p * stride - before + window).  Of an axis with n elements
    there are floor((before + n + after - window) / stride) + 1 windows; with `ceil_mode` as many as begin before the
    padding behind does and are needed to reach it, so that the last may hang over the end.
    """

    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: Padding
    ceil_mode: bool = False

    @property
    def geometry(self) -> tuple[Places, Places, Padding, bool]:
        """What an op whose windows have no dilation is made with."""
        return self.window, self.strides, self.padding, self.ceil_mode

    @property
    def steps(self) -> tuple[int, ...]:
        """How far apart the elements of a window lie along each axis."""
        return (1,) * len(self.window)

    @property
    def reach(self) -> tuple[int, ...]:
        """How long a window is along each axis, from its first element to its last."""
        return self.window

    def grid(self, sizes: Shape) -> Shape:
        """The number of windows along each axis.  Raises ShapeError where one is negative, or windows are none."""
        self._check_windows(len(sizes))
        found = []
        for n, k, s, (before, after) in zip(sizes, self.reach, self.strides, self.padding, strict=True):
            if not self.ceil_mode:
                found.append(window_count(n, k, s, (before, after)))
            elif isinstance(after, SymDim) or after >= k - s:  # as many as begin in front of the padding behind
                found.append((n + (before + s - 1)) // s)
            else:
                found.append(window_count(n, k, s, (before, after + s - 1)))
        if any(isinstance(d, int) and d < 0 for d in found):
            raise ShapeError(f"{self.name}: a window of {show(self.reach)} does not fit in {show(sizes)}.")
        return tuple(found)

    def _check_windows(self, axes: int) -> None:
        """Raise ShapeError unless kernels can rely on them: numbers from 1 up for each spatial axis."""
        parts = self.window, self.strides, self.steps
        if any(len(p) != axes or min(p, default=1) < 1 for p in parts) or len(self.padding) != axes:
            text = f"{self.name}: windows of {self.window}, {self.strides} apart, with elements {self.steps} apart"
            raise ShapeError(f"{text} and padding {self.padding} are none over {axes} axes: all is from 1 up.")
        if any(isinstance(before, int) and before < 0 for before, _ in self.padding):  # behind, "same" may cut off
            raise ShapeError(f"{self.name}: padding in front is from 0 up, and here {self.padding}.")

    def boxes(self, sizes: Places, grid: Places) -> Iterator[tuple[Places, tuple[slice, ...]]]:
        """For each window, its number and what it covers of the input."""
        for place in itertools.product(*map(range, grid)):
            starts: Any = [p * s - before for p, s, (before, _) in zip(place, self.strides, self.padding, strict=True)]
            parts = zip(starts, self.reach, self.steps, sizes, strict=True)
            yield place, tuple(slice(a if a >= 0 else a % d, max(min(a + k, n), 0), d) for a, k, d, n in parts)

    def check_grid(self, x: Type) -> Type:
        """The type of a value for each window, of which there must be one along every axis that only a call knows."""
        pooled = self.pooled_type(x)
        hanging = [s - 1 if self.ceil_mode else 0 for s in self.strides]  # how far the last one may hang over
        for axis, (size, window, pads, more) in enumerate(
            zip(x.shape[2:], self.reach, self.padding, hanging, strict=True), 2
        ):
            if isinstance(size, SymDim):
                fits(self.name, window, size, pads[0] + pads[1] + more, axis)
        return pooled

    def pooled_type(self, x: Type) -> Type:
        """The type of a value for each window."""
        if x.ndim < 3:
            raise ShapeError(f"{self.name}: x is (batch, channels, *spatial), and has shape {show(x.shape)}.")
        return Type(x.dtype, (*x.shape[:2], *self.grid(x.shape[2:])))


@record
class MaxPooling(Pooling):
    """Windows whose maxima are looked for, and whose elements lie `dilation` apart; (): 1 along every axis.

    Element number j of a window lies at p * stride - before + j * dilation, and (window - 1) * dilation + 1 is what
    takes the place of the window above.
    """

    dilation: tuple[int, ...] = ()

    @property
    def details(self) -> str:
        """As it is printed: of dilation only what is more than 1."""
        words = ("window", "strides", "padding", "ceil_mode", *(("dilation",) if self.dilation else ()))
        return ", ".join(f"{word}={getattr(self, word)}" for word in words)

    @property
    def fields(self) -> tuple[Places, Places, Padding, bool, Places]:
        """What another op on the same windows is made with, whether they are dilated or not."""
        return *self.geometry, self.dilation

    @property
    def steps(self) -> tuple[int, ...]:
        """How far apart the elements of a window lie along each axis."""
        return self.dilation or (1,) * len(self.window)

    @property
    def reach(self) -> tuple[int, ...]:
        """How long a window is along each axis, from its first element to its last."""
        return tuple(int(extent(k, d)) for k, d in zip(self.window, self.steps, strict=True))

    def first_maxima(self, x: np.ndarray) -> Any:
        """The place of the first maximum of each window in the flattened spatial axes, -1 where a window is empty.

        A NaN is larger than all.
        """
        sizes = x.shape[2:]
        numbers = np.arange(int(np.prod(sizes))).reshape(sizes)
        found: Any = np.full((*x.shape[:2], *self.grid(sizes)), -1)
        for place, box in self.boxes(sizes, found.shape[2:]):
            inside = numbers[box].ravel()
            if inside.size:
                found[:, :, *place] = inside[x[:, :, *box].reshape(*x.shape[:2], inside.size).argmax(-1)]
        return found


def check_arguments(
    name: str, x: Any, window: Any, stride: Any, padding: Any, ceil_mode: bool, dilation: Any = 1
) -> tuple[Expr, MaxPooling]:
    """The input and the windows, out of what users write; the number of axes is in the name: max_pool2d_..."""
    rank, node = spatial_rank(name), as_expr(x)
    check_rank(node, rank + 2, name, "x", ("batch", "channels", *SPATIAL[rank]))
    ceil_mode = check_flag(name, "ceil_mode", ceil_mode)
    windows = per_axis(window, rank, name, "size", 1)
    strides = windows if stride is None else per_axis(stride, rank, name, "stride", 1)
    given = per_axis(dilation, rank, name, "dilation", 1)
    steps = tuple(d if k > 1 else 1 for k, d in zip(windows, given, strict=True))  # one element is 0 apart from itself
    reach = tuple(int(extent(k, d)) for k, d in zip(windows, steps, strict=True))
    found = pairs(padding, name, node.shape[2:], reach, strides)
    for width, pair in zip(reach, found, strict=True):
        if any(isinstance(pad, int) and pad >= width for pad in pair):
            text = f"{name}: padding must be less than the window, and {pair} is not less than {width}"
            raise blame(ShapeError(f"{text}: a window would hold nothing but padding."), user_site(), node.site)
    hanging = tuple((before, after + s - 1) for (before, after), s in zip(found, strides, strict=True))
    dilated = " with its dilation" if reach != windows else ""
    check_fits(name, "window", node.shape[2:], reach, hanging if ceil_mode else found, node, dilated=dilated)
    return node, MaxPooling(windows, strides, found, ceil_mode and padding != "same", steps if dilated else ())


def spatial_rank(name: str) -> int:
    """The number of spatial axes that the name of a function says: 2 of max_pool2d."""
    return int(name.partition("d_")[0].rstrip("d")[-1])


def counts(windows: Pooling, x: Expr, with_padding: bool) -> Any:
    """How many elements each window holds: a number where all hold as many, else an array or an expression."""
    lines = [_line(windows, x.shape[2:], axis, with_padding) for axis in range(len(windows.window))]
    total: Any = 1
    for axis, line in enumerate(lines):
        if not isinstance(line, int):
            shape = [1] * x.ndim
            shape[axis + 2] = -1
            line = line.reshape(shape)
        total = total * line
    if isinstance(total, int):
        return float(total)
    return constant(total.astype(x.dtype)) if isinstance(total, np.ndarray) else cast(total, x.dtype)


def _line(windows: Pooling, sizes: Shape, axis: int, with_padding: bool) -> Any:
    """How many elements the windows hold along one axis: a number, an array, or an expression where a size is none."""
    k, s = windows.window[axis], windows.strides[axis]
    before: Any
    after: Any
    before, after = windows.padding[axis]
    if not windows.ceil_mode and (with_padding or before == after == 0):
        return k
    n: Any = sizes[axis]
    count: Any = windows.grid(sizes)[axis]
    low, high = (-before, n + after) if with_padding else (0, n)
    if all(isinstance(d, int) for d in (n, before, after)):
        starts = np.arange(count) * s - before
        return np.minimum(starts + k, high) - np.maximum(starts, low)
    places = iota((count,)) * s - as_expr(before)
    return scalar.minimum(places + k, as_expr(high)) - scalar.maximum(places, as_expr(low))
