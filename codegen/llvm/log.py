"""log and its kind: x = 2**k m with 2/3 <= m < 4/3, a polynomial in f = m - 1, and k ln 2 added in two parts."""

from typing import NamedTuple

from .exp import exp
from .value import Value, fast_two_sum, fma, horner, minimum_or_nan, select


class _Format(NamedTuple):
    """What taking a float apart needs to know of its format."""

    mantissa: int
    bias: int
    offset: int  # the bits of 2/3
    tiny: float  # the smallest normal number


FORMAT = {
    4: _Format(23, 127, 0x3F2AAAAB, 2.0**-126),
    8: _Format(52, 1023, 0x3FE5555555555555, 2.0**-1022),
}

# log(1 + f) = f - f**2/2 + f**3 P(f) for |f| <= 1/3, relative error 2**-27.7 and 2**-58.7
_LOG = {
    4: (0.33333215, -0.24999805, 0.20010445, -0.16680183, 0.14005339, -0.12188309, 0.13986723, -0.1287469),
    8: (
        0.3333333333333317,
        -0.24999999999999428,
        0.20000000000073298,
        -0.16666666666888239,
        0.14285714274341596,
        -0.1249999997135485,
        0.111111119736296,
        -0.10000001846106123,
        0.09090871917345354,
        -0.08333264253434351,
        0.07693289004804786,
        -0.07144467480682179,
        0.0665027592159366,
        -0.062259535842870736,
        0.060553507823032,
        -0.057843559921713375,
        0.04157492385677786,
        -0.036756285195848275,
        0.08536659911882115,
        -0.08637982294642271,
    ),
}

# In two parts each; those of log 2 and log10 2 begin with so few bits that k times the first is exact.
_LN2 = {4: (0.69311523, 3.1946183e-05), 8: (0.6931471805582987, 1.6465949582897082e-12)}
_LOG10_2 = {4: (0.3010254, 4.605039e-06), 8: (0.30102999566224753, 1.7336659603752853e-12)}
_LOG2_E = {4: (1.442695, 1.925963e-08), 8: (1.4426950408889634, 2.0355273740931033e-17)}
_LOG10_E = {4: (0.4342945, -1.010305e-08), 8: (0.4342944819032518, 1.098319650216765e-17)}
_LN2_WHOLE = 0.6931471805599453


def from_integer(n: Value, like: Value) -> Value:
    """A small integer as a float of the same width, without the conversion that AVX2 lacks for 64 bits."""
    if like.dtype.itemsize == 4:
        return n.to(like.dtype)
    magic = like.const(1.5 * 2.0**52)
    return (n + magic.bits()).from_bits() - magic


def split(x: Value, least: int | None = None) -> tuple[Value, Value]:
    """k (a float) and f, where x = 2**k (1 + f) and |f| <= 1/3, for x > 0 and finite.

    `least` is the bits of the least 1 + f, if not 2/3.
    """
    form = FORMAT[x.dtype.itemsize]
    least = form.offset if least is None else least
    subnormal = x < form.tiny
    bits = select(subnormal, x * 2.0**form.mantissa, x).bits()
    exponent = (bits - least) >> form.mantissa
    f = (bits - (exponent << form.mantissa)).from_bits() - 1.0
    return from_integer(exponent, x) - select(subnormal, x.like(float(form.mantissa)), 0.0), f


def _tail(f: Value) -> Value:
    """log(1 + f) - f."""
    square = f * f
    return square * fma(f, horner(f, _LOG[f.dtype.itemsize]), -0.5)


def _edges(x: Value, result: Value) -> Value:
    """The result of a logarithm with its values at 0 (-inf), inf, below 0 and NaN (NaN)."""
    result = select(x < float("inf"), result, x)
    result = select(x.eq(0.0), float("-inf"), result)
    return select(x < 0.0, float("nan"), result)


def log(x: Value) -> Value:
    """The natural logarithm."""
    high, low = _LN2[x.dtype.itemsize]
    k, f = split(x)
    total, rest = fast_two_sum(k * high, f)
    return _edges(x, total + (rest + fma(k, low, _tail(f))))


def _log_base(x: Value, two: tuple[float, float], e: tuple[float, float]) -> Value:
    """k log(2) + log(1 + f) log(e), in the base whose log(2) and log(e) these are."""
    k, f = split(x)
    low = fma(_tail(f), e[0], f * e[1])
    total, rest = fast_two_sum(k * two[0], f * e[0])
    return _edges(x, total + (rest + (fma(f, e[0], -(f * e[0])) + fma(k, two[1], low))))


def log2(x: Value) -> Value:
    """The logarithm to base 2; exact for powers of 2."""
    return _log_base(x, (1.0, 0.0), _LOG2_E[x.dtype.itemsize])


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    return _log_base(x, _LOG10_2[x.dtype.itemsize], _LOG10_E[x.dtype.itemsize])


def log1p(x: Value) -> Value:
    """log(1 + x): k from 1 + x, and f = 2**-k x + (2**-k - 1), in which x has all its digits."""
    form = FORMAT[x.dtype.itemsize]
    high, low = _LN2[x.dtype.itemsize]
    exponent = ((x + 1.0).bits() - form.offset) >> form.mantissa
    inverse = (x.like(1.0).bits() - (minimum_or_nan(exponent, form.bias - 1) << form.mantissa)).from_bits()
    f = (x.bits() - (exponent << form.mantissa)).from_bits() + (inverse - 1.0)
    k = from_integer(exponent, x)
    total, rest = fast_two_sum(k * high, f)
    result = total + (rest + fma(k, low, _tail(f)))
    result = select(x < float("inf"), result, x)
    result = select(x > -1.0, result, select(x.eq(-1.0), x.like(float("-inf")), float("nan")))
    return select(abs(x) < 2.0 ** -(form.mantissa + 3), x, result)


def logaddexp(x: Value, y: Value) -> Value:
    """log(e**x + e**y) without overflow."""
    largest = select(x > y, x, y)
    result = largest + log1p(exp(-abs(x - y)))
    return select(x.eq(y), x + _LN2_WHOLE, result)


def arcsinh(x: Value) -> Value:
    """The inverse of sinh: log(x + sqrt(x**2 + 1))."""
    if x.dtype.itemsize == 4:
        return arcsinh(x.to("float64")).to("float32")
    size = abs(x)
    square = size * size
    large = size > 2.0**500
    result = log1p(select(large, size, size + square / (1.0 + (square + 1.0).sqrt())))
    return (result + select(large, x.like(_LN2_WHOLE), 0.0)).copysign(x)


def arccosh(x: Value) -> Value:
    """The inverse of cosh on [1, inf): log(x + sqrt(x**2 - 1))."""
    if x.dtype.itemsize == 4:
        return arccosh(x.to("float64")).to("float32")
    t = x - 1.0
    large = x > 2.0**500
    result = log1p(select(large, x, t + fma(t, t, t + t).sqrt()))
    return select(x < 1.0, float("nan"), result + select(large, x.like(_LN2_WHOLE), 0.0))


def arctanh(x: Value) -> Value:
    """The inverse of tanh on [-1, 1]: log((1 + x) / (1 - x)) / 2."""
    if x.dtype.itemsize == 4:
        return arctanh(x.to("float64")).to("float32")
    size = abs(x)
    return (0.5 * log1p((size + size) / (1.0 - size))).copysign(x)
