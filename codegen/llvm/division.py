"""Division with remainder, of integers and floats; integer powers and shifts.

Integers: by 0 gives 0, and the smallest by -1 wraps.  There are no vector instructions for integer division: up to 32
bits it is done in a float that holds the quotient exactly, 64 bits one by one.
"""

import numpy as np

from .pow import pow as float_pow
from .rare import rarely
from .value import BOOL, Value, fma, select

INF = float("inf")


def _quotient_and_remainder(x: Value, y: Value) -> tuple[Value, Value]:
    """The quotient of integers truncated towards 0, and the remainder; both 0 where y is 0."""
    if x.dtype == BOOL:
        raise TypeError("bools have no quotient: cast them to an integer")
    zero = y.eq(0)
    unsafe = zero
    if x.is_signed:
        unsafe = zero | (x.eq(np.iinfo(x.dtype).min) & y.eq(-1))  # that quotient wraps to x, which x / 1 is
    divisor = select(unsafe, x.like(1), y)
    quotient = select(zero, 0, _truncate(x, divisor))
    return quotient, select(zero, 0, x - quotient * y)


def _truncate(x: Value, y: Value) -> Value:
    builder = x.builder
    if x.dtype.itemsize == 8:
        return x._of((builder.sdiv if x.is_signed else builder.udiv)(x.ir, y.ir))
    wide = (
        "float32" if x.dtype.itemsize < 4 else "float64"
    )  # a quotient is never so near to an integer as to round to it
    quotient = x.to(wide) / y.to(wide)
    convert = builder.fptosi if x.is_signed else builder.fptoui
    return x._of(convert(quotient.ir, x.ir.type))


def _differ(remainder: Value, y: Value) -> Value:
    """Whether a remainder is not 0 and of the other sign than y."""
    if not (y.is_float or y.is_signed):
        return y.const(False, BOOL)
    return remainder.ne(0) & ((remainder < 0) ^ (y < 0))


def floor_divide(x: Value, y: Value) -> Value:
    """floor(x / y); integers by 0 give 0."""
    if x.is_float:
        return _floor_divide_floats(x, y)
    quotient, remainder = _quotient_and_remainder(x, y)
    return select(_differ(remainder, y), quotient - 1, quotient)


def _floor_divide_floats(x: Value, y: Value) -> Value:
    """As NumPy has it: from the exact remainder, and rounded once more."""
    remainder = fmod(x, y)
    quotient = (x - remainder) / y
    quotient = select(_differ(remainder, y), quotient - 1.0, quotient)
    whole = quotient.floor()
    whole = select(quotient - whole > 0.5, whole + 1.0, whole)
    plain = x / y
    result = select(quotient.eq(0.0), x.like(0.0).copysign(plain), whole)
    return select(y.eq(0.0), plain, result)


def mod(x: Value, y: Value) -> Value:
    """x - y floor(x / y), of the sign of y; integers by 0 give 0."""
    if x.is_float:
        remainder = fmod(x, y)
        result = select(remainder.eq(0.0), x.like(0.0).copysign(y), remainder)
    else:
        _, remainder = _quotient_and_remainder(x, y)
        result = remainder
    return select(_differ(remainder, y), remainder + y, result)


def fmod(x: Value, y: Value) -> Value:
    """The remainder of x / y, of the sign of x, exactly; integers by 0 give 0."""
    if not x.is_float:
        return _quotient_and_remainder(x, y)[1]
    size, divisor = abs(x), abs(y)
    quotient = size / divisor
    far = quotient >= 2.0 ** (np.finfo(x.dtype).nmant + 1)  # infinite ones, and so y = 0, as well
    distant = rarely("fmod", far, x, y)
    remainder = fma(-quotient.trunc(), divisor, size)  # exact; below 0 where the quotient was rounded up to an integer
    remainder = select(remainder < 0.0, remainder + divisor, remainder)
    remainder = select(divisor.eq(INF) & (size < INF), size, remainder)
    return select(far, distant, remainder.copysign(x))


def pow(x: Value, y: Value) -> Value:
    """x**y; integers wrap, and to a negative power give 0, but for the bases 1 and -1."""
    if x.is_float:
        return float_pow(x, y)
    if x.dtype == BOOL:
        return x | ~y
    result, base = x.like(1), x
    for bit in range(x.width):
        result = select((y & (1 << bit)).ne(0), result * base, result)
        base = base * base
    if not x.is_signed:
        return result
    unit = select(x.eq(1) | (x.eq(-1) & (y & 1).eq(0)), x.like(1), select(x.eq(-1), x.like(-1), 0))
    return select(y < 0, unit, result)


def left_shift(x: Value, y: Value) -> Value:
    """x << y; 0 where y is not within the width."""
    inside, amount = _shift_amount(x, y)
    return select(inside, x << amount, 0)


def right_shift(x: Value, y: Value) -> Value:
    """x >> y, filled with the sign bit; as if shifted out entirely where y is not within the width."""
    inside, amount = _shift_amount(x, y)
    return x >> select(inside, amount, x.width - 1) if x.is_signed else select(inside, x >> amount, 0)


def _shift_amount(x: Value, y: Value) -> tuple[Value, Value]:
    """Whether 0 <= y < width, and a shift that is safe."""
    if x.dtype == BOOL:
        raise TypeError("bools are not shifted: cast them to an integer")
    inside = (y >= 0) & (y < x.width) if y.is_signed else y < x.width
    return inside, select(inside, y, 0)
