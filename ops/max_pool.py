"""Max pooling as users write it: the largest element of each window, where it was, and the way back there."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import Shape, product, same, show
from ..symbolic.errors import ArgumentError, DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.sizes import shape_of
from . import scalar
from .coerce import as_expr
from .creation import iota, zeros
from .elementwise import cast
from .indexing import index_set
from .movement import reshape
from .pool import MaxPool, MaxPoolPlaces
from .pooling import check_arguments, spatial_rank
from .windows import SPATIAL, check_rank, pairs, per_axis


def _max_pool(name: str, x: Any, *given: Any) -> Expr:
    node, windows = check_arguments(name, x, *given)
    return apply(MaxPool(*windows.fields), node)


def _with_indices(name: str, x: Any, *given: Any) -> tuple[Expr, Expr]:
    node, windows = check_arguments(name, x, *given)
    return apply(MaxPool(*windows.fields), node), apply(MaxPoolPlaces(*windows.fields), node)


def max_pool1d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> Expr:
    """out[n, c, i] = max over k of x[n, c, i * stride + k * dilation - before], k < size: max_pool2d along one axis.

    x : (batch, channels, length).  Everything else is as in `max_pool2d`.
    """
    return _max_pool("max_pool1d", x, size, stride, padding, ceil_mode, dilation)


def max_pool2d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> Expr:
    """out[n, c, i, j] = max over ii, jj of x[n, c, i * stride + ii * dilation - before, j * stride + jj * ...].

    Parameters
    ----------
    x : (batch, channels, height, width), any dtype
    size : int or a tuple of 2 ints, from 1 up
        The window.
    stride : int or a tuple of 2 ints, from 1 up; None: size
        The distance between neighbouring windows.
    padding : int, a tuple of 2 ints, ((before, after), (before, after)), "valid", "same" or "half"; less than the reach
        Padding counts as smaller than all values.  The names are those of `conv2d`.
    ceil_mode : bool
        Let the last window hang over the end, so that all elements are covered.  It must begin inside of the input or
        of the padding in front.
    dilation : int or a tuple of 2 ints, from 1 up
        The distance between neighbouring elements of a window, whose reach is (size - 1) * dilation + 1.

    Returns
    -------
    (batch, channels, height, width), the dtype of x.  Each spatial size is

        floor((before + in + after - reach) / stride) + 1        with ceil_mode: ceil instead of floor

    Raises
    ------
    ShapeError
        if x has not 4 axes, the window reaches farther than the padded input, padding is not less than its reach, or
        a number is too small
    ArgumentError
        if size, stride, padding or dilation has none of the forms above

    Gradient
    --------
    g goes to the maximum of each window, to the first one (in the order of rows) where several are equal; a NaN counts
    as the maximum.  Second derivatives read from the same places.

    Numerics
    --------
    Exact.  A window that holds a NaN gives NaN.  One that holds nothing, because its elements lie in the padding, gives
    the least value: -inf, or the least integer.

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
    >>> wf.max_pool2d(x, 3, stride=1, padding=2, dilation=2).shape
    (batch, 8, 32, 32)
    """
    return _max_pool("max_pool2d", x, size, stride, padding, ceil_mode, dilation)


def max_pool3d(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> Expr:
    """The largest element of each window of (depth, height, width): max_pool2d along three axes.

    x : (batch, channels, depth, height, width).  Everything else is as in `max_pool2d`.
    """
    return _max_pool("max_pool3d", x, size, stride, padding, ceil_mode, dilation)


def max_pool1d_with_indices(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> tuple[Expr, Expr]:
    """(max_pool1d(x, ...), the place of each maximum along the length): see `max_pool2d_with_indices`."""
    return _with_indices("max_pool1d_with_indices", x, size, stride, padding, ceil_mode, dilation)


def max_pool2d_with_indices(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> tuple[Expr, Expr]:
    """(max_pool2d(x, ...), where each maximum stands), for `max_unpool2d`.

    The places are int64, of the shape of the maxima: i * width + j for the element (i, j) of the plane.  Of several
    equal maxima it is the first in the order of rows, and a NaN counts as the maximum; -1 for a window that holds
    nothing.  The arguments, errors and the gradient of the values are those of `max_pool2d`.
    """
    return _with_indices("max_pool2d_with_indices", x, size, stride, padding, ceil_mode, dilation)


def max_pool3d_with_indices(
    x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, dilation: Any = 1
) -> tuple[Expr, Expr]:
    """(max_pool3d(x, ...), the place of each maximum, (i * height + j) * width + k): see `max_pool2d_with_indices`."""
    return _with_indices("max_pool3d_with_indices", x, size, stride, padding, ceil_mode, dilation)


def max_unpool1d(
    values: Any, indices: Any, size: Any, stride: Any = None, padding: Any = 0, output_shape: Any = None
) -> Expr:
    """Zeros, with values put where `max_pool1d_with_indices` found them: max_unpool2d along one axis."""
    return _max_unpool("max_unpool1d", values, indices, size, stride, padding, output_shape)


def max_unpool2d(
    values: Any, indices: Any, size: Any, stride: Any = None, padding: Any = 0, output_shape: Any = None
) -> Expr:
    """Zeros, with out[n, c].flat[indices[n, c, i, j]] = values[n, c, i, j].

    Parameters
    ----------
    values : (batch, channels, height, width), any dtype
    indices : integers of the same shape, each in [0, the size of a plane of the result)
        As `max_pool2d_with_indices` gives them.  Where one stands several times in a plane, the last value stays.
    size, stride, padding : as of the pooling that is undone
        They say how large the result is, and nothing else.
    output_shape : the 2 spatial sizes of the result, numbers or symbols
        None: (in - 1) * stride - before - after + size for each axis: the least that the pooling can have come from.

    Returns
    -------
    (batch, channels, *output_shape), the dtype of the values

    Raises
    ------
    ShapeError
        if values has not 4 axes, indices has another shape, or nothing is left of the result
    DTypeError
        if indices are no integers
    ArgumentError
        if size, stride, padding or output_shape has another form
    IndexRangeError
        when it runs, for an index outside of the result

    Gradient
    --------
    Of the values: g where each was put, and 0 for those that were written over.

    References
    ----------
    M. D. Zeiler, R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014, arXiv:1311.2901.
    """
    return _max_unpool("max_unpool2d", values, indices, size, stride, padding, output_shape)


def max_unpool3d(
    values: Any, indices: Any, size: Any, stride: Any = None, padding: Any = 0, output_shape: Any = None
) -> Expr:
    """Zeros, with values put where `max_pool3d_with_indices` found them: max_unpool2d along three axes."""
    return _max_unpool("max_unpool3d", values, indices, size, stride, padding, output_shape)


def _max_unpool(name: str, values: Any, indices: Any, size: Any, stride: Any, padding: Any, output_shape: Any) -> Expr:
    rank, node, places = spatial_rank(name), as_expr(values), as_expr(indices)
    check_rank(node, rank + 2, name, "values", ("batch", "channels", *SPATIAL[rank]))
    if places.dtype.kind not in "iu":
        error = DTypeError(f"{name}: indices are integers, not {places.dtype.name}.")
        raise blame(error, user_site(), places.site)
    pairs_of_sizes = zip(node.shape, places.shape, strict=False)
    if places.ndim != node.ndim or any(same(a, b) is False for a, b in pairs_of_sizes):
        text = f"{name}: values and indices have one shape, and not {show(node.shape)} and {show(places.shape)}."
        raise blame(ShapeError(text), user_site(), node.site, places.site)
    sizes = _unpooled_sizes(name, node, size, stride, padding)
    if output_shape is not None:
        sizes = _check_output_shape(name, output_shape, rank)
    return _put(node, cast(places, np.int64), sizes)


def _unpooled_sizes(name: str, values: Expr, size: Any, stride: Any, padding: Any) -> Shape:
    """The least spatial sizes that pooling takes to those of values."""
    rank = values.ndim - 2
    windows = per_axis(size, rank, name, "size", 1)
    strides = windows if stride is None else per_axis(stride, rank, name, "stride", 1)
    found = pairs(padding, name, values.shape[2:], windows, strides)
    parts = zip(values.shape[2:], windows, strides, found, strict=True)
    sizes = tuple((n - 1) * s - before - after + k for n, k, s, (before, after) in parts)
    if any(isinstance(d, int) and d < 0 for d in sizes):
        text = f"{name}: nothing is left of the result, whose spatial sizes would be {show(sizes)}."
        raise blame(ShapeError(text), user_site(), values.site)
    return sizes


def _check_output_shape(name: str, given: Any, rank: int) -> Shape:
    sizes = shape_of(given)
    if len(sizes) != rank:
        text = f"{name}: output_shape has a size for each of the {rank} spatial axes, and is {show(sizes)}."
        raise blame(ArgumentError(text), user_site())
    return sizes


def _put(values: Expr, places: Expr, sizes: Shape) -> Expr:
    """Zeros of these spatial sizes, with the values at places of the flattened plane."""
    batch, channels = values.shape[:2]
    plane = product(sizes)
    # a negative index counts from no end: it is moved out of the range, where it is reported
    inside = scalar.where(places < 0, places - plane, places)
    flat = reshape(inside, (batch, channels, product(values.shape[2:])))
    key = (reshape(iota((batch,)), (batch, 1, 1)), reshape(iota((channels,)), (1, channels, 1)), flat)
    whole = index_set(zeros((batch, channels, plane), values.dtype), key, reshape(values, flat.shape))
    return reshape(whole, (batch, channels, *sizes))
