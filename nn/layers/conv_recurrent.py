"""Recurrent layers of images: LSTMs whose products are convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ops import conv
from ...ops.control import scan
from ...ops.elementwise import cast
from ...ops.movement import moveaxis, reshape
from ...ops.windows import SPATIAL
from ...symbolic.arguments import check_count, check_flag
from ...symbolic.dims import show
from ...symbolic.errors import ArgumentError, ShapeError, blame, give_name, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import promote
from .. import init
from ..arguments import as_floats
from ..naming import layer_name
from .convolution import kernel_sizes
from .convolution_docs import CONV_LSTM, text_of
from .recurrent import remembering, two_states
from .recurrent_cells import lstm_step
from .recurrent_loop import first_state
from .weights import features, several_parameters


def _conv_lstm(rank: int) -> Callable[..., tuple[Expr, tuple[Expr, Expr]]]:
    word, convolve = f"conv_lstm{rank}d", (conv.conv1d, conv.conv2d, conv.conv3d)[rank - 1]

    def layer(
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
        node, count = _videos(word, x, rank), check_count(word, "filters", filters, least=1)
        kernel, backwards = _odd(word, kernel_sizes(word, size, rank)), check_flag(word, "reverse", reverse)
        name, channels = layer_name("conv_lstm", name), features(word, node, 2, w, 1)
        given = {
            "w": (w, (4 * count, channels, *kernel)),
            "w_h": (w_h, (4 * count, count, *kernel)),
            "b": (remembering(word, b, forget_bias), (4 * count,)),
        }
        of_input, of_state, bias = several_parameters(word, given, name, rng)
        padding = tuple(n // 2 for n in kernel)
        batch, time, _, *space = node.shape
        images = reshape(moveaxis(node, 1, 0), (time * batch, *node.shape[2:]))
        gates = reshape(convolve(images, of_input, bias, padding=padding), (time, batch, 4 * count, *space))
        gates = cast(gates, promote(gates.type, of_state.type))

        def step(before: tuple[Expr, Expr], pushed: Expr) -> tuple[tuple[Expr, Expr], Expr]:
            h, c = lstm_step(pushed + convolve(before[0], of_state, padding=padding), before[1], None)
            return (h, c), h

        given = [None if value is None else as_floats(word, value) for value in two_states(word, state)]
        first = [first_state(word, value, (batch, count, *space), gates.dtype) for value in given]
        last, outputs = scan(step, (first[0], first[1]), gates, reverse=backwards)
        return moveaxis(outputs, 0, 1), last

    layer.__doc__ = text_of(CONV_LSTM, rank)
    return give_name(layer, word)


def _videos(word: str, x: Any, rank: int) -> Expr:
    node = as_floats(word, x)
    if node.ndim != rank + 3:
        wanted = ", ".join(("batch", "time", "channels", *SPATIAL[rank]))
        text = f"{word}: x has shape {show(node.shape)}, and needs ({wanted})."
        raise blame(ShapeError(text), user_site(), node.site)
    return node


def _odd(word: str, kernel: tuple[int, ...]) -> tuple[int, ...]:
    if any(n % 2 == 0 for n in kernel):
        text = f"{word}: size is odd along each axis, so that images keep theirs, and not {kernel}."
        raise blame(ArgumentError(text), user_site())
    return kernel


conv_lstm1d, conv_lstm2d, conv_lstm3d = _conv_lstm(1), _conv_lstm(2), _conv_lstm(3)
