"""Convolutions with parameters of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops import conv
from ...ops.coerce import as_expr
from ...symbolic.arguments import check_count, check_function
from ...symbolic.errors import ArgumentError, ShapeError, axes, blame, give_name, user_site
from ...symbolic.expr import Expr
from .. import init
from ..naming import layer_name
from .weights import features, parameter

Initialiser = Callable[..., np.ndarray]


def conv_params(
    channels: int,
    filters: int,
    size: int | Sequence[int],
    rng: np.random.Generator,
    name: str | None = None,
    weights: Initialiser = init.he_normal,
) -> tuple[Expr, Expr]:
    """(w, b) for `wf.conv2d` and its kind: weights (filters, channels, *size), and biases of zeros.

    For parameters that several layers share.  Their names begin with `name`; without one, with `conv`, `conv2` ...,
    which no two of these share.
    """
    inside = check_count("conv_params", "channels", channels)
    outside = check_count("conv_params", "filters", filters)
    sizes = kernel_sizes("conv_params", size, 2 if isinstance(size, int | np.integer) else None)
    check_function("conv_params: weights", weights, ["the shape", "rng"])
    name = layer_name("conv", name)
    w = parameter("conv_params: weights", lambda shape, r: weights(shape, rng), (outside, inside, *sizes), f"{name}_w")
    return w, parameter("conv_params: b", 0.0, (outside,), f"{name}_b")


def kernel_sizes(layer: str, size: Any, rank: int | None) -> tuple[int, ...]:
    """The size of a kernel along each spatial axis; one number is that of all."""
    given = tuple(size) if isinstance(size, list | tuple) else (size,) * (rank or 1)
    if rank is not None and len(given) != rank:
        text = f"{layer}: size is a number or {rank} of them, not {size!r}."
        raise blame(ArgumentError(text), user_site())
    return tuple(check_count(layer, "size, for each spatial axis,", n, least=1) for n in given)


def _layer(rank: int) -> Callable[..., Expr]:
    convolve = (conv.conv1d, conv.conv2d, conv.conv3d)[rank - 1]

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
        groups: int = 1,
        flip: bool = False,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        word = f"conv{rank}d"
        node, count = as_expr(x), check_count(word, "filters", filters, least=1)
        if node.ndim != rank + 2:
            text = f"{word}: x has {axes(node.ndim)}, and needs {rank + 2}: batch, channels and {axes(rank)} of space."
            raise blame(ShapeError(text), user_site(), node.site)
        of = check_count(word, "groups", groups, least=1)
        channels = features(word, node, 1, w, 1, of)
        kernel = (count, channels // of, *kernel_sizes(word, size, rank))
        name = layer_name("conv", name)
        weights = parameter(f"{word}: w", w, kernel, f"{name}_w", rng)
        bias = None if b is None else parameter(f"{word}: b", b, (count,), f"{name}_b", rng)
        return convolve(node, weights, bias, stride=stride, padding=padding, dilation=dilation, groups=of, flip=flip)

    layer.__doc__ = f"""wf.conv{rank}d(x, w, b) with parameters of its own.

    Parameters
    ----------
    x : (batch, channels, ...) with {axes(rank)} of space
    filters : how many channels come out
    size : of the kernels, from 1 up: a number, or one for each axis of space
    w : (filters, channels // groups, *size); an initialiser, an array to begin with, or an expression: weights that
        layers share
    b : (filters,) the same, or a number that fills it; None: no biases
    stride, padding, dilation, groups, flip : as `wf.conv{rank}d` takes them
    rng : draws what `w` and `b` begin with; None: `init.generator()`
    name : the parameters are `{{name}}_w` and `{{name}}_b`; None: `conv`, `conv2` ...

    Raises ShapeError for a number of channels that is a symbol, and for parameters that do not fit; else as
    `wf.conv{rank}d` does.
    """
    return give_name(layer, f"conv{rank}d")


conv1d, conv2d, conv3d = _layer(1), _layer(2), _layer(3)
