"""Max pooling over windows at drawn distances, which shrinks an image by any factor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.creation import iota
from ...ops.elementwise import cast
from ...ops.movement import expand_dims, reshape
from ...ops.pool import MaxPool
from ...ops.windows import SPATIAL, check_rank, per_axis
from ...symbolic.dims import same, show
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr, apply
from ..arguments import as_floats, stream


def fractional_max_pool2d(x: Any, size: Any, output_shape: Any, rng: Any = None) -> Expr:
    """Maxima of windows of one size, whose distances are now the floor of a fraction, now its ceiling, as is drawn.

    Along each axis, with n elements, m windows of k and a = (n - k) / (m - 1), window number i begins at

        floor((i + u) a) - floor(u a),        and the last one at n - k;

    u, uniform on [0, 1), is one for each axis of each channel of each example.

    Parameters
    ----------
    x : (batch, channels, height, width), any dtype; height and width are numbers
    size : k, of the windows: a number, or one for each axis of space
    output_shape : m from 1 up: a number, or one for each axis of space; one below 1 is a share: m = floor(n * share)
    rng : a `random.Stream`; None: one of its own, seeded by `init.generator()`; or the draws u themselves, floats
        (batch, channels, 2), of which [..., 0] are those of the height

    Returns
    -------
    (batch, channels, *output_shape), the dtype of x

    Raises
    ------
    ShapeError
        if x has not 4 axes, or a symbol along one of space, m + k - 1 is more than n, or the draws have another shape
    ArgumentError
        if size, output_shape or rng has another form

    Gradient
    --------
    g goes to the first maximum of each window; none to the draws.

    References
    ----------
    B. Graham, Fractional max-pooling, arXiv:1412.6071: pseudorandom, overlapping where windows are larger than their
    distance.
    """
    return _fractional("fractional_max_pool2d", x, size, output_shape, rng)


def fractional_max_pool3d(x: Any, size: Any, output_shape: Any, rng: Any = None) -> Expr:
    """Max pooling over windows at drawn distances: fractional_max_pool2d of (batch, channels, depth, height, width).

    rng : as there; draws are (batch, channels, 3)
    """
    return _fractional("fractional_max_pool3d", x, size, output_shape, rng)


def _fractional(name: str, x: Any, size: Any, output_shape: Any, rng: Any) -> Expr:
    rank, node = int(name[-2]), as_expr(x)
    check_rank(node, rank + 2, name, "x", ("batch", "channels", *SPATIAL[rank]))
    windows = per_axis(size, rank, name, "size", 1)
    counts = _counts(name, node, windows, output_shape)
    draws = _draws(name, node, rng)
    batch, channels = node.shape[:2]
    key = [reshape(iota((n,)), (-1, *(1,) * (rank + 1 - axis))) for axis, n in enumerate((batch, channels))]
    for axis, (n, k, m) in enumerate(zip(node.shape[2:], windows, counts, strict=True)):
        places = expand_dims(_begins(draws[:, :, axis], n, k, m), -1) + iota((k,))
        others = (*(1,) * axis, m * k, *(1,) * (rank - 1 - axis))
        key.append(reshape(places, (*draws.shape[:2], *others)))
    return apply(MaxPool(windows, windows, ((0, 0),) * rank), node[tuple(key)])


def _begins(draws: Expr, size: Any, window: int, count: int) -> Expr:
    """Where the windows begin: (batch, channels, count)."""
    u, numbers = expand_dims(draws, -1), iota((count,))
    step = (size - window) / max(count - 1, 1)
    moved = cast(scalar.floor((numbers.astype(u.dtype) + u) * step) - scalar.floor(u * step), "int64")
    return scalar.where(numbers < count - 1, moved, size - window)


def _counts(name: str, x: Expr, windows: tuple[int, ...], given: Any) -> tuple[int, ...]:
    """The number of windows along each axis."""
    sizes = x.shape[2:]
    if not all(isinstance(n, int) for n in sizes):
        text = f"{name}: the sizes of space must be numbers, and x has the shape {show(x.shape)}."
        raise blame(ShapeError(text), user_site(), x.site, hint="give them where x is made.")
    shares = list(given) if isinstance(given, list | tuple) else [given] * len(sizes)
    if len(shares) == len(sizes) and all(isinstance(share, float) and 0 < share < 1 for share in shares):
        given = tuple(int(n * share) for n, share in zip(sizes, shares, strict=True))  # type: ignore[operator]
    counts = per_axis(given, len(sizes), name, "output_shape", 1)
    for n, k, m in zip(sizes, windows, counts, strict=True):
        if m + k - 1 > n:  # type: ignore[operator]
            text = f"{name}: {m} windows of {k} need {m + k - 1} elements, and x has {n}: its shape is {show(x.shape)}."
            raise blame(ShapeError(text), user_site(), x.site)
    return counts


def _draws(name: str, x: Expr, rng: Any) -> Expr:
    wanted = (*x.shape[:2], x.ndim - 2)
    if not isinstance(rng, Expr | np.ndarray):
        return stream(name, rng).uniform(wanted)
    draws = as_floats(f"{name}: rng", rng)
    if draws.ndim != 3 or any(same(a, b) is False for a, b in zip(draws.shape, wanted, strict=True)):
        text = f"{name}: the draws have shape {show(draws.shape)}, and {show(wanted)} is needed."
        raise blame(ShapeError(text), user_site(), draws.site, x.site)
    return draws
