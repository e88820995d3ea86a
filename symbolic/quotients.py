"""floor(p / q) in its normal form: what is whole stands outside, and inside are small coefficients."""

from __future__ import annotations

import math
from collections import Counter
from functools import reduce

from .polynomials import Monomial, Polynomial, content, factor_out, number, plain_call, polynomial
from .signs import nonnegative

_STEPS = 64  # of a division, at most: beyond them it is left alone


def quotient(top: Polynomial, bottom: Polynomial) -> Polynomial:
    """floor(top / bottom), as Python's // has it.  Raises ZeroDivisionError where the divisor is 0."""
    if not top.terms and bottom.terms:
        return top
    if bottom.terms and bottom.terms[bottom.leading()] < 0:
        top, bottom = -top, -bottom
    divisor = bottom.number
    if divisor == 0:
        raise ZeroDivisionError("A size cannot be divided by 0.")
    return _by_polynomial(top, bottom) if divisor is None else _by_number(top, divisor)


def _by_number(top: Polynomial, divisor: int) -> Polynomial:
    top, divisor = _without_common_factor(top, divisor)
    whole, rest = _whole_part(top, (), divisor)
    if rest.number is not None:
        return whole  # what is left is less than the divisor
    opened = _unnest(rest, number(divisor))
    if opened is not None:
        return whole + opened
    if _falling(rest, divisor):  # floor(-x / q) is -ceil(x / q): so ceilings are written in one way
        return whole - _by_number(-rest + (divisor - 1), divisor)
    return whole + _call(rest, number(divisor))


def _without_common_factor(top: Polynomial, divisor: int) -> tuple[Polynomial, int]:
    """floor((g x + c) / (g q)) is floor((x + floor(c / g)) / q)."""
    factor = math.gcd(divisor, *(c for monomial, c in top.terms.items() if monomial))
    if factor == 1:
        return top, divisor
    terms = {monomial: coefficient // factor for monomial, coefficient in top.terms.items()}
    return polynomial(terms, top.calls), divisor // factor


def _whole_part(top: Polynomial, monomial: Monomial, times: int) -> tuple[Polynomial, Polynomial]:
    """What times * monomial divides, divided by it, and the rest.

    In the rest the number is from 0 up, and other coefficients are as near to 0 as can be.
    """
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for each, coefficient in top.terms.items():
        over = factor_out(each, monomial)
        rest[each] = coefficient if over is None else coefficient % times
        if over is not None:
            if each and 2 * rest[each] > times:
                rest[each] -= times
            whole[over] = (coefficient - rest[each]) // times
    return polynomial(whole, top.calls), polynomial(rest, top.calls)


def _unnest(top: Polynomial, bottom: Polynomial) -> Polynomial | None:
    """floor((floor(a / b) + c) / q) is floor((a + b c) / (b q)), for whole numbers c and q > 0."""
    for text, call in top.calls.items():
        if call.function == "floor" and top.terms.get((text,)) == 1:
            return quotient(call.args[0] + call.args[1] * (top - top.alone(text)), call.args[1] * bottom)
    return None


def _falling(rest: Polynomial, divisor: int) -> bool:
    """Whether the first coefficient whose sign counts is negative: a half may be added as well as taken away."""
    for monomial in sorted(rest.terms, key=rest.place):
        if monomial and 2 * rest.terms[monomial] != divisor:
            return rest.terms[monomial] < 0
    return False


def _by_polynomial(top: Polynomial, bottom: Polynomial) -> Polynomial:
    top, bottom = _cancel(top, bottom)
    if bottom.number is not None:
        return _by_number(top, bottom.number)
    whole, rest = _divide(top, bottom)
    if whole.terms:
        return whole + quotient(rest, bottom)
    positive = nonnegative(bottom)  # it is not 0 where it divides
    opened = _unnest(top, bottom) if positive else None
    return _call(top, bottom) if opened is None else opened


def _cancel(top: Polynomial, bottom: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Both without the factors that all of their terms have."""
    factor = content(top, bottom)
    powers = reduce(Counter.__and__, map(Counter, [*top.terms, *bottom.terms]))
    common = tuple(powers.elements())
    if factor == 1 and not common:
        return top, bottom
    return _over(top, common, factor), _over(bottom, common, factor)


def _over(whole: Polynomial, common: Monomial, factor: int) -> Polynomial:
    terms = {tuple(factor_out(m, common) or ()): c // factor for m, c in whole.terms.items()}
    return polynomial(terms, whole.calls)


def _divide(top: Polynomial, bottom: Polynomial) -> tuple[Polynomial, Polynomial]:
    """(whole part, rest): all that a single term divides; otherwise all or nothing."""
    lead = bottom.leading()
    if len(bottom.terms) == 1:
        return _whole_part(top, lead, bottom.terms[lead])
    whole, rest = number(0), top
    for _ in range(_STEPS):
        if not rest.terms:
            return whole, rest
        first = rest.leading()
        over, left = factor_out(first, lead), rest.terms[first] % bottom.terms[lead]
        if over is None or left:
            break
        step = polynomial({over: rest.terms[first] // bottom.terms[lead]}, rest.calls)
        whole, rest = whole + step, rest - step * bottom
    return number(0), top


def _call(top: Polynomial, bottom: Polynomial) -> Polynomial:
    """The call of floor, or the number where bounds tell it."""
    if top.calls or bottom.number is None:
        if nonnegative(top) and nonnegative(bottom - top - 1):
            return number(0)
        if nonnegative(-top - 1) and nonnegative(bottom + top):
            return number(-1)
    return plain_call("floor", (top, bottom))
