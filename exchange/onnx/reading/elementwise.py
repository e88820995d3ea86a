"""Functions of numbers, element by element."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from ....ops import scalar
from ....ops.elementwise import as_float, cast
from ....ops.movement import reshape
from ....symbolic.expr import Expr
from .node import ModelNode
from .registry import operator

PLAIN: dict[str, Callable[..., Expr]] = {
    "Abs": scalar.abs,
    "Acos": scalar.arccos,
    "Acosh": scalar.arccosh,
    "Add": scalar.add,
    "And": scalar.logical_and,
    "Asin": scalar.arcsin,
    "Asinh": scalar.arcsinh,
    "Atan": scalar.arctan,
    "Atanh": scalar.arctanh,
    "BitwiseAnd": scalar.bitwise_and,
    "BitwiseNot": scalar.invert,
    "BitwiseOr": scalar.bitwise_or,
    "BitwiseXor": scalar.bitwise_xor,
    "Ceil": scalar.ceil,
    "Cos": scalar.cos,
    "Cosh": scalar.cosh,
    "Equal": scalar.eq,
    "Erf": scalar.erf,
    "Exp": scalar.exp,
    "Floor": scalar.floor,
    "Greater": scalar.gt,
    "GreaterOrEqual": scalar.ge,
    "HardSwish": lambda x: x * scalar.clip(x * (1 / 6) + 0.5, 0.0, 1.0),
    "Identity": lambda x: x,
    "IsNaN": scalar.isnan,
    "Less": scalar.lt,
    "LessOrEqual": scalar.le,
    "Log": scalar.log,
    "Mish": lambda x: x * scalar.tanh(scalar.softplus(x)),
    "Mul": scalar.mul,
    "Neg": scalar.neg,
    "Not": scalar.logical_not,
    "Or": scalar.logical_or,
    "Reciprocal": scalar.reciprocal,
    "Relu": scalar.relu,
    "Round": scalar.rint,
    "Sigmoid": scalar.sigmoid,
    "Sign": scalar.sign,
    "Sin": scalar.sin,
    "Sinh": scalar.sinh,
    "Softplus": scalar.softplus,
    "Softsign": scalar.softsign,
    "Sqrt": scalar.sqrt,
    "Sub": scalar.sub,
    "Tan": scalar.tan,
    "Tanh": scalar.tanh,
    "Where": scalar.where,
    "Xor": scalar.logical_xor,
}
"""Operators without attributes that are functions of weft."""


@operator(*PLAIN)
def read_plain(node: ModelNode, *operands: Expr) -> Expr:
    """A function of weft; before opset 7, the second operand may be laid along axes of the first."""
    return PLAIN[node.kind](*(operands if node.version >= 7 else _lay_along(node, *operands)))


def _lay_along(node: ModelNode, *operands: Expr) -> tuple[Expr, ...]:
    """Operands of a node from before opset 7, of which the second broadcasts from `axis` on."""
    if len(operands) < 2 or node["axis"] is None or not node["broadcast"]:
        return operands
    x, y = operands
    behind = x.ndim - node.axis(x.ndim) - y.ndim
    return x, reshape(y, (*y.shape, *[1] * behind))


@operator("Div")
def read_div(node: ModelNode, *operands: Expr) -> Expr:
    """x / y; of integers rounded toward 0."""
    x, y = operands if node.version >= 7 else _lay_along(node, *operands)
    if x.type.is_float:
        return scalar.div(x, y)
    whole = scalar.floor_divide(x, y)
    if x.dtype.kind == "u" or (_never_negative(node, x) and _never_negative(node, y)):
        return whole
    inexact = scalar.logical_and(scalar.lt(whole, 0), scalar.ne(whole * y, x))
    return whole + cast(inexact, x.dtype)


def _never_negative(node: ModelNode, x: Expr) -> bool:
    """Whether these integers are sizes, or numbers from 0 up."""
    found = node.known(x)
    return found is not None and all(not isinstance(e, int | np.integer) or e >= 0 for e in found.flat)


@operator("Mod")
def read_mod(node: ModelNode, x: Expr, y: Expr) -> Expr:
    """The remainder with the sign of y, or with fmod=1 that of x."""
    return scalar.fmod(x, y) if node["fmod"] else scalar.mod(x, y)


@operator("Pow", settings=(1,))
def read_pow(node: ModelNode, *operands: Expr) -> Expr:
    """x ** y in the dtype of x."""
    x, y = operands if node.version >= 7 else _lay_along(node, *operands)
    return cast(scalar.pow(x, y), x.dtype)


@operator("Max", "Min", "Sum", "Mean")
def read_several(node: ModelNode, *operands: Expr) -> Expr:
    """The largest, the smallest, the sum, the mean of operands that broadcast."""
    function = {"Max": scalar.maximum, "Min": scalar.minimum}.get(node.kind, scalar.add)
    total = functools.reduce(function, operands)
    return total / len(operands) if node.kind == "Mean" else total


@operator("BitShift")
def read_bit_shift(node: ModelNode, x: Expr, count: Expr) -> Expr:
    """x << count or x >> count."""
    return scalar.left_shift(x, count) if node["direction"] == "LEFT" else scalar.right_shift(x, count)


@operator("Clip", settings=(1, 2))
def read_clip(node: ModelNode, x: Expr, low: Expr | None = None, high: Expr | None = None) -> Expr:
    """x, not below `low` and not above `high`."""
    bounds = (node["min"], node["max"]) if node.version < 11 else (low, high)
    found = x if bounds[0] is None else scalar.maximum(x, bounds[0])
    return found if bounds[1] is None else scalar.minimum(found, bounds[1])


@operator("IsInf")
def read_is_inf(node: ModelNode, x: Expr) -> Expr:
    """Whether x is infinite, with a sign that is asked for."""
    wanted = (node["detect_negative"], node["detect_positive"])
    found = scalar.isinf(x)
    if wanted == (1, 1):
        return found
    sided = {(1, 0): scalar.lt(x, 0), (0, 1): scalar.gt(x, 0)}.get(wanted, False)
    return scalar.logical_and(found, sided)


# ---- activations -----------------------------------------------------------------------------------------------------


@operator("Celu")
def read_celu(node: ModelNode, x: Expr) -> Expr:
    """max(0, x) + min(0, alpha (exp(x / alpha) - 1))."""
    return scalar.relu(x) + scalar.expm1(scalar.minimum(x, 0.0) / node["alpha"]) * node["alpha"]


@operator("Elu")
def read_elu(node: ModelNode, x: Expr) -> Expr:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return scalar.elu(x, node["alpha"])


@operator("Gelu")
def read_gelu(node: ModelNode, x: Expr) -> Expr:
    """x Phi(x), or its approximation by tanh."""
    if node["approximate"] != "tanh":
        return scalar.gelu(x)
    return x * 0.5 * (scalar.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)


@operator("HardSigmoid")
def read_hard_sigmoid(node: ModelNode, x: Expr) -> Expr:
    """alpha x + beta within [0, 1]."""
    return scalar.clip(x * node["alpha"] + node["beta"], 0.0, 1.0)


@operator("LeakyRelu")
def read_leaky_relu(node: ModelNode, x: Expr) -> Expr:
    """x where x >= 0, else alpha x."""
    return scalar.leaky_relu(x, node["alpha"])


@operator("PRelu")
def read_prelu(node: ModelNode, x: Expr, slope: Expr) -> Expr:
    """x where x >= 0, else slope x."""
    laid = reshape(slope, (*slope.shape, *[1] * (x.ndim - 2))) if node.version < 7 and slope.ndim == 1 else slope
    return scalar.where(scalar.lt(x, 0), x * laid, x)


@operator("Selu")
def read_selu(node: ModelNode, x: Expr) -> Expr:
    """gamma x where x > 0, else gamma alpha (exp(x) - 1)."""
    return scalar.elu(x, node["alpha"]) * node["gamma"]


@operator("Shrink")
def read_shrink(node: ModelNode, x: Expr) -> Expr:
    """x - bias above lambd, x + bias below -lambd, 0 between."""
    bias, bound, wide = node["bias"], node["lambd"], as_float(x)
    inner = scalar.where(scalar.gt(wide, bound), wide - bias, 0.0)
    return cast(scalar.where(scalar.lt(wide, -bound), wide + bias, inner), x.dtype)


@operator("Swish")
def read_swish(node: ModelNode, x: Expr) -> Expr:
    """x sigmoid(alpha x)."""
    return scalar.silu(x) if node["alpha"] == 1 else x * scalar.sigmoid(x * node["alpha"])


@operator("ThresholdedRelu")
def read_thresholded_relu(node: ModelNode, x: Expr) -> Expr:
    """x where x > alpha, else 0."""
    return scalar.where(scalar.gt(x, node["alpha"]), x, 0.0)


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@operator("Cast")
def read_cast(node: ModelNode, x: Expr) -> Expr:
    """x in another dtype."""
    return cast(x, node.dtype(node["to"]))


@operator("CastLike")
def read_cast_like(node: ModelNode, x: Expr, like: Expr) -> Expr:
    """x in the dtype of another value."""
    return cast(x, like.dtype)
