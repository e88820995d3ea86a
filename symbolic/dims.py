"""Sizes of axes: `Dim = int | SymDim`.  A SymDim is a name, or integer arithmetic over names (SymPy does that part).

A name is the size of some array that a call provides, or stands for a value, which is then computed before all else.

Two sizes that are not known to be equal, and must be for an expression to make sense, are taken as equal; the
assumption is a guard, checked when a compiled function is called.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from numbers import Number
from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import blame, user_site

_FUNCTIONS = frozenset(("floor", "ceiling", "Mod", "Max", "Min"))  # what sizes may hold besides names
_fresh = itertools.count(1)
_made: set[str] = set()  # names that no user chose
_process = os.urandom(8)
_elsewhere: dict[tuple[bytes, str], SymDim] = {}  # what stands here for symbols made in other processes
_NOTHING: Mapping[str, Any] = {}
_PYTHON_USES = "compare it, count up to it, or compute anything of it but sums, products, // and %"
_SIZES_IN_GRAPHS = (
    "give the axis a number, or leave the choice to the graph: wf.maximum, wf.where and wf.arange take sizes as values."
)


class SymDim:
    """A size known only when a function is called: a named symbol, or arithmetic over such.

    `sources` says where names that no input has get their size from: the scalar expression whose value it is, or the
    memory of the shared variable whose axis it is.
    """

    __slots__ = ("_sympy", "sources", "text")

    def __init__(self, text: str, sympy_expression: Any = None, sources: Mapping[str, Any] = _NOTHING):
        self.text = text
        self._sympy = sympy_expression
        self.sources = sources

    @property
    def is_name(self) -> bool:
        """Whether this is a bare symbol, not arithmetic."""
        return self._sympy is None

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols in it."""
        return (self.text,) if self.is_name else tuple(sorted(s.name for s in self._sympy.free_symbols))

    def value(self, sizes: Mapping[str, int]) -> int:
        """The size, once the symbols' sizes are known."""
        if self.is_name:
            return sizes[self.text]
        return int(_exact(self._sympy, sizes))

    def __eq__(self, other: object) -> Any:
        return self.text == other.text if isinstance(other, SymDim) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        made = tuple(name for name in self.names if name in _made)
        return restored, (self.text, None if self.is_name else str(self._sympy), self.sources, (_process, made))

    def renamed(self, sizes: Mapping[str, Dim]) -> Dim:
        """The size with others in place of these names."""
        if self.is_name:
            return sizes.get(self.text, self)
        changed = {_symbol(name): _as_sympy(sizes[name]) for name in self.names if name in sizes}
        if not changed:
            return self
        import sympy

        new = _simplest(sympy.expand(self._sympy.xreplace(changed)))
        kept = {name: source for name, source in self.sources.items() if name not in sizes}
        return _with_sources(new, kept, *(_sources(sizes[s.name]) for s in changed))

    def __add__(self, other: Any) -> Any:
        return _arithmetic("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _arithmetic("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _arithmetic("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _arithmetic("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _arithmetic("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _arithmetic("mul", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _arithmetic("floordiv", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _arithmetic("floordiv", other, self)

    def __mod__(self, other: Any) -> Any:
        return _arithmetic("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return _arithmetic("mod", other, self)

    def __neg__(self) -> Any:
        return _arithmetic("sub", 0, self)

    def _unknown(self, *others: Any) -> Any:
        if not all(isinstance(other, Number | SymDim) for other in others):
            return NotImplemented  # an expression knows what to do with a size
        what = f"The size {self} is known only when a function is called: Python cannot {_PYTHON_USES}."
        raise blame(TypeError(what), user_site(), hint=_SIZES_IN_GRAPHS)

    __bool__ = __int__ = __float__ = _unknown
    if not TYPE_CHECKING:  # for which a size is no index
        __index__ = _unknown
    __lt__ = __le__ = __gt__ = __ge__ = _unknown
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __divmod__ = __rdivmod__ = _unknown
    __floor__ = __ceil__ = __round__ = __trunc__ = _unknown


def _exact(expression: Any, sizes: Mapping[str, int]) -> Fraction | int:
    """SymPy's arithmetic on whole numbers, done in Python's: exact at any size, and much faster than `subs`."""
    if expression.is_Symbol:
        return sizes[expression.name]
    if expression.is_Rational:
        return Fraction(int(expression.p), int(expression.q))
    values = [_exact(argument, sizes) for argument in expression.args]
    result: Fraction | int = _OPERATIONS[type(expression).__name__](*values)
    return result


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": lambda *values: sum(values),
    "Mul": lambda *values: math.prod(values),
    "Pow": lambda base, exponent: Fraction(base) ** int(exponent),
    "floor": math.floor,
    "ceiling": math.ceil,
    "Mod": lambda value, divisor: value % divisor,
    "Min": min,
    "Max": max,
    "Abs": abs,
}


Dim: TypeAlias = int | SymDim
Shape: TypeAlias = tuple[Dim, ...]


# How arithmetic on a SymDim that meets an expression is done: `operators.py` sets it, since dims know no graph.
mixed_arithmetic: dict[str, Callable[[Any, Any], Any]] = {}


def restored(
    text: str,
    expression: str | None,
    sources: Mapping[str, Any] = _NOTHING,
    made: tuple[bytes, tuple[str, ...]] = (b"", ()),
) -> Dim:
    """A size that has travelled.  Symbols made in another process are new ones here."""
    plain: Any = SymDim(text) if expression is None else _parsed(expression)
    process, names = made
    new = {name: _here(process, name) for name in names} if process != _process else {}
    found = plain.renamed(new) if new else plain
    kept = {str(new.get(name, name)): source for name, source in sources.items()}
    return _with_sources(found, kept)


def _here(process: bytes, name: str) -> SymDim:
    found = _elsewhere.get((process, name))
    return _elsewhere.setdefault((process, name), fresh(name.rstrip("0123456789"))) if found is None else found


def _parsed(expression: str) -> Dim:
    import sympy

    # names are given, since sympify takes some, like N and S, for its own functions
    names = {name: _symbol(name) for name in re.findall(r"[A-Za-z_]\w*", expression) if name not in _FUNCTIONS}
    return _simplest(sympy.sympify(expression, locals=names))


def fresh(hint: str = "d") -> SymDim:
    """A symbol that no other size has."""
    name = f"{hint}{next(_fresh)}"
    _made.add(name)
    return SymDim(name)


@lru_cache(maxsize=4096)
def _symbol(name: str) -> Any:
    import sympy

    return sympy.Symbol(name, integer=True, nonnegative=True)


def _as_sympy(dim: Dim) -> Any:
    if isinstance(dim, int):
        return dim
    return _symbol(dim.text) if dim.is_name else dim._sympy


def _simplest(expression: Any) -> Dim:
    if expression.is_Integer:
        return int(expression)
    if expression.is_Symbol:
        return SymDim(expression.name)
    return SymDim(str(expression), expression)


def _with_sources(dim: Dim, *sources: Mapping[str, Any]) -> Dim:
    """A size made of others, which stands for the values that they stand for."""
    if isinstance(dim, int) or not any(sources):
        return dim
    known = {name: source for each in sources for name, source in each.items()}
    return SymDim(dim.text, dim._sympy, {name: known[name] for name in dim.names if name in known})


def _sources(dim: Dim) -> Mapping[str, Any]:
    return _NOTHING if isinstance(dim, int) else dim.sources


def _arithmetic(operation: str, left: Any, right: Any) -> Any:
    if not all(isinstance(side, int | SymDim) and not isinstance(side, bool) for side in (left, right)):
        if operation in mixed_arithmetic:
            return mixed_arithmetic[operation](left, right)
        return NotImplemented
    if (operation in ("add", "sub") and right == 0) or (operation in ("mul", "floordiv") and right == 1):
        return left
    if (operation == "add" and left == 0) or (operation == "mul" and left == 1):
        return right
    if operation == "floordiv" and left == right:
        return 1  # sizes of 0 make no difference to what is divided by them
    return _with_sources(_symbolic(operation, plain(left), plain(right)), _sources(left), _sources(right))


def plain(dim: Dim) -> Dim:
    """The size without what its names stand for: what is remembered must not keep expressions alive."""
    return SymDim(dim.text, dim._sympy) if isinstance(dim, SymDim) and dim.sources else dim


@lru_cache(maxsize=4096)
def _symbolic(operation: str, left: Dim, right: Dim) -> Dim:
    import sympy

    a, b = sympy.sympify(_as_sympy(left)), sympy.sympify(_as_sympy(right))
    if operation == "floordiv":
        return _simplest(_floor(sympy.cancel(a / b)))
    if operation == "mod":
        return _simplest(sympy.Mod(a, b))
    return _simplest(sympy.expand({"add": a + b, "sub": a - b, "mul": a * b}[operation]))


def _floor(quotient: Any) -> Any:
    """floor, with whole terms taken out: floor(n/2 + m - 1) -> m - 1 + floor(n/2)."""
    import sympy

    quotient = sympy.expand(quotient)
    whole = [term for term in sympy.Add.make_args(quotient) if term.is_integer]
    rest = quotient - sympy.Add(*whole)
    return sympy.Add(*whole) + sympy.floor(rest)


def product(dims: Iterable[Dim]) -> Dim:
    """The number of elements."""
    number, symbols = 1, []
    for dim in dims:
        if isinstance(dim, int):
            number *= dim
        else:
            symbols.append(dim)
    result: Any = number
    for symbol in symbols:
        result = symbol * result
    return result  # type: ignore[no-any-return]


def at_least(left: Dim, right: Dim) -> bool:
    """Whether left >= right is certain, whatever sizes (from 0 up) the symbols have."""
    if isinstance(left, int) and isinstance(right, int):
        return left >= right
    if left == right or (right == 0 and isinstance(left, SymDim) and left.is_name):
        return True
    import sympy

    difference = sympy.expand(_as_sympy(left) - _as_sympy(right))
    # floor(e) lies in (e - 1, e]: a lower bound of the difference decides where SymPy leaves floors alone
    lowest = sum(
        term.xreplace({f: f.args[0] - int(not term.could_extract_minus_sign()) for f in term.atoms(sympy.floor)})
        for term in sympy.Add.make_args(difference)
    )
    return bool(sympy.expand(lowest).is_nonnegative)


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger size; SymPy's Max where only a call can tell."""
    if at_least(left, right):
        return left
    if at_least(right, left):
        return right
    import sympy

    return _with_sources(_simplest(sympy.Max(_as_sympy(left), _as_sympy(right))), _sources(left), _sources(right))


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller size; SymPy's Min where only a call can tell."""
    if at_least(left, right):
        return right
    if at_least(right, left):
        return left
    import sympy

    return _with_sources(_simplest(sympy.Min(_as_sympy(left), _as_sympy(right))), _sources(left), _sources(right))


def value(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The size as a number."""
    return dim if isinstance(dim, int) else dim.value(sizes)


def same(left: Dim, right: Dim) -> bool | None:
    """True or False where it is certain, None where only a call can tell."""
    if left == right:
        return True
    if isinstance(left, int) and isinstance(right, int):
        return False
    if all(isinstance(d, int) or d.is_name for d in (left, right)):
        return None
    import sympy

    difference = sympy.simplify(_as_sympy(left) - _as_sympy(right))
    if difference == 0:
        return True
    return False if difference.is_zero is False else None


def show(shape: Iterable[Dim]) -> str:
    """A shape as NumPy would print it, with the symbols' names."""
    dims = [str(d) for d in shape]
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"
