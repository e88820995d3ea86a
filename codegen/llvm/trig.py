"""sin, cos and tan: x = n pi/2 + r, and polynomials in r.

Up to a limit (1e5 for float32, 2**30 for float64), r comes from pi/2 in three parts; beyond it libm is called, for
those lanes of a vector alone.

References: W. Cody, W. Waite, Software Manual for the Elementary Functions (1980).
"""

from typing import NamedTuple

from .exp import nearest
from .rare import rarely
from .value import Value, fma, horner, select

_HALF_PI = {
    4: (1.5707964, -4.371139e-08, -1.7151245e-15),
    8: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
_PI = 3.141592653589793
_TWO_OVER_PI = {4: 0.63661975, 8: 0.6366197723675814}
_NEAR = {4: 1e5, 8: 2.0**30}  # up to here three parts of pi/2 are enough

# sin(r) = r + r**3 P(r**2) for |r| <= pi/4, relative error 2**-27.9 and 2**-57.9
_SIN = {
    4: (-0.16666655, 0.008332187, -0.00019517897),
    8: (
        -0.1666666666666663,
        0.008333333333321917,
        -0.00019841269829452864,
        2.7557313578620283e-06,
        -2.5050741501184227e-08,
        1.5895883309268707e-10,
    ),
}

# cos(r) = 1 - r**2/2 + r**4 P(r**2), relative error 2**-33 and 2**-63.9
_COS = {
    4: (0.041666646, -0.001388731, 2.4432327e-05),
    8: (
        0.041666666666666595,
        -0.0013888888888873325,
        2.480158728898368e-05,
        -2.7557314210075456e-07,
        2.0875704271339314e-09,
        -1.135868336987038e-11,
    ),
}


class _Reduced(NamedTuple):
    """|x| = n pi/2 + r + low."""

    n: Value
    r: Value
    low: Value


def _reduce(size: Value) -> _Reduced:
    """Each difference is exact: its operands are multiples of one unit that is small enough."""
    first, second, third = _HALF_PI[size.dtype.itemsize]
    n, integer = nearest(size, _TWO_OVER_PI[size.dtype.itemsize])
    exact = fma(n, -first, size)
    product = n * second
    r = exact - product
    low = fma(n, -third, (exact - r) - product) - fma(n, second, -product)
    return _Reduced(integer, r, low)


def sin_cos(r: Value, low: Value) -> tuple[Value, Value]:
    """sin and cos of r + low."""
    square = r * r
    sine = r + fma(r * square, horner(square, _SIN[r.dtype.itemsize]), low)
    tail = fma(square * square, horner(square, _COS[r.dtype.itemsize]), -(r * low))
    most = fma(square, -0.5, 1.0)
    return sine, most + (fma(square, -0.5, 1.0 - most) + tail)


def sin_cos_pi(x: Value) -> tuple[Value, Value]:
    """sin(pi x) and cos(pi x), the sine exactly 0 at integers."""
    n, integer = nearest(x, 2.0)
    sine, cosine = sin_cos(fma(n, -0.5, x) * _PI, x.like(0.0))
    odd = (integer & 1).ne(0)
    return turn(select(odd, cosine, sine), integer), turn(select(odd, sine, cosine), integer + 1)


def turn(x: Value, n: Value) -> Value:
    """x with its sign changed where n modulo 4 is 2 or 3."""
    return (x.bits() ^ ((n & 2) << (x.width - 2))).from_bits()


def _sign_bit(x: Value) -> Value:
    return x.bits() & -(1 << (x.width - 1))


def sin(x: Value) -> Value:
    """The sine of an angle in radians."""
    size = abs(x)
    far = size > _NEAR[x.dtype.itemsize]
    distant = rarely("sin", far, x)
    n, r, low = _reduce(size)
    sine, cosine = sin_cos(r, low)
    sign = _sign_bit(x) ^ ((n & 2) << (x.width - 2))
    near = select((n & 1).ne(0), cosine, sine).bits() ^ sign
    return select(far, distant, near.from_bits())


def cos(x: Value) -> Value:
    """The cosine of an angle in radians."""
    size = abs(x)
    far = size > _NEAR[x.dtype.itemsize]
    distant = rarely("cos", far, x)
    n, r, low = _reduce(size)
    sine, cosine = sin_cos(r, low)
    sign = ((n + 1) & 2) << (x.width - 2)
    near = select((n & 1).ne(0), sine, cosine).bits() ^ sign
    return select(far, distant, near.from_bits())


def tan(x: Value) -> Value:
    """The tangent of an angle in radians."""
    size = abs(x)
    far = size > _NEAR[x.dtype.itemsize]
    distant = rarely("tan", far, x)
    n, r, low = _reduce(size)
    sine, cosine = sin_cos(r, low)
    odd = (n & 1).ne(0)
    near = select(odd, -cosine, sine) / select(odd, sine, cosine)
    return select(far, distant, (near.bits() ^ _sign_bit(x)).from_bits())
