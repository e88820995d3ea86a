"""exp and its kind: x = n ln 2 + r, a polynomial in r, and 2**n put into the exponent bits.

Where a quotient follows, e**x - 1 or e**x is kept as two floats whose sum carries more digits than one, so that the
result is rounded about once.  Polynomials are minimax (Remez) on |r| <= ln(2)/2.
"""

from typing import NamedTuple

from .value import Value, fast_two_sum, fma, horner, maximum_or_nan, minimum_or_nan, select


class _Range(NamedTuple):
    """What range reduction needs to know of a float format."""

    magic: float  # 1.5 * 2**mantissa: adding it rounds to an integer, which is then in the low bits
    mantissa: int
    bias: int
    log2e: float
    ln2: tuple[float, float]
    zero: float  # e**zero rounds to 0
    overflow: float  # e**overflow is infinite, and 2**n with it still near the format's largest


_RANGE = {
    4: _Range(1.5 * 2.0**23, 23, 127, 1.442695, (0.6931472, -1.9046542e-09), -104.0, 89.0),
    8: _Range(
        1.5 * 2.0**52,
        52,
        1023,
        1.4426950408889634,
        (0.6931471805599453, 2.3190468138462996e-17),
        -746.0,
        710.0,
    ),
}

# e**r = 1 + r + r**2 P(r), relative error 2**-28.2 and 2**-57.9
_EXP = {
    4: (0.49999994, 0.16666521, 0.041668266, 0.008368677, 0.0013820729),
    8: (
        0.5000000000000011,
        0.16666666666666435,
        0.04166666666652577,
        0.008333333333476009,
        0.00138888889448788,
        0.00019841269554824478,
        2.4801491715270936e-05,
        2.755753593943371e-06,
        2.7630771126832693e-07,
        2.501832094869488e-08,
    ),
}

# e**r - 1 = r + r**2 P(r), relative error 2**-31 and 2**-64
_EXPM1 = {
    4: (0.5, 0.16666666, 0.041666493, 0.008333545, 0.0013932331, 0.000197626),
    8: (
        0.5,
        0.16666666666666666,
        0.0416666666666667,
        0.008333333333334522,
        0.0013888888888864133,
        0.0001984126983651163,
        2.4801587369239992e-05,
        2.7557327396407334e-06,
        2.755723391239522e-07,
        2.5045785013649197e-08,
        2.0927402420310913e-09,
        1.7880649670924711e-10,
    ),
}

# 2**r = 1 + r P(r) for |r| <= 1/2, relative error 2**-28.3 and 2**-59.7
EXP2 = {
    4: (0.6931472, 0.24022648, 0.055503596, 0.009618503, 0.0013390998, 0.0001532783),
    8: (
        0.6931471805599453,
        0.2402265069591007,
        0.05550410866482338,
        0.009618129107630227,
        0.0013333558146032974,
        0.00015403530388908356,
        1.525273416781523e-05,
        1.321549129030435e-06,
        1.0177931619813175e-07,
        7.052978624084591e-09,
        4.473470528760813e-10,
        2.866339852683051e-11,
    ),
}


def _range(x: Value) -> _Range:
    return _RANGE[x.dtype.itemsize]


def nearest(x: Value, scale: Value | float = 1.0) -> tuple[Value, Value]:
    """rint(x * scale), as a float and as an integer of its width; |x * scale| < 2**22 (2**51 for float64)."""
    magic = x.like(_range(x).magic)
    shifted = x + magic if scale == 1.0 else fma(x, scale, magic)
    return shifted - magic, shifted.bits() - magic.bits()


def power_of_two(n: Value, x: Value) -> Value:
    """2.0**n in the format of x, for n within the normal exponents."""
    limits = _range(x)
    return ((n + limits.bias) << limits.mantissa).from_bits()


def scale(x: Value, n: Value) -> Value:
    """x * 2**n, rounded once, for |x| near 1 and n up to twice the format's exponents."""
    half = n >> 1
    return (x * power_of_two(half, x)) * power_of_two(n - half, x)


def _reduce(x: Value) -> tuple[Value, Value]:
    """n and r, where x = n ln 2 + r and |r| <= ln(2)/2."""
    limits = _range(x)
    n, integer = nearest(x, limits.log2e)
    r = fma(n, -limits.ln2[0], x)  # exact
    return integer, fma(n, -limits.ln2[1], r)


def exp(x: Value) -> Value:
    """e**x."""
    limits = _range(x)
    x = minimum_or_nan(maximum_or_nan(x, limits.zero), limits.overflow)
    n, r = _reduce(x)
    high, low = fast_two_sum(1.0, r)
    return scale(high + fma(r * r, horner(r, _EXP[x.dtype.itemsize]), low), n)


def exp_normal(x: Value) -> Value:
    """e**x where that is a normal number: a few instructions less."""
    n, r = _reduce(x)
    high, low = fast_two_sum(1.0, r)
    return (high + fma(r * r, horner(r, _EXP[x.dtype.itemsize]), low)) * power_of_two(n, x)


def exp2(x: Value) -> Value:
    """2**x; exact where x is an integer."""
    limits = _range(x)
    least, most = (1 - limits.bias - limits.mantissa - 2.0, limits.bias + 1.0)
    x = minimum_or_nan(maximum_or_nan(x, least), most)
    n, integer = nearest(x)
    r = x - n
    return scale(fma(r, horner(r, EXP2[x.dtype.itemsize]), 1.0), integer)


class _Parts(NamedTuple):
    """e**x = 2**n (1 + p + low)."""

    n: Value
    p: Value
    low: Value


def _parts(x: Value) -> _Parts:
    n, r = _reduce(x)
    p, low = fast_two_sum(r, r * r * horner(r, _EXPM1[x.dtype.itemsize]))
    return _Parts(n, p, low)


def expm1(x: Value) -> Value:
    """e**x - 1."""
    limits = _range(x)
    clamped = minimum_or_nan(maximum_or_nan(x, -1.0 - limits.mantissa), limits.overflow)
    n, r = _reduce(clamped)
    p = fma(r * r, horner(r, _EXPM1[x.dtype.itemsize]), r)
    half = power_of_two(n - 1, x)  # 2**n itself may be infinite where the result is not
    result = fma(half, p, half - 0.5)
    return select(abs(x) < 2.0 ** -(limits.mantissa + 3), x, result + result)


def _quotient(high: Value, low: Value, divisor: Value, divisor_low: Value) -> Value:
    """(high + low) / (divisor + divisor_low), rounded about once."""
    inverse = 1.0 / divisor
    quotient = high * inverse
    rest = fma(-quotient, divisor, high) + fma(-quotient, divisor_low, low)
    return fma(inverse, rest, quotient)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e**-x), as e**x / (1 + e**x) where x < 0: nothing overflows, and tails keep their digits."""
    limits = _range(x)
    large = (limits.bias + 1) // 2  # everything is kept times 2**large, so that e**x need not be subnormal
    n, r = _reduce(maximum_or_nan(-abs(x), limits.zero))
    high, low = fast_two_sum(1.0, fma(r * r, horner(r, _EXP[x.dtype.itemsize]), r))
    power = power_of_two(n + large, x)
    t, t_low = high * power, low * power
    divisor, divisor_low = fast_two_sum(2.0**large, t)
    negative = x < 0
    return _quotient(select(negative, t, 2.0**large), select(negative, t_low, 0.0), divisor, divisor_low + t_low)


# tanh(x) = x + x**3 P(x**2) for |x| <= 0.9, relative error 2**-25.9 and 2**-56.5
_TANH = {
    4: (-0.33333212, 0.1333036, -0.05372149, 0.020904146, -0.0068600876, 0.0013039751),
    8: (
        -0.33333333333333,
        0.1333333333329554,
        -0.053968253953279595,
        0.021869488235322386,
        -0.008863231932954775,
        0.0035921000684376795,
        -0.0014556851193096986,
        0.0005894617712971806,
        -0.00023757533214411745,
        9.378839564710486e-05,
        -3.465331401853126e-05,
        1.0903608374654633e-05,
        -2.477201606530059e-06,
        2.90734549484924e-07,
    ),
}


def tanh(x: Value) -> Value:
    """1 - 2 / (e**2|x| + 1), with the sign of x; a polynomial where that would cancel."""
    limits = _range(x)
    size = abs(x)
    n, r = _reduce(minimum_or_nan(size + size, 0.72 * (limits.mantissa + 3)))
    power = power_of_two(n, x)
    p = fma(r * r, horner(r, _EXP[x.dtype.itemsize]), r)
    large = 1.0 - 2.0 / fma(power, p, power + 1.0)
    square = size * size
    small = fma(size * square, horner(square, _TANH[x.dtype.itemsize]), size)
    return select(size < 0.9, small, large).copysign(x)


def _half_angle(x: Value, largest: float) -> tuple[_Parts, Value]:
    """The parts of e**x for 0 <= x <= largest, and 2**-n."""
    parts = _parts(minimum_or_nan(x, largest))
    return parts, power_of_two(-minimum_or_nan(parts.n, 2 * _range(x).mantissa), x)


def sinh(x: Value) -> Value:
    """(e**x - e**-x) / 2, as (u - 1)(u + 1) / 2u with u = e**|x|, which keeps small x's digits."""
    (n, p, low), inverse = _half_angle(abs(x), _range(x).overflow + 1.0)
    minus, rest = fast_two_sum(1.0 - inverse, p)
    plus = (1.0 + inverse) + p
    return scale((minus + (rest + low)) * plus / (1.0 + p), n - 1).copysign(x)


def cosh(x: Value) -> Value:
    """(e**x + e**-x) / 2."""
    (n, p, _), inverse = _half_angle(abs(x), _range(x).overflow + 1.0)
    u = 1.0 + p
    return scale(fma(inverse, inverse / u, u), n - 1)
