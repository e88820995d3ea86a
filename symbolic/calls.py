"""Calls in their normal form: Max and Min of polynomials, and polynomials whose calls have other arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .polynomials import Polynomial, plain_call, polynomial
from .quotients import quotient
from .signs import nonnegative

Change = Callable[[Polynomial], Polynomial]


def make_call(function: str, args: Sequence[Polynomial]) -> Polynomial:
    """A call of a function that polynomials have."""
    return quotient(args[0], args[1]) if function == "floor" else extreme(function, args)


def rebuild(whole: Polynomial, change: Change, atoms: Mapping[str, Polynomial]) -> Polynomial:
    """The polynomial with others in place of these atoms, and with its calls of changed arguments."""
    new = {text: make_call(call.function, [change(arg) for arg in call.args]) for text, call in whole.calls.items()}
    return whole.having({**atoms, **new})


def rename(whole: Polynomial, names: Mapping[str, Polynomial]) -> Polynomial:
    """The polynomial with others in place of these names, wherever they stand."""
    if names.keys().isdisjoint(whole.names()):
        return whole
    return rebuild(whole, lambda arg: rename(arg, names), names)


def extreme(function: str, args: Sequence[Polynomial]) -> Polynomial:
    """The largest or the smallest of some sizes, without those that never are it."""
    kept = _maximal(function, [one for arg in args for one in _distribute(function, arg)])
    common = _common(kept)
    if len(kept) == 1:
        return kept[0]
    left = sorted((arg - common for arg in kept), key=lambda arg: (arg.number is None, str(arg)))
    return common + plain_call(function, left)


def _distribute(function: str, arg: Polynomial) -> list[Polynomial]:
    """The largest of max(a, b) + c and others is that of a + c, b + c and the others.

    Sums of several maxima stay as they are: each would double the number of arguments.
    """
    inner = [text for text in arg.calls if _opens(function, text, arg)]
    return [arg.having({inner[0]: one}) for one in arg.calls[inner[0]].args] if len(inner) == 1 else [arg]


def _opens(function: str, text: str, arg: Polynomial) -> bool:
    """Whether a maximum (for minima: a minimum) is added to the rest, or a minimum taken away, and no more of it."""
    inside = arg.calls[text].function
    if inside == "floor" or arg.terms.get((text,)) != (1 if inside == function else -1):
        return False
    return sum(text in monomial for monomial in arg.terms) == 1


def _maximal(function: str, args: Iterable[Polynomial]) -> list[Polynomial]:
    kept: list[Polynomial] = []
    for arg in args:
        if any(_beats(function, other, arg) for other in kept):
            continue
        kept = [other for other in kept if not _beats(function, arg, other)] + [arg]
    return kept


def _beats(function: str, one: Polynomial, other: Polynomial) -> bool:
    return nonnegative(one - other if function == "Max" else other - one)


def _common(args: Sequence[Polynomial]) -> Polynomial:
    """The terms that all have."""
    first, *others = args
    terms = {m: c for m, c in first.terms.items() if all(other.terms.get(m) == c for other in others)}
    return polynomial(terms, first.calls)
