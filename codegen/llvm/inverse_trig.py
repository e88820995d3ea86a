"""arcsin, arccos, arctan, arctan2: polynomials on an interval, and identities that lead there."""

from .value import Value, fma, horner, select

_PI = {4: (3.1415927, -8.742278e-08), 8: (3.141592653589793, 1.2246467991473532e-16)}

# arcsin(x) = x + x**3 P(x**2) for |x| <= 1/2, relative error 2**-27.6 and 2**-55.9
_ARCSIN = {
    4: (0.16666754, 0.07495256, 0.04547519, 0.0241573, 0.042202387),
    8: (
        0.16666666666665395,
        0.07500000000340605,
        0.04464285682524581,
        0.030381959268207588,
        0.022371754815834102,
        0.01735975474709651,
        0.01388473072983758,
        0.012172593567953728,
        0.006513070005609168,
        0.019569785150779364,
        -0.016290506629693335,
        0.03195841161910441,
    ),
}

# arctan(x) = x + x**3 P(x**2) for |x| <= 1, relative error 2**-28.5 and 2**-56.9
_ARCTAN = {
    4: (
        -0.333333,
        0.19998531,
        -0.14264052,
        0.10951175,
        -0.084004745,
        0.057906505,
        -0.03112692,
        0.010887289,
        -0.0017875243,
    ),
    8: (
        -0.3333333333333307,
        0.19999999999951876,
        -0.1428571428259649,
        0.11111111007580932,
        -0.09090907011708503,
        0.07692279930656952,
        -0.0666640473511118,
        0.05880531510032967,
        -0.05253533771823096,
        0.047223703880077114,
        -0.04219297463798696,
        0.036644190085590604,
        -0.029907287464071935,
        0.02198886984621882,
        -0.013904182012095522,
        0.007198967539531692,
        -0.002886141518940717,
        0.0008317394967690701,
        -0.00015224856336045554,
        1.3233609212739261e-05,
    ),
}


def _arcsin_core(x: Value, square: Value) -> Value:
    return fma(x * square, horner(square, _ARCSIN[x.dtype.itemsize]), x)


def _half_angle(size: Value) -> tuple[Value, Value, Value]:
    """Whether |x| > 1/2, and the argument and its square at which the polynomial is taken."""
    large = size > 0.5
    square = select(large, fma(size, -0.5, 0.5), size * size)
    return large, select(large, square.sqrt(), size), square


def arcsin(x: Value) -> Value:
    """The inverse of sin on [-1, 1]; pi/2 - 2 arcsin(sqrt((1 - |x|) / 2)) beyond 1/2."""
    pi, pi_low = _PI[x.dtype.itemsize]
    large, argument, square = _half_angle(abs(x))
    core = _arcsin_core(argument, square)
    return select(large, pi / 2 - ((core + core) - pi_low / 2), core).copysign(x)


def arccos(x: Value) -> Value:
    """The inverse of cos on [-1, 1]: 2 arcsin(sqrt((1 - |x|) / 2)) beyond 1/2, or pi minus that."""
    pi, pi_low = _PI[x.dtype.itemsize]
    size = abs(x)
    large, argument, square = _half_angle(size)
    core = _arcsin_core(argument, square)
    twice = core + core
    beyond = select(x < 0.0, pi - (twice - pi_low), twice)
    return select(large, beyond, pi / 2 - (core.copysign(x) - pi_low / 2))


def _arctan_quotient(low: Value, high: Value) -> Value:
    """arctan(low / high) for 0 <= low <= high."""
    x = low / high
    square = x * x
    return fma(x * square, horner(square, _ARCTAN[x.dtype.itemsize]), x)


def arctan(x: Value) -> Value:
    """The inverse of tan; pi/2 - arctan(1/|x|) beyond 1."""
    pi, pi_low = _PI[x.dtype.itemsize]
    size = abs(x)
    large = size > 1.0
    core = _arctan_quotient(select(large, x.like(1.0), size), select(large, size, 1.0))
    return select(large, pi / 2 - (core - pi_low / 2), core).copysign(x)


def arctan2(y: Value, x: Value) -> Value:
    """The angle of the point (x, y), in [-pi, pi]; with the signs of zeros, and infinities as limits."""
    pi, pi_low = _PI[x.dtype.itemsize]
    across, up = abs(x), abs(y)
    steep = up > across
    low, high = select(steep, across, up), select(steep, up, across)
    zero, infinite = high.eq(0.0), low.eq(float("inf"))
    core = _arctan_quotient(select(infinite, x.like(1.0), low), select(infinite | zero, x.like(1.0), high))
    core = select(steep, pi / 2 - (core - pi_low / 2), core)
    core = select(x.is_negative(), pi - (core - pi_low), core)
    return select(x.is_nan() | y.is_nan(), x + y, core.copysign(y))
