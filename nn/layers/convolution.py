"""Convolutions with parameters of their own: of all channels, transposed, of each channel alone, and separable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops import conv
from ...ops.coerce import as_expr
from ...ops.padding import pad_axis
from ...ops.windows import extent, pairs, per_axis
from ...symbolic.arguments import check_choice, check_count, check_function
from ...symbolic.dims import SymDim
from ...symbolic.errors import ArgumentError, ShapeError, axes, blame, give_name, user_site
from ...symbolic.expr import Expr
from .. import init
from ..naming import layer_name
from .convolution_docs import CONV, DEPTHWISE, SEPARABLE, TRANSPOSE, text_of
from .weights import features, parameter

Initialiser = Callable[..., np.ndarray]

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "symmetric": "symmetric"}  # those of wf.pad


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


def check_images(word: str, x: Any, rank: int) -> Expr:
    """x, which has so many axes of space behind batch and channels.  Raises ShapeError where it has not."""
    node = as_expr(x)
    if node.ndim != rank + 2:
        text = f"{word}: x has {axes(node.ndim)}, and needs {rank + 2}: batch, channels and {axes(rank)} of space."
        raise blame(ShapeError(text), user_site(), node.site)
    return node


def _pad(word: str, x: Expr, kernel: Sequence[int], mode: str, how: dict[str, Any]) -> tuple[Expr, dict[str, Any]]:
    """x with its own elements around it, and what is left to do for the convolution."""
    check_choice(f"{word}: padding_mode", mode, ("zeros", *MODES))
    if mode == "zeros":
        return x, how
    strides, gaps = (per_axis(how[what], len(kernel), word, what, 1) for what in ("stride", "dilation"))
    windows = [extent(k, d) for k, d in zip(kernel, gaps, strict=True)]
    for axis, (before, after) in enumerate(pairs(how["padding"], word, x.shape[2:], windows, strides), 2):
        if isinstance(before, SymDim) or isinstance(after, SymDim):
            text = (
                f"{word}: padding 'same' depends on the size {x.shape[axis]}, and padding_mode={mode!r} needs numbers."
            )
            raise blame(ShapeError(text), user_site(), x.site, hint="give padding as numbers, or axis a size.")
        if before or after:
            x = pad_axis(word, x, axis, before, after, MODES[mode])
    return x, {**how, "padding": 0}


def _convolve(
    word: str, x: Expr, kernel: tuple[int, ...], given: tuple[Any, Any], name: str, rng: Any, mode: str, **how: Any
) -> Expr:
    """x convolved with weights of shape `kernel`; `given`: w and b; `how`: what wf.conv2d takes."""
    rank, (w, b) = x.ndim - 2, given
    weights = parameter(f"{word}: w", w, kernel, f"{name}_w", rng)
    bias = None if b is None else parameter(f"{word}: b", b, kernel[:1], f"{name}_b", rng)
    node, rest = _pad(word, x, kernel[2:], mode, how)
    return (conv.conv1d, conv.conv2d, conv.conv3d)[rank - 1](node, weights, bias, **rest)


def _conv(rank: int) -> Callable[..., Expr]:
    word = f"conv{rank}d"

    def layer(
        x: Any,
        filters: int,
        size: int | Sequence[int],
        w: Any = init.he_normal,
        b: Any = 0.0,
        *,
        stride: Any = 1,
        padding: Any = 0,
        padding_mode: str = "zeros",
        dilation: Any = 1,
        groups: int = 1,
        flip: bool = False,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        node, count = check_images(word, x, rank), check_count(word, "filters", filters, least=1)
        of = check_count(word, "groups", groups, least=1)
        kernel = (count, features(word, node, 1, w, 1, of) // of, *kernel_sizes(word, size, rank))
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": of, "flip": flip}
        return _convolve(word, node, kernel, (w, b), layer_name("conv", name), rng, padding_mode, **how)

    layer.__doc__ = text_of(CONV, rank)
    return give_name(layer, word)


def _transpose(rank: int) -> Callable[..., Expr]:
    word = f"conv{rank}d_transpose"
    convolve = (conv.conv1d_transpose, conv.conv2d_transpose, conv.conv3d_transpose)[rank - 1]

    def layer(
        x: Any,
        filters: int,
        size: int | Sequence[int],
        w: Any = init.he_normal,
        b: Any = 0.0,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        flip: bool = False,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        node, count = check_images(word, x, rank), check_count(word, "filters", filters, least=1)
        of = check_count(word, "groups", groups, least=1)
        if count % of:
            raise blame(ShapeError(f"{word}: groups = {of} does not divide the {count} filters."), user_site())
        kernel = (features(word, node, 1, w, 0), count // of, *kernel_sizes(word, size, rank))
        name = layer_name("conv", name)
        weights = parameter(f"{word}: w", w, kernel, f"{name}_w", rng)
        bias = None if b is None else parameter(f"{word}: b", b, (count,), f"{name}_b", rng)
        how = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
        return convolve(node, weights, bias, **how, groups=of, flip=flip)

    layer.__doc__ = text_of(TRANSPOSE, rank)
    return give_name(layer, word)


def _depthwise(rank: int) -> Callable[..., Expr]:
    word = f"depthwise_conv{rank}d"

    def layer(
        x: Any,
        size: int | Sequence[int],
        multiplier: int = 1,
        w: Any = init.he_normal,
        b: Any = 0.0,
        *,
        stride: Any = 1,
        padding: Any = 0,
        padding_mode: str = "zeros",
        dilation: Any = 1,
        flip: bool = False,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        node = check_images(word, x, rank)
        channels, each = features(word, node, 1), check_count(word, "multiplier", multiplier, least=1)
        kernel = (channels * each, 1, *kernel_sizes(word, size, rank))
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": channels, "flip": flip}
        return _convolve(word, node, kernel, (w, b), layer_name("conv", name), rng, padding_mode, **how)

    layer.__doc__ = text_of(DEPTHWISE, rank)
    return give_name(layer, word)


def _separable(rank: int) -> Callable[..., Expr]:
    word = f"separable_conv{rank}d"

    def layer(
        x: Any,
        filters: int,
        size: int | Sequence[int],
        multiplier: int = 1,
        depth_w: Any = init.he_normal,
        w: Any = init.he_normal,
        b: Any = 0.0,
        *,
        stride: Any = 1,
        padding: Any = 0,
        padding_mode: str = "zeros",
        dilation: Any = 1,
        flip: bool = False,
        rng: np.random.Generator | None = None,
        name: str | None = None,
    ) -> Expr:
        node, count = check_images(word, x, rank), check_count(word, "filters", filters, least=1)
        channels, each = features(word, node, 1), check_count(word, "multiplier", multiplier, least=1)
        kernel = (channels * each, 1, *kernel_sizes(word, size, rank))
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": channels, "flip": flip}
        name = layer_name("conv", name)
        first = parameter(f"{word}: depth_w", depth_w, kernel, f"{name}_depth_w", rng)
        alone = _convolve(word, node, kernel, (first, None), name, rng, padding_mode, **how)
        point = (count, channels * each, *[1] * rank)
        return _convolve(word, alone, point, (w, b), name, rng, "zeros")

    layer.__doc__ = text_of(SEPARABLE, rank)
    return give_name(layer, word)


conv1d, conv2d, conv3d = _conv(1), _conv(2), _conv(3)
conv1d_transpose, conv2d_transpose, conv3d_transpose = _transpose(1), _transpose(2), _transpose(3)
depthwise_conv1d, depthwise_conv2d = _depthwise(1), _depthwise(2)
separable_conv1d, separable_conv2d = _separable(1), _separable(2)
