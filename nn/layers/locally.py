"""Locally connected layers: convolutions whose kernels differ from place to place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops.einsum import einsum
from ...ops.padding import pad
from ...ops.strided import sliding_windows
from ...ops.windows import SPATIAL, check_fits, extent, pairs, per_axis, window_count
from ...symbolic.arguments import check_count
from ...symbolic.errors import give_name
from ...symbolic.expr import Expr
from .. import init
from ..naming import layer_name
from .convolution import check_images, kernel_sizes
from .weights import features, parameter


def _layer(rank: int) -> Callable[..., Expr]:
    word = f"locally_connected{rank}d"

    def layer(
        x: Any,
        filters: int,
        size: int | Sequence[int],
        w: Any = init.he_normal,
        b: Any = 0.0,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        node, count = check_images(word, x, rank), check_count(word, "filters", filters, least=1)
        channels, sizes = features(word, node, 1), tuple(features(word, node, axis) for axis in range(2, rank + 2))
        kernel, strides = kernel_sizes(word, size, rank), per_axis(stride, rank, word, "stride", 1)
        gaps = per_axis(dilation, rank, word, "dilation", 1)
        reach = tuple(extent(k, d) for k, d in zip(kernel, gaps, strict=True))
        around: Any = pairs(padding, word, sizes, reach, strides)
        check_fits(word, "kernel", sizes, reach, around, node)
        places: Any = tuple(map(window_count, sizes, reach, strides, around))
        name, each = layer_name("local", name), (count, channels, *kernel)
        given = _at_each_place(w, places, each) if callable(w) and not isinstance(w, Expr) else w
        weights = parameter(f"{word}: w", given, (*places, *each), f"{name}_w", rng)
        windows = sliding_windows(pad(node, ((0, 0), (0, 0), *around)), kernel, range(2, rank + 2), strides, gaps)
        p, k = "pqr"[:rank], "ijk"[:rank]
        y = einsum(f"nc{p}{k},{p}fc{k}->nf{p}", windows, weights)
        return y if b is None else y + parameter(f"{word}: b", b, (count, *places), f"{name}_b", rng)

    sizes = ", ".join(SPATIAL[rank])
    layer.__doc__ = f"""Every window of x against kernels of its own: a convolution whose places share no weights.

    Parameters
    ----------
    x : (batch, channels, {sizes}) floats, of sizes that are numbers
    filters : how many channels come out
    size : of the kernels, from 1 up: a number, or one for each axis of space
    w : (*places, filters, channels, *size): at each place the weights of a convolution; an initialiser, called for each
        place with shape (filters, channels, *size), an array to begin with, or an expression
    b : (filters, *places) the same, or a number that fills it; None: no biases
    stride, padding, dilation : as `wf.conv{rank}d` takes them
    rng : draws what `w` and `b` begin with; None: `init.generator()`
    name : the parameters are `{{name}}_w` and `{{name}}_b`; None: `local`, `local2` ...

    Returns (batch, filters, *places), as many places as of `wf.conv{rank}d`.

    Raises ShapeError for a size of x that is a symbol, but the batch's, for parameters that do not fit, and for a
    kernel that is larger than x with its padding.
    """
    return give_name(layer, word)


def _at_each_place(initialiser: Any, places: tuple[int, ...], each: tuple[int, ...]) -> Any:
    """An initialiser of all weights out of one for those of a place."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        drawn = init.constant(shape)
        for place in np.ndindex(*places):
            one = np.asarray(initialiser(each, rng))
            if one.shape != each or one.dtype.kind != "f":
                return one  # which is refused
            drawn[place] = one
        return drawn

    return draw


locally_connected1d, locally_connected2d = _layer(1), _layer(2)
