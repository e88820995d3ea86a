"""The same value with fewer lost digits, and without overflow: what a formula says, not what its steps can hold.

Run after or together with `canonical`: left sides are matched as written and in canonical form.  The right sides hold
for all real arguments for which the left ones are defined.
"""

from __future__ import annotations

import math

from ...symbolic.equations import rules
from ...symbolic.patterns import Const
from ...symbolic.rewrite import RuleSet
from ..elementwise import elementwise
from ..scalar import (
    abs,
    arcsinh,
    arctanh,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    gt,
    log,
    log1p,
    log2,
    logaddexp,
    pow,
    reciprocal,
    rsqrt,
    sigmoid,
    sin,
    sinh,
    sqrt,
    square,
    tanh,
    where,
)
from .canonical import canonical
from .conditions import finite
from .gather import gathers
from .logsumexp import logsumexp
from .softmax import softmax


@elementwise
def log1mexp(x):
    """log(1 - exp(x)) for x < 0 to the last digits, where exp(x) is near 1 and where it is near 0 (Maechler 2012)."""
    return where(gt(x, -math.log(2)), log(-expm1(x)), log1p(-exp(x)))


def _softplus(x):
    return logaddexp(x, 0)


@rules(after=canonical)
def differences(x, y):
    """Differences of what is nearly equal, and powers that leave the range on the way."""
    yield exp(x) - 1, expm1(x)
    yield 1 - exp(x), 0 - expm1(x)  # +0 at 0, which may be divided by
    yield 1 - cos(x), 2 * square(sin(0.5 * x))
    yield cosh(x) - 1, 2 * square(sinh(0.5 * x))
    yield 1 - erf(x), erfc(x)
    yield 1 + erf(x), erfc(-x)
    yield 1 - erfc(x), erf(x)
    yield exp(x) - exp(-x), 2 * sinh(x)
    yield exp(-x) - exp(x), -2 * sinh(x)
    yield sqrt(square(x)), abs(x)
    yield exp(x) / exp(y), exp(x - y)


@rules(after=canonical)
def forms(x):
    """Forms that other rules know: nothing is gained by these alone."""
    yield reciprocal(reciprocal(x)), x
    yield 1 / (1 + exp(x)), sigmoid(-x)
    yield sigmoid(x) / sigmoid(-x), exp(x)


@rules(after=canonical + differences + forms)
def sigmoids(x, y, c: Const):
    """The logistic function and tanh in the forms in which they overflow or cancel."""
    yield 1 - sigmoid(x), sigmoid(-x)
    yield log(sigmoid(x)), -_softplus(-x)
    yield log1p(-sigmoid(x)), -_softplus(x)
    yield exp(x) / (1 + exp(x)), sigmoid(x)
    yield exp(x) / (exp(x) + c), sigmoid(x - log(c)), lambda c: c > 0
    yield exp(x) / (exp(x) + exp(y)), sigmoid(x - y)
    yield (exp(x) - exp(-x)) / (exp(x) + exp(-x)), tanh(x)
    yield expm1(x) / (exp(x) + 1), tanh(0.5 * x)
    yield y / (1 + exp(x)), y * sigmoid(-x)
    yield exp(x) * sigmoid(-x), sigmoid(x)
    yield exp(-x) * sigmoid(x), sigmoid(-x)
    yield 2 * sigmoid(x) - 1, tanh(0.5 * x)
    yield 1 - 2 * sigmoid(x), -tanh(0.5 * x)


@rules(after=canonical + differences + forms + sigmoids)
def logarithms(x, y, c: Const):
    """Logarithms of what is near 1, of powers, and of sums of powers."""
    yield log(1 + x), log1p(x)
    yield log1p(x - 1), log(x)
    yield log(exp(x)), x
    yield log2(exp2(x)), x
    yield log(exp2(x)), x * math.log(2)
    yield log1p(exp(x)), _softplus(x)
    yield log(exp(x) + exp(y)), logaddexp(x, y)
    yield log(exp(x) + c), logaddexp(x, log(c)), lambda c: c > 0
    yield log(expm1(x)), x + log1mexp(-x)
    yield log(-expm1(x)), log1mexp(x)
    yield log(0 - expm1(x)), log1mexp(x)
    yield log1p(-exp(x)), log1mexp(x)
    yield log(exp(x) * y), x + log(y)
    yield log(exp(x) / y), x - log(y)
    yield log(y / exp(x)), log(y) - x
    yield log(square(x)), 2 * log(abs(x))
    yield log(sqrt(x)), 0.5 * log(x)
    yield log(reciprocal(x)), -log(x)
    yield log(rsqrt(x)), -0.5 * log(x)
    yield log(pow(x, c)), c * log(abs(x)), lambda c: c != 0 and c % 2 == 0
    yield log(pow(x, c)), c * log(x), lambda c: finite(c) and c % 2 != 0
    yield logaddexp(x, y) - x, _softplus(y - x)
    yield x - logaddexp(x, y), -_softplus(y - x)
    yield log((1 + x) / (1 - x)), 2 * arctanh(x)
    yield log(x + sqrt(square(x) + 1)), arcsinh(x)


stable = RuleSet(
    "stable",
    [logsumexp, forms, sigmoids, logarithms, differences, softmax, gathers],
    "The same value with fewer lost digits, and without overflow.",
)
