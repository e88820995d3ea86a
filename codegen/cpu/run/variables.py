"""The variables of calls in machine code: whether they may be used, and what is noted."""

from __future__ import annotations

from .call_table import CallField, VariableField
from .words import Statements, Words

_HELD, _WAITING, _VARIABLES, _VARIABLE_COUNT, _WRITTEN_COUNT = (
    8 * f for f in list(CallField)[CallField.HELD : CallField.OWNERS]
)
_VERSION, _BEHIND = 8 * VariableField.VERSION, 8 * VariableField.BEHIND
_ROW_BYTES = 8 * len(VariableField)


def emit_are_here(words: Words) -> Statements:
    """are_here(table): whether the newest value of every variable is in the memory of the host."""
    c = words.function("are_here", 1)
    (table,) = c.arguments
    with c.each(c.load(table, _VARIABLE_COUNT)) as number:
        row = c.add(c.load(table, _VARIABLES), c.times(number, _ROW_BYTES))
        with c.when(c.unequal(c.load(c.load(row, _BEHIND)), 0)):
            c.give(0)
    c.give(1)
    return c


def emit_are_free(words: Words, are_here: Statements) -> Statements:
    """are_free(table): whether nobody holds variables, or waits for some, and all are here; asked with the GIL."""
    c = words.function("are_free", 1)
    (table,) = c.arguments
    with c.when(c.equal(c.load(table, _HELD), 0)):
        c.give(1)
    for queue in (_HELD, _WAITING):
        with c.when(c.unequal(c.python("PyList_Size", c.load(table, queue)), 0)):
            c.give(0)
    c.give(c.call(are_here, table))
    return c


def emit_note_writes(words: Words) -> Statements:
    """note_writes(table): copies elsewhere are behind what the call writes."""
    c = words.function("note_writes", 1)
    (table,) = c.arguments
    with c.each(c.load(table, _WRITTEN_COUNT)) as number:
        version = c.load(c.add(c.load(table, _VARIABLES), c.times(number, _ROW_BYTES)), _VERSION)
        c.store(c.add(c.load(version), 1), version)
    c.give(0)
    return c
