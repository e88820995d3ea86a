"""Channels to places, places to channels, and channels among themselves."""

from __future__ import annotations

import itertools
import math
from typing import Any

from ...ops.coerce import as_expr
from ...ops.movement import reshape, transpose
from ...ops.windows import per_axis
from ...symbolic.arguments import check_count
from ...symbolic.errors import ShapeError, axes, blame, user_site
from ...symbolic.expr import Expr


def pixel_shuffle(x: Any, factor: Any) -> Expr:
    """y[n, c, i f + k, j f + l] = x[n, c f f + k f + l, i, j]: channels become places, f times as many along each axis.

    Parameters
    ----------
    x : (batch, channels, ...) of any dtype, with 1 to 3 axes of space
    factor : f, a whole number from 1 up, or one for each axis of space

    Returns (batch, channels // product of factors, ...), each size times its factor.

    Raises ShapeError where the product of the factors does not divide the channels.

    References
    ----------
    Shi et al. 2016, Real-time single image and video super-resolution (sub-pixel convolution), section 2.2.
    """
    node, factors = _spatial("pixel_shuffle", x, factor)
    batch, channels, *sizes = node.shape
    _check_divides("pixel_shuffle", node, 1, math.prod(factors))
    rank, kept = len(factors), channels // math.prod(factors)
    parts = reshape(node, (batch, kept, *factors, *sizes))
    order = (0, 1, *itertools.chain.from_iterable((2 + rank + i, 2 + i) for i in range(rank)))
    return reshape(transpose(parts, order), (batch, kept, *[d * f for d, f in zip(sizes, factors, strict=True)]))


def pixel_unshuffle(x: Any, factor: Any) -> Expr:
    """y[n, c f f + k f + l, i, j] = x[n, c, i f + k, j f + l]: places become channels; what pixel_shuffle does, undone.

    Parameters
    ----------
    x : (batch, channels, ...) of any dtype, with 1 to 3 axes of space
    factor : f, a whole number from 1 up, or one for each axis of space

    Returns (batch, channels * product of factors, ...), each size divided by its factor.

    Raises ShapeError where a factor does not divide its axis.
    """
    node, factors = _spatial("pixel_unshuffle", x, factor)
    for axis, f in enumerate(factors, 2):
        _check_divides("pixel_unshuffle", node, axis, f)
    batch, channels, *sizes = node.shape
    rank, kept = len(factors), [d // f for d, f in zip(sizes, factors, strict=True)]
    parts = reshape(node, (batch, channels, *itertools.chain.from_iterable(zip(kept, factors, strict=True))))
    order = (0, 1, *(3 + 2 * i for i in range(rank)), *(2 + 2 * i for i in range(rank)))
    return reshape(transpose(parts, order), (batch, channels * math.prod(factors), *kept))


def channel_shuffle(x: Any, groups: int) -> Expr:
    """The channels, as a matrix of `groups` rows, transposed: those that come next to each other are of all groups.

    x : (batch, channels, ...) of any dtype.  Between convolutions in groups it lets each see what all have found.

    Raises ShapeError where `groups` does not divide the channels.

    References
    ----------
    Zhang et al. 2018, ShuffleNet, section 3.1.
    """
    node, count = as_expr(x), check_count("channel_shuffle", "groups", groups, least=1)
    if node.ndim < 2:
        text = f"channel_shuffle: x has {axes(node.ndim)}, and needs two or more: batch, channels and others."
        raise blame(ShapeError(text), user_site(), node.site)
    _check_divides("channel_shuffle", node, 1, count)
    batch, channels, *rest = node.shape
    parts = reshape(node, (batch, count, channels // count, *rest))
    return reshape(transpose(parts, (0, 2, 1, *range(3, parts.ndim))), node.shape)


def _spatial(name: str, x: Any, factor: Any) -> tuple[Expr, tuple[int, ...]]:
    """x with 1 to 3 axes of space, and a factor for each."""
    node = as_expr(x)
    if not 3 <= node.ndim <= 5:
        text = f"{name}: x has {axes(node.ndim)}, and needs 3 to 5: batch, channels and one to three of space."
        raise blame(ShapeError(text), user_site(), node.site)
    return node, per_axis(factor, node.ndim - 2, name, "factor", 1)


def _check_divides(name: str, x: Expr, axis: int, number: int) -> None:
    size = x.shape[axis]
    if isinstance(size, int) and size % number:
        text = f"{name}: axis {axis} of x has the size {size}, which {number} does not divide."
        raise blame(ShapeError(text), user_site(), x.site)
