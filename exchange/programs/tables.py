"""The tables of a file beside that of nodes: variables, symbols, types and lines, looked up by number."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...symbolic.dims import Shape, show
from ...symbolic.errors import ArgumentError, Site
from ...symbolic.expr import Expr
from ...symbolic.storage import Sizes, Storage
from ...symbolic.types import TupleType, Type, dtype
from .archive import ProgramFile
from .fields import is_size
from .sizes import SymbolReader

Row = Mapping[str, Any]


class TableReader:
    """Looks up what nodes name; values of sizes are nodes themselves.  Raises WeftErrors for what is not there."""

    def __init__(self, file: ProgramFile, node: Callable[[Any], Expr]) -> None:
        self.file = file
        self.variables = self.table("variables")
        self.storages = list(map(self._storage, self.variables))
        lost = [Sizes(_lost_shape(sizes)) for sizes in self._list("lost")]
        stored = {"variable": [storage.sizes for storage in self.storages], "lost": lost}
        self._symbols = SymbolReader(self._symbol_rows(), stored, node)
        self.lines = list(map(_site, self.table("lines")))
        self._type_rows = self.table("types")
        self._types: dict[int, Type | TupleType] = {}

    def _list(self, name: str) -> list[Any]:
        found = self.file.graph.get(name)
        if not isinstance(found, list):
            raise ArgumentError(f"There is no table of {name}.")
        return found

    def table(self, name: str) -> list[Row]:
        """A table of the file."""
        found = self._list(name)
        if not all(isinstance(row, dict) for row in found):
            raise ArgumentError(f"The table of {name} has something else than rows.")
        return found

    def _symbol_rows(self) -> list[Row]:
        found = self.table("symbols")
        if not all(isinstance(row.get("name"), str) for row in found):
            raise ArgumentError("The table of symbols has one without a name.")
        return found

    def _storage(self, row: Row) -> Storage:
        array = self.file.read_array(row.get("array"))
        return Storage(array, Type(array.dtype, array.shape))

    def type(self, number: Any) -> Type | TupleType:
        """A type."""
        row = pick(self._type_rows, number, "type")
        if number not in self._types:
            several = row.get("several")
            if isinstance(several, list):
                if not all(type(one) is int and 0 <= one < number for one in several):
                    raise ArgumentError(f"Type {number} is made of itself.")
                self._types[number] = TupleType(tuple(map(self.plain_type, several)))
            else:
                shape = self.shape(row.get("shape"))
                self._types[number] = Type(dtype(read_text(row, "dtype")), shape, row.get("weak") is True)
        return self._types[number]

    def plain_type(self, number: Any) -> Type:
        """A type of one value."""
        found = self.type(number)
        if isinstance(found, TupleType):
            raise ArgumentError(f"Type {number} is of several values, and one is wanted.")
        return found

    def size(self, given: Any) -> Any:
        """A size, or a place: a number of either sign, or a symbol."""
        return self._symbols.read_size(given)

    def shape(self, given: Any) -> Shape:
        """Sizes."""
        if not isinstance(given, list):
            raise ArgumentError(f"{given!r} is no shape.")
        found = tuple(map(self.size, given))
        if not all(map(is_size, found)):
            raise ArgumentError(f"{show(found)} is no shape.")
        return found


def _lost_shape(given: Any) -> tuple[int, ...]:
    if not isinstance(given, list) or not all(type(d) is int and d >= 0 for d in given):
        raise ArgumentError(f"{given!r} is no shape.")
    return tuple(given)


def _site(row: Row) -> Site:
    line = row.get("line")
    if type(line) is not int:
        raise ArgumentError(f"{line!r} is no number of a line.")
    return Site(read_text(row, "file"), line, row.get("gradient") is True, read_text(row, "text"))


def pick(rows: Sequence[Any], number: Any, what: str) -> Any:
    """The row of that number.  Raises ArgumentError where there is none."""
    if type(number) is not int or not 0 <= number < len(rows):
        raise ArgumentError(f"There is no {what} {number!r}.")
    return rows[number]


def read_text(row: Row, word: str) -> str:
    """The text under a word.  Raises ArgumentError where there is none."""
    found = row.get(word)
    if not isinstance(found, str):
        raise ArgumentError(f"{found!r} is no {word}.")
    return found


def read_number(given: Any) -> Any:
    """A number of Python's; NaN and infinities by their bits.  Raises ArgumentError for what is none."""
    if isinstance(given, bool | int | float):
        return given
    bits = given.get("bits") if isinstance(given, dict) else None
    try:
        return struct.unpack(">d", bytes.fromhex(bits or ""))[0]
    except (TypeError, ValueError, struct.error):
        raise ArgumentError(f"{given!r} is no number.") from None
