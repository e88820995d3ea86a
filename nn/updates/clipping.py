"""What is done to gradients before an optimiser takes them: limits, noise, decay.

grads = updates.clip_by_norm(wf.grad(loss, params), 1.0)
train = wf.function([x, t], loss, updates=updates.adam(grads, params))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ops import random, scalar
from ...ops.coerce import check_scalar
from ...ops.elementwise import cast, widen
from ...ops.reduce import sum as sum_over
from ...ops.updating import with_updates
from ...symbolic.errors import ArgumentError, blame, user_site
from ...symbolic.expr import Expr
from ..arguments import as_floats
from ..norms import norm, unit_norms
from .gradient import Steps, Updates, check_coefficients, choose, fit, gradients, pairs, rate, with_decay


def clip_by_norm(grads: Sequence[Expr], limit: Any, epsilon: Any = 1e-7) -> list[Expr]:
    """grads * min(1, limit / norm), with the norm of all of them together, sqrt(sum over all elements of gradient²).

    References
    ----------
    Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, algorithm 1.
    """
    grads = _floats("clip_by_norm", grads)
    if not grads:
        return []
    check_scalar("limit", limit)
    check_coefficients(epsilon=epsilon)
    squares = [sum_over(scalar.square(widen(g))) for g in grads]
    whole = scalar.sqrt(sum(squares[1:], squares[0]))
    scale = scalar.minimum(1.0, limit / (whole + epsilon))
    return [g * cast(scale, g.dtype) for g in grads]


def clip_each_by_norm(grads: Sequence[Expr], limit: Any, epsilon: Any = 1e-7) -> list[Expr]:
    """gradient * min(1, limit / norm), each with its own norm, sqrt(sum over its elements of gradient²)."""
    grads = _floats("clip_each_by_norm", grads)
    check_coefficients(limit=limit, epsilon=epsilon)
    return [g * scalar.minimum(1, fit(limit, g) / (norm(g) + fit(epsilon, g))) for g in grads]


def clip_by_value(grads: Sequence[Expr], limit: Any) -> list[Expr]:
    """min(max(gradient, -limit), limit), element by element."""
    check_coefficients(limit=limit)
    return [scalar.clip(g, cast(-limit, g.dtype), cast(limit, g.dtype)) for g in _floats("clip_by_value", grads)]


def clip_adaptively(
    loss_or_grads: Any, params: Any, limit: Any = 0.01, least: Any = 1e-3, axes: Any = None
) -> list[Expr]:
    """gradient * min(1, limit * max(norm(param), least) / norm(gradient)), unit by unit.

    The norms are those of each unit's weights: columns of matrices, rows of convolutions' weights, whole vectors.  The
    last layer is best left out.

    axes : those that the norms are over, instead

    References
    ----------
    Brock, De, Smith, Simonyan 2021, High-performance large-scale image recognition without normalization, equation 3.
    """
    check_coefficients(limit=limit, least=least)
    clipped = []
    for p, g in pairs(loss_or_grads, params):
        most = fit(limit, p) * scalar.maximum(unit_norms("clip_adaptively", p, axes), fit(least, p))
        found = unit_norms("clip_adaptively", g, axes)
        clipped.append(g * scalar.where(found > most, most / scalar.where(found > most, found, 1), 1))
    return clipped


def add_noise(grads: Sequence[Expr], rng: Any, std: Any = 0.1) -> list[Expr]:
    """gradient + a normal draw with mean 0 and this standard deviation, in every element and every call.

    Parameters
    ----------
    grads : a list of gradients
    rng : a `random.Stream`
    std : a number, a scalar expression, or a schedule, such as `lambda n: (0.3 / (1 + n) ** 0.55) ** 0.5`

    References
    ----------
    Neelakantan et al. 2015, Adding gradient noise improves learning for very deep networks, section 3.
    """
    grads, counted = _floats("add_noise", grads), Updates()
    if not isinstance(rng, random.Stream):
        error = ArgumentError(f"add_noise: rng is a random.Stream, not {rng!r}.")
        raise blame(error, user_site(), hint="make one, once, for all draws: rng = wf.random.Stream(seed).")
    spread = rate(std, Steps(counted, "noise"), "std")
    noisy = [g + spread(g) * rng.normal(g.shape, dtype=g.dtype) for g in grads]
    return [with_updates(g, counted) if i == 0 else g for i, g in enumerate(noisy)]


def add_decay(loss_or_grads: Any, params: Any, weight_decay: Any = 1e-4, decayed: Any = None) -> list[Expr]:
    """gradient + weight_decay * param: the gradients of loss + weight_decay / 2 * sum of param².

    decayed : the parameters that decay: a list or a dict of them, or a function that says so of each; None: all

    See `decay` for a decay that does not go through the optimiser, as that of `adamw`.
    """
    found = pairs(loss_or_grads, params)
    shrunk = choose([p for p, _ in found], decayed, "decayed")
    return [with_decay([(p, g)], weight_decay)[0][1] if p in shrunk else g for p, g in found]


def _floats(name: str, grads: Any) -> list[Expr]:
    return [as_floats(name, g) for g in gradients(grads)]
