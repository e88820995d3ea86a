"""Sizes of axes: `Dim = int | SymDim`.  A SymDim is a name, or a polynomial over names, in `polynomials.py`.

A name is the size of some array that a call provides, or stands for a value, which is then computed before all else.

Two sizes that are not known to be equal, and must be for an expression to make sense, are taken as equal; the
assumption is a guard, checked when a compiled function is called.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from numbers import Number
from typing import TYPE_CHECKING, Any, TypeAlias

from .calls import make_call, rename
from .errors import blame, user_site
from .identities import vanishes
from .notation import read
from .polynomials import Polynomial, add, name, number
from .quotients import quotient
from .signs import nonnegative

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

    __slots__ = ("_name", "_polynomial", "sources")

    def __init__(self, name: str, polynomial: Polynomial | None = None, sources: Mapping[str, Any] = _NOTHING):
        self._name = name
        self._polynomial = polynomial
        self.sources = sources

    @property
    def text(self) -> str:
        """The name, or the arithmetic as one writes it: the same for equal sizes."""
        return self._name if self._polynomial is None else str(self._polynomial)

    @property
    def is_name(self) -> bool:
        """Whether this is a bare symbol, not arithmetic."""
        return self._polynomial is None

    @property
    def names(self) -> tuple[str, ...]:
        """The symbols in it."""
        return (self._name,) if self._polynomial is None else tuple(sorted(self._polynomial.names()))

    def value(self, sizes: Mapping[str, int]) -> int:
        """The size, once the symbols' sizes are known."""
        return sizes[self._name] if self._polynomial is None else self._polynomial.value(sizes)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, SymDim):
            return NotImplemented
        return self._name == other._name and self._polynomial == other._polynomial

    def __hash__(self) -> int:
        return hash(self._name if self._polynomial is None else self._polynomial)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        made = tuple(name for name in self.names if name in _made)
        return restore, (self._name, self._polynomial, self.sources, (_process, made))

    def rename(self, sizes: Mapping[str, Dim]) -> Dim:
        """The size with others in place of these names."""
        if self.is_name:
            return sizes.get(self._name, self)
        changed = [each for each in self.names if each in sizes]
        if not changed:
            return self
        new = _dim(rename(polynomial_of(self), {each: polynomial_of(sizes[each]) for each in changed}))
        kept = {each: source for each, source in self.sources.items() if each not in sizes}
        return _with_sources(new, kept, *(_sources(sizes[each]) for each in changed))

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

    def _refuse(self, *others: Any) -> Any:
        if not all(isinstance(other, Number | SymDim) for other in others):
            return NotImplemented  # an expression knows what to do with a size
        what = f"The size {self} is known only when a function is called: Python cannot {_PYTHON_USES}."
        raise blame(TypeError(what), user_site(), hint=_SIZES_IN_GRAPHS)

    __bool__ = __int__ = __float__ = _refuse
    if not TYPE_CHECKING:  # for which a size is no index
        __index__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __divmod__ = __rdivmod__ = _refuse
    __floor__ = __ceil__ = __round__ = __trunc__ = _refuse


Dim: TypeAlias = int | SymDim
Shape: TypeAlias = tuple[Dim, ...]


# How arithmetic on a SymDim that meets an expression is done: `operators.py` sets it, since dims know no graph.
mixed_arithmetic: dict[str, Callable[[Any, Any], Any]] = {}


def restore(
    text: str,
    expression: Polynomial | str | None,
    sources: Mapping[str, Any] = _NOTHING,
    made: tuple[bytes, tuple[str, ...]] = (b"", ()),
) -> Dim:
    """A size that has travelled, or is written as text.  Symbols made in another process are new ones here."""
    known = name(text) if expression is None else read(expression) if isinstance(expression, str) else expression
    process, names = made
    new = {each: _here(process, each) for each in names} if process != _process else {}
    plain: Any = _dim(known)
    found = plain.rename(new) if new else plain
    kept = {str(new.get(each, each)): source for each, source in sources.items()}
    return _with_sources(found, kept)


def _here(process: bytes, there: str) -> SymDim:
    found = _elsewhere.get((process, there))
    return _elsewhere.setdefault((process, there), fresh(there.rstrip("0123456789"))) if found is None else found


def fresh(hint: str = "d") -> SymDim:
    """A symbol that no other size has."""
    text = f"{hint}{next(_fresh)}"
    _made.add(text)
    return SymDim(text)


def is_made(name: str) -> bool:
    """Whether a symbol has this name from `fresh`: no user chose it, and it is another one in each process."""
    return name in _made


def polynomial_of(dim: Dim) -> Polynomial:
    """A size in the normal form of arithmetic."""
    if isinstance(dim, int):
        return number(dim)
    return name(dim._name) if dim._polynomial is None else dim._polynomial


def _dim(known: Polynomial) -> Dim:
    if known.number is not None:
        return known.number
    if known.atom is not None and not known.calls:
        return SymDim(known.atom)
    return SymDim("", known)


def _with_sources(dim: Dim, *sources: Mapping[str, Any]) -> Dim:
    """A size made of others, which stands for the values that they stand for."""
    if isinstance(dim, int) or not any(sources):
        return dim
    known = {each: source for some in sources for each, source in some.items()}
    return SymDim(dim._name, dim._polynomial, {each: known[each] for each in dim.names if each in known})


def _sources(dim: Dim) -> Mapping[str, Any]:
    return _NOTHING if isinstance(dim, int) else dim.sources


def _arithmetic(operation: str, left: Any, right: Any) -> Any:
    if not (_is_size(left) and _is_size(right)):
        if operation in mixed_arithmetic:
            return mixed_arithmetic[operation](left, right)
        return NotImplemented
    if (operation in ("add", "sub") and right == 0) or (operation in ("mul", "floordiv") and right == 1):
        return left
    if (operation == "add" and left == 0) or (operation == "mul" and left == 1):
        return right
    if operation == "floordiv" and left == right:
        return 1  # sizes of 0 make no difference to what is divided by them
    try:
        found = _symbolic(operation, plain(left), plain(right))
    except ZeroDivisionError:
        text = f"A size cannot be divided by 0: {left} {'//' if operation == 'floordiv' else '%'} 0."
        raise blame(ZeroDivisionError(text), user_site()) from None
    return _with_sources(found, _sources(left), _sources(right))


def _is_size(given: Any) -> bool:
    return type(given) is SymDim or type(given) is int or (isinstance(given, int) and not isinstance(given, bool))


def plain(dim: Dim) -> Dim:
    """The size without what its names stand for: what is remembered must not keep expressions alive."""
    return SymDim(dim._name, dim._polynomial) if isinstance(dim, SymDim) and dim.sources else dim


@lru_cache(maxsize=4096)
def _symbolic(operation: str, left: Dim, right: Dim) -> Dim:
    return _dim(_OPERATIONS[operation](polynomial_of(left), polynomial_of(right)))


_OPERATIONS: dict[str, Callable[[Polynomial, Polynomial], Polynomial]] = {
    "add": Polynomial.__add__,
    "sub": Polynomial.__sub__,
    "mul": Polynomial.__mul__,
    "floordiv": quotient,
    "mod": lambda left, right: left - right * quotient(left, right),
    "maximum": lambda left, right: make_call("Max", (left, right)),
    "minimum": lambda left, right: make_call("Min", (left, right)),
}


def total_size(dims: Iterable[Dim]) -> Dim:
    """The sum, in time that grows with the number of sizes: adding them one by one takes its square."""
    each = list(dims)
    if all(isinstance(dim, int) for dim in each):
        return sum(each)
    return _with_sources(_dim(add(map(polynomial_of, each))), *map(_sources, each))


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
    return _at_least(plain(left), plain(right))


@lru_cache(maxsize=4096)
def _at_least(left: Dim, right: Dim) -> bool:
    return nonnegative(polynomial_of(left) - polynomial_of(right))


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger size; a Max where only a call can tell."""
    return _extreme("maximum", max, left, right)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller size; a Min where only a call can tell."""
    return _extreme("minimum", min, left, right)


def _extreme(operation: str, of_numbers: Callable[[int, int], int], left: Dim, right: Dim) -> Dim:
    if isinstance(left, int) and isinstance(right, int):
        return of_numbers(left, right)
    return _with_sources(_symbolic(operation, plain(left), plain(right)), _sources(left), _sources(right))


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
    return _same(plain(left), plain(right))


@lru_cache(maxsize=4096)
def _same(left: Dim, right: Dim) -> bool | None:
    return vanishes(polynomial_of(left) - polynomial_of(right))


def show(shape: Iterable[object]) -> str:
    """A shape, or strides, as NumPy would print it, with the symbols' names."""
    dims = [str(d) for d in shape]
    return f"({dims[0]},)" if len(dims) == 1 else f"({', '.join(dims)})"
