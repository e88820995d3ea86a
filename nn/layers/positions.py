"""Positions in a sequence, which attention by itself does not see: added, turned into angles, or into a bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.creation import iota
from ...ops.elementwise import cast
from ...ops.movement import concatenate, reshape, stack
from ...symbolic.arguments import check_count, check_flag, check_number
from ...symbolic.errors import DTypeError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from ...symbolic.leaves import constant
from ...symbolic.types import dtype as as_dtype
from .. import init
from ..arguments import as_floats
from ..naming import layer_name
from .weights import features, parameter


def sinusoidal_positions(length: Any, size: int, *, base: float = 10000.0, dtype: Any = None) -> Expr:
    """sin(t / base^(2i / size)) at the even features 2i of position t, and the cosine of it at the odd ones, 2i + 1.

        h = x + layers.sinusoidal_positions(x.shape[1], 64)

    Parameters
    ----------
    length : how many positions: a number, or a size
    size : of the features
    base : a number from 1 up
    dtype : None: config.float_dtype

    Returns
    -------
    (length, size)

    References
    ----------
    Vaswani et al. 2017, Attention Is All You Need, section 3.5.
    """
    count = check_count("sinusoidal_positions", "size", size, 1, 1 << 24)
    if isinstance(length, int):
        check_count("sinusoidal_positions", "length", length)
    sin, cos = _sin_and_cos("sinusoidal_positions", length, (count + 1) // 2, count, base, _float(dtype))
    return reshape(stack([sin, cos], axis=2), (sin.shape[0], 2 * sin.shape[1]))[:, :count]


def learned_positions(
    x: Any, most: int, w: Any = init.normal, *, rng: np.random.Generator | None = None, name: str | None = None
) -> Expr:
    """x + w[:time], with a row of weights for each position.

    Parameters
    ----------
    x : (..., time, features) floats
    most : positions that there are weights for
    w : (most, features); an initialiser, an array to begin with, or an expression
    rng : draws what `w` begins with; None: `init.generator()`
    name : the parameter is `{name}_w`; None: `positions`, `positions2` ...

    Raises ShapeError for features of a size that is no number, and, at the latest when it runs, for more than `most`
    positions.

    References
    ----------
    Gehring et al. 2017, Convolutional Sequence to Sequence Learning, section 3.1.
    """
    node, count = _sequence("learned_positions", x), check_count("learned_positions", "most", most, least=1)
    shape = (count, features("learned_positions", node, -1, w, 1))
    weights = parameter("learned_positions: w", w, shape, f"{layer_name('positions', name)}_w", rng)
    time = node.shape[-2]
    if isinstance(time, int) and time > count:
        text = f"learned_positions: x has {time} positions, and there are weights for {count}."
        raise blame(ShapeError(text), user_site(), node.site)
    return node + weights[:time]


def rotary(x: Any, *, base: float = 10000.0, halves: bool = False) -> Expr:
    """Each pair of features turned by an angle, t / base^(2i / size) for the pair i of position t.

    Products of queries and keys so turned depend on positions by their difference alone.

    Parameters
    ----------
    x : (..., time, size) floats: queries or keys; size is even
    base : a number from 1 up
    halves : whether pair i is of features i and i + size / 2, as in many published weights; else of 2i and 2i + 1

    Returns
    -------
    the shape of x

    References
    ----------
    Su, Lu, Pan, Murtadha, Wen, Liu 2021, RoFormer, equation 34.
    """
    node, apart = _sequence("rotary", x), check_flag("rotary", "halves", halves)
    size = features("rotary", node, -1)
    if size % 2:
        text = f"rotary: features are turned in pairs, and x has {size}."
        raise blame(ShapeError(text), user_site(), node.site)
    sin, cos = _sin_and_cos("rotary", node.shape[-2], size // 2, size, base, node.dtype)
    if apart:
        a, b = node[..., : size // 2], node[..., size // 2 :]
        return concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    a, b = node[..., 0::2], node[..., 1::2]
    return reshape(stack([a * cos - b * sin, a * sin + b * cos], axis=node.ndim), node.shape)


def alibi(heads: int, queries: Any, keys: Any, *, dtype: Any = None) -> Expr:
    """-slope * |i - j| for query i and key j, a bias of attention that grows with the distance.

    The slopes of n heads are 2^(-8 / n), 2^(-16 / n) ... 2^-8, where n is a power of 2; else those of the next lower
    power of 2, and then every other one of those for twice as many.

    Parameters
    ----------
    heads : how many there are
    queries, keys : how many: numbers, or sizes
    dtype : None: config.float_dtype

    Returns
    -------
    (heads, queries, keys)

    References
    ----------
    Press, Smith, Lewis 2022, Train Short, Test Long, section 3.
    """
    kind = _float(dtype)
    slopes = np.asarray(_slopes(check_count("alibi", "heads", heads, 1, 100_000)), kind)
    distances = scalar.abs(iota((queries, 1), 0, "int64") - iota((1, keys), 1, "int64"))
    return -constant(slopes.reshape(-1, 1, 1)) * cast(distances, kind)


def _slopes(heads: int) -> list[float]:
    power = 1 << (heads.bit_length() - 1)
    first = [2.0 ** (-8 * (i + 1) / power) for i in range(power)]
    return first if power == heads else first + _slopes(2 * power)[::2][: heads - power]


def _sin_and_cos(name: str, length: Any, pairs: int, size: int, base: Any, kind: Any) -> tuple[Expr, Expr]:
    """Of t / base^(2i / size), (length, pairs): the angle is float64, as another dtype rounds it by whole turns."""
    check_number(f"{name}: base", base, least=1)
    rates = float(base) ** (-2 * np.arange(pairs) / size)
    angles = cast(iota((length, 1), 0, "int64"), "float64") * rates
    return cast(scalar.sin(angles), kind), cast(scalar.cos(angles), kind)


def _float(dtype: Any) -> Any:
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise blame(DTypeError(f"Positions are floats, not {kind.name}."), user_site())
    return kind


def _sequence(name: str, x: Any) -> Expr:
    node = as_floats(name, x)
    if node.ndim < 2:
        text = f"{name}: x has {node.ndim} axes, and needs two or more: time and features."
        raise blame(ShapeError(text), user_site(), node.site)
    return node
