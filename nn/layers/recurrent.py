"""Recurrent layers: a loop over the steps of sequences, with parameters of its own.

All give (outputs, state): the states after all steps, and that after the last, with which another call may begin.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.linalg import matmul
from ...ops.movement import concatenate
from ...symbolic.arguments import check_flag, check_function, check_name, check_number, is_number
from ...symbolic.errors import ArgumentError, blame, listing, user_site
from ...symbolic.expr import Expr
from ...symbolic.types import promote
from .. import init
from ..naming import layer_name
from .recurrent_cells import check_pair, gru_step, lstm_step, rnn_step
from .recurrent_loop import Run
from .weights import parameter


def rnn(
    x: Any,
    units: int,
    w: Any = init.glorot_uniform,
    w_h: Any = init.orthogonal,
    b: Any = 0.0,
    *,
    activation: Callable[[Expr], Expr] = scalar.tanh,
    state: Any = None,
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
    time_first: bool = False,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> tuple[Expr, Expr]:
    """h := activation(x[:, t] @ w + h @ w_h + b), step after step: Elman's network.

    Parameters
    ----------
    x : (batch, time, features)
    units : how many numbers the state has
    w : (features, units); an initialiser, a number that fills it, an array to begin with, or an expression
    w_h, b : (units, units) and (units,), the same
    activation : a function of an expression
    state : the first, (batch, units), or what broadcasts to it, as a shared variable of shape (units,), which is
        learnt; None: zeros
    mask : (batch, time) bools; a step where it is False leaves the state as it is, and that is its output
    lengths : (batch,) integers: a mask that keeps so many steps; either this or `mask`
    reverse : from the last step to the first; outputs stay at their inputs, and the last state is that after the first
    time_first : whether x, mask and outputs are (time, batch, ...)
    rng : draws what parameters begin with; None: `init.generator()`
    name : the parameters are `{name}_w`, `{name}_w_h` and `{name}_b`; None: `rnn`, `rnn2` ...

    Returns
    -------
    (outputs, state) : (batch, time, units) and (batch, units)

    Raises ShapeError for features of a size that is no number, and for what does not fit.
    """
    check_function("rnn: activation", activation, ["an expression"])
    run = Run.of("rnn", x, units, mask, lengths, reverse, time_first)
    pushed, of_state = run.weights(1, w, w_h, b, layer_name("rnn", name), rng)

    def step(state: tuple[Expr, ...], pushed: Expr) -> tuple[Expr, ...]:
        return (rnn_step(pushed, *state, of_state, activation),)

    outputs, (h,) = run.over(pushed, (state,), of_state.dtype, step)
    return outputs, h


def lstm(
    x: Any,
    units: int,
    w: Any = init.glorot_uniform,
    w_h: Any = init.orthogonal,
    b: Any = 0.0,
    *,
    forget_bias: float = 1.0,
    peepholes: Any = None,
    state: Any = None,
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
    time_first: bool = False,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> tuple[Expr, tuple[Expr, Expr]]:
    """A long short-term memory: c := f c + i tanh(g), h := o tanh(c), step after step.

    Parameters
    ----------
    x, units, mask, lengths, reverse, time_first, rng, name : as `rnn` takes them
    w, w_h, b : (features, 4 units), (units, 4 units) and (4 units,): those of the gates i, f, g, o; see `lstm_cell`
    forget_bias : what is added where a number fills b, to the biases of f (Jozefowicz et al. 2015)
    peepholes : (3, units), as `lstm_cell` takes them: a parameter, `{name}_p`; None: there are none
    state : (h, c), each as that of `rnn`; None: zeros

    Returns
    -------
    (outputs, (h, c)) : (batch, time, units), and (batch, units) each
    """
    run = Run.of("lstm", x, units, mask, lengths, reverse, time_first)
    name = layer_name("lstm", name)
    pushed, of_state = run.weights(4, w, w_h, remembering("lstm", b, forget_bias), name, rng)
    seen = None if peepholes is None else parameter("lstm: peepholes", peepholes, (3, run.units), f"{name}_p", rng)
    kinds = [n.type for n in (of_state, seen) if n is not None]

    def step(state: tuple[Expr, ...], pushed: Expr) -> tuple[Expr, ...]:
        return lstm_step(pushed + matmul(state[0], of_state), state[1], seen)

    outputs, (h, c) = run.over(pushed, two_states("lstm", state), promote(*kinds), step)
    return outputs, (h, c)


def gru(
    x: Any,
    units: int,
    w: Any = init.glorot_uniform,
    w_h: Any = init.orthogonal,
    b: Any = 0.0,
    b_h: Any = 0.0,
    *,
    reset_after: bool = True,
    state: Any = None,
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
    time_first: bool = False,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> tuple[Expr, Expr]:
    """Gated recurrent units: h := (1 - z) n + z h, step after step.

    Parameters
    ----------
    x, units, state, mask, lengths, reverse, time_first, rng, name : as `rnn` takes them
    w, w_h, b : (features, 3 units), (units, 3 units) and (3 units,): those of r, z, n; see `gru_cell`
    b_h : (units,) the bias of the new state's recurrent part: a parameter, `{name}_b_h`
    reset_after : as `gru_cell` takes it

    Returns
    -------
    (outputs, state) : (batch, time, units) and (batch, units)
    """
    run = Run.of("gru", x, units, mask, lengths, reverse, time_first)
    after, name = check_flag("gru", "reset_after", reset_after), layer_name("gru", name)
    pushed, of_state = run.weights(3, w, w_h, b, name, rng)
    bias = parameter("gru: b_h", b_h, (run.units,), f"{name}_b_h", rng)

    def step(state: tuple[Expr, ...], pushed: Expr) -> tuple[Expr, ...]:
        return (gru_step(pushed, *state, of_state, bias, after),)

    outputs, (h,) = run.over(pushed, (state,), promote(of_state.type, bias.type), step)
    return outputs, h


def bidirectional(
    layer: Callable[..., tuple[Expr, Any]],
    x: Any,
    units: int,
    *,
    forward: Any = None,
    backward: Any = None,
    name: str | None = None,
    **options: Any,
) -> tuple[Expr, tuple[Any, Any]]:
    """A recurrent layer from the first step to the last, and another one from the last to the first, side by side.

        h, _ = layers.bidirectional(layers.lstm, x, 128, lengths=lengths)

    Parameters
    ----------
    layer : `rnn`, `lstm`, `gru`, or a function that is called as they are
    x, units, options : as `layer` takes them
    forward, backward : {option: value} for one of them alone, such as weights and states
    name : of the layers, `{name}_forward` and `{name}_backward`; None: those that they have by themselves

    Returns
    -------
    (outputs, states) : (batch, time, 2 units), and the last state of each

    References
    ----------
    Schuster, Paliwal 1997, Bidirectional Recurrent Neural Networks.
    """
    check_function("bidirectional: layer", layer)
    sides = _options("forward", forward), {"reverse": True, **_options("backward", backward)}
    if check_name(name) is not None:
        sides = {"name": f"{name}_forward", **sides[0]}, {"name": f"{name}_backward", **sides[1]}
    (there, ahead), (back, behind) = (_run(layer, x, units, {**options, **side}) for side in sides)
    return concatenate([there, back], axis=2), (ahead, behind)


def _run(layer: Callable[..., Any], x: Any, units: Any, options: Mapping[str, Any]) -> tuple[Expr, Any]:
    try:
        inspect.signature(layer).bind(x, units, **options)
    except (TypeError, ValueError) as error:
        text = f"bidirectional: layer is not called with x, units and {listing([*options])}: {error}."
        raise blame(ArgumentError(text), user_site()) from None
    result = layer(x, units, **options)
    if not isinstance(result, tuple) or len(result) != 2:
        text = f"bidirectional: layer gives (outputs, state), as lstm does, and this one gave {result!r}."
        raise blame(ArgumentError(text), user_site())
    return result


def _options(which: str, given: Any) -> Mapping[str, Any]:
    found = {} if given is None else given
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise blame(ArgumentError(f"bidirectional: {which} is a dict {{option: value}}, not {given!r}."), user_site())
    return found


def two_states(name: str, state: Any) -> Sequence[Any]:
    """(h, c) of what begins an lstm; None: two of it."""
    return (None, None) if state is None else check_pair(name, state)


def remembering(name: str, b: Any, forget_bias: Any) -> Any:
    """What the biases of an lstm begin with, where a number fills them: those of f are larger."""
    more = check_number(f"{name}: forget_bias", forget_bias)
    if not is_number(b):
        return b

    def biases(shape: tuple[int, ...], rng: Any) -> np.ndarray:
        units, made = shape[0] // 4, init.constant(shape, b)
        made[units : 2 * units] += more
        return made

    return biases
