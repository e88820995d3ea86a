"""A recurrent layer of images: an LSTM whose products are convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops.coerce import as_expr
from ...ops.control import scan
from ...ops.conv import conv2d
from ...ops.creation import zeros
from ...ops.elementwise import cast
from ...ops.movement import broadcast_to, moveaxis, reshape
from ...ops.reduce import check_float
from ...symbolic.arguments import check_count, check_flag
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import promote
from .. import init
from ..naming import layer_name
from .convolution import kernel_sizes
from .recurrent import remembering, two_states
from .recurrent_cells import lstm_step
from .weights import check_broadcast, features, parameter


def conv_lstm2d(
    x: Any,
    filters: int,
    size: int | Sequence[int],
    w: Any = init.glorot_uniform,
    w_h: Any = init.orthogonal,
    b: Any = 0.0,
    *,
    forget_bias: float = 1.0,
    state: Any = None,
    reverse: bool = False,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> tuple[Expr, tuple[Expr, Expr]]:
    """`lstm` of images: i, f, g, o = wf.conv2d(x[:, t], w, b) + wf.conv2d(h, w_h), padded so that sizes stay.

    Parameters
    ----------
    x : (batch, time, channels, height, width) floats
    filters : channels of the state
    size : of the kernels, odd: a number, or one for each axis of space
    w, w_h, b : (4 filters, channels, *size), (4 filters, filters, *size) and (4 filters,): those of i, f, g, o; an
        initialiser, a number that fills it, an array to begin with, or an expression
    forget_bias : what is added where a number fills b, to the biases of f
    state : (h, c) at first, each (batch, filters, height, width), or what broadcasts to it; None: zeros
    reverse, rng, name : as `rnn` takes them

    Returns
    -------
    (outputs, (h, c)) : (batch, time, filters, height, width), and (batch, filters, height, width) each

    References
    ----------
    Shi et al. 2015, Convolutional LSTM Network, equation 3, without peepholes.
    """
    node, count = _videos(x), check_count("conv_lstm2d", "filters", filters, least=1)
    kernel, backwards = _odd(kernel_sizes("conv_lstm2d", size, 2)), check_flag("conv_lstm2d", "reverse", reverse)
    name, channels = layer_name("conv_lstm", name), features("conv_lstm2d", node, 2, w, 1)
    shapes = {"w": (4 * count, channels, *kernel), "w_h": (4 * count, count, *kernel), "b": (4 * count,)}
    given = {"w": w, "w_h": w_h, "b": remembering("conv_lstm2d", b, forget_bias)}
    of_input, of_state, bias = (
        parameter(f"conv_lstm2d: {k}", given[k], shape, f"{name}_{k}", rng) for k, shape in shapes.items()
    )
    padding = tuple(n // 2 for n in kernel)
    batch, time, _, *space = node.shape
    images = reshape(moveaxis(node, 1, 0), (time * batch, *node.shape[2:]))
    gates = reshape(conv2d(images, of_input, bias, padding=padding), (time, batch, 4 * count, *space))
    gates = cast(gates, promote(gates.type, of_state.type))

    def step(before: tuple[Expr, Expr], pushed: Expr) -> tuple[tuple[Expr, Expr], Expr]:
        h, c = lstm_step(pushed + conv2d(before[0], of_state, padding=padding), before[1], None)
        return (h, c), h

    first = [_start(value, (batch, count, *space), gates) for value in two_states("conv_lstm2d", state)]
    last, outputs = scan(step, (first[0], first[1]), gates, reverse=backwards)
    return moveaxis(outputs, 0, 1), last


def _videos(x: Any) -> Expr:
    node = as_expr(x)
    check_float(node, "conv_lstm2d")
    if node.ndim != 5:
        text = f"conv_lstm2d: x has shape {show(node.shape)}, and needs (batch, time, channels, height, width)."
        raise blame(ShapeError(text), user_site(), node.site)
    return node


def _odd(kernel: tuple[int, ...]) -> tuple[int, ...]:
    if any(n % 2 == 0 for n in kernel):
        text = f"conv_lstm2d: size is odd along each axis, so that images keep theirs, and not {kernel}."
        raise blame(ArgumentError(text), user_site())
    return kernel


def _start(value: Any, shape: tuple[Any, ...], like: Expr) -> Expr:
    if value is None:
        return zeros(shape, like.dtype)
    node = as_expr(value)
    check_float(node, "conv_lstm2d")
    check_broadcast("conv_lstm2d: the state", node, shape)
    return broadcast_to(cast(node, like.dtype), shape)
