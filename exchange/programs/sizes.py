"""Sizes in a file: a number, the name of a symbol, or a sum of terms, [coefficient, factors ...].

A factor is a name, or {"floor": [p, q]}, {"Max": [p, q ...]}, {"Min": [p, q ...]} of such sums.  Of each symbol the
file says whether its user gave it the name, and what it stands for if that is no input: a value, an axis of a variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...symbolic.arguments import LARGEST
from ...symbolic.calls import make_call
from ...symbolic.dims import Dim, SymDim, fresh, is_made, polynomial_of, restore
from ...symbolic.errors import ArgumentError
from ...symbolic.expr import Expr
from ...symbolic.polynomials import Call, Polynomial, add, name, number
from ...symbolic.sizes import value_dim
from ...symbolic.storage import Sizes

CALLS = ("floor", "Max", "Min")
MOST_TERMS = 10_000  # of a size: what is multiplied out grows without end


def write_size(dim: Dim) -> Any:
    """A size as the file has it."""
    if isinstance(dim, int) or dim.is_name:
        return dim if isinstance(dim, int) else dim.text
    return _write_terms(polynomial_of(dim))


def _write_terms(whole: Polynomial) -> list[Any]:
    def write(atom: str) -> Any:
        return _write_call(whole.calls[atom]) if atom in whole.calls else atom

    return [[times, *map(write, atoms)] for atoms, times in sorted(whole.terms.items())]


def _write_call(call: Call) -> Any:
    return {call.function: [_write_terms(arg) for arg in call.args]}


class SymbolWriter:
    """Collects what symbols stand for."""

    def __init__(self, variables: Mapping[int, int], number_of: Callable[[Expr], int]) -> None:
        self._variables = variables  # from the identity of a variable's sizes to its number
        self._number_of = number_of
        self._sources: dict[str, Any] = {}
        self._lost: list[Sizes] = []

    def note(self, dim: SymDim) -> None:
        """Take note of the symbols in a size."""
        for each in dim.names:
            self._sources[each] = dim.sources.get(each, self._sources.get(each))

    def symbols(self) -> list[dict[str, Any]]:
        """A row for each symbol."""
        return [{"name": each, **self._row(each, source)} for each, source in self._sources.items()]

    def lost_sizes(self) -> list[list[int]]:
        """The present shapes of variables that nobody reads, and whose sizes are asked for."""
        return [list(sizes.shape) for sizes in self._lost]

    def _row(self, each: str, source: Any) -> dict[str, Any]:
        if source is None:
            return {"made": True} if is_made(each) else {}
        if isinstance(source, Expr):
            return {"value": self._number_of(source)}
        axis = source.names.index(each)
        if id(source) in self._variables:
            return {"variable": self._variables[id(source)], "axis": axis}
        if source not in self._lost:
            self._lost.append(source)
        return {"lost": self._lost.index(source), "axis": axis}


class SymbolReader:
    """Symbols of a file, as they are called here: those that no user named get new names."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], stored: Mapping[str, Sequence[Sizes]], node: Callable[[Any], Expr]
    ) -> None:
        """`stored`: the sizes that a "variable" and a "lost" one name by number; `node`: the node of a number."""
        self._rows = {row["name"]: row for row in rows}
        self._node = node
        self._known: dict[str, Dim] = {}
        for each, row in self._rows.items():
            for word in stored.keys() & row.keys():
                self._known[each] = _axis_of(each, stored[word], row[word], row.get("axis"))

    def read_size(self, given: Any) -> Dim:
        """A size as it is here.  Raises ArgumentError for what is none."""
        if type(given) is int and -LARGEST <= given <= LARGEST:
            return given
        if isinstance(given, str):
            return self._symbol(given)
        if not isinstance(given, list):
            raise ArgumentError(f"{given!r} is no size.")
        found = restore("", self._read_terms(given))
        if isinstance(found, int):
            return found
        return found.rename({each: self._symbol(each) for each in found.names})

    def _symbol(self, each: str) -> Dim:
        if each not in self._known:
            row = self._rows.get(each)
            if row is None or not (each.isidentifier() or len(row) > 1):
                raise ArgumentError(f"There is no symbol {each!r}.")
            self._known[each] = self._make(each, row)
        return self._known[each]

    def _make(self, each: str, row: Mapping[str, Any]) -> Dim:
        if "value" in row:
            return value_dim(self._node(row["value"]))
        return fresh(_hint(each)) if row.get("made") is True else SymDim(each)

    def _read_terms(self, given: Any) -> Polynomial:
        if not isinstance(given, list) or not all(isinstance(term, list) and term for term in given):
            raise ArgumentError(f"{given!r} is no sum.")
        return add([number(0), *map(self._read_term, given)])

    def _read_term(self, term: list[Any]) -> Polynomial:
        times, *atoms = term
        if type(times) is not int or not -LARGEST <= times <= LARGEST:
            raise ArgumentError(f"{times!r} is no coefficient of a size.")
        found = number(times)
        for atom in atoms:
            found = found * (name(self._check(atom)) if isinstance(atom, str) else self._read_call(atom))
            if len(found.terms) > MOST_TERMS:
                raise ArgumentError(f"A size has more than {MOST_TERMS} terms.")
        return found

    def _check(self, each: str) -> str:
        self._symbol(each)
        return each

    def _read_call(self, given: Any) -> Polynomial:
        (function, args), *others = given.items() if isinstance(given, dict) and given else [("", None)]
        if others or function not in CALLS or not isinstance(args, list):
            raise ArgumentError(f"{given!r} is no arithmetic of sizes.")
        if len(args) < 2 or (function == "floor" and len(args) != 2):
            raise ArgumentError(f"{function} takes {'two' if function == 'floor' else 'several'} sizes.")
        try:
            return make_call(function, [self._read_terms(arg) for arg in args])
        except ZeroDivisionError:
            raise ArgumentError("A size is divided by 0.") from None


def _axis_of(each: str, stored: Sequence[Sizes], which: Any, axis: Any) -> SymDim:
    """A symbol for an axis of a variable.  Raises ArgumentError where there is none."""
    if not (type(which) is type(axis) is int and 0 <= which < len(stored) and 0 <= axis < len(stored[which].shape)):
        raise ArgumentError(
            f"The symbol {each} is the size of axis {axis!r} of variable {which!r}, which there is not."
        )
    sizes, text = stored[which], fresh(_hint(each)).text
    names = [*sizes.names, *[None] * (len(sizes.shape) - len(sizes.names))]
    names[axis] = text
    sizes.names = tuple(names)
    return SymDim(text, None, {text: sizes})


def _hint(text: str) -> str:
    """What a name was made of, before its number."""
    found = text.rstrip("0123456789")
    return found if found.isidentifier() else "d"
