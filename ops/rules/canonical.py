"""One form for what can be written in many: exact laws only, NaN and infinity included, the sign of zero aside.

Float constants are gathered where no intermediate result leaves the range for it, and where a division does not become
a multiplication by a rounded number; so results differ by rounding alone.  No constant changes places with a variable
factor: x * y may overflow where (x * c) * y does not.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...symbolic.dims import SymDim
from ...symbolic.equations import rules
from ...symbolic.expr import Expr, apply
from ...symbolic.grad import Assume, CustomGradient, StopGradient, custom_gradient, stop_gradient
from ...symbolic.leaves import Constant, constant, size
from ...symbolic.patterns import NUMBERS, Bool, Const, Number, compute
from ...symbolic.rewrite import RuleSet, rewrite
from ..elementwise import Cast, Elementwise, cast
from ..movement import BroadcastTo, ExpandDims, Squeeze, broadcast_to, expand_dims, squeeze
from ..scalar import (
    abs,
    add,
    cos,
    cosh,
    div,
    eq,
    exp,
    exp2,
    log_sigmoid,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mul,
    mul_no_nan,
    pow,
    reciprocal,
    relu,
    rsqrt,
    softplus,
    sqrt,
    square,
    where,
)
from ..updating import WithUpdates
from .conditions import (
    always_finite,
    as_large,
    finite,
    like,
    never_zero,
    nonnegative,
    power_of_two,
    product_fits,
    quotient_exact,
)
from .movement import movement
from .reduce import reductions


@rules(dtypes=("float", "int"))
def arithmetic(x, y, z, c: Const, d: Const):
    """Sums, differences and products of floats and integers."""
    yield x + 0, x
    yield x - 0, x
    yield x * 1, x
    yield x * -1, -x
    yield -(-x), x  # noqa: B002
    yield x + -y, x - y
    yield x - -y, x + y
    yield -(x - y), y - x
    yield -x * y, -(x * y)
    yield -(x * c), x * -c
    yield x + x, x * 2
    yield x * x, square(x)
    yield square(-x), square(x)
    yield square(abs(x)), square(x)
    yield abs(abs(x)), abs(x)
    yield pow(x, 1), x
    yield pow(x, 2), square(x)
    yield pow(x, 3), x * square(x)
    yield pow(x, 4), square(square(x))
    yield maximum(x, x), x
    yield minimum(x, x), x
    yield maximum(x, 0), relu(x)


@rules
def floats(x, y, c: Const, d: Const):
    """What holds for floats."""
    yield x - c, x + -c
    yield (x * c) * d, x * (c * d), lambda x, c, d: product_fits(x, c, d)
    yield (x * c) / d, x * (c / d), lambda x, c, d: quotient_exact(x, c, d)
    yield (x / c) * d, x * (d / c), lambda x, c, d: quotient_exact(x, d, c)
    yield (x / c) / d, x / (c * d), lambda x, c, d: product_fits(x, c, d)
    yield (c / x) * d, (c * d) / x, lambda x, c, d: product_fits(x, c, d)
    yield x / c, x * (1 / c), lambda x, c: power_of_two(x, c)
    yield 1 / x, reciprocal(x)
    yield reciprocal(x) * c, c / x
    yield x * reciprocal(y), x / y, lambda x, y: as_large(y, x)
    yield reciprocal(-x), -reciprocal(x)
    yield -(x / c), x / -c
    yield -(c / x), -c / x
    yield -x / y, -(x / y)
    yield x / -y, -(x / y)
    yield pow(x, 0), 1.0
    yield pow(x, -1), reciprocal(x)
    yield pow(x, -2), square(reciprocal(x))  # x * x leaves the range before the result does
    yield pow(x, 0.5), sqrt(x)  # NaN at -inf for a scalar exponent, as NumPy has it
    yield pow(x, -0.5), rsqrt(x), lambda x: nonnegative(x)
    yield pow(x, -0.5), where(eq(x, -math.inf), 0.0, abs(rsqrt(x)))
    yield pow(x, 1.5), x * sqrt(x), lambda x: nonnegative(x)
    yield pow(2, x), exp2(x)
    yield reciprocal(sqrt(x)), rsqrt(x)
    yield reciprocal(rsqrt(x)), sqrt(x)
    yield abs(-x), abs(x)
    yield abs(x), x, lambda x: nonnegative(x)
    yield relu(x), x, lambda x: nonnegative(x)
    yield cos(-x), cos(x)
    yield cosh(-x), cosh(x)
    yield softplus(x), logaddexp(x, 0)
    yield log_sigmoid(x), -logaddexp(-x, 0)


@rules
def masked_products(x, y, c: Const):
    """x * y that is exactly 0 where y is: how a cotangent meets a derivative."""
    yield mul_no_nan(x, c), x * c, lambda c: finite(c) and c != 0
    yield mul_no_nan(x, 0), 0.0
    yield mul_no_nan(c, y), y * c, lambda c: finite(c)
    yield mul_no_nan(-x, y), -mul_no_nan(x, y)
    yield mul_no_nan(x, -y), -mul_no_nan(x, y)


_MOVED = {BroadcastTo, ExpandDims, Squeeze}


@rewrite(
    mul_no_nan,
    when=lambda x, y: x in {*_MOVED, Cast} or y in {*_MOVED, mul, div, reciprocal},
    examples=[
        lambda: mul_no_nan(cast(like(3, dtype="bool"), "float64"), like(3)),
        lambda: mul_no_nan(like("n"), _per_size("n")),
    ],
)
def unmasked_product(node: Expr) -> Expr | None:
    """x * y needs no care where x is never NaN or infinite, or y is never 0: the mean's 1 / n."""
    x, y = node.args
    return x * y if always_finite(x) or never_zero(y) else None


def _per_size(n: str) -> Expr:
    return 2.0 / cast(size(SymDim(n)), "float64")


@rules(dtypes=("int",))
def integers(x, y, c: Const, d: Const):
    """What holds for integers, whose arithmetic is exact and wraps."""
    yield 0 - x, -x  # of floats, 0 - 0 is +0
    yield x * 0, 0
    yield x - x, 0
    yield x - c, x + -c, lambda c: c > 0
    yield (x + c) + d, x + (c + d)
    yield (x * c) * d, x * (c * d)
    yield x // 1, x
    yield x % 1, 0


@rules(dtypes=("float", "int", "bool"))
def choices(x, y, z, c: Bool):
    """`where` with a condition that is known, negated, or asked twice."""
    yield where(c, x, x), x
    yield where(True, x, y), x
    yield where(False, x, y), y
    yield where(logical_not(c), x, y), where(c, y, x)
    yield where(c, where(c, x, y), z), where(c, x, z)
    yield where(c, x, where(c, y, z)), where(c, x, z)


@rules(dtypes=("bool",))
def logic(x, y):
    """And, or, not of bools."""
    yield logical_and(x, True), x
    yield logical_and(x, False), False
    yield logical_and(x, x), x
    yield logical_or(x, False), x
    yield logical_or(x, True), True
    yield logical_or(x, x), x
    yield logical_xor(x, False), x
    yield logical_xor(x, True), logical_not(x)
    yield logical_not(logical_not(x)), x


@rewrite(
    Elementwise,
    when=lambda *heads: all(isinstance(h, Number) for h in heads),
    examples=[lambda: constant(2.0) * 3.0, lambda: exp(constant(np.float32(1.0)))],
)
def function_of_numbers(node: Expr) -> Expr | None:
    """A function of numbers is a number."""
    if all(isinstance(a.op, Constant) and a.op.value.ndim == 0 for a in node.args):
        return compute(node)
    return None


@rewrite(
    Elementwise,
    when=lambda *heads: not {BroadcastTo, ExpandDims, NUMBERS}.isdisjoint(heads),
    examples=[
        lambda: exp(broadcast_to(like(3), (2, 3))),
        lambda: add(broadcast_to(like(1, 3), (2, 3)), like(2, 3)),
        lambda: add(broadcast_to(like(3, 1), (3, 4)), broadcast_to(like(4), (3, 4))),
        lambda: add(expand_dims(like(3), 0), like(2, 3)),
        lambda: add(broadcast_to(constant(2), (3,)), constant(np.ones(3, np.float32))),
    ],
)
def before_repeating(node: Expr) -> Expr | None:
    """f(x repeated) = f(x) repeated: broadcasting is left to f itself, or to what comes after it."""
    args = [_unrepeat(a, node) for a in node.args]
    if all(a is b for a, b in zip(args, node.args, strict=True)):
        return None
    return apply(node.op, *args)


def _unrepeat(arg: Expr, node: Expr) -> Expr:
    op: Any = arg.op
    leading = isinstance(op, ExpandDims) and op.axes == tuple(range(len(op.axes))) and len(node.args) > 1
    if not isinstance(op, BroadcastTo) and not (leading and _rank_of_others(arg, node) >= arg.ndim):
        return arg
    inner = arg.args[0]
    return cast(inner, inner.dtype) if inner.type.weak else inner


def _rank_of_others(arg: Expr, node: Expr) -> int:
    return max((a.ndim for a in node.args if a is not arg and not isinstance(a.op, ExpandDims)), default=0)


@rewrite(
    Elementwise,
    when=lambda *heads: not {ExpandDims, Squeeze}.isdisjoint(heads),
    examples=[
        lambda: exp(expand_dims(like(3), 1)),
        lambda: exp(squeeze(like(3, 1), 1)),
        lambda: add(expand_dims(like(3), 1), expand_dims(like(3), 1)),
        lambda: add(expand_dims(like(3), 1), like()),
    ],
)
def before_axes_of_one(node: Expr) -> Expr | None:
    """f(x with new axes) = f(x) with new axes; the same for axes taken away."""
    large = [a for a in node.args if a.ndim]
    first = large[0].op if large else None
    if not isinstance(first, ExpandDims | Squeeze) or any(a.op != first or a.ndim != large[0].ndim for a in large):
        return None
    return apply(first, apply(node.op, *(a.args[0] if a.ndim else a for a in node.args)))


@rewrite(
    Cast,
    examples=[
        lambda: cast(cast(like(3, dtype="float32"), "float64"), "float32"),
        lambda: cast(cast(like(3, dtype="int8"), "float32"), "int8"),
        lambda: cast(cast(like(3, dtype="bool"), "int32"), "float32"),
        lambda: apply(Cast(np.dtype("float64")).op, like(3)),
    ],
)
def casts(node: Expr) -> Expr | None:
    """A cast to the dtype it has is nothing; a cast of a cast that loses nothing is one cast."""
    (x,) = node.args
    if x.dtype == node.dtype and not x.type.weak:
        return x
    if x.op.head is Cast and _lossless(x.args[0].dtype, x.dtype):
        return cast(x.args[0], node.dtype)
    return None


def _lossless(a: np.dtype, b: np.dtype) -> bool:
    wide = a.kind in "iu" and a.itemsize == 8 and b.kind == "f"  # NumPy calls int64 -> float64 safe
    return np.can_cast(a, b, "safe") and not wide


@rewrite(
    Assume,
    StopGradient,
    CustomGradient,
    WithUpdates,
    examples=[
        lambda: apply(Assume((3,), ()), like(3)),
        lambda: stop_gradient(like(3)),
        lambda: custom_gradient(exp, lambda g, out, x: g)(like(3)),
        lambda: apply(WithUpdates(), like(3), like(3), like(3)),
    ],
)
def values_only(node: Expr) -> Expr:
    """Once derivatives are taken, and updates collected, nothing but the value is left."""
    return node.args[0]


canonical = RuleSet(
    "canonical",
    [
        function_of_numbers,
        values_only,
        before_repeating,
        before_axes_of_one,
        arithmetic,
        floats,
        masked_products,
        unmasked_product,
        integers,
        choices,
        logic,
        casts,
        movement,
        reductions,
    ],
    "One form for what can be written in many: exact laws, NaN and infinity included, the sign of zero aside.",
)
