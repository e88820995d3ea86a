"""Arithmetic, comparisons, logic, rounding: what is a few instructions for every dtype."""

from typing import Any

from .value import BOOL, Value, maximum_or_nan, select

INF = float("inf")


def _no_bool(name: str, x: Value) -> None:
    if x.dtype == BOOL:
        raise TypeError(f"{name} is not defined for bool, as in NumPy")


# ---- arithmetic --------------------------------------------------------------------------------------------------


def add(x: Value, y: Value) -> Value:
    """x + y; of bools, or."""
    return x | y if x.dtype == BOOL else x + y


def sub(x: Value, y: Value) -> Value:
    """x - y."""
    _no_bool("sub", x)
    return x - y


def mul(x: Value, y: Value) -> Value:
    """x * y; of bools, and."""
    return x & y if x.dtype == BOOL else x * y


def div(x: Value, y: Value) -> Value:
    """x / y of floats."""
    return x / y


def neg(x: Value) -> Value:
    """-x."""
    _no_bool("neg", x)
    return -x


def absolute(x: Value) -> Value:
    """|x|; the smallest integer stays what it is."""
    return abs(x)


def sign(x: Value) -> Value:
    """-1, 0 or 1; NaN for NaN."""
    _no_bool("sign", x)
    negative = select(x < 0, x.like(-1), 0) if x.is_float or x.is_signed else x.like(0)
    result = select(x > 0, 1, negative)
    return select(x.is_nan(), x, result)


def reciprocal(x: Value) -> Value:
    """1 / x; of integers, 0 but for 1 and -1."""
    if x.is_float:
        return 1.0 / x
    unit = x.eq(1) | x.eq(-1) if x.is_signed else x.eq(1)
    return select(unit, x, 0)


def square(x: Value) -> Value:
    """x * x."""
    return mul(x, x)


def sqrt(x: Value) -> Value:
    """The square root, correctly rounded."""
    return x.sqrt()


def rsqrt(x: Value) -> Value:
    """1 / sqrt(x)."""
    return 1.0 / x.sqrt()


def copysign(x: Value, y: Value) -> Value:
    """|x| with the sign of y."""
    return x.copysign(y)


def mul_no_nan(x: Value, y: Value) -> Value:
    """x * y, and exactly 0 where y is 0, whatever x is."""
    return select(y.eq(0), x.like(0), mul(x, y))


def maximum(x: Value, y: Value) -> Value:
    """The larger; NaN if either is."""
    larger = select(x > y, x, y)  # y if either is NaN: one instruction
    return select(x.is_nan(), x, larger) if x.is_float else larger


def minimum(x: Value, y: Value) -> Value:
    """The smaller; NaN if either is."""
    smaller = select(x < y, x, y)
    return select(x.is_nan(), x, smaller) if x.is_float else smaller


def relu(x: Value) -> Value:
    """max(x, 0); NaN stays NaN."""
    return maximum_or_nan(x, 0)


# ---- comparisons and logic ---------------------------------------------------------------------------------------


def eq(x: Value, y: Value) -> Value:
    """x == y."""
    return x.eq(y)


def ne(x: Value, y: Value) -> Value:
    """x != y."""
    return x.ne(y)


def lt(x: Value, y: Value) -> Value:
    """x < y."""
    return x < y


def le(x: Value, y: Value) -> Value:
    """x <= y."""
    return x <= y


def gt(x: Value, y: Value) -> Value:
    """x > y."""
    return x > y


def ge(x: Value, y: Value) -> Value:
    """x >= y."""
    return x >= y


def logical_and(x: Value, y: Value) -> Value:
    """Whether both are not 0."""
    return x.to(BOOL) & y.to(BOOL)


def logical_or(x: Value, y: Value) -> Value:
    """Whether either is not 0."""
    return x.to(BOOL) | y.to(BOOL)


def logical_xor(x: Value, y: Value) -> Value:
    """Whether just one is not 0."""
    return x.to(BOOL) ^ y.to(BOOL)


def logical_not(x: Value) -> Value:
    """Whether it is 0."""
    return ~x.to(BOOL)


def bitwise_and(x: Value, y: Value) -> Value:
    """x & y."""
    return x & y


def bitwise_or(x: Value, y: Value) -> Value:
    """x | y."""
    return x | y


def bitwise_xor(x: Value, y: Value) -> Value:
    """x ^ y."""
    return x ^ y


def invert(x: Value) -> Value:
    """~x."""
    return ~x


def isnan(x: Value) -> Value:
    """Whether it is NaN; false for integers."""
    return x.is_nan() if x.is_float else x.const(False, BOOL)


def isinf(x: Value) -> Value:
    """Whether it is infinite; false for integers."""
    return abs(x).eq(INF) if x.is_float else x.const(False, BOOL)


def isfinite(x: Value) -> Value:
    """Whether it is neither infinite nor NaN; true for integers."""
    return abs(x) < INF if x.is_float else x.const(True, BOOL)


def where(condition: Any, x: Value, y: Value) -> Value:
    """x where the condition holds, else y."""
    return select(condition, x, y)


# ---- rounding: integers are what they are ------------------------------------------------------------------------


def floor(x: Value) -> Value:
    """The largest integer not above."""
    return x.floor() if x.is_float else x


def ceil(x: Value) -> Value:
    """The smallest integer not below."""
    return x.call("llvm.ceil") if x.is_float else x


def trunc(x: Value) -> Value:
    """The nearest integer towards 0."""
    return x.trunc() if x.is_float else x


def rint(x: Value) -> Value:
    """The nearest integer, ties to even."""
    return x.rint() if x.is_float else x
