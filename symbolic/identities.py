"""Whether a polynomial over sizes is 0: everywhere, nowhere, or as a call may have it."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable
from typing import Any

from .calls import rename
from .polynomials import Call, Polynomial, content, name, number, plain_call, polynomial
from .quotients import quotient
from .signs import nonnegative

_SAMPLES = 32
_SIZES = (0, 1, 2, 5, 12, 1000)  # small ones beside large ones tell maxima from their arguments
_CASES = 256  # of remainders, tried at most


def vanishes(whole: Polynomial) -> bool | None:
    """True where it is 0 for all sizes, False where it is for none, None where only a call can tell.

    Where the normal form leaves it open, some numbers nearly always tell that it changes with the sizes.  What is the
    same for all of them most likely is a number, and gets a proof: by cases, or by SymPy.
    """
    if whole.number is not None:
        return whole.number == 0
    if nonnegative(whole - 1) or nonnegative(-whole - 1) or whole.constant % content(whole - whole.constant):
        return False
    guess = _sampled_constant(whole) if whole.calls else None
    if guess is None:
        return None
    rest = whole - guess
    return guess == 0 if _is_zero_by_cases(rest) or _is_zero_for_sympy(rest) else None


def _sampled_constant(whole: Polynomial) -> int | None:
    """The number it is for all of some sizes of its names: 0, 1, and others at random."""
    names, chosen = sorted(whole.names()), random.Random(0)
    found: set[int] = set()
    for i in range(_SAMPLES):
        sizes = (i,) if i < 2 else _SIZES if i % 2 else range(2 + 3 * i)
        try:
            found.add(whole.value({each: chosen.choice(sizes) for each in names}))
        except ZeroDivisionError:
            continue
        if len(found) > 1:
            return None
    return found.pop() if found else None


def _is_zero_by_cases(whole: Polynomial) -> bool:
    """Whether it is 0 for each remainder that the names may leave: floor(n/2) is k for n = 2 k, and for n = 2 k + 1."""
    period = _period(whole)
    names = sorted(_divided_names(whole))
    if period is None or period ** len(names) > _CASES:
        return not _positive_parts(whole).terms
    for remainders in itertools.product(range(period), repeat=len(names)):
        case = {each: name(each) * period + left for each, left in zip(names, remainders, strict=True)}
        if _positive_parts(rename(whole, case)).terms:
            return False
    return True


def _period(whole: Polynomial) -> int | None:
    """A number such that nothing is left of floors, for names that are a multiple of it and a remainder."""
    return _common(_period_of_call(call) for call in whole.calls.values())


def _period_of_call(call: Call) -> int | None:
    if call.function != "floor":
        return _common(map(_period, call.args))
    inner, divisor = _period(call.args[0]), call.args[1].number
    return None if inner is None or divisor is None else inner * divisor


def _common(periods: Iterable[int | None]) -> int | None:
    found = 1
    for period in periods:
        if period is None:
            return None
        found = math.lcm(found, period)
    return found


def _divided_names(whole: Polynomial) -> set[str]:
    """The names within floors."""
    found: set[str] = set()
    for call in whole.calls.values():
        found.update(*(arg.names() if call.function == "floor" else _divided_names(arg) for arg in call.args))
    return found


def _positive_parts(whole: Polynomial) -> Polynomial:
    """The same with all maxima and minima as max(x, 0), x without a common factor and its first term positive."""
    atoms = {}
    for text, call in whole.calls.items():
        first, *others = map(_positive_parts, call.args)
        if call.function == "floor":
            atoms[text] = quotient(first, others[0])
            continue
        for other in others:
            part = _positive_part(first - other)
            first = other + part if call.function == "Max" else first - part
        atoms[text] = first
    return whole.having(atoms)


def _positive_part(of: Polynomial) -> Polynomial:
    if nonnegative(of):
        return of
    if of.terms[of.leading()] < 0:
        return of + _positive_part(-of)
    factor = content(of)
    one = polynomial({monomial: coefficient // factor for monomial, coefficient in of.terms.items()}, of.calls)
    return plain_call("Max", (number(0), one)) * factor


def _is_zero_for_sympy(whole: Polynomial) -> bool:
    """Whether SymPy can show it: it finds common factors of quotients by sizes, and little of maxima and minima."""
    if set(_functions(whole)) != {"floor"} or _period(whole) is not None:
        return False
    import sympy

    return bool(sympy.simplify(as_sympy(whole)) == 0)


def _functions(whole: Polynomial) -> Iterable[str]:
    for call in whole.calls.values():
        yield call.function
        for arg in call.args:
            yield from _functions(arg)


def as_sympy(whole: Polynomial) -> Any:
    """The polynomial as SymPy has it; its names are symbols for whole numbers from 0 up."""
    import sympy

    atoms = {each: sympy.Symbol(each, integer=True, nonnegative=True) for each in whole.names()}
    for text, (function, args) in whole.calls.items():
        parts = [as_sympy(arg) for arg in args]
        atoms[text] = sympy.floor(parts[0] / parts[1]) if function == "floor" else getattr(sympy, function)(*parts)
    return sympy.Add(*(c * sympy.Mul(*(atoms[a] for a in monomial)) for monomial, c in whole.terms.items()))
