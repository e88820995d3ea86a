"""Parameters of kernels: a named tuple for each kernel, a row of int64 numbers once it runs.

    class Rows(NamedTuple):
        move: Address               # a number, or code whose address is one
        count: int
        steps: tuple[int, ...]      # a table

The numbers are those of the fields, in order.  For a table, and for a named tuple within, that is where its own numbers
begin, counted from the first of all; they lie behind the fields.  `read` in tiles/intrinsics.py finds all by name.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .run.made import Recipe

Params = tuple[Any, ...]  # of any kernel: a named tuple; of a user's, which has none, the numbers themselves
_SHOWN = 8  # numbers of a table that are printed
_LINE = 112  # characters of a line


class Reference(Protocol):
    """Names machine code, which need not be there yet: it is made, once, where its address is asked for."""

    def address(self) -> int:
        """Where the function begins."""

    def recipe(self) -> Recipe:
        """How it is compiled."""


Address = Reference | int  # 0: there is no such function


def numbers(params: Params) -> list[Address]:
    """The numbers as the kernel finds them, code as what it is."""
    if not hasattr(params, "_fields"):
        return [number for value in params for number in (numbers(value) if isinstance(value, tuple) else (value,))]
    fields: list[Address] = []
    behind: list[Address] = []
    for value in params:
        if isinstance(value, tuple):
            fields.append(len(params) + len(behind))
            behind += numbers(value)
        else:
            fields.append(value)
    return fields + behind


def resolve(params: Params) -> list[int]:
    """The numbers, code as its address: it is made now, if it was not before."""
    return [number if isinstance(number, int) else number.address() for number in numbers(params)]


def references(params: Params) -> Iterator[Reference]:
    """The code that the parameters name."""
    return (number for number in numbers(params) if not isinstance(number, int))


def lines(params: Params) -> list[str]:
    """Each parameter as name=value, in lines; long tables are cut short."""
    glue = "\0"  # short values are not torn apart
    text = ", ".join(value.replace(" ", glue) if len(value) < _LINE else value for value in _assignments(params))
    return [line.replace(glue, " ") for line in textwrap.wrap(text, _LINE, break_long_words=False)]


def _assignments(params: Params) -> list[str]:
    names = getattr(params, "_fields", range(len(params)))
    return [f"{name}={_show(value)}" for name, value in zip(names, params, strict=True)]


def _show(value: Any) -> str:
    if hasattr(value, "_fields"):
        return f"({', '.join(_assignments(value))})"
    if not isinstance(value, tuple):
        return str(value)
    more = [f"... {len(value)} numbers"] if len(value) > _SHOWN else []
    return f"({', '.join([*map(_show, value[:_SHOWN]), *more])})"
