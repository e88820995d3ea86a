"""Names and sizes as LaTeX: `w1` is w_1, `alpha` a Greek letter, `x_hat` has a hat, `batch` is a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ...symbolic.dims import Dim, polynomial_of
from ...symbolic.polynomials import Call, Polynomial
from .texts import juxtapose, parentheses, prose

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)
_SPELLED = {"eps": "varepsilon", "lam": "lambda", "lamda": "lambda"}
ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde", "dot": r"\dot", "ddot": r"\ddot", "vec": r"\vec"}
_NAMES = re.compile(r"[^\W\d_]+|\d+")


def symbol(name: str, bold: bool = False) -> str:
    """A user's name: what follows the first word, or ends it in digits, is an index; accents and primes are known.

    `layer1.weight` is the weight of layer1.
    """
    path, _, last = name.replace("/", ".").rpartition(".")
    words = _NAMES.findall(last)
    if not words or not re.fullmatch(r"\w+'*", last):
        return prose(name)
    first, rest = words[0], [*words[1:], *["prime"] * last.count("'")]
    for accent in [word for word in rest if word in ACCENTS]:
        rest.remove(accent)
        first = f"{ACCENTS[accent]}{{{_letter(first)}}}"
    head = first if first.startswith("\\") else _letter(first)
    head = rf"\boldsymbol{{{head}}}" if bold else head
    primes = "'" * rest.count("prime")
    indices = [_letter(word) for word in rest if word != "prime"] + ([prose(path)] if path else [])
    return head + primes + (f"_{{{','.join(indices)}}}" if indices else "")


def _letter(word: str) -> str:
    """One letter, in whatever script; a number; or a word, upright."""
    if len(word) == 1 and not word.isascii():
        word = _from_unicode(word)
    if word in _SPELLED or word in GREEK:
        return f"\\{_SPELLED.get(word, word)}"
    if word.isdigit() or (len(word) == 1 and word.isascii()):
        return word
    if len(word) == 2 and word[0] == "d" and word.isascii():
        return word  # a differential
    return rf"\mathrm{{{word}}}" if word.isascii() else prose(word)


def _from_unicode(letter: str) -> str:
    """The name of a Greek letter that was typed as such."""
    kind = unicodedata.name(letter, "").split()
    if kind[:1] == ["GREEK"] and len(kind) == 4:
        word = kind[3].lower().replace("lamda", "lambda")
        word = word.capitalize() if kind[1] == "CAPITAL" else word
        return word if word in GREEK else letter
    return letter


def with_index(latex: str, index: str) -> str:
    """A symbol with an index, which comes after those that it has."""
    start = index_start(latex)
    return f"{latex[:-1]},{index}}}" if start else f"{latex}_{{{index}}}"


def index_start(latex: str) -> int:
    """Where the index begins that a symbol ends with; 0 where it has none."""
    depth = 0
    for place in range(len(latex) - 1, 0, -1):
        depth += {"}": 1, "{": -1}.get(latex[place], 0)
        if depth == 0:
            return place - 1 if latex[place - 1] == "_" else 0
    return 0


# ---- sizes -----------------------------------------------------------------------------------------------------------


def size(dim: Dim) -> str:
    """The size of an axis: a number, a name, or arithmetic."""
    return str(dim) if isinstance(dim, int) else _polynomial(polynomial_of(dim))


def factors(dims: Iterable[Dim]) -> list[str]:
    """Sizes that are multiplied, each in parentheses where it is a sum."""
    found = [size(d) for d in dims]
    return [parentheses(f) if re.search(r" [+-] ", f) else f for f in found]


def product_of_sizes(dim: Dim) -> list[str]:
    """The factors of a size, which may be sums in parentheses."""
    of = polynomial_of(dim)
    if len(of.terms) != 1:
        return factors([dim])
    ((monomial, coefficient),) = of.terms.items()
    atoms = [_atom(of, text) for text in monomial]
    return [str(coefficient), *atoms] if coefficient != 1 or not atoms else atoms


def shape(dims: Iterable[Dim]) -> str:
    """n x m."""
    return r" \times ".join(factors(dims)) or "1"


def _polynomial(of: Polynomial) -> str:
    latex = ""
    for monomial in sorted(of.terms, key=of.place):
        coefficient = of.terms[monomial]
        atoms = [_atom(of, text) for text in monomial]
        shown = [str(abs(coefficient))] if abs(coefficient) != 1 or not atoms else []
        sign = "-" if coefficient < 0 else "+"
        latex += f" {sign} " if latex else sign.strip("+")
        latex += juxtapose([*shown, *atoms])
    return latex or "0"


def _atom(of: Polynomial, text: str) -> str:
    return _call(of.calls[text]) if text in of.calls else symbol(text)


def _call(of: Call) -> str:
    args = [_polynomial(arg) for arg in of.args]
    if of.function == "floor":
        return rf"\left\lfloor \frac{{{args[0]}}}{{{args[1]}}} \right\rfloor"
    return rf"\{of.function.lower()}{parentheses(', '.join(args))}"
