"""Pooling whose windows follow from the size of the result: adaptive, global, and in pyramids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.elementwise import cast
from ...ops.indexing import take
from ...ops.movement import concatenate, flatten
from ...ops.pool import MaxPool, SumPool
from ...ops.reduce import max as max_of
from ...ops.reduce import mean
from ...ops.windows import SPATIAL, check_rank
from ...symbolic.arguments import check_choice, check_count, check_flag
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import constant
from ...symbolic.types import float_like

_MOST = 1 << 20  # windows along an axis: their limits are written out


class _Windows(NamedTuple):
    """An input whose windows are all of one size and one distance."""

    x: Expr
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    inside: tuple[np.ndarray, ...]  # along each axis: which elements of each window are none that comes again

    @property
    def geometry(self) -> tuple[Any, ...]:
        """What pooling over them is made with."""
        return self.sizes, self.strides, ((0, 0),) * len(self.sizes)


def _align(x: Expr, counts: Sequence[int | None]) -> _Windows:
    """Where windows differ in size or distance, each gets elements of its own, of which the last one comes again."""
    sizes, strides, inside = [], [], []
    for axis, count in enumerate(counts, 2):
        width, step, places = 1, 1, np.ones((1, 1), bool)
        if count is not None:
            numbers, places = _numbers(x.shape[axis], count)
            width = places.shape[1]
            steps = set(np.diff(numbers[:, 0]).tolist()) or {width}
            if places.all() and len(steps) == 1 and steps != {0}:
                step = steps.pop()
            else:
                step, x = width, take(x, numbers.ravel(), axis)
        sizes.append(width)
        strides.append(step)
        inside.append(places)
    return _Windows(x, tuple(sizes), tuple(strides), tuple(inside))


def _numbers(size: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each window's elements along an axis, as many as the widest has: their numbers, and which lie in it."""
    begins, ends = np.arange(count) * size // count, -(-np.arange(1, count + 1) * size // count)
    numbers = begins[:, None] + np.arange((ends - begins).max())
    return np.minimum(numbers, ends[:, None] - 1), numbers < ends[:, None]


def _check_counts(name: str, x: Any, output_shape: Any) -> tuple[Expr, list[int | None]]:
    """The input, and the number of windows along each axis of space; None: the axis stays as it is."""
    rank, node = int(name[-2]), as_expr(x)
    check_rank(node, rank + 2, name, "x", ("batch", "channels", *SPATIAL[rank]))
    given = list(output_shape) if isinstance(output_shape, list | tuple) else [output_shape] * rank
    if len(given) != rank:
        text = f"{name}: output_shape is a number, or {rank} of them, and not {output_shape!r}."
        raise blame(ArgumentError(text), user_site(), hint="None stands for an axis that stays as it is.")
    counts: list[int | None] = []
    for axis, (count, size) in enumerate(zip(given, node.shape[2:], strict=True), 2):
        count = None if count is None else check_count(name, "output_shape, for each axis,", count, 1, _MOST)
        counts.append(None if count == size else count)
        if counts[-1] is not None and size == 0:
            text = f"{name}: axis {axis} of x has no elements; its shape is {show(node.shape)}."
            raise blame(ShapeError(text), user_site(), node.site)
        if counts[-1] not in (None, 1) and not isinstance(size, int):
            text = f"{name}: axis {axis} of x has the size {size}, which must be a number for {count} windows."
            hint = "give it where x is made; output_shape 1 and None take any size."
            raise blame(ShapeError(text), user_site(), node.site, hint=hint)
    return node, counts


def _reduce_symbolic(reduce: Callable[..., Expr], x: Expr, counts: list[int | None]) -> tuple[Expr, list[int | None]]:
    """The axes whose size is a symbol are one window each: they are reduced, and then stay."""
    whole = [a for a, n in enumerate(counts, 2) if n is not None and not isinstance(x.shape[a], int)]
    kept = [None if axis in whole else count for axis, count in enumerate(counts, 2)]
    return reduce(x, whole, keepdims=True) if whole else x, kept


def _adaptive_max_pool(name: str, x: Any, output_shape: Any) -> Expr:
    node, counts = _reduce_symbolic(max_of, *_check_counts(name, x, output_shape))
    windows = _align(node, counts)
    return apply(MaxPool(*windows.geometry), windows.x) if any(counts) else node


def _adaptive_avg_pool(name: str, x: Any, output_shape: Any) -> Expr:
    node, counts = _check_counts(name, x, output_shape)
    node, counts = _reduce_symbolic(mean, cast(node, float_like(node.dtype)), counts)
    windows = _align(node, counts)
    total, held = windows.x, np.ones((1,) * len(counts))
    for axis, inside in enumerate(windows.inside, 1):
        after = (1,) * (len(counts) - axis)
        if not inside.all():
            total = scalar.where(constant(inside.reshape(-1, *after)), total, 0)
        held = held * inside.sum(1).reshape(-1, *after)
    if (held == held.flat[0]).all():
        held = held[(0,) * held.ndim]
    return scalar.div(apply(SumPool(*windows.geometry), total), held.astype(node.dtype)) if any(counts) else node


def adaptive_avg_pool1d(x: Any, output_shape: Any) -> Expr:
    """Means of as many windows as are asked for: adaptive_avg_pool2d along one axis, of (batch, channels, length)."""
    return _adaptive_avg_pool("adaptive_avg_pool1d", x, output_shape)


def adaptive_avg_pool2d(x: Any, output_shape: Any) -> Expr:
    """Means of as many windows as are asked for, which cover the input, whatever its size.

    Window number i of m over n elements is [floor(i n / m), ceil((i + 1) n / m)): neighbours share an element where m
    does not divide n.

    Parameters
    ----------
    x : (batch, channels, height, width); integers become floats
    output_shape : m from 1 up: a number, or one for each axis of space; None: the axis stays as it is

    Returns
    -------
    (batch, channels, *output_shape)

    Raises
    ------
    ShapeError
        if x has not 4 axes, or nothing along an axis, or a symbol is the size of an axis for more than one window
    ArgumentError
        if output_shape has another form

    Gradient
    --------
    g / count for every element of the window.
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", x, output_shape)


def adaptive_avg_pool3d(x: Any, output_shape: Any) -> Expr:
    """Means of as many windows as are asked for: adaptive_avg_pool2d of (batch, channels, depth, height, width)."""
    return _adaptive_avg_pool("adaptive_avg_pool3d", x, output_shape)


def adaptive_max_pool1d(x: Any, output_shape: Any) -> Expr:
    """Maxima of as many windows as are asked for: adaptive_max_pool2d along one axis, of (batch, channels, length)."""
    return _adaptive_max_pool("adaptive_max_pool1d", x, output_shape)


def adaptive_max_pool2d(x: Any, output_shape: Any) -> Expr:
    """Maxima of as many windows as are asked for: those of `adaptive_avg_pool2d`, whose arguments these are.

    The dtype is that of x, and a window that holds a NaN gives NaN.  Gradient: g goes to the first maximum of each
    window; along an axis whose size is a symbol it is shared equally between ties.

    Reference: K. He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729, section 2.3.
    """
    return _adaptive_max_pool("adaptive_max_pool2d", x, output_shape)


def adaptive_max_pool3d(x: Any, output_shape: Any) -> Expr:
    """Maxima of as many windows as are asked for: adaptive_max_pool2d of (batch, channels, depth, height, width)."""
    return _adaptive_max_pool("adaptive_max_pool3d", x, output_shape)


def _global(name: str, reduce: Callable[..., Expr], x: Any, keepdims: bool) -> Expr:
    node, keepdims = as_expr(x), check_flag(name, "keepdims", keepdims)
    if node.ndim < 3:
        text = f"{name}: x has batch, channels and axes of space, and not the shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    return reduce(node, range(2, node.ndim), keepdims=keepdims)


def global_avg_pool(x: Any, keepdims: bool = False) -> Expr:
    """The mean of each channel over all axes of space.

    x : (batch, channels, ...) with at least one axis of space, of any size
    keepdims : True: these axes stay, with size 1; else the result is (batch, channels)

    Reference: M. Lin, Q. Chen, S. Yan, Network in network, arXiv:1312.4400, section 3.2.
    """
    return _global("global_avg_pool", mean, x, keepdims)


def global_max_pool(x: Any, keepdims: bool = False) -> Expr:
    """The largest element of each channel over all axes of space; x and keepdims are those of `global_avg_pool`.

    Gradient: shared equally between ties.
    """
    return _global("global_max_pool", max_of, x, keepdims)


def spatial_pyramid_pool(x: Any, bins: Sequence[int] = (4, 2, 1), kind: str = "max") -> Expr:
    """Adaptive pooling into each of several numbers of windows, all results in one row: its length is always the same.

    x : (batch, channels, ...) with one to three axes of space, whose sizes are numbers
    bins : for each level of the pyramid, the number of windows along each axis of space
    kind : "max" or "avg"

    Returns (batch, channels * the sum of bins ** rank); a level is in the order of x: channels first.

    Reference: K. He et al., Spatial pyramid pooling in deep convolutional networks, arXiv:1406.4729.
    """
    node = as_expr(x)
    check_choice("spatial_pyramid_pool: kind", kind, ("max", "avg"))
    if not 3 <= node.ndim <= 5:
        text = f"spatial_pyramid_pool: x has 1 to 3 axes of space, and not the shape {show(node.shape)}."
        raise blame(ShapeError(text), user_site(), node.site)
    if not isinstance(bins, list | tuple) or not bins:
        error = ArgumentError(f"spatial_pyramid_pool: bins are numbers of windows, one for each level, not {bins!r}.")
        raise blame(error, user_site())
    pool = {"max": _adaptive_max_pool, "avg": _adaptive_avg_pool}[kind]
    counts = [check_count("spatial_pyramid_pool", "each of bins", n, least=1) for n in bins]
    name = f"spatial_pyramid_pool: adaptive_{kind}_pool{node.ndim - 2}d"
    return concatenate([flatten(pool(name, node, n), 1) for n in counts], axis=1)
