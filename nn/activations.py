"""Activations: functions of one element, and of whole rows; those that `weft` itself has stand here, too.

A softmax with a temperature is `softmax(x / temperature)`.
"""

from __future__ import annotations

import math
from typing import Any

from ..ops import scalar
from ..ops.activations import log_softmax, softmax
from ..ops.axes import normalize
from ..ops.coerce import as_expr, check_coefficient
from ..ops.creation import iota
from ..ops.elementwise import as_float, cast, elementwise
from ..ops.movement import moveaxis, reshape, split
from ..ops.order import cumsum, sort
from ..ops.reduce import max as max_over
from ..ops.reduce import min as min_over
from ..ops.reduce import sum as sum_over
from ..ops.reduce import top
from ..ops.scalar import elu, gelu, hard_sigmoid, leaky_relu, log_sigmoid, relu, sigmoid, silu, softplus, softsign, tanh
from ..symbolic.arguments import check_count, check_number
from ..symbolic.dims import same, show
from ..symbolic.errors import ArgumentError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.grad import stop_gradient
from .arguments import check_positive

__all__ = [
    "celu",
    "elu",
    "gelu",
    "gelu_tanh",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "maxout",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


# ---- of one number ---------------------------------------------------------------------------------------------------


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@elementwise
def selu(x: Any) -> Any:
    """1.0507 x where x > 0, else 1.0507 * 1.6733 * (exp(x) - 1): keeps mean 0 and variance 1 from layer to layer.

    Derivative at 0: that of the left side.  Reference: Klambauer et al. 2017, Self-Normalizing Neural Networks,
    equation 2.
    """
    return elu(x, SELU_ALPHA) * SELU_SCALE


def celu(x: Any, alpha: float = 1.0) -> Expr:
    """x where x > 0, else alpha * (exp(x / alpha) - 1): an elu whose derivative has no step, whatever alpha > 0 is.

    Reference: Barron 2017, Continuously Differentiable Exponential Linear Units.
    """
    check_positive("celu: alpha", alpha)
    node = as_float(x)
    return scalar.where(scalar.gt(node, 0), node, scalar.expm1(scalar.minimum(node, 0.0) / alpha) * alpha)


@elementwise
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)).  Reference: Misra 2019, Mish: A Self Regularized Activation Function, equation 1."""
    z = as_float(x)
    return z * tanh(softplus(z))


def swish(x: Any, beta: Any = 1.0) -> Expr:
    """x * sigmoid(beta * x): silu for beta = 1; near gelu for beta = 1.702.

    beta : a number or an expression that broadcasts with x, such as a parameter that is trained.

    Reference: Ramachandran, Zoph, Le 2017, Searching for Activation Functions.
    """
    node = as_float(x)
    return node * sigmoid(node * beta)


@elementwise
def gelu_tanh(x: Any) -> Any:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x³))): what GPT-2 and BERT take for `gelu`.

    Within 5e-4 of it.  Computed as x * sigmoid(2 u), where no digits are lost for x far below 0.

    Reference: Hendrycks, Gimpel 2016, Gaussian Error Linear Units, section 2.
    """
    z = as_float(x)
    return z * sigmoid(z * (1 + 0.044715 * scalar.square(z)) * (2 * math.sqrt(2 / math.pi)))


@elementwise
def squareplus(x: Any) -> Any:
    """(x + sqrt(x² + 4)) / 2: like softplus, without exponentials.

    Reference: Barron 2021, Squareplus: A Softplus-Like Algebraic Rectifier.
    """
    z = as_float(x)
    root = scalar.hypot(z, 2.0)
    left = 2 / (root - scalar.minimum(z, 0.0))  # the same number, where z + root would cancel
    return scalar.where(scalar.gt(z, 0), (z + root) * 0.5, left)


@elementwise
def relu6(x: Any) -> Any:
    """x kept within [0, 6].  Derivative 0 at 0, 1 at 6.  Reference: Howard et al. 2017, MobileNets."""
    return scalar.minimum(relu(x), 6)


@elementwise
def hard_swish(x: Any) -> Any:
    """x * (x + 3) / 6 between -3 and 3, 0 below and x above.  The derivative at -3 is -1/2, and 3/2 at 3.

    Reference: Howard et al. 2019, Searching for MobileNetV3, section 5.2.
    """
    z = as_float(x)
    return z * (scalar.clip(z + 3, 0.0, 6.0) / 6)


def hard_tanh(x: Any, low: float = -1.0, high: float = 1.0) -> Expr:
    """x kept within [low, high].  Derivative 1 there, the ends included, and 0 outside."""
    if check_number("hard_tanh: low", low) > check_number("hard_tanh: high", high):
        text = f"hard_tanh: low is {low!r}, and high is {high!r}, which is below it."
        raise blame(ArgumentError(text), user_site())
    return scalar.clip(as_float(x), low, high)


def hard_shrink(x: Any, threshold: float = 0.5) -> Expr:
    """0 where |x| <= threshold, else x; NaN stays.  Derivative 0 or 1."""
    check_coefficient("hard_shrink: threshold", threshold)
    node = as_float(x)
    return scalar.where(scalar.le(scalar.abs(node), threshold), 0, node)


def soft_shrink(x: Any, threshold: float = 0.5) -> Expr:
    """x moved towards 0 by the threshold: x - threshold, x + threshold, or 0 where |x| <= threshold, with derivative 0.

    It is argmin over y of (y - x)² / 2 + threshold |y|.  threshold : a number from 0 up, or a scalar expression
    """
    check_coefficient("soft_shrink: threshold", threshold)
    if not isinstance(threshold, Expr):
        check_number("soft_shrink: threshold", threshold, least=0)
    node = as_float(x)
    return relu(node - threshold) - relu(-node - threshold)


@elementwise
def tanh_shrink(x: Any) -> Any:
    """x - tanh(x).  Derivative tanh(x)²."""
    z = as_float(x)
    return z - tanh(z)


def threshold(x: Any, threshold: Any, value: Any = 0.0) -> Expr:
    """`value` where x <= threshold, else x; NaN stays.  Derivative 0 or 1; `value` gets the gradient where it is."""
    node = as_float(x)
    return scalar.where(scalar.le(node, threshold), value, node)


def prelu(x: Any, slope: Any, axis: int = 1) -> Expr:
    """x where x > 0, else slope * x.  Derivative at 0: slope.  A slope of its own has `layers.prelu`.

    Parameters
    ----------
    x : (batch, channels, ...), integers become floats
    slope : a number, or an expression of shape (), or (channels,) along `axis` of x

    Raises ShapeError for a slope of another shape.

    References
    ----------
    He et al. 2015, Delving Deep into Rectifiers, equation 1.
    """
    node, factor = as_float(x), as_expr(slope)
    if factor.ndim:
        place = normalize(axis, node.ndim, "prelu", node)
        if factor.ndim > 1 or same(factor.shape[0], node.shape[place]) is False:
            text = f"prelu: a slope of shape {show(factor.shape)} for axis {axis} of x of shape {show(node.shape)}"
            wanted = show(node.shape[place : place + 1])
            raise blame(ShapeError(f"{text}; it needs () or {wanted}."), user_site(), factor.site, node.site)
        factor = reshape(factor, tuple(-1 if i == place else 1 for i in range(node.ndim)))
    return scalar.where(scalar.gt(node, 0), node, node * factor)


# ---- of rows ---------------------------------------------------------------------------------------------------------


def glu(x: Any, axis: int = -1) -> Expr:
    """a * sigmoid(b), where a and b are the halves of x along an axis.

    Raises ShapeError for an axis of an odd size.

    References
    ----------
    Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks, equation 1.
    """
    node = as_float(x)
    place = normalize(axis, node.ndim, "glu", node)
    size = node.shape[place]
    if isinstance(size, int) and size % 2:
        text = f"glu: axis {axis} of x has the size {size}, which has no halves."
        raise blame(ShapeError(text), user_site(), node.site)
    values, gates = split(node, 2, place)
    return values * sigmoid(gates)


def softmin(x: Any, axis: Any = -1) -> Expr:
    """softmax(-x): exp(-x) / sum(exp(-x)) along an axis (or several)."""
    return softmax(-as_float(x), axis)


def sparsemax(x: Any, axis: int = -1) -> Expr:
    """The nearest point to x of those with elements from 0 up that add up to 1, along an axis: probabilities, many 0.

    max(x - tau, 0), with the number tau of each row for which the elements sum to 1.  Exact, by sorting.

    Gradient
    --------
    g minus its mean over the support (where the result is above 0) there, 0 elsewhere.

    References
    ----------
    Martins, Astudillo 2016, From Softmax to Sparsemax, algorithm 1 and proposition 2.
    """
    node = as_float(x)
    place = normalize(axis, node.ndim, "sparsemax", node)
    rows = moveaxis(node, place, -1)
    rows = rows - stop_gradient(top(rows, (rows.ndim - 1,)))  # the result stays, and sums keep their digits
    support = _support(stop_gradient(rows))
    count = sum_over(cast(support, rows.dtype), -1, keepdims=True)
    tau = (sum_over(scalar.where(support, rows, 0), -1, keepdims=True) - 1) / count
    return moveaxis(relu(rows - tau), -1, place)


def _support(rows: Expr) -> Expr:
    """Where sparsemax is above 0: at the k largest, for the largest k with 1 + k x[k] > x[1] + ... + x[k]."""
    falling = -sort(-rows, -1)
    number = cast(iota((rows.shape[-1],)), rows.dtype) + 1
    inside = scalar.gt(1 + number * falling, cumsum(falling, -1))
    least = scalar.where(inside, falling, 0)  # x <= 0: the maximum is subtracted
    return scalar.ge(rows, min_over(least, -1, keepdims=True))


def maxout(x: Any, pieces: int, axis: int = 1) -> Expr:
    """The largest of every `pieces` neighbours along an axis, whose size it divides.

    x of (batch, units * pieces) gives (batch, units): element u is the largest of those from u * pieces on.

    Gradient: g at the largest; shared by ties.  Raises ShapeError where `pieces` does not divide the axis.

    References
    ----------
    Goodfellow et al. 2013, Maxout Networks, equation 1.
    """
    node = as_expr(x)
    place = normalize(axis, node.ndim, "maxout", node)
    count, size = check_count("maxout", "pieces", pieces, least=1), node.shape[place]
    if isinstance(size, int) and size % count:
        text = f"maxout: axis {axis} of x has the size {size}, which {count} does not divide."
        raise blame(ShapeError(text), user_site(), node.site)
    return max_over(reshape(node, (*node.shape[:place], size // count, count, *node.shape[place + 1 :])), place + 1)
