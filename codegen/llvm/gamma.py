"""lgamma and digamma, in float64 for both floats.

Positive x are led by their recurrences to an interval where a polynomial holds the function's zeros as factors, or,
from 8 on, to an asymptotic series in 1/x**2; negative x by reflection, which near the functions' zeros there keeps
absolute digits only.  The largest errors found for x > 0 are 0.6 units in the last place in float32, 3 in float64.

References: NIST Digital Library of Mathematical Functions, 5.5 and 5.11.
"""

from .log import log
from .trig import sin_cos_pi
from .value import Value, fma, horner, select

# lgamma(2 + u) = u P(u) for -0.8 <= u <= 0.5, relative error 2**-56
_LGAMMA = (
    0.42278433509846713,
    0.32246703342411315,
    -0.06735230105319531,
    0.020580808427800502,
    -0.0073855510289274106,
    0.0028905103296347715,
    -0.0011927539030639769,
    0.0005096695603332522,
    -0.0002231548980692077,
    9.945689205544433e-05,
    -4.492512478105056e-05,
    2.0513497890656802e-05,
    -9.442703269053043e-06,
    4.337391918396045e-06,
    -2.0517933455570375e-06,
    1.0807046800886269e-06,
    -3.234776974158625e-07,
    1.779825024936114e-08,
    -4.590607647225374e-07,
    5.214135346891836e-08,
    3.250448294216942e-07,
    2.5146779766657207e-07,
    3.457067931769152e-08,
)
# lgamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + P(1/x**2) / x for x >= 8, absolute error below 2**-57
_STIRLING = (
    0.08333333333333333,
    -0.0027777777777547802,
    0.0007936507750282704,
    -0.0005952324820887546,
    0.0008409556277873041,
    -0.0018607382704735075,
    0.004426762994303634,
)
_HALF_LOG_TWO_PI = 0.9189385332046728

# digamma(ROOT + v) = v P(v) for 1 <= ROOT + v <= 2.47, relative error 2**-52.6
_ROOT = (1.4616321449683622, 9.549995429965697e-17)
_DIGAMMA = (
    0.9676722454476212,
    -0.4427631689835969,
    0.25849976095563193,
    -0.16394270544132017,
    0.10782405069233995,
    -0.07219956132917936,
    0.04880428819164436,
    -0.033161124277641334,
    0.0225976452851433,
    -0.015424800421439365,
    0.010538868362890504,
    -0.007204252137181805,
    0.004925816462717559,
    -0.0033706901707539266,
    0.0023115870294599236,
    -0.0015800249427031267,
    0.0010575016978340464,
    -0.000704200627403762,
    0.0005217298314978159,
    -0.00043630235876576456,
    0.0003123126017463893,
    -0.00012624241568975328,
    -1.191263742309571e-05,
    4.216554895617255e-05,
    -1.9473604861733604e-05,
    3.159027546409915e-06,
)
# digamma(x) = log x - 1/(2x) - P(1/x**2) / x**2 for x >= 8, absolute error below 2**-70
_ASYMPTOTIC = (
    0.08333333333333333,
    -0.008333333333323208,
    0.0039682539608171955,
    -0.004166664038533199,
    0.007575242945368541,
    -0.021033586330911923,
    0.07930016194725789,
    -0.2873781483410594,
)
_LARGE = 8.0
INF = float("inf")
_PI = 3.141592653589793


def lgamma(x: Value) -> Value:
    """log |gamma(x)|; infinite at 0, -1, -2 ... and at both infinities."""
    if x.dtype.itemsize == 4:
        return lgamma(x.to("float64")).to("float32")
    size = abs(x)
    positive = _lgamma_positive(size)
    sine, _ = sin_cos_pi(size - size.floor())
    reflected = log(_PI / abs(size * sine)) - positive
    result = select(x < 0.0, select(size < 2.0**52, reflected, INF), positive)
    return select(size < 2.0**1000, result, select(size < INF, select(x > 0.0, positive, INF), abs(x)))


def _lgamma_positive(x: Value) -> Value:
    """lgamma for x >= 0; one logarithm serves the recurrences and the series."""
    z, product = x, x.like(1.0)
    for _ in range(6):
        above = z > 2.5
        z = select(above, z - 1.0, z)
        product = select(above, product * z, product)
    below, tiny = x < 1.2, x < 0.5
    product = select(below, select(tiny, x * (x + 1.0), x), product)
    u = select(tiny, x, select(below, x - 1.0, z - 2.0))
    large = x >= _LARGE
    logarithm = log(select(large, x, product))
    inverse = 1.0 / x
    correction = fma(inverse, horner(inverse * inverse, _STIRLING), _HALF_LOG_TWO_PI)
    series = fma(x - 0.5, logarithm - 1.0, correction - 0.5)
    core = fma(u, horner(u, _LGAMMA), select(below, -logarithm, logarithm))
    return select(large, series, core)


def digamma(x: Value) -> Value:
    """The derivative of lgamma; NaN at -1, -2 ..., and infinite, with the sign of -x, at 0."""
    if x.dtype.itemsize == 4:
        return digamma(x.to("float64")).to("float32")
    negative = x < 0.0
    result = _digamma_positive(select(negative, 1.0 - x, x))
    sine, cosine = sin_cos_pi(x - x.floor())  # of the same cotangent
    result = select(negative, result - _PI * cosine / sine, result)
    pole = negative & x.floor().eq(x)
    return select(x.eq(0.0), x.like(-INF).copysign(-x), select(pole, float("nan"), result))


def _digamma_positive(x: Value) -> Value:
    """digamma for x > 0; the terms 1/(x - 1) + 1/(x - 2) ... of the recurrence are one fraction."""
    small = x < 1.0
    z = select(small, x + 1.0, x)
    numerator, denominator = select(small, x.like(-1.0), 0.0), select(small, x, 1.0)
    for _ in range(6):
        above = z > 2.47
        z = select(above, z - 1.0, z)
        numerator = select(above, fma(numerator, z, denominator), numerator)
        denominator = select(above, denominator * z, denominator)
    v = (z - _ROOT[0]) - _ROOT[1]
    core = fma(v, horner(v, _DIGAMMA), numerator / denominator)
    inverse = 1.0 / x
    square = inverse * inverse
    series = log(x) - fma(square, horner(square, _ASYMPTOTIC), 0.5 * inverse)
    return select(x >= _LARGE, series, core)
