"""The normal form of arithmetic on sizes: polynomials with integer coefficients over names, floors, maxima and minima.

Terms are plain tuples of strings, which hash and sort at C's speed: the text of a call stands for it among them, and is
the same for equal calls.  So polynomials with the same terms are equal; that others differ is for `signs.py` to find.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

Monomial: TypeAlias = tuple[str, ...]  # sorted names and texts of calls, each as often as its power says

_BEHIND_ALL = "\U0010ffff"  # puts n * m before n before 1
_NO_CALLS: Mapping[str, Call] = {}


class Call(NamedTuple):
    """floor(numerator, denominator), or Max or Min of several polynomials."""

    function: str
    args: tuple[Polynomial, ...]

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number it is."""
        numbers = [arg.value(sizes) for arg in self.args]
        if self.function == "floor":
            return numbers[0] // numbers[1]
        return max(numbers) if self.function == "Max" else min(numbers)


class Polynomial:
    """Sum of coefficient * monomial; `calls` holds what the texts of calls among the monomials stand for."""

    __slots__ = ("_hash", "_text", "calls", "terms")

    def __init__(self, terms: Mapping[Monomial, int], calls: Mapping[str, Call] = _NO_CALLS):
        self.terms = terms
        self.calls = calls
        self._text = ""
        self._hash = 0

    def __reduce__(self) -> tuple[object, ...]:
        return Polynomial, (dict(sorted(self.terms.items())), dict(sorted(self.calls.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __repr__(self) -> str:
        if not self._text:
            self._text = _write(self)
        return self._text

    @property
    def number(self) -> int | None:
        """The number it is, if it is one."""
        if not self.terms:
            return 0
        return self.terms.get(()) if len(self.terms) == 1 else None

    @property
    def atom(self) -> str | None:
        """The name or the call that it is, if it is one."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    @property
    def constant(self) -> int:
        """The coefficient of 1."""
        return self.terms.get((), 0)

    def names(self) -> set[str]:
        """The names in it, also in its calls."""
        found = {atom for monomial in self.terms for atom in monomial if atom not in self.calls}
        for call in self.calls.values():
            found.update(*(arg.names() for arg in call.args))
        return found

    def leading(self) -> Monomial:
        """The monomial that is written first."""
        return min(self.terms, key=self.place)

    def place(self, monomial: Monomial) -> tuple[Any, ...]:
        """What monomials are ordered by: m * n, m, n, 1, names before calls.  It is kept by multiplication."""
        if not self.calls:
            return (*monomial, _BEHIND_ALL)
        return (*sorted((atom in self.calls, atom) for atom in monomial), (True, _BEHIND_ALL))

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number it is for these sizes of its names, exactly."""
        known = {text: call.value(sizes) for text, call in self.calls.items()}
        total = 0
        for monomial, coefficient in self.terms.items():
            for atom in monomial:
                coefficient *= known[atom] if atom in known else int(sizes[atom])
            total += coefficient
        return total

    def __neg__(self) -> Polynomial:
        return Polynomial({monomial: -coefficient for monomial, coefficient in self.terms.items()}, self.calls)

    def __add__(self, other: Polynomial | int) -> Polynomial:
        return add((self, number(other) if isinstance(other, int) else other))

    def __sub__(self, other: Polynomial | int) -> Polynomial:
        return add((self, number(-other) if isinstance(other, int) else -other))

    def __mul__(self, other: Polynomial | int) -> Polynomial:
        if isinstance(other, int):
            return polynomial(
                {monomial: other * coefficient for monomial, coefficient in self.terms.items()}, self.calls
            )
        terms: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return polynomial(terms, self.calls, other.calls)

    def having(self, atoms: Mapping[str, Polynomial]) -> Polynomial:
        """The polynomial with others in place of these atoms of its terms."""
        total = ZERO
        for monomial, coefficient in self.terms.items():
            term = number(coefficient)
            for atom in monomial:
                term = term * (atoms[atom] if atom in atoms else self.alone(atom))
            total = total + term
        return total

    def alone(self, atom: str) -> Polynomial:
        """One of its atoms, as a polynomial."""
        return Polynomial({(atom,): 1}, {atom: self.calls[atom]} if atom in self.calls else _NO_CALLS)


def polynomial(terms: Mapping[Monomial, int], *calls: Mapping[str, Call]) -> Polynomial:
    """Terms, of which some may have the coefficient 0, and calls, of which some may not be among them."""
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not any(calls):
        return Polynomial(kept)
    used = {atom for monomial in kept for atom in monomial}
    return Polynomial(kept, {text: call for some in calls for text, call in some.items() if text in used})


def add(polynomials: Iterable[Polynomial]) -> Polynomial:
    """The sum."""
    first, *others = polynomials
    terms = dict(first.terms)
    for other in others:
        for monomial, coefficient in other.terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
    found = polynomial(terms, first.calls, *(other.calls for other in others))
    return _without_full_sets(found) if len(found.calls) > 1 and any(other.calls for other in others) else found


def _without_full_sets(whole: Polynomial) -> Polynomial:
    """floor(x / q) + floor((x + 1) / q) + ... + floor((x + q - 1) / q) is x: slices with all starts hold everything."""
    for text, call in whole.calls.items():
        times = whole.terms.get((text,), 0)
        divisor = call.args[1].number if call.function == "floor" and not call.args[0].constant else None
        if not times or divisor is None or divisor > len(whole.calls):
            continue
        parts = [plain_call("floor", (call.args[0] + k, call.args[1])).leading() for k in range(divisor)]
        if all(whole.terms.get(part) == times for part in parts):
            left = {monomial: c for monomial, c in whole.terms.items() if monomial not in parts}
            return polynomial(left, whole.calls) + call.args[0] * times
    return whole


def number(value: int) -> Polynomial:
    """A number as a polynomial."""
    return Polynomial({(): value} if value else {})


def name(text: str) -> Polynomial:
    """A name as a polynomial."""
    return Polynomial({(text,): 1})


ZERO = number(0)


def plain_call(function: str, args: Iterable[Polynomial]) -> Polynomial:
    """A call as it is."""
    call = Call(function, tuple(args))
    text = _write_call(call)
    return Polynomial({(text,): 1}, {text: call})


def factor_out(monomial: Monomial, factor: Monomial) -> Monomial | None:
    """monomial / factor, if that is a monomial."""
    if not factor:
        return monomial
    left = Counter(monomial)
    left.subtract(factor)
    return tuple(sorted(left.elements())) if min(left.values()) >= 0 else None


def content(*polynomials: Polynomial) -> int:
    """The greatest common divisor of all coefficients; 0 for none."""
    return math.gcd(*(coefficient for one in polynomials for coefficient in one.terms.values()))


# ---- as text ---------------------------------------------------------------------------------------------------------


def _write(whole: Polynomial) -> str:
    """The text of a polynomial: the same for equal ones, and different for others."""
    return _sum(_with_remainders(whole), 1)


def _with_remainders(whole: Polynomial) -> Polynomial:
    """The polynomial with remainders in place of floors that make it longer."""
    for text in sorted(whole.calls, key=lambda text: (-len(text), text)):
        call = whole.calls.get(text)
        if call is not None and call.function == "floor":
            whole = _with_remainder(whole, text, call)
    return whole


def _with_remainder(whole: Polynomial, text: str, call: Call) -> Polynomial:
    """The polynomial with Mod(p, q) in place of p - q * floor(p / q), where that is shorter."""
    top, bottom = call.args
    lead = bottom.leading()
    times, left = divmod(-whole.terms.get(tuple(sorted((*lead, text))), 0), bottom.terms[lead])
    if left or not times:
        return whole
    rest = whole - (top - bottom * plain_call("floor", call.args)) * times
    if text in rest.calls or len(rest.terms) + 1 >= len(whole.terms):
        return whole
    return rest + plain_call("Mod", call.args) * times


def _write_call(call: Call) -> str:
    """The text of a call."""
    if call.function != "floor":
        return f"{call.function}({', '.join(map(str, call.args))})"
    top, bottom = call.args
    if bottom.number is not None:
        return f"floor({_sum(top, bottom.number)})"
    above, below = (_with_remainders(part) for part in call.args)
    over = str(bottom) if below.atom is not None else f"({bottom})"
    return f"floor({top}/{over})" if len(above.terms) == 1 else f"floor(({top})/{over})"


def _sum(whole: Polynomial, divisor: int) -> str:
    """A sum of terms, each divided by a number; the first one is positive if any is."""
    order = sorted(whole.terms, key=whole.place)
    first = next((monomial for monomial in order if whole.terms[monomial] > 0), None)
    if first is not None and first is not order[0]:
        order = [first, *(monomial for monomial in order if monomial is not first)]
    text = "".join([_term(whole, monomial, divisor) for monomial in order])
    return ("-" if text[1] == "-" else "") + text[3:] if text else "0"


def _term(whole: Polynomial, monomial: Monomial, divisor: int) -> str:
    """One term with its sign, as it stands in a sum: 3*m*n**2/4."""
    times = whole.terms[monomial]
    sign, above, below = " - " if times < 0 else " + ", abs(times), 1
    if divisor != 1:
        common = math.gcd(above, divisor)
        above, below = above // common, divisor // common
    factors = monomial
    if len(monomial) > 1:
        powers = Counter(sorted(monomial, key=lambda atom: (atom in whole.calls, atom)))
        factors = tuple(atom if power == 1 else f"{atom}**{power}" for atom, power in powers.items())
    if above != 1 or not factors:
        factors = (str(above), *factors)
    return sign + "*".join(factors) + ("" if below == 1 else f"/{below}")
