"""Penalties that are added to a loss: of parameters, given as a list, as the dict of `nn.parameters`, or one; and of
what layers compute.

    loss = wf.crossentropy(logits, t).mean() + 1e-4 * regularizers.l2(nn.parameters(logits))

Each is a scalar; only `contractive` gives one value for each example.  The `weight_decay` of an optimiser does what
`l2` does, at less cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..ops import scalar
from ..ops.coerce import as_expr, check_coefficient
from ..ops.creation import eye
from ..ops.elementwise import cast
from ..ops.linalg import matmul
from ..ops.movement import reshape, transpose
from ..ops.reduce import count, mean
from ..ops.reduce import sum as sum_over
from ..symbolic.arguments import is_number
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import grad
from .arguments import as_floats
from .norms import unit_axes

__all__ = ["contractive", "elastic_net", "group_lasso", "l1", "l2", "orthogonality", "sparsity"]


def l1(params: Any) -> Expr:
    """The sum of abs(param).  Gradient: the sign, 0 at 0."""
    return _total("l1", params, lambda p: sum_over(scalar.abs(p)))


def l2(params: Any) -> Expr:
    """The sum of param².  Gradient: 2 param, so that 0.5 * decay * l2 is the `weight_decay` of `updates.sgd`."""
    return _total("l2", params, lambda p: sum_over(scalar.square(p)))


def elastic_net(params: Any, l1: Any = 1e-4, l2: Any = 1e-4) -> Expr:
    """The sum of l1 * abs(param) + l2 * param²

    References
    ----------
    Zou, Hastie 2005, Regularization and variable selection via the elastic net, equation 3.
    """
    check_coefficient("l1", l1)
    check_coefficient("l2", l2)
    return _total("elastic_net", params, lambda p: sum_over(l1 * scalar.abs(p) + l2 * scalar.square(p)))


def group_lasso(params: Any, axes: Any = None) -> Expr:
    """The sum over units of sqrt(size) * norm, with the norm and the number of what a unit is connected with.

    So whole units become 0.  Units are columns of matrices and rows of convolutions' weights, for vectors all of it.

    axes : those that the norms are over, instead

    Gradient: 0 for a unit whose weights are 0.

    References
    ----------
    Yuan, Lin 2006, Model selection and estimation in regression with grouped variables, equation 2.1.
    """

    def of(p: Expr) -> Expr:
        over = unit_axes("group_lasso", p, axes)
        squares = sum_over(scalar.square(p), over)
        empty = scalar.eq(squares, 0)
        norms = scalar.where(empty, 0, scalar.sqrt(scalar.where(empty, 1, squares)))
        return sum_over(norms) * scalar.sqrt(cast(count(p, over, p.dtype), p.dtype))

    return _total("group_lasso", params, of)


def orthogonality(params: Any) -> Expr:
    """The sum over parameters of the squares of G - I, with G = W W' or W' W, whichever is smaller.

    W is the parameter as a matrix, its first axis by all others; where a size of it is a symbol, G is W W'.  The sum is
    0 for weights with orthonormal rows or columns.  Those with fewer than two axes are left out.

    References
    ----------
    Brock, Lim, Ritchie, Weston 2017, Neural photo editing with introspective adversarial networks, section 3.2.
    """

    def of(p: Expr) -> Expr:
        if p.ndim < 2:
            return sum_over(p * 0)
        w = reshape(p, (p.shape[0], -1))
        rows, columns = w.shape
        wide = not (isinstance(rows, int) and isinstance(columns, int)) or rows <= columns
        gram = matmul(w, transpose(w)) if wide else matmul(transpose(w), w)
        return sum_over(scalar.square(gram - eye(gram.shape[0], dtype=p.dtype)))

    return _total("orthogonality", params, of)


def sparsity(activations: Any, target: float = 0.05) -> Expr:
    """The sum over units of KL(target, q) = target log(target / q) + (1 - target) log((1 - target) / (1 - q)).

    q is the unit's mean over the first axis.

    Parameters
    ----------
    activations : float expression (batch, ...), between 0 and 1, as sigmoids are
    target : between 0 and 1, the mean that costs nothing

    Numerics: q is held from the dtype's epsilon to 1 - epsilon, beyond which the gradient is 0.

    References
    ----------
    Ng 2011, Sparse autoencoder (CS294A lecture notes), section 3.
    """
    node = as_floats("sparsity", activations)
    if not is_number(target) or not 0 < target < 1:
        raise blame(ArgumentError(f"sparsity: target is a number between 0 and 1, not {target!r}."), user_site())
    if node.ndim == 0:
        raise blame(ShapeError("sparsity: a scalar has no batch to take the mean of."), user_site(), node.site)
    tiny = float(np.finfo(node.dtype).eps)
    q = scalar.clip(mean(node, 0), tiny, 1 - tiny)
    fixed = target * np.log(target) + (1 - target) * np.log(1 - target)
    return sum_over(float(fixed) - target * scalar.log(q) - (1 - target) * scalar.log(1 - q))


def contractive(hidden: Any, before: Any, w: Any) -> Expr:
    """The squared Frobenius norm of d hidden / d x for each example, where before = x @ w + b: (batch,).

    It is the sum over units of (d hidden / d before)² times the sum of w² of the unit.

    Parameters
    ----------
    hidden : (batch, units), a function of each element of `before`, such as wf.sigmoid(before)
    before : (batch, units), what the activation is applied to
    w : (inputs, units), the layer's weights

    References
    ----------
    Rifai, Vincent, Muller, Glorot, Bengio 2011, Contractive auto-encoders, equation 8.
    """
    out, inner, weights = (as_floats("contractive", v) for v in (hidden, before, w))
    fits = out.ndim == inner.ndim == weights.ndim == 2 and all(
        same(a, b) is not False for a, b in ((out.shape[0], inner.shape[0]), (out.shape[1], inner.shape[1]))
    )
    if not fits or same(out.shape[1], weights.shape[1]) is False:
        shapes = ", ".join(show(v.shape) for v in (out, inner, weights))
        text = f"contractive takes (batch, units), (batch, units) and (inputs, units), not {shapes}."
        raise blame(ShapeError(text), user_site(), out.site, inner.site, weights.site)
    slope = grad(sum_over(out), inner)
    return sum_over(scalar.square(slope) * sum_over(scalar.square(weights), 0), 1)


def _total(name: str, params: Any, of: Any) -> Expr:
    """The sum of a penalty of each parameter."""
    if isinstance(params, Expr):
        found: list[Any] = [params]
    elif isinstance(params, Iterable) and not isinstance(params, str | bytes):
        found = list(params.values() if isinstance(params, Mapping) else params)
    else:
        text = f"{name}: params is a list of parameters, a dict {{name: parameter}} or one, not {params!r}."
        raise blame(ArgumentError(text), user_site())
    wrong = next((p for p in found if not isinstance(p, Expr)), None)
    if wrong is not None:
        raise blame(ArgumentError(f"{name}: a parameter is an expression, not {wrong!r}."), user_site())
    terms = [of(as_floats(name, p)) for p in found]
    return sum(terms[1:], terms[0]) if terms else as_expr(0.0)
