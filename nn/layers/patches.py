"""Images as columns of patches, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...ops.coerce import as_expr
from ...ops.creation import zeros
from ...ops.movement import reshape, transpose
from ...ops.padding import pad
from ...ops.strided import sliding_windows
from ...ops.windows import check_fits, extent, pairs, per_axis
from ...symbolic.dims import SymDim, product, same, show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, axes, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.grad import vjp
from ...symbolic.sizes import shape_of
from .convolution import kernel_sizes


def patches(x: Any, size: int | Sequence[int], *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> Expr:
    """y[n, (c, ii, jj), (i, j)] = x[n, c, i s + ii d - p, j s + jj d - p]: every window of x as a column (im2col).

    `w.reshape(filters, -1) @ patches(x, size)` is the convolution of x with w, its places in one axis.

    Parameters
    ----------
    x : (batch, channels, ...) with 1 to 3 axes of space, of any dtype
    size : of the windows, from 1 up: a number, or one for each axis of space
    stride, dilation : a number from 1 up, or one for each axis of space
    padding : how many zeros stand around x, in any of the forms that `wf.conv2d` takes

    Returns
    -------
    (batch, channels * prod(size), places), in C order of channel and place in the window, and of the windows' places.

    Raises ShapeError for a window that is larger than x with its padding.  Gradient: `fold` of g.
    """
    node = as_expr(x)
    if not 3 <= node.ndim <= 5:
        text = f"patches: x has {axes(node.ndim)}, and needs 3 to 5: batch, channels and one to three of space."
        raise blame(ShapeError(text), user_site(), node.site)
    return _columns("patches", node, size, stride, padding, dilation)


def _columns(name: str, x: Expr, size: Any, stride: Any, padding: Any, dilation: Any) -> Expr:
    rank = x.ndim - 2
    kernel = kernel_sizes(name, size, rank)
    strides, gaps = (per_axis(v, rank, name, what, 1) for v, what in ((stride, "stride"), (dilation, "dilation")))
    reach = tuple(extent(k, d) for k, d in zip(kernel, gaps, strict=True))
    around = pairs(padding, name, x.shape[2:], reach, strides)
    if any(isinstance(width, SymDim) for pair in around for width in pair):
        text = f"{name}: padding {padding!r} depends on sizes that are symbols: {show(x.shape)}."
        raise blame(ArgumentError(text), user_site(), x.site, hint="give it as numbers.")
    check_fits(name, "window", x.shape[2:], reach, around, x)
    windows = sliding_windows(pad(x, ((0, 0), (0, 0), *around)), kernel, range(2, rank + 2), strides, gaps)
    batch, channels, *places = windows.shape[: rank + 2]
    order = (0, 1, *range(rank + 2, 2 * rank + 2), *range(2, rank + 2))
    return reshape(transpose(windows, order), (batch, channels * math.prod(kernel), product(places)))


def fold(
    x: Any,
    output_size: Sequence[Any],
    size: int | Sequence[int],
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Expr:
    """Columns of windows added up where `patches` took them from: its transpose, known as col2im.

    Where windows overlap, elements are summed: fold(patches(x)) is x times the number of windows that each is in, which
    is fold(patches(ones)).

    Parameters
    ----------
    x : (batch, channels * prod(size), places) floats, as `patches` gives them
    output_size : the sizes of the image's one to three axes of space
    size, stride, padding, dilation : those of `patches`

    Returns (batch, channels, *output_size).

    Raises ShapeError where `patches` of an image of this size would have another shape.  Gradient: `patches` of g.
    """
    node = as_expr(x)
    if node.ndim != 3:
        text = f"fold: x has {axes(node.ndim)}, and needs 3: batch, channels times those of a window, and places."
        raise blame(ShapeError(text), user_site(), node.site)
    if not node.type.is_float:
        raise blame(DTypeError(f"fold: x is {node.dtype.name}, and floats are added up."), user_site(), node.site)
    sizes = shape_of(output_size)
    if not 1 <= len(sizes) <= 3:
        text = f"fold: output_size is one to three sizes, not {output_size!r}."
        raise blame(ArgumentError(text), user_site(), node.site)
    count = math.prod(kernel_sizes("fold", size, len(sizes)))
    channels = node.shape[1] // count
    image = zeros((node.shape[0], channels, *sizes), node.dtype)
    columns = _columns("fold", image, size, stride, padding, dilation)
    if any(same(mine, wanted) is False for mine, wanted in zip(node.shape, columns.shape, strict=True)):
        text = f"fold: patches of an image of shape {show(image.shape)} have shape {show(columns.shape)}"
        raise blame(ShapeError(f"{text}, and x has {show(node.shape)}."), user_site(), node.site)
    return vjp(columns, image, reshape(node, columns.shape))
