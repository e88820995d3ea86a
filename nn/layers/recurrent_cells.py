"""One step of a recurrent network: the new state, of an input and the state before.

The gates stand side by side in the weights' last axis, in the order that each function names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.linalg import matmul
from ...symbolic.arguments import check_flag, check_function
from ...symbolic.dims import same, show
from ...symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .weights import check_shape

State = tuple[Expr, Expr]


def rnn_cell(x: Any, h: Any, w: Any, w_h: Any, b: Any = 0.0, activation: Callable[[Expr], Expr] = scalar.tanh) -> Expr:
    """activation(x @ w + h @ w_h + b).

    Parameters
    ----------
    x : (batch, features)
    h : (batch, units) the state before
    w, w_h, b : (features, units), (units, units) and (units,), or a number for b
    activation : a function of an expression

    References
    ----------
    Elman 1990, Finding Structure in Time.
    """
    check_function("rnn_cell: activation", activation, ["an expression"])
    before, of_state, _ = _recurrent("rnn_cell", h, w_h, 1)
    return rnn_step(_push("rnn_cell", x, w, b, of_state), before, of_state, activation)


def lstm_cell(x: Any, state: tuple[Any, Any], w: Any, w_h: Any, b: Any = 0.0, peepholes: Any = None) -> State:
    """(h, c) after a step: c := f c + i tanh(g), h := o tanh(c), with i, f, g, o = x @ w + h @ w_h + b.

    i, f and o are gates, of which the sigmoid is taken.

    Parameters
    ----------
    x : (batch, features)
    state : (h, c) before, of shape (batch, units) each
    w, w_h, b : (features, 4 units), (units, 4 units) and (4 units,), or a number for b: those of i, f, g, o
    peepholes : (3, units): i and f see the c before, times the first two, and o the new c, times the third; None: not

    References
    ----------
    Hochreiter, Schmidhuber 1997, Long Short-Term Memory; Gers, Schmidhuber, Cummins 2000 (f); Gers, Schraudolph,
    Schmidhuber 2002 (peepholes).
    """
    h, c = check_pair("lstm_cell", state)
    before, of_state, units = _recurrent("lstm_cell", h, w_h, 4)
    memory = _fitting("lstm_cell: c", c, before.shape)
    seen = None if peepholes is None else _fitting("lstm_cell: peepholes", peepholes, (3, units))
    return lstm_step(_push("lstm_cell", x, w, b, of_state) + matmul(before, of_state), memory, seen)


def gru_cell(x: Any, h: Any, w: Any, w_h: Any, b: Any = 0.0, b_h: Any = 0.0, *, reset_after: bool = True) -> Expr:
    """(1 - z) n + z h, with r, z, n = x @ w + b: gates r and z, of which the sigmoid is taken, and a new state n.

    h @ w_h is added to r and z; and n is the tanh of n + r (h @ w_h + b_h), or, with reset_after=False, of
    n + (r h) @ w_h + b_h.

    Parameters
    ----------
    x : (batch, features)
    h : (batch, units) the state before
    w, w_h, b : (features, 3 units), (units, 3 units) and (3 units,), or a number for b: those of r, z, n
    b_h : (units,), or a number
    reset_after : whether r forgets after the product, which cuDNN, PyTorch and Keras do, or before, as first published

    References
    ----------
    Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, equations 5 to 8 (z is that of h there).
    """
    before, of_state, _ = _recurrent("gru_cell", h, w_h, 3)
    after = check_flag("gru_cell", "reset_after", reset_after)
    return gru_step(_push("gru_cell", x, w, b, of_state), before, of_state, as_expr(b_h), after)


def rnn_step(pushed: Expr, h: Expr, w_h: Expr, activation: Callable[[Expr], Expr]) -> Expr:
    """The new state; `pushed` is x @ w + b."""
    return as_expr(activation(pushed + matmul(h, w_h)))


def lstm_step(gates: Expr, c: Expr, peepholes: Expr | None) -> State:
    """The new (h, c); `gates` are x @ w + h @ w_h + b."""
    i, f, g, o = _gates(gates, 4)
    if peepholes is not None:
        i, f = i + c * peepholes[0], f + c * peepholes[1]
    c = scalar.sigmoid(f) * c + scalar.sigmoid(i) * scalar.tanh(g)
    if peepholes is not None:
        o = o + c * peepholes[2]
    return scalar.sigmoid(o) * scalar.tanh(c), c


def gru_step(pushed: Expr, h: Expr, w_h: Expr, b_h: Expr, reset_after: bool) -> Expr:
    """The new state; `pushed` is x @ w + b."""
    units = w_h.shape[0]
    new = pushed[:, 2 * units :]
    if reset_after:
        from_state = matmul(h, w_h)
        r, z = _gates(scalar.sigmoid(pushed[:, : 2 * units] + from_state[:, : 2 * units]), 2)
        new = scalar.tanh(new + r * (from_state[:, 2 * units :] + b_h))
    else:
        r, z = _gates(scalar.sigmoid(pushed[:, : 2 * units] + matmul(h, w_h[:, : 2 * units])), 2)
        new = scalar.tanh(new + matmul(r * h, w_h[:, 2 * units :]) + b_h)
    return new + z * (h - new)


def _gates(values: Expr, count: int) -> list[Expr]:
    units = values.shape[1] // count
    return [values[:, k * units : (k + 1) * units] for k in range(count)]


def _recurrent(name: str, h: Any, w_h: Any, gates: int) -> tuple[Expr, Expr, int]:
    """(h, w_h, units), with shapes that fit."""
    before, weights = as_expr(h), as_expr(w_h)
    units = weights.shape[0] if weights.ndim == 2 else None
    if not isinstance(units, int) or same(weights.shape[1], gates * units) is False:
        wanted = "(units, units)" if gates == 1 else f"(units, {gates} units)"
        text = f"{name}: w_h has shape {show(weights.shape)}, and needs {wanted}, of numbers."
        raise blame(ShapeError(text), user_site(), weights.site)
    if before.ndim != 2 or same(before.shape[1], units) is False:
        text = f"{name}: the state has shape {show(before.shape)}, and needs (batch, {units}), as w_h says."
        raise blame(ShapeError(text), user_site(), before.site, weights.site)
    return before, weights, units


def _push(name: str, x: Any, w: Any, b: Any, w_h: Expr) -> Expr:
    node, weights = as_expr(x), as_expr(w)
    if node.ndim != 2 or weights.ndim != 2 or same(weights.shape[1], w_h.shape[1]) is False:
        text = f"{name}: x has shape {show(node.shape)}, and w {show(weights.shape)}"
        wanted = f"they need (batch, features) and (features, {w_h.shape[1]})"
        raise blame(ShapeError(f"{text}; {wanted}."), user_site(), node.site, weights.site)
    return matmul(node, weights) + as_expr(b)


def check_pair(name: str, state: Any) -> Sequence[Any]:
    """The state of an lstm, (h, c)."""
    if not isinstance(state, list | tuple) or len(state) != 2:
        raise blame(ArgumentError(f"{name}: the state is a pair (h, c), not {state!r}."), user_site())
    return state


def _fitting(what: str, value: Any, shape: tuple[Any, ...]) -> Expr:
    node = as_expr(value)
    check_shape(what, node, shape)
    return node
