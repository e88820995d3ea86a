"""Pieces of formulas: LaTeX, how tightly it binds, and of products the factors, so that numbers come to the front."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

# how tightly a piece binds: it is put in parentheses where something tighter takes it
LOGIC, RELATION, SUM, BIG, ENTRYWISE, SCALED, MATRICES, CALL, ATOM = range(9)
_TALL = re.compile(r"\\(frac|sum|prod|begin|left|bigwedge|bigvee|lim)\b")
_WORD = r"\\(mathrm|operatorname|text)\{"


class Factors(NamedTuple):
    """number / below * scalars * arrays, the last multiplied entry by entry."""

    number: Fraction
    below: tuple[str, ...] = ()  # sizes that it is divided by
    scalars: tuple[Text, ...] = ()
    arrays: tuple[Text, ...] = ()


class Text(NamedTuple):
    """A piece of a formula.

    rank : of what it says, without axes of size 1 that are there to be stretched
    size : how many operations are written in it
    letters : the index letters in it
    sizes : of a product of sizes, these
    under : of 1 / x, x
    row : whether it is a vector that lies, as that of a row and a matrix does
    turned : its transpose, where that is written more simply
    at : its element with an index, where that is more than an index behind it
    """

    latex: str
    level: int = ATOM
    rank: int = 0
    size: int = 0
    product: Factors | None = None
    letters: frozenset[str] = frozenset()
    sizes: tuple[str, ...] = ()
    at: Callable[[str], str] | None = None
    under: Text | None = None
    turned: Text | None = None
    row: bool = False

    @property
    def number(self) -> Fraction | None:
        """The number that it is, if it is one."""
        of = self.product
        return of.number if of is not None and not (of.below or of.scalars or of.arrays) else None


ONE = Fraction(1)
TRANSPOSE = r"\top"


def join(latex: str, level: int, rank: int, *parts: Text, size: int = 1) -> Text:
    """A piece that is made of parts."""
    letters = frozenset().union(*(p.letters for p in parts))
    row = any(p.row for p in parts)
    return Text(latex, level, rank, size + sum(p.size for p in parts), None, letters, row=row)


def fence(text: Text, level: int = ATOM) -> str:
    """Its LaTeX, in parentheses where it binds less than this."""
    return text.latex if text.level >= level else parentheses(text.latex)


def parentheses(latex: str, left: str = "(", right: str = ")") -> str:
    """In parentheses, which grow with what is tall."""
    return rf"\left{left}{latex}\right{right}" if _TALL.search(latex) else f"{left}{latex}{right}"


def call(function: str, *args: Text, rank: int | None = None) -> Text:
    """function(args)."""
    inside = parentheses(", ".join(a.latex for a in args))
    return join(f"{function}{inside}", CALL, max((a.rank for a in args), default=0) if rank is None else rank, *args)


def operator(name: str) -> str:
    """A function's name, upright."""
    if not name.isascii() or not re.fullmatch(r"\w+", name):
        return prose(name)
    return rf"\operatorname{{{name}}}".replace("_", r"\_")


def prose(words: str) -> str:
    """Words within a formula."""
    special = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    special |= {c: f"\\{c}" for c in "{}_$%&#"}
    return rf"\text{{{''.join(special.get(c, c) for c in words)}}}"


# ---- numbers ---------------------------------------------------------------------------------------------------------


def number(value: Fraction) -> Text:
    """A number that is a factor as well."""
    return write_product(Factors(value))


def _digits(value: Fraction) -> str:
    """A number from 0 up: whole, a short decimal, a fraction, or digits with a power of ten."""
    if value.denominator == 1 and value < 10**7:
        return str(value)
    short = value * 10**4
    if short.denominator == 1 and value.denominator > 8 and value < 10**7:
        return f"{float(value):.4f}".rstrip("0")
    if max(value.numerator, value.denominator) < 10**5:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    digits, _, power = f"{float(value):.6e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    if -5 < int(power) < 7:
        return f"{float(value):.7g}"
    tens = f"10^{{{int(power)}}}"
    return tens if digits == "1" else rf"{digits} \cdot {tens}"


# ---- products --------------------------------------------------------------------------------------------------------


def as_product(text: Text) -> Factors:
    """Any piece as a product, which has one factor where it is none."""
    if text.product is not None:
        return text.product
    return Factors(ONE, (), (text,)) if text.rank == 0 else Factors(ONE, (), (), (text,))


def multiply(left: Text, right: Text) -> Text:
    """left * right, entry by entry."""
    for one, other in ((left, right), (right, left)):
        if other.under is not None and not one.sizes and (one.number is None or _is_short(one)):
            return divide(one, other.under)
    a, b = as_product(left), as_product(right)
    if a.number == 0 or b.number == 0:
        return number(Fraction(0))
    whole = Factors(a.number * b.number, a.below + b.below, a.scalars + b.scalars, a.arrays + b.arrays)
    return write_product(whole)


def divide(left: Text, right: Text) -> Text:
    """left / right: a coefficient where right is a number or a size, else a fraction."""
    if right.sizes:
        return over_sizes(left, right.sizes)
    a, b = as_product(left), as_product(right)
    plain = not (b.scalars or b.arrays)
    if plain and b.number != 0 and not b.below:
        return write_product(a._replace(number=a.number / b.number))
    if a.number < 0:
        return negate(divide(negate(left), right))
    if left.number is not None and r"\frac" in left.latex:
        below = multiply(number(Fraction(left.number.denominator)), right)
        return divide(number(Fraction(left.number.numerator)), below)
    whole = join(rf"\frac{{{left.latex}}}{{{right.latex}}}", CALL, max(left.rank, right.rank), left, right)
    return whole._replace(under=right) if left.number == 1 else whole


def over_sizes(text: Text, sizes: Iterable[str]) -> Text:
    """text / sizes, as of a mean: a number or a fraction in front."""
    of = as_product(text)
    numbers = [int(s) for s in sizes if s.isdigit()]
    count = Fraction(1)
    for each in numbers:
        count *= each
    names = tuple(s for s in sizes if not s.isdigit())
    if count == 0:
        return divide(text, Text("0"))
    return write_product(of._replace(number=of.number / count, below=of.below + names))


def _is_short(text: Text) -> bool:
    """Whether it is a number that may stand above a line, 1 and -1 excepted, which say nothing there."""
    return text.number not in (1, -1) and r"\frac" not in text.latex


def negate(text: Text) -> Text:
    """-text."""
    of = as_product(text)
    return write_product(of._replace(number=-of.number))


def matrix_product(left: Text, right: Text, rank: int) -> Text:
    """left right: numbers and scalars of both come to the front."""
    if left.number is not None or right.number is not None:
        return multiply(left, right)
    a, b = as_product(left), as_product(right)
    if not a.arrays or not b.arrays or a.number == 0 or b.number == 0:
        return join(f"{fence(left, MATRICES)} {fence(right, MATRICES)}", MATRICES, rank, left, right)
    mine, its = (write_product(Factors(ONE, (), (), p.arrays)) for p in (a, b))
    latex = juxtapose([fence(mine, MATRICES), fence(its, MATRICES)])
    both = join(latex, MATRICES, rank, mine, its)
    if rank == 0:
        return write_product(Factors(a.number * b.number, a.below + b.below, (*a.scalars, *b.scalars, both)))
    return write_product(Factors(a.number * b.number, a.below + b.below, a.scalars + b.scalars, (both,)))


def linear(text: Text, change: str, rank: int) -> Text:
    """A piece with an exponent such as that of a transpose, which numbers and scalars stay out of."""
    of = as_product(text)
    if text.turned is not None and change == TRANSPOSE:
        return text.turned
    if not of.arrays:
        return join(f"{fence(text)}^{{{change}}}", CALL, rank, text, size=0)
    inner = write_product(Factors(ONE, (), (), of.arrays))
    changed = join(f"{fence(inner)}^{{{change}}}", CALL, rank, inner, size=0)
    changed = changed._replace(turned=inner) if change == TRANSPOSE else changed
    return write_product(of._replace(arrays=(changed,)))


def write_product(of: Factors) -> Text:
    """The piece that a product is written as."""
    factors = [*of.scalars, *of.arrays]
    alone = len(factors) == 1 and of.number == 1 and not of.below
    if alone:
        return factors[0]
    latex = juxtapose([*_coefficient(of), *_scalars(of), *_arrays(of)])
    level = ENTRYWISE if len(of.arrays) > 1 else SCALED
    if not factors and of.number >= 0 and not latex.startswith(r"\frac") and "cdot" not in latex:
        level = ATOM
    sign = "-" if of.number < 0 else ""
    return join(sign + latex, level, max((f.rank for f in factors), default=0), *factors)._replace(product=of)


def _coefficient(of: Factors) -> list[str]:
    value, factors = abs(of.number), of.scalars or of.arrays
    if of.below:
        below = [str(value.denominator)] if value.denominator != 1 else []
        return [rf"\frac{{{value.numerator}}}{{{juxtapose([*below, *of.below])}}}"]
    return [] if value == 1 and factors else [_digits(value)]


def _scalars(of: Factors) -> list[str]:
    last = None if of.arrays else of.scalars[-1:]
    return [fence(s, BIG if last and s is last[0] else CALL) for s in of.scalars]


def _arrays(of: Factors) -> list[str]:
    if len(of.arrays) == 1:
        # a sum sign in front needs none behind a number; a product of matrices follows a number as it is
        return [fence(of.arrays[0], BIG)]
    return [r" \odot ".join(fence(a, CALL) for a in of.arrays)] if of.arrays else []


def juxtapose(pieces: Sequence[str]) -> str:
    """Factors side by side: with a dot before digits, and a small space after and before words."""
    latex = pieces[0] if pieces else ""
    for before, piece in pairwise(pieces):
        words = re.match(_WORD, piece) or re.search(_WORD + r"[^{}]*\}(_\{[^{}]*\})?$", before)
        latex += (r" \cdot " if piece[0].isdigit() else r" \, " if words else " ") + piece
    return latex


# ---- sums ------------------------------------------------------------------------------------------------------------


def add(left: Text, right: Text) -> Text:
    """left + right."""
    if left.number is not None and right.number is not None:
        return number(left.number + right.number)
    if left.latex == right.latex and left.rank == right.rank:
        return multiply(number(Fraction(2)), left)
    if right.product is not None and right.product.number < 0:
        return _sum(left, "-", negate(right))
    return _sum(left, "+", right)


def subtract(left: Text, right: Text) -> Text:
    """left - right."""
    if left.number is not None and right.number is not None:
        return number(left.number - right.number)
    if right.product is not None and right.product.number < 0:
        return _sum(left, "+", negate(right))
    return _sum(left, "-", right)


def _sum(left: Text, sign: str, right: Text) -> Text:
    if right.number == 0:
        return left
    if left.number == 0:
        return right if sign == "+" else negate(right)
    behind = fence(right, SUM if sign == "+" else BIG)
    return join(f"{fence(left, SUM)} {sign} {behind}", SUM, max(left.rank, right.rank), left, right)


def power(base: Text, exponent: Text) -> Text:
    """base to the exponent; of matrices and higher ranks, entry by entry."""
    rank = max(base.rank, exponent.rank)
    if exponent.number == 1:
        return base
    entrywise = r"\odot " if base.rank > 1 else ""
    return join(f"{fence(base)}^{{{entrywise}{exponent.latex}}}", CALL, rank, base, exponent)
