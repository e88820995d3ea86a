"""erf, erfc and the inverse of erf.

References: M. Giles, Approximating the erfinv function, GPU Computing Gems Jade (2011): the variable -log(1 - x**2).
M. Shepherd, J. Laframboise, Chebyshev approximation of (1 + 2x) exp(x**2) erfc(x), Math. Comp. 36 (1981).
"""

from .math_exp import exp, exp_normal
from .math_value import Value, fma, horner, minimum_or_nan, select

# erf(x) = x + x P(x**2) for |x| <= 0.95, relative error 2**-30 and 2**-56
_SMALL = {
    4: (0.12837917, -0.3761263, 0.11283626, -0.02685574, 0.0051924605, -0.0008050804, 8.002775e-05),
    8: (
        0.12837916709551256,
        -0.3761263890318333,
        0.11283791670935962,
        -0.026866170641703116,
        0.005223977593723067,
        -0.0008548325291683024,
        0.00012055273091172465,
        -1.492428887058798e-05,
        1.6441499666610864e-06,
        -1.615972522681905e-07,
        1.3492866292795281e-08,
        -7.337922429982571e-10,
    ),
}

# -log(erfc(x)) for 0.9 <= x <= 4 (6 for float64), where erfc is off by less than 2**-29.2 and 2**-55.7
_LARGE = {
    4: (0.00017747858, 1.1277497, 0.63705945, 0.10403773, -0.02227733, 0.0030556882, -0.00019719262),
    8: (
        2.509994475437059e-07,
        1.128376494232653,
        0.6366329697956666,
        0.10273255489966716,
        -0.01904506891660315,
        -0.00033485430657783483,
        0.00183664473318243,
        -0.0007063930226230921,
        9.425266237179231e-05,
        4.068290474287898e-05,
        -3.087363919508411e-05,
        1.1154751189446928e-05,
        -2.730478655293976e-06,
        4.810544038376806e-07,
        -6.070475807957419e-08,
        5.239416145814875e-09,
        -2.7792384020440595e-10,
        6.843605756677534e-12,
    ),
}

# (1 + 2x) exp(x**2) erfc(x) in q = (x - K) / (x + K), K = 2 and 4, relative error 2**-25.9 and 2**-54.1
_TAIL_CENTRE = {4: 2.0, 8: 4.0}
_TAIL = {
    4: (
        1.2769784,
        -0.092763916,
        -0.16603096,
        0.16405459,
        -0.054207508,
        -0.008057903,
        0.0086404625,
        0.0013140497,
        -0.0012383161,
        -0.0004047491,
    ),
    8: (
        1.2329951186255526,
        -0.13962111684056322,
        0.015379652102604885,
        0.0680970542547691,
        -0.10103906603549202,
        0.09373283499603877,
        -0.06633036582974647,
        0.03716751556790236,
        -0.016197733862161334,
        0.005031969774517824,
        -0.0007577745664711411,
        -0.0001992559920869477,
        0.00015062685984953067,
        -2.4400165202429736e-05,
        -1.1235358854452735e-05,
        5.7084106555156115e-06,
        3.1523663816460914e-07,
        -8.185349963951742e-07,
        5.430869159896479e-08,
        9.98971386227901e-08,
        -8.066315526107665e-09,
        -7.727739711057803e-09,
        2.2613773347794352e-10,
    ),
}
_VANISHED = {4: 10.5, 8: 27.5}  # erfc is 0 from here


def erf(x: Value) -> Value:
    """2/sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    size = abs(x)
    square = size * size
    small = fma(size, horner(square, _SMALL[x.dtype.itemsize]), size)
    bounded = minimum_or_nan(size, 4.0 if x.dtype.itemsize == 4 else 6.0)
    large = 1.0 - exp_normal(-horner(bounded, _LARGE[x.dtype.itemsize]))
    return select(size < 0.92, small, large).copysign(x)


def erfc(x: Value) -> Value:
    """1 - erf(x), with all its digits where erf is near 1."""
    centre = _TAIL_CENTRE[x.dtype.itemsize]
    size = minimum_or_nan(abs(x), _VANISHED[x.dtype.itemsize])
    inverse = 1.0 / (size + centre)
    q = (size - centre) * inverse
    q = fma(inverse, fma(-q, size, fma(q + 1.0, -centre, size)), q)
    square = size * size
    rest = fma(size, size, -square)
    divisor = fma(size, 2.0, 1.0)
    factor = horner(q, _TAIL[x.dtype.itemsize]) / divisor
    tail = exp(-square) * fma(-rest, factor, factor)
    inner = x * x
    near = 1.0 - fma(x, horner(inner, _SMALL[x.dtype.itemsize]), x)
    return select(abs(x) < 0.5, near, select(x < 0.0, 2.0 - tail, tail))
