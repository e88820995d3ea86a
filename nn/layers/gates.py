"""Layers that decide, by a gate in [0, 1], how much of something passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ops import scalar
from ...ops.coerce import as_expr
from ...ops.reduce import mean, restore
from ...symbolic.arguments import check_count, check_function
from ...symbolic.errors import ShapeError, blame, user_site
from ...symbolic.expr import Expr
from .. import init
from ..arguments import as_floats
from ..naming import layer_scope
from .dense import dense
from .weights import features


def squeeze_excite(
    x: Any,
    ratio: int = 16,
    w: Any = init.he_normal,
    *,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """x times a gate for each channel: sigmoid(dense(relu(dense(mean of x over space)))).

    Parameters
    ----------
    x : (batch, channels, ...) floats
    ratio : the inner layer has channels // ratio units, and 1 at least
    w : an initialiser, what the weights begin with
    rng : draws what they begin with; None: `init.generator()`
    name : the parameters are `{name}.squeeze_w`, `{name}.squeeze_b`, `{name}.excite_w` and `{name}.excite_b`; None:
        `squeeze_excite`, `squeeze_excite2` ...

    References
    ----------
    Hu, Shen, Sun 2018, Squeeze-and-Excitation Networks, equations 2 and 3.
    """
    node, of = as_floats("squeeze_excite", x), check_count("squeeze_excite", "ratio", ratio, least=1)
    if node.ndim < 2:
        text = f"squeeze_excite: x has {node.ndim} axes, and needs two or more: batch and channels."
        raise blame(ShapeError(text), user_site(), node.site)
    channels, space = features("squeeze_excite", node, 1), tuple(range(2, node.ndim))
    with layer_scope("squeeze_excite", name):
        inner = scalar.relu(dense(mean(node, space), max(1, channels // of), w, rng=rng, name="squeeze"))
        gate = scalar.sigmoid(dense(inner, channels, w, rng=rng, name="excite"))
    return node * restore(gate, node, space)


def highway(
    x: Any,
    w: Any = init.glorot_uniform,
    w_gate: Any = init.glorot_uniform,
    b: Any = 0.0,
    b_gate: Any = -2.0,
    *,
    activation: Callable[[Expr], Expr] = scalar.relu,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> Expr:
    """t h + (1 - t) x, with h = activation(x @ w + b) and the gate t = sigmoid(x @ w_gate + b_gate).

    Parameters
    ----------
    x : (..., features) floats
    w, w_gate : (features, features), as `dense` takes them
    b, b_gate : (features,), the same; a gate that begins below 0 lets x pass
    activation : a function of an expression
    rng : draws what the parameters begin with; None: `init.generator()`
    name : the parameters are `{name}.dense_w`, `{name}.dense_b`, `{name}.gate_w` and `{name}.gate_b`; None: `highway`,
        `highway2` ...

    References
    ----------
    Srivastava, Greff, Schmidhuber 2015, Highway Networks, equation 3.
    """
    node = as_floats("highway", x)
    check_function("highway: activation", activation, ["an expression"])
    if not node.ndim:
        raise blame(ShapeError("highway: x is a number, and has no features."), user_site(), node.site)
    size = features("highway", node, -1, w)
    with layer_scope("highway", name):
        h = as_expr(activation(dense(node, size, w, b, flatten=False, rng=rng, name="dense")))
        t = scalar.sigmoid(dense(node, size, w_gate, b_gate, flatten=False, rng=rng, name="gate"))
    return node + t * (h - node)
