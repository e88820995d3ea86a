"""float16 in registers: its 16 bits, which nothing but these conversions looks at.

They are integer arithmetic, exact for every number and the same on every processor: rounding is to nearest, ties to
even; subnormal numbers, infinities and NaN are kept.
"""

import numpy as np
from llvmlite import ir

from .value import HALF, SINGLE, Value, convert, select

_BIAS = (127 - 15) << 23  # between the exponents of float32 and float16, where float32 has them
_INFINITE = 0x7C00
_LEAST_NORMAL = 0x38800000  # 2**-14 as float32


def half_to_single(half: Value) -> Value:
    """The float32 of the float16 whose bits a uint16 holds."""
    bits = half.to(np.uint32)
    exponent, fraction = bits & _INFINITE, bits & 0x3FF
    moved = (bits & 0x7FFF) << 13
    subnormal = (fraction.to(np.float32) * 2.0**-24).bits().to(np.uint32)
    finite = select(exponent.eq(0), subnormal, moved + _BIAS)
    magnitude = select(exponent.eq(_INFINITE), moved | 0x7F800000, finite)
    return (magnitude | ((bits & 0x8000) << 16)).from_bits()


def single_to_half(x: Value) -> Value:
    """The bits of the float16 nearest to a float32; 65520 and above become infinite."""
    bits = x.bits().to(np.uint32)
    magnitude = bits & 0x7FFFFFFF
    odd = (magnitude >> 13) & 1
    normal = (magnitude + odd + 0xFFF - _BIAS) >> 13
    finite = select(normal < _INFINITE, normal, _INFINITE)
    subnormal = (abs(x) * 2.0**24).rint().to(np.int32).to(np.uint32)
    nan = (magnitude >> 13) & 0x3FF | 0x7E00
    rounded = select(x.is_nan(), nan, select(magnitude < _LEAST_NORMAL, subnormal, finite))
    return (rounded | ((bits >> 16) & 0x8000)).to(np.uint16)


def to_odd(x: Value) -> Value:
    """A float32 for a float64, cut off, its last bit set where anything was lost: rounded again it rounds once."""
    if x.dtype == np.float32:
        return x
    near = x.to(np.float32)
    back = near.to(np.float64)
    bits = near.bits()
    cut = select(abs(back) > abs(x), bits - 1, bits)
    return select(back.ne(x), cut | 1, cut).from_bits()


def cast(builder: ir.IRBuilder, value: ir.Value, source: np.dtype, target: np.dtype) -> ir.Value:
    """value.convert for every pair of dtypes.

    From float16 by way of float32; to it from a float, which integers become without loss where it matters.
    """
    source, target = np.dtype(source), np.dtype(target)
    if source == target:
        return value
    if source == HALF:
        return convert(builder, half_to_single(Value(builder, np.dtype(np.uint16), value)).ir, SINGLE, target)
    if target != HALF:
        return convert(builder, value, source, target)
    through = source if source.kind == "f" else np.dtype(np.float64)
    return single_to_half(to_odd(Value(builder, through, convert(builder, value, source, through)))).ir
