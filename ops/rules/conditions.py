"""What rules ask of constants and nodes before they fire."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ...symbolic.expr import Expr
from ...symbolic.leaves import Constant, Size
from ...symbolic.patterns import number
from ...symbolic.types import DType, float_like
from ...symbolic.variables import tensor
from .. import scalar
from ..elementwise import Cast, Elementwise
from ..reduce import Reduce

_LEVELS = 6
_SIZES = 2.0**63  # no size is larger


def normal(value: float, kind: DType) -> bool:
    """Whether a number is held with all its digits by a dtype: it is neither 0, infinite, NaN nor subnormal."""
    limits = np.finfo(float_like(kind))
    return float(limits.tiny) <= abs(value) <= float(limits.max)


def product_fits(x: Expr, c: float, d: float) -> bool:
    """Whether c * d takes the place of c and d in a product or quotient with x: all three are normal.

    Then x meets no other factor than before but for rounding, and what was finite stays so: only an intermediate result
    that left the range is gone.
    """
    return normal(c, x.dtype) and normal(d, x.dtype) and normal(c * d, x.dtype)


def quotient_exact(x: Expr, c: float, d: float) -> bool:
    """Whether c / d takes the place of c and d in a product with x: all three are normal, and c / d is not rounded.

    A rounded quotient would not do: 98 * (1 / 49) is not 2, and 98 / 49 is.
    """
    if not (normal(c, x.dtype) and normal(d, x.dtype) and normal(c / d, x.dtype)):
        return False
    quotient = Fraction(c) / Fraction(d)
    return Fraction(float(float_like(x.dtype).type(float(quotient)))) == quotient


def finite(value: float) -> bool:
    """Whether a constant is neither NaN nor infinite."""
    return math.isfinite(value)


def power_of_two(x: Expr, c: float) -> bool:
    """Whether x / c is x * (1 / c) to the last bit."""
    return normal(c, x.dtype) and normal(1 / c, x.dtype) and abs(math.frexp(c)[0]) == 0.5


def as_large(x: Expr, y: Expr) -> bool:
    """Whether x op y has the shape of x: nothing is gained by working on x before it is broadcast."""
    extra = x.ndim - y.ndim
    return extra >= 0 and all(b in (1, a) for a, b in zip(x.shape[extra:], y.shape, strict=True))


_NONNEGATIVE = {
    f.op.head for f in (scalar.exp, scalar.exp2, scalar.square, scalar.abs, scalar.sigmoid, scalar.cosh, scalar.sqrt)
} - {scalar.sqrt}
_KEEPING = {f.op.head for f in (scalar.add, scalar.mul, scalar.div, scalar.maximum, scalar.sqrt, scalar.reciprocal)}


def nonnegative(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether all elements are certainly +0, above, or NaN, as far as the few ops above the node tell.

    Of integers, only what has no sign: their sums, products and casts wrap.
    """
    op = node.op
    if node.dtype.kind in "ub" or isinstance(op, Size):
        return True
    if isinstance(op, Constant):
        return op.value.size == 1 and math.copysign(1.0, op.value.item()) > 0
    if levels == 0 or not node.args:
        return False
    if op.is_movement or (op.head is Cast and node.type.is_float):
        return nonnegative(node.args[0], levels - 1)
    if not node.type.is_float:
        return False
    if isinstance(op, Reduce):
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
    if op.is_movement or (isinstance(op, Reduce) and op.kind in ("sum", "max", "min", "prod")):
        return positive(node.args[0], levels - 1)
    if not isinstance(op, Elementwise):
        return False
    return op.head in _POSITIVE or (op.head in _STAYING and all(positive(a, levels - 1) for a in node.args))


def always_finite(node: Expr, levels: int = _LEVELS) -> bool:
    """Whether no element is ever NaN or infinite: numbers, and integers or bools as floats that reach so far."""
    if not node.type.is_float:
        return True
    value = number(node)
    if value is not None:
        return math.isfinite(value)
    if levels == 0:
        return False
    if node.op.head is Cast:
        return node.args[0].dtype.kind in "iub" and node.dtype.itemsize > 2
    return node.op.is_movement and always_finite(node.args[0], levels - 1)


def never_zero(node: Expr) -> bool:
    """Whether no element is ever 0: numbers, and their products with and quotients by sizes, that do not underflow."""
    return node.type.is_float and bool(least(node) >= np.finfo(node.dtype).tiny)


def least(node: Expr, levels: int = _LEVELS) -> float:
    """What the magnitude of every element is at least, as far as the few ops above the node tell; 0 where they do not.

    Sizes may be 0 themselves, and their reciprocals infinite.
    """
    value = number(node)
    if value is not None:
        return 0.0 if math.isnan(value) else abs(value)
    if levels == 0 or not node.args:
        return 0.0
    if node.op.is_movement:
        return least(node.args[0], levels - 1)
    if node.op.head is scalar.reciprocal:
        return 1 / _SIZES if is_size(node.args[0]) else 0.0
    left, right = node.args[0], node.args[-1]
    if node.op.head is scalar.div and is_size(right):
        return least(left, levels - 1) / _SIZES
    if node.op.head is scalar.mul:
        return least(left, levels - 1) * least(right, levels - 1)
    return 0.0


def carries(node: Expr, x: Expr, levels: int = _LEVELS) -> bool:
    """Whether an element of the node is NaN wherever that of x at its place is, as far as the ops above it tell."""
    if node is x:
        return True
    if levels == 0 or node.op.head not in _CARRYING:
        return False
    return any(carries(a, x, levels - 1) for a in node.args)


_CARRYING = {
    f.op.head
    for f in (
        *(scalar.add, scalar.sub, scalar.mul, scalar.div, scalar.neg, scalar.square, scalar.reciprocal, scalar.abs),
        *(scalar.exp, scalar.log, scalar.log1p, scalar.expm1, scalar.sigmoid, scalar.tanh, scalar.logaddexp),
        *(scalar.sqrt, scalar.rsqrt),
    )
}


def is_size(node: Expr) -> bool:
    """Whether it is a size, as an integer or as a float."""
    inner = node.args[0] if node.op.head is Cast else node
    return isinstance(inner.op, Size)


def like(*shape: Any, dtype: str = "float64") -> Expr:
    """An input of this shape, for the examples of rules."""
    return tensor("x", shape, dtype)
