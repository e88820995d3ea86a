"""What is certain of the sign of a polynomial, whatever sizes from 0 up its names have."""

from __future__ import annotations

from collections.abc import Iterable

from .polynomials import Call, Polynomial, number, polynomial

_TRIES = 100  # bounds tried before the answer is "not certain"


def nonnegative(whole: Polynomial) -> bool:
    """Whether it is certain that it is never below 0.

    Calls give way to bounds, one by one: floor(p / q) lies in [(p - q + 1) / q, p / q], and a maximum is one of its
    arguments and above the others.  In the end there are names alone, and coefficients from 0 up are what is certain.
    """
    return _certain(whole, [_TRIES])


def _certain(whole: Polynomial, tries: list[int]) -> bool:
    if not whole.calls:
        return all(coefficient >= 0 for coefficient in whole.terms.values())
    tries[0] -= 1
    if tries[0] < 0:
        return False
    text = max(whole.calls, key=lambda text: (_splits(whole, text), len(text), text))
    call = whole.calls[text]
    if call.function == "floor":
        return any(_certain(bound, tries) for bound in _without_floor(whole, text, call, tries))
    if _splits(whole, text):
        return all(_certain(whole.having({text: arg}), tries) for arg in call.args)
    if not _others_nonnegative(whole, text, tries):
        return False
    return any(_certain(whole.having({text: arg}), tries) for arg in call.args)


def _splits(whole: Polynomial, text: str) -> bool:
    """Whether a maximum or minimum is no bound by itself, so that each of its arguments is a case."""
    function = whole.calls[text].function
    against = -1 if function == "Max" else 1
    return function != "floor" and any(c * against > 0 for monomial, c in whole.terms.items() if text in monomial)


def _others_nonnegative(whole: Polynomial, text: str, tries: list[int]) -> bool:
    """Whether what multiplies a call is never below 0, so that bounds of the call are bounds of the product."""
    others = {atom for monomial in _factor(whole, text).terms for atom in monomial}
    return text not in others and all(_certain(whole.alone(atom), tries) for atom in others if atom in whole.calls)


def _factor(whole: Polynomial, text: str) -> Polynomial:
    """What multiplies a call."""
    found = {}
    for monomial, coefficient in whole.terms.items():
        if text in monomial:
            place = monomial.index(text)
            found[monomial[:place] + monomial[place + 1 :]] = coefficient
    return polynomial(found, whole.calls)


def _without_floor(whole: Polynomial, text: str, call: Call, tries: list[int]) -> Iterable[Polynomial]:
    """Polynomials that are below 0 nowhere only if this one is not: with bounds in place of a floor."""
    if not _others_nonnegative(whole, text, tries):
        return
    top, bottom = call.args
    divisor = bottom.number
    if divisor is None:
        yield from _without_quotient(whole, text, call, tries)
        return
    yield _replace_by_bounds(whole, text, divisor, top - (divisor - 1), top)
    if _certain(top, tries):
        least = 0 if top.calls else top.constant // divisor
        yield _replace_by_bounds(whole, text, divisor, number(least * divisor), top)


def _without_quotient(whole: Polynomial, text: str, call: Call, tries: list[int]) -> Iterable[Polynomial]:
    """The same where the divisor is a size, which is not 0: q * floor(p / q) lies in [p - q + 1, p]."""
    top, bottom = call.args
    if not _certain(bottom, tries):
        return
    factor, lead = _factor(whole, text), bottom.leading()
    times = factor.terms.get(lead, 0) // bottom.terms[lead]
    if factor == bottom * times:
        yield whole - whole.alone(text) * factor + (top - bottom + 1 if times > 0 else top) * times
    if _certain(top, tries):
        yield _replace_by_bounds(whole, text, 1, number(0), top)
    elif _certain(-top - 1, tries):
        yield _replace_by_bounds(whole, text, 1, top, number(-1))


def _replace_by_bounds(whole: Polynomial, text: str, times: int, low: Polynomial, high: Polynomial) -> Polynomial:
    """The polynomial `times` over, with these bounds of `times` over the call in place of it."""
    factor = _factor(whole, text)
    found = (whole - whole.alone(text) * factor) * times
    for monomial, coefficient in factor.terms.items():
        found = found + polynomial({monomial: coefficient}, whole.calls) * (low if coefficient > 0 else high)
    return found
