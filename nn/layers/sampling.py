"""Images read at places that are computed: spatial transformers."""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.creation import iota
from ...ops.elementwise import cast
from ...ops.indexing import getitem
from ...ops.movement import broadcast_to, expand_dims, moveaxis, reshape
from ...symbolic.arguments import check_choice, check_flag
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, DTypeError, ShapeError, axes, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.sizes import shape_of
from .resize import WORDS, taps

Tap = tuple[Expr, Any, Any]  # the place along an axis, where it lies in the image (None: everywhere), its weight


def grid_sample(
    x: Any, grid: Any, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> Expr:
    """y[n, c, i, j] = x[n, c] at the place grid[n, i, j], between its pixels: the sampler of spatial transformers.

    Parameters
    ----------
    x : (batch, channels, ...) floats, with 1 to 3 axes of space
    grid : (batch, ..., axes of space) floats: where each pixel of the result is read, the last axis of x first:
        (column, row) of images.  -1 and 1 are the two ends of an axis
    mode : "linear" (also "bilinear", "trilinear"), 2 pixels along each axis weighted by nearness; "nearest", halves to
        even; or "cubic" (also "bicubic"), 4 pixels weighted by Keys' cubic, as `resize` does
    padding_mode : what is read outside of x: "zeros"; "border", the pixel that is nearest; or "reflection", x
        mirrored at its ends
    align_corners : whether the ends are the middles of the outermost pixels, or (False) their outer borders, so that
        a place is the same in a picture of any resolution

    Returns
    -------
    (batch, channels, ...) with the sizes of the grid.

    Raises
    ------
    ShapeError
        if the numbers of axes do not fit, the batches differ, or the last axis of the grid is none of coordinates
    DTypeError
        if x or grid is no float
    ArgumentError
        if mode or padding_mode is none of these words

    Gradient
    --------
    Of x: g, weighted, added up where it was read.  Of the grid: the slope between the pixels, at a pixel that behind
    it; there is none by mode "nearest".

    Numerics
    --------
    A coordinate that is NaN gives NaN, but for mode "nearest", where it reads the first pixel.

    References
    ----------
    Jaderberg et al. 2015, Spatial transformer networks, section 3.3.
    """
    node, places = _check(x, grid)
    check_choice("grid_sample: mode", mode, ("nearest", "linear", "cubic", *WORDS))
    check_choice("grid_sample: padding_mode", padding_mode, ("zeros", "border", "reflection"))
    corners, rank = check_flag("grid_sample", "align_corners", align_corners), node.ndim - 2
    along = [
        _taps(getitem(places, (..., rank - 1 - k)), node.shape[2 + k], WORDS.get(mode, mode), padding_mode, corners)
        for k in range(rank)
    ]
    batch = reshape(iota((node.shape[0],)), (-1, *[1] * rank))
    result: Any = 0
    for chosen in itertools.product(*along):
        result = result + _read(node, broadcast_to(batch, (node.shape[0], *places.shape[1:-1])), chosen)
    return moveaxis(result, -1, 1)


def _read(x: Expr, batch: Expr, chosen: tuple[Tap, ...]) -> Expr:
    """(batch, ..., channels): x at one place for each axis, times their weights, and 0 outside of x."""
    taken = getitem(x, (batch, slice(None), *(place for place, _, _ in chosen)))
    masks = [inside for _, inside, _ in chosen if inside is not None]
    if masks:
        taken = scalar.where(expand_dims(functools.reduce(scalar.logical_and, masks), -1), taken, 0.0)
    weight = functools.reduce(operator.mul, [factor for _, _, factor in chosen])
    return taken * expand_dims(weight, -1) if isinstance(weight, Expr) else taken


def _taps(at: Expr, size: Any, mode: str, padding_mode: str, corners: bool) -> list[Tap]:
    """What is read along an axis of so many pixels, at coordinates from -1 to 1."""
    n: Any = cast(as_expr(size), at.dtype)
    v = (at + 1) * ((n - 1) / 2) if corners else ((at + 1) * n - 1) / 2
    first = scalar.rint(v) if mode == "nearest" else scalar.floor(v)
    near = [(0, 1.0)] if mode == "nearest" else taps(mode, v - first)
    return [(*_within(first + offset, n, padding_mode, corners), weight) for offset, weight in near]


def _within(place: Expr, n: Expr, padding_mode: str, corners: bool) -> tuple[Expr, Expr | None]:
    """The pixel, from 0 to n - 1, that stands for a whole number, and where there is one (None: everywhere)."""
    inside = None
    if padding_mode == "zeros":
        inside = scalar.logical_and(scalar.ge(place, 0), scalar.le(place, n - 1))
    elif padding_mode == "reflection":
        period = scalar.maximum(2 * (n - 1), 1) if corners else 2 * n
        once = scalar.mod(place, period)
        place = scalar.minimum(once, period - once if corners else period - 1 - once)
    kept = scalar.where(scalar.ge(place, 0), scalar.minimum(place, n - 1), 0.0)  # NaN is none of the two: 0
    return cast(kept, "int64"), inside


def _check(x: Any, grid: Any) -> tuple[Expr, Expr]:
    node, places = as_expr(x), as_expr(grid)
    if not 3 <= node.ndim <= 5:
        text = f"grid_sample: x has {axes(node.ndim)}, and needs 3 to 5: batch, channels and one to three of space."
        raise blame(ShapeError(text), user_site(), node.site)
    for what, one in (("x", node), ("grid", places)):
        if not one.type.is_float:
            text = f"grid_sample takes floats, and {what} is {one.dtype.name}."
            raise blame(DTypeError(text), user_site(), one.site, hint=f"cast it: {what}.astype('float32')")
    if places.ndim != node.ndim or same(places.shape[-1], node.ndim - 2) is False:
        wanted = f"(batch, ..., {node.ndim - 2}) with {axes(node.ndim)}"
        text = f"grid_sample: for x of shape {show(node.shape)} the grid has shape {wanted}, not {show(places.shape)}."
        raise blame(ShapeError(text), user_site(), places.site, node.site)
    if same(places.shape[0], node.shape[0]) is False:
        text = f"grid_sample: x has a batch of {node.shape[0]}, and the grid one of {places.shape[0]}."
        raise blame(ShapeError(text), user_site(), places.site, node.site)
    return node, places


def affine_grid(theta: Any, size: Any, *, align_corners: bool = False) -> Expr:
    """grid[n, i, j] = theta[n] @ (column j, row i, 1): the places that `grid_sample` reads for an affine map.

    Parameters
    ----------
    theta : (batch, 1, 2), (batch, 2, 3) or (batch, 3, 4) floats: a matrix, and in its last column the shift;
        coordinates go from -1 to 1, the last axis of space first
    size : the sizes of the result's axes of space: a number or symbol for each
    align_corners : as in `grid_sample`

    Returns (batch, *size, axes of space).

    Raises ShapeError for matrices of another shape, and for another number of sizes.

    References
    ----------
    Jaderberg et al. 2015, Spatial transformer networks, equation 1.
    """
    node, sizes = as_expr(theta), shape_of(size)
    rank, corners = len(sizes), check_flag("affine_grid", "align_corners", align_corners)
    if not 1 <= rank <= 3:
        raise blame(ArgumentError(f"affine_grid: size is one to three sizes, not {size!r}."), user_site(), node.site)
    wanted = (rank, rank + 1)
    if node.ndim != 3 or any(same(a, b) is False for a, b in zip(node.shape[1:], wanted, strict=True)):
        text = (
            f"affine_grid: for {len(sizes)} sizes theta has shape (batch, {rank}, {rank + 1}), not {show(node.shape)}."
        )
        raise blame(ShapeError(text), user_site(), node.site)
    if not node.type.is_float:
        text = f"affine_grid: theta is {node.dtype.name}, and coordinates are floats."
        raise blame(DTypeError(text), user_site(), node.site)
    columns = [reshape(getitem(node, (slice(None), slice(None), k)), (-1, *[1] * rank, rank)) for k in range(rank + 1)]
    result = broadcast_to(columns[rank], (node.shape[0], *sizes, rank))
    for axis, n in enumerate(sizes):
        line = reshape(_line(n, node.dtype, corners), [n if i == axis else 1 for i in range(rank + 1)])
        result = result + columns[rank - 1 - axis] * line
    return result


def _line(size: Any, kind: Any, corners: bool) -> Expr:
    """The coordinates of so many pixels from -1 to 1; of a single one 0."""
    i, n = cast(iota((size,)), kind), cast(as_expr(size), kind)
    if corners:
        return scalar.where(scalar.gt(n, 1), 2 * i / scalar.maximum(n - 1, 1) - 1, 0.0)
    return (2 * i + 1) / n - 1
