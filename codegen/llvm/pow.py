"""pow, cbrt, hypot: what needs more digits inside than it gives.

pow = 2**(y log2 x), with log2 as a sum of two floats, good to 2**-29 (float32) or 2**-66 (float64) of it.  cbrt and
hypot of float32 are computed in float64.
"""

from .exp import EXP2, nearest, scale
from .log import split
from .value import Value, fast_two_sum, fma, horner, maximum_or_nan, minimum_or_nan, select, two_product

# log2((1 + s) / (1 - s)) = C (s + s**3 / 3 + s**5 P(s**2)) for |s| <= 1/5, relative error 2**-66
_ARCTANH = (
    0.19999999999999857,
    0.14285714285833456,
    0.11111111083233505,
    0.09090912118493914,
    0.07692128117914375,
    0.06672820381646132,
    0.057616301240081026,
    0.06500078462496298,
)
_THIRD = (0.3333333333333333, 1.850371707708594e-17)
# The same = C s + s**3 P(s**2), relative error 2**-37
_ARCTANH_SHORT = (0.96179664, 0.5770906, 0.41126168, 0.34780514)
_TWO_LOG2_E = {4: (2.88539, 3.851926e-08), 8: (2.8853900817779268, 4.0710547481862066e-17)}  # C
_ROOT_HALF = {4: 0x3F3504F3, 8: 0x3FE6A09E667F3BCD}  # the bits of sqrt(1/2): |s| is least so
INF = float("inf")


def _quotient(x: Value) -> tuple[Value, Value, Value]:
    """k, and s = f / (2 + f) in two parts, where x = 2**k (1 + f)."""
    k, f = split(x, _ROOT_HALF[x.dtype.itemsize])
    divisor, divisor_low = fast_two_sum(2.0, f)
    inverse = 1.0 / divisor
    s = f * inverse
    return k, s, inverse * fma(-s, divisor_low, fma(-s, divisor, f))


def _with_exponent(k: Value, s: Value, low: Value) -> tuple[Value, Value]:
    """k + C s + low as a sum of two floats."""
    high, error = two_product(s, _TWO_LOG2_E[s.dtype.itemsize][0])
    first, second = fast_two_sum(k, high)
    return fast_two_sum(first, second + (low + error))


def _log2_short(x: Value) -> tuple[Value, Value]:
    """log2(x) as a sum of two floats, good to 2**-29 of it."""
    factor, factor_low = _TWO_LOG2_E[x.dtype.itemsize]
    k, s, s_low = _quotient(x)
    square = s * s
    low = fma(s_low, fma(square, factor, factor), s * factor_low)  # the derivative by s is C (1 + s**2 ...)
    return _with_exponent(k, s, fma(s * square, horner(square, _ARCTANH_SHORT), low))


def _log2_long(x: Value) -> tuple[Value, Value]:
    """log2(x) as a sum of two floats, good to 2**-66 of it."""
    k, s, s_low = _quotient(x)
    square, square_low = two_product(s, s)
    square_low = fma(s + s, s_low, square_low)
    tail = fma(square, horner(square, _ARCTANH), _THIRD[1])
    factor, factor_low = fast_two_sum(_THIRD[0], tail)
    cube, cube_low = two_product(square, factor)
    cube_low = fma(square, factor_low, fma(square_low, factor, cube_low))
    term, term_low = two_product(s, cube)  # arctanh(s) = s + s * cube
    term_low = fma(s, cube_low, fma(s_low, cube, term_low))
    total, rest = fast_two_sum(s, term)
    rest = rest + (s_low + term_low)
    factors = _TWO_LOG2_E[x.dtype.itemsize]
    return _with_exponent(k, total, fma(total, factors[1], rest * factors[0]))


def _magnitude(x: Value, y: Value) -> Value:
    """x**y for x > 0, neither of them infinite or NaN."""
    single = x.dtype.itemsize == 4
    bound = 200.0 if single else 1100.0  # 2**-bound is 0, and 2**bound infinite
    high, low = _log2_short(x) if single else _log2_long(x)
    power, power_low = two_product(y, high)
    bounded = minimum_or_nan(maximum_or_nan(power, -bound), bound)
    n, integer = nearest(bounded)
    r = (bounded - n) + select(bounded.eq(power), fma(y, low, power_low), 0.0)
    return scale(fma(r, horner(r, EXP2[x.dtype.itemsize]), 1.0), integer)


def pow(x: Value, y: Value) -> Value:
    """x**y, with C's (and NumPy's) values where x or y is 0, 1, infinite or NaN."""
    size = abs(x)
    result = _magnitude(size, y)
    edge = size.eq(0.0) | size.eq(INF)
    result = select(edge, select(size.eq(0.0) ^ (y < 0.0), x.like(0.0), INF), result)
    result = select(size.eq(1.0), 1.0, result)
    whole, half = y.rint().eq(y), y * 0.5
    odd = whole & half.rint().ne(half)
    result = select(x.is_negative() & odd, -result, result)
    undefined = ((x < 0.0) & (size < INF) & ~whole) | x.is_nan() | y.is_nan()
    result = select(undefined, float("nan"), result)
    return select(x.eq(1.0) | y.eq(0.0), 1.0, result)


def cbrt(x: Value) -> Value:
    """The real cube root: x**(-1/3) by two steps of order four from the bits divided by 3, then one by Newton."""
    if x.dtype.itemsize == 4:
        return cbrt(x.to("float64")).to("float32")
    size = abs(x)
    subnormal = size < 2.0**-1000
    size = select(subnormal, size * 2.0**300, size)
    upper = (size.bits() >> 32).to("int32").to("float64")
    guess = (fma(upper, -1.0 / 3.0, float(0x553F09FD)).to("int32").to("int64") << 32).from_bits()
    for _ in range(2):
        h = fma(-(guess * guess) * guess, size, 1.0)
        guess = fma(guess * h, horner(h, (1 / 3, 2 / 9, 14 / 81)), guess)
    inverse_square = guess * guess
    root = size * inverse_square
    root = fma(fma(-root * root, root, size), inverse_square * (1.0 / 3.0), root)
    root = select(subnormal, root * 2.0**-100, root)
    return select((size > 0.0) & (size < INF), root.copysign(x), x)


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2) without overflow; infinite if either is, whatever the other."""
    if x.dtype.itemsize == 4:
        return hypot_squares(x.to("float64"), y.to("float64")).to("float32")
    across, up = abs(x), abs(y)
    swapped = up > across
    large, small = select(swapped, up, across), select(swapped, across, up)
    factor = select(large > 2.0**500, x.like(2.0**-600), select(large < 2.0**-450, x.like(2.0**600), 1.0))
    back = select(large > 2.0**500, x.like(2.0**600), select(large < 2.0**-450, x.like(2.0**-600), 1.0))
    return _with_infinity(across, up, _hypot_in_range(large * factor, small * factor) * back)


def hypot_squares(x: Value, y: Value) -> Value:
    """hypot where the squares neither overflow nor underflow."""
    return _with_infinity(abs(x), abs(y), fma(x, x, y * y).sqrt())


def _hypot_in_range(large: Value, small: Value) -> Value:
    """The root with the rounding error of its square taken off (Borges, 2019)."""
    root = fma(large, large, small * small).sqrt()
    square, square_low = two_product(root, root)
    first, first_low = two_product(large, large)
    excess = fma(-small, small, square - first) + (square_low - first_low)
    return select(root > 0.0, root - excess / (root + root), root)


def _with_infinity(x: Value, y: Value, result: Value) -> Value:
    return select(x.eq(INF) | y.eq(INF), INF, result)
