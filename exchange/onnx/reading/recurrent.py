"""Recurrent networks of one layer: LSTM, GRU, RNN, in one direction or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ....ops import scalar
from ....ops.control import scan
from ....ops.creation import iota, zeros
from ....ops.linalg import matmul
from ....ops.movement import expand_dims, stack, swapaxes, transpose
from ....symbolic.dims import Dim
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import operator

States = tuple[Expr, ...]
Step = Callable[[States, Expr], States]

ACTIVATIONS: dict[str, tuple[tuple[float, ...], Callable[..., Expr]]] = {
    "affine": ((1.0, 0.0), lambda x, a, b: x * a + b),
    "elu": ((1.0,), scalar.elu),
    "hardsigmoid": ((0.2, 0.5), lambda x, a, b: scalar.clip(x * a + b, 0.0, 1.0)),
    "leakyrelu": ((0.01,), scalar.leaky_relu),
    "relu": ((), scalar.relu),
    "scaledtanh": ((1.0, 1.0), lambda x, a, b: scalar.tanh(x * b) * a),
    "sigmoid": ((), scalar.sigmoid),
    "softplus": ((), scalar.softplus),
    "softsign": ((), scalar.softsign),
    "tanh": ((), scalar.tanh),
    "thresholdedrelu": ((1.0,), lambda x, a: scalar.where(scalar.ge(x, a), x, 0.0)),
}
"""Activations by their names in lower case: what alpha and beta are where nobody gives them, and the function."""


class Direction(NamedTuple):
    """One direction of a node: its weights, ready for rows from the left, and its activations f, g, h."""

    node: ModelNode
    of_input: Expr  # (features, gates units)
    of_state: Expr  # (units, gates units)
    bias: tuple[Expr, Expr] | None  # of the input and of the state, (gates units,) each
    peepholes: Expr | None  # (3 units,)
    activations: Sequence[Callable[[Expr], Expr]]

    @property
    def units(self) -> Dim:
        """How many numbers the state has."""
        return self.of_state.shape[0]

    def part(self, gates: Expr, first: int, count: int = 1) -> Expr:
        """Some of the gates that stand side by side in the last axis."""
        return gates[..., first * self.units : (first + count) * self.units]

    def activate(self, which: int, x: Expr) -> Expr:
        """An activation of a gate, of x within what `clip` allows."""
        most = self.node["clip"]
        return self.activations[which](x if most is None else scalar.clip(x, -most, most))

    def push(self, x: Expr, alone: bool = False) -> Expr:
        """x @ w and both biases; `alone`: without that of the state."""
        pushed = matmul(x, self.of_input)
        if self.bias is None:
            return pushed
        return pushed + (self.bias[0] if alone else self.bias[0] + self.bias[1])


# ---- the three kinds -------------------------------------------------------------------------------------------------


@operator("RNN")
def read_rnn(
    node: ModelNode,
    x: Expr,
    w: Expr,
    r: Expr,
    b: Expr | None = None,
    lengths: Expr | None = None,
    h: Expr | None = None,
) -> tuple[Expr, ...]:
    """h := f(x w + h r + b), step after step."""

    def prepare(side: Direction) -> tuple[Expr, Step]:
        def step(states: States, pushed: Expr) -> States:
            return (side.activate(0, pushed + matmul(states[0], side.of_state)),)

        return side.push(x), step

    x = _time_first(node, x)
    return _run(node, x, _directions(node, (w, r, b, None), ("Tanh",)), prepare, lengths, (h,))


@operator("LSTM")
def read_lstm(
    node: ModelNode,
    x: Expr,
    w: Expr,
    r: Expr,
    b: Expr | None = None,
    lengths: Expr | None = None,
    h: Expr | None = None,
    c: Expr | None = None,
    p: Expr | None = None,
) -> tuple[Expr, ...]:
    """c := f c + i g(c'), h := o h(c), step after step; the gates i, o, f and the cell's c' stand side by side."""

    def prepare(side: Direction) -> tuple[Expr, Step]:
        def step(states: States, pushed: Expr) -> States:
            return _lstm_step(side, states, pushed)

        return side.push(x), step

    x = _time_first(node, x)
    return _run(node, x, _directions(node, (w, r, b, p), ("Sigmoid", "Tanh", "Tanh")), prepare, lengths, (h, c))


def _lstm_step(side: Direction, states: States, pushed: Expr) -> States:
    before, c = states
    gates = pushed + matmul(before, side.of_state)
    i, o, f, new = (side.part(gates, k) for k in range(4))
    seen = side.peepholes
    if seen is not None:
        i, f = i + c * side.part(seen, 0), f + c * side.part(seen, 2)
    i = side.activate(0, i)
    f = 1 - i if side.node["input_forget"] else side.activate(0, f)
    c = f * c + i * side.activate(1, new)
    if seen is not None:
        o = o + c * side.part(seen, 1)
    return side.activate(0, o) * side.activations[2](c), c  # runtimes bound what goes into gates alone


@operator("GRU")
def read_gru(
    node: ModelNode,
    x: Expr,
    w: Expr,
    r: Expr,
    b: Expr | None = None,
    lengths: Expr | None = None,
    h: Expr | None = None,
) -> tuple[Expr, ...]:
    """h := (1 - z) n + z h, step after step; the gates z, r and the new state n stand side by side.

    With linear_before_reset, n is of x w + b + r (h r_n + b_n), else of x w + b + (r h) r_n + b_n.
    """
    later = bool(node["linear_before_reset"])

    def prepare(side: Direction) -> tuple[Expr, Step]:
        def step(states: States, pushed: Expr) -> States:
            return (_gru_step(side, states[0], pushed, later),)

        return side.push(x, later), step

    x = _time_first(node, x)
    return _run(node, x, _directions(node, (w, r, b, None), ("Sigmoid", "Tanh")), prepare, lengths, (h,))


def _gru_step(side: Direction, h: Expr, pushed: Expr, later: bool) -> Expr:
    new = side.part(pushed, 2)
    if later:
        of_state = matmul(h, side.of_state)
        of_state = of_state if side.bias is None else of_state + side.bias[1]
        gates = side.activate(0, side.part(pushed, 0, 2) + side.part(of_state, 0, 2))
        new = side.activate(1, new + side.part(gates, 1) * side.part(of_state, 2))
    else:
        gates = side.activate(0, side.part(pushed, 0, 2) + matmul(h, side.part(side.of_state, 0, 2)))
        new = side.activate(1, new + matmul(side.part(gates, 1) * h, side.part(side.of_state, 2)))
    return new + side.part(gates, 0) * (h - new)


# ---- what they share -------------------------------------------------------------------------------------------------


def _time_first(node: ModelNode, x: Expr) -> Expr:
    """(time, batch, features)."""
    if x.ndim != 3:
        raise ValueError(f"its input has {x.ndim} axes, and the standard says 3")
    return swapaxes(x, 0, 1) if node["layout"] else x


def _directions(
    node: ModelNode, weights: tuple[Expr, Expr, Expr | None, Expr | None], names: Sequence[str]
) -> list[Direction]:
    """The directions of a node: one, or the one forward and the one backward."""
    count = {"forward": 1, "reverse": 1, "bidirectional": 2}.get(str(node["direction"]).lower())
    if count is None:
        raise ValueError(f"its direction {node['direction']!r} is none of forward, reverse and bidirectional")
    wanted = weights[0].shape[0]
    if wanted != count:
        raise ValueError(f"its weights are of {wanted} directions, and the attribute direction says {count}")
    functions = _activations(node, [*names] * count)
    found = []
    for k in range(count):
        w, r = weights[0][k], weights[1][k]
        b, p = (None if v is None else v[k] for v in weights[2:])
        half = r.shape[0]
        bias = None if b is None else (b[:half], b[half:])
        mine = functions[k * len(names) : (k + 1) * len(names)]
        found.append(Direction(node, transpose(w), transpose(r), bias, p, mine))
    return found


def _activations(node: ModelNode, names: Sequence[str]) -> list[Callable[[Expr], Expr]]:
    """The activations of all directions; those that take alpha and beta are given these in turn."""
    given = node["activations"] if "activations" in node else names  # noqa: SIM401 - a node is no dict
    if len(given) != len(names):
        raise ValueError(f"it has {len(given)} activations, and {len(names)} are needed")
    more = iter(node["activation_alpha"] or ()), iter(node["activation_beta"] or ())
    return [_activation(name, *more) for name in given]


def _activation(name: str, *more: Any) -> Callable[[Expr], Expr]:
    if name.lower() not in ACTIVATIONS:
        raise ValueError(f"its activation {name!r} is none of the standard's")
    defaults, function = ACTIVATIONS[name.lower()]
    options = [next(values, default) for default, values in zip(defaults, more, strict=False)]
    return lambda x: function(x, *options)


def _run(
    node: ModelNode,
    x: Expr,
    directions: Sequence[Direction],
    prepare: Callable[[Direction], tuple[Expr, Step]],
    lengths: Expr | None,
    starts: Sequence[Expr | None],
) -> tuple[Expr, ...]:
    """(outputs, last states ...) of all directions side by side."""
    time, batch = x.shape[:2]
    keep = None if lengths is None else expand_dims(scalar.lt(iota((time, 1)), lengths), -1)
    firsts = [v if v is None or not node["layout"] else swapaxes(v, 0, 1) for v in starts]
    found = []
    for k, side in enumerate(directions):
        begin = tuple(zeros((batch, side.units), x.dtype) if v is None else v[k] for v in firsts)
        backward = k == 1 or str(node["direction"]).lower() == "reverse"
        found.append(_loop(*prepare(side), begin, keep, backward))
    outputs = stack([y for y, _ in found], 1)  # (time, directions, batch, units)
    lasts = [stack(list(each), 0) for each in zip(*(states for _, states in found), strict=True)]
    if node["layout"]:
        return transpose(outputs, (2, 0, 1, 3)), *(swapaxes(v, 0, 1) for v in lasts)
    return outputs, *lasts


def _loop(pushed: Expr, step: Step, begin: States, keep: Expr | None, backward: bool) -> tuple[Expr, States]:
    """The states after all steps, and after the last one; behind the end of a sequence, outputs are 0."""

    def advance(states: States, elements: Any) -> tuple[States, Expr]:
        new = step(states, elements[0])
        if keep is None:
            return new, new[0]
        new = tuple(scalar.where(elements[1], a, b) for a, b in zip(new, states, strict=True))
        return new, scalar.where(elements[1], new[0], 0.0)

    states, outputs = scan(advance, begin, (pushed,) if keep is None else (pushed, keep), reverse=backward)
    return outputs, tuple(states)
