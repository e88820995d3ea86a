"""What rules ask of constants and nodes before they fire."""

from __future__ import annotations

import math
from typing import Any

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Size, tensor
from ...symbolic.patterns import number
from .. import scalar
from ..elementwise import Cast, Elementwise
from ..reduce import Reduce

_NORMAL = 2.0**-126, 2.0**126  # well inside float32's range, for constants whose dtype is not looked at
_LEVELS = 6


def normal(value: float) -> bool:
    """Whether a constant can be multiplied and divided by without overflow or lost digits: not 0, inf, NaN, tiny."""
    return _NORMAL[0] <= abs(value) <= _NORMAL[1]


def finite(value: float) -> bool:
    """Whether a constant is neither NaN nor infinite."""
    return math.isfinite(value)


def power_of_two(value: float) -> bool:
    """Whether dividing by a constant is the same as multiplying by its reciprocal, to the last bit."""
    return normal(value) and abs(math.frexp(value)[0]) == 0.5


def as_large(x: Expr, y: Expr) -> bool:
    """Whether x op y has the shape of x: nothing is gained by working on x before it is broadcast."""
    extra = x.ndim - y.ndim
    return extra >= 0 and all(b in (1, a) for a, b in zip(x.shape[extra:], y.shape, strict=True))


_NONNEGATIVE = {
    f.op.head for f in (scalar.exp, scalar.exp2, scalar.square, scalar.abs, scalar.sigmoid, scalar.cosh, scalar.sqrt)
} - {scalar.sqrt}
_KEEPING = {f.op.head for f in (scalar.add, scalar.mul, scalar.div, scalar.maximum, scalar.sqrt, scalar.reciprocal)}


def nonnegative(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether all elements are certainly +0, above, or NaN, as far as the few ops above the node tell."""
    op = node.op
    if isinstance(op, Constant):
        return op.value.size == 1 and math.copysign(1.0, op.value.item()) > 0
    if isinstance(op, Size):
        return True
    if levels == 0 or not node.args:
        return False
    if op.moves_only or op.head is Cast or (isinstance(op, Reduce) and op.kind in ("sum", "max", "min", "prod")):
        return nonnegative(node.args[0], levels - 1)
    if not isinstance(op, Elementwise):
        return False
    return op.head in _NONNEGATIVE or (op.head in _KEEPING and all(nonnegative(a, levels - 1) for a in node.args))


_POSITIVE = {f.op.head for f in (scalar.exp, scalar.exp2, scalar.sigmoid, scalar.cosh)}
_STAYING = {f.op.head for f in (scalar.mul, scalar.div, scalar.add, scalar.sqrt, scalar.rsqrt, scalar.reciprocal)}


def positive(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether all elements are above 0 but for underflow, as far as the few ops above the node tell."""
    op = node.op
    value = number(node)
    if value is not None:
        return bool(value > 0)
    if levels == 0 or not node.args:
        return False
    if op.moves_only or (isinstance(op, Reduce) and op.kind in ("sum", "max", "min", "prod")):
        return positive(node.args[0], levels - 1)
    if not isinstance(op, Elementwise):
        return False
    return op.head in _POSITIVE or (op.head in _STAYING and all(positive(a, levels - 1) for a in node.args))


def always_finite(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether no element is ever NaN or infinite: numbers, and integers or bools as floats."""
    if not node.type.is_float:
        return True
    value = number(node)
    if value is not None:
        return math.isfinite(value)
    if levels == 0 or not (node.op.moves_only or node.op.head is Cast):
        return False
    return always_finite(node.args[0], levels - 1)


def never_zero(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether no element is ever 0: numbers, and their quotients by sizes."""
    value = number(node)
    if value is not None:
        return bool(value != 0)
    if levels == 0 or not node.args:
        return False
    if node.op.moves_only:
        return never_zero(node.args[0], levels - 1)
    if node.op.head is scalar.reciprocal:
        return _is_size(node.args[0])
    left, right = node.args[0], node.args[-1]
    if node.op.head is scalar.div:
        return _is_size(right) and normal(number(left) or 0)
    return node.op.head is scalar.mul and normal(number(right) or 0) and never_zero(left, levels - 1)


def _is_size(node: Expr) -> bool:
    inner = node.args[0] if node.op.head is Cast else node
    return isinstance(inner.op, Size)


def like(*shape: Any, dtype: str = "float64") -> Expr:
    """An input of this shape, for the examples of rules."""
    return tensor("x", shape, dtype)
