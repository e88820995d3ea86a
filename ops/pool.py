"""Pooling in one to three dimensions: maxima, sums, means and norms of windows.

The ops are closed under differentiation.  The gradient of a maximum is a scatter to the places of the maxima, whose
own gradient is a gather from there; both are linear in what they move, and constant in x wherever they have a
derivative at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arguments import check_flag
from ..symbolic.dims import Shape, show
from ..symbolic.errors import ArgumentError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.guards import unify
from ..symbolic.records import record
from ..symbolic.types import DType, Type, float_like
from . import scalar
from .coerce import as_expr
from .elementwise import cast
from .pooling import Pooling, check_arguments, counts
from .reduce import accumulator


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


class MaxPool(Pooling):
    """The largest element of each window; NaN if it holds one."""

    def infer(self, x: Type) -> Type:
        return self.check_grid(x)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        return _at(x, self.first_maxima(x), lowest(x.dtype))

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(MaxPoolScatter(self.window, self.strides, self.padding, self.ceil_mode), args[0], g)]


class MaxPoolScatter(Pooling):
    """In the shape of x: zeros, and the g of each window added at the first maximum of the window."""

    def infer(self, x: Type, g: Type) -> Type:
        expected = self.pooled_type(x).shape
        for mine, wanted in zip(g.shape, expected, strict=True):
            unify(mine, wanted, lambda: f"max_pool_scatter: {show(g.shape)} instead of {show(expected)}.")
        return Type(g.dtype, x.shape)

    def numpy(self, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        out, places = np.zeros(flatten_space(x).shape, g.dtype), flatten_space(self.first_maxima(x))
        n, c, window = np.nonzero(places >= 0)
        np.add.at(out, (n, c, places[n, c, window]), flatten_space(g)[n, c, window])
        return out.reshape(x.shape)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        return [None, apply(MaxPoolGather(self.window, self.strides, self.padding, self.ceil_mode), args[0], g)]


class MaxPoolGather(Pooling):
    """For each window of x: the element of v, of the shape of x, at the first maximum of the window."""

    def infer(self, x: Type, v: Type) -> Type:
        for mine, wanted in zip(v.shape, x.shape, strict=True):
            unify(mine, wanted, lambda: f"max_pool_gather: {show(v.shape)} instead of {show(x.shape)}.")
        return self.pooled_type(Type(v.dtype, x.shape))

    def numpy(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return _at(v, self.first_maxima(x), 0)

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr | None]:
        return [None, apply(MaxPoolScatter(self.window, self.strides, self.padding, self.ceil_mode), args[0], g)]


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
        return [apply(SumPoolScatter(self.window, self.strides, self.padding, self.ceil_mode, sizes), g)]


@record
class SumPoolScatter(Pooling):
    """For each place of the spatial sizes `spatial`: the sum of g over the windows that cover it."""

    spatial: Shape = ()

    def infer(self, g: Type) -> Type:
        expected = self.grid(self.spatial)
        for mine, wanted in zip(g.shape[2:], expected, strict=True):
            unify(mine, wanted, lambda: f"sum_pool_scatter: {show(g.shape[2:])} instead of {show(expected)}.")
        return Type(g.dtype, (*g.shape[:2], *self.spatial))

    def numpy(self, g: Any) -> Any:
        out: Any = np.zeros((*g.shape[:2], *self.spatial), g.dtype)
        for place, box in self.boxes(self.spatial, g.shape[2:]):  # type: ignore[arg-type]
            out[:, :, *box] += g[:, :, *place].reshape(*g.shape[:2], *[1] * len(box))
        return out

    def vjp(self, g: Expr, out: Expr, *args: Expr) -> list[Expr]:
        return [apply(SumPool(self.window, self.strides, self.padding, self.ceil_mode), g)]


def _parameters(windows: Pooling) -> tuple[Any, ...]:
    return windows.window, windows.strides, windows.padding, windows.ceil_mode


def _max_pool(name: str, x: Any, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    return apply(MaxPool(*_parameters(windows)), node)


def _sum_pool(name: str, x: Any, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    return apply(SumPool(*_parameters(windows)), cast(node, accumulator(node.dtype)))


def _avg_pool(name: str, x: Any, count_include_pad: bool, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    count_include_pad = check_flag(name, "count_include_pad", count_include_pad)
    node = cast(node, float_like(node.dtype))
    return scalar.div(apply(SumPool(*_parameters(windows)), node), counts(windows, node, count_include_pad))


def max_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """out[n, c, i] = max over k of x[n, c, i * stride + k - before], k from 0 to size - 1: max_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `max_pool2d`.
    """
    return _max_pool("max_pool1d", x, size, stride, padding, ceil_mode)


def max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """out[n, c, i, j] = max over ii, jj of x[n, c, i * stride + ii - before, j * stride + jj - before].

    Parameters
    ----------
    x : (batch, channels, height, width), any dtype
    size : int or a tuple of 2 ints, from 1 up
        The window.
    stride : int or a tuple of 2 ints, from 1 up; None: size
        The distance between neighbouring windows.
    padding : int, a tuple of 2 ints, ((before, after), (before, after)), "valid", "same" or "half"; less than size
        Padding counts as smaller than all values.  The names are those of `conv2d`.
    ceil_mode : bool
        Let the last window hang over the end, so that all elements are covered.  It must begin inside of the input or
        of the padding in front.

    Returns
    -------
    (batch, channels, height, width), the dtype of x.  Each spatial size is

        floor((before + in + after - size) / stride) + 1        with ceil_mode: ceil instead of floor

    Raises
    ------
    ShapeError
        if x has not 4 axes, the window is larger than the padded input, padding is not less than the window, or a
        number is too small
    ArgumentError
        if size, stride or padding has none of the forms above

    Gradient
    --------
    g goes to the maximum of each window, to the first one (in the order of rows) where several are equal; a NaN counts
    as the maximum.  Second derivatives read from the same places.

    Numerics
    --------
    Exact.  A window that holds a NaN gives NaN.

    References
    ----------
    M. Riesenhuber, T. Poggio, Hierarchical models of object recognition in cortex, Nature Neuroscience 2, 1999.

    Examples
    --------
    >>> x = wf.tensor("x", ("batch", 8, 32, 32))
    >>> wf.max_pool2d(x, 2).shape
    (batch, 8, 16, 16)
    >>> wf.max_pool2d(x, 3, stride=2, padding=1).shape
    (batch, 8, 16, 16)
    """
    return _max_pool("max_pool2d", x, size, stride, padding, ceil_mode)


def max_pool3d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The largest element of each window of (depth, height, width): max_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `max_pool2d`.
    """
    return _max_pool("max_pool3d", x, size, stride, padding, ceil_mode)


def avg_pool1d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (length,): avg_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `avg_pool2d`.
    """
    return _avg_pool("avg_pool1d", x, count_include_pad, size, stride, padding, ceil_mode)


def avg_pool2d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (height, width): its sum, divided by the number of elements it holds.

    Parameters
    ----------
    x : (batch, channels, height, width); integers become floats
    size, stride, padding, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool
        Whether padding counts as elements, with value 0: then all windows are divided by the same number, but for
        those of ceil_mode that hang over the padding behind.

    Returns
    -------
    (batch, channels, height, width), float.  The sizes are those of `max_pool2d`.

    Raises
    ------
    ShapeError, ArgumentError
        As `max_pool2d`.

    Gradient
    --------
    g / count for every element of the window.

    References
    ----------
    Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86, 1998 ("subsampling").
    """
    return _avg_pool("avg_pool2d", x, count_include_pad, size, stride, padding, ceil_mode)


def avg_pool3d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = False
) -> Expr:
    """The mean of each window of (depth, height, width): avg_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `avg_pool2d`.
    """
    return _avg_pool("avg_pool3d", x, count_include_pad, size, stride, padding, ceil_mode)


def sum_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """The sum of each window of (height, width); padding counts as 0.

    Integers and bools are summed as `sum` does it, as int64.  Everything else is as in `max_pool2d`; the gradient is g
    for every element of the window.
    """
    return _sum_pool("sum_pool2d", x, size, stride, padding, ceil_mode)


def lp_pool2d(x: Any, size: Any, p: float = 2, stride: Any = None, padding: Any = 0, ceil_mode: bool = False) -> Expr:
    """(sum of |x| ** p) ** (1 / p) over each window of (height, width): its p-norm.

    p = 1 gives the sum of absolute values, p = inf the largest of them.  Padding counts as 0.  Everything else is as in
    `max_pool2d`.  Gradient: that of the norm, and 0 where the norm is 0.  Numerics: |x| ** p must not overflow.

    Reference: P. Sermanet, S. Chintala, Y. LeCun, Convolutional neural networks applied to house numbers digit
    classification, ICPR 2012, arXiv:1204.3968.
    """
    if not isinstance(p, int | float) or not p > 0:
        raise blame(ArgumentError(f"lp_pool2d: p must be a number above 0, and is {p!r}."), user_site())
    node = as_expr(x)
    magnitude = scalar.abs(cast(node, float_like(node.dtype)))
    given = (size, stride, padding, ceil_mode)
    if p == np.inf:
        return _max_pool("lp_pool2d", magnitude, *given)
    if p == 1:
        return _sum_pool("lp_pool2d", magnitude, *given)
    total = _sum_pool("lp_pool2d", scalar.square(magnitude) if p == 2 else magnitude**p, *given)
    zero = scalar.eq(total, 0)
    inside = scalar.where(zero, 1, total)  # the root has no derivative at 0
    return scalar.where(zero, 0, scalar.sqrt(inside) if p == 2 else inside ** (1 / p))
