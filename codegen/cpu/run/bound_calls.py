"""Calls over arrays that stay, as machine code: from Python, and from C without the GIL.

One thread at a time is in such a call, for it has one set of tables; a second one is told so.
"""

from __future__ import annotations

from .call_table import CallField
from .table import BUSY, CALL_AGAIN, DONE, PAUSED, RAISED
from .variables import emit_are_free, emit_are_here, emit_note_writes
from .words import Statements, Words

_IN_USE, _HEADER, _WALK, _BRIEF, _HELD, _NONE = (
    8 * f
    for f in (
        CallField.BUSY,
        CallField.HEADER,
        CallField.WALK,
        CallField.BRIEF,
        CallField.HELD,
        CallField.NONE,
    )
)
_STEP = 8 * 5  # in the header: the step to go on with
_INT = 0xFFFFFFFF  # of a word


def _emit_run_brief(words: Words) -> Statements:
    """run(table): the whole call with the GIL, which nobody sees; the status."""
    are_free, note_writes = emit_are_free(words, emit_are_here(words)), emit_note_writes(words)
    c = words.function("run_brief", 1)
    (table,) = c.arguments
    with c.when(c.equal(c.load(table, _BRIEF), 0)):
        c.give(CALL_AGAIN)
    with c.when(c.equal(c.call(are_free, table), 0)):
        c.give(CALL_AGAIN)
    c.call(note_writes, table)
    c.give(c.call_at(c.load(table, _WALK), c.load(table, _HEADER)))
    return c


def _emit_run(words: Words) -> Statements:
    """run(table): the call without the GIL; between its pauses Python handles signals.  The status."""
    c = words.function("run", 1)
    (table,) = c.arguments
    walk, header = c.load(table, _WALK), c.load(table, _HEADER)
    with c.forever():
        thread = c.python("PyEval_SaveThread")
        row = c.call_at(walk, header)
        c.python("PyEval_RestoreThread", thread)
        with c.when(c.unequal(row, PAUSED)):
            c.give(row)
        with c.when(c.unequal(c.mask(c.python("PyErr_CheckSignals"), _INT), 0)):
            c.store(0, header, _STEP)
            c.give(RAISED)
    return c


def _emit_choose(words: Words) -> Statements:
    """choose(table, count): how the call is run, as the number of arguments says; the status."""
    run_brief, run = _emit_run_brief(words), _emit_run(words)
    c = words.function("choose", 2)
    table, count = c.arguments
    for field in (_BRIEF, _HELD):  # one that is not brief, and has no variables, asks nobody
        with c.when(c.equal(count, 0)), c.when(c.unequal(c.load(table, field), 0)):
            c.give(c.call(run_brief, table))
    c.give(c.call(run, table))
    return c


def emit_bound_call(entry: str, array_data: int) -> str:
    """PyObject *call(PyObject *table, PyObject **arguments, ssize_t count): None, or the status as an int.

    With an argument the variables are the caller's, and other threads run meanwhile.  The table is an array, and has
    its data pointer so many bytes from its start.
    """
    words = Words()
    choose = _emit_choose(words)
    c = words.function(entry, 3, entry=True)
    table = c.load(c.arguments[0], array_data)
    with c.when(c.unequal(c.exchange(table, _IN_USE, 0, 1), 0)):
        c.give(c.python("PyLong_FromLongLong", BUSY))
    status = c.call(choose, table, c.arguments[2])
    c.release(table, _IN_USE)
    with c.when(c.equal(status, RAISED)):
        c.give(0)
    with c.when(c.unequal(status, DONE)):
        c.give(c.python("PyLong_FromLongLong", status))
    c.python("Py_IncRef", c.load(table, _NONE))
    c.give(c.load(table, _NONE))
    return str(words)


def emit_c_function(entry: str) -> str:
    """int64_t call(void *state): see `BoundFunction.address`."""
    words = Words()
    are_here, note_writes = emit_are_here(words), emit_note_writes(words)
    c = words.function(entry, 1, entry=True)
    (table,) = c.arguments
    with c.when(c.unequal(c.exchange(table, _IN_USE, 0, 1), 0)):
        c.give(-1)
    with c.when(c.equal(c.call(are_here, table), 0)):
        c.release(table, _IN_USE)
        c.give(-2)
    c.call(note_writes, table)
    walk, header = c.load(table, _WALK), c.load(table, _HEADER)
    with c.forever():
        row = c.call_at(walk, header)
        with c.when(c.unequal(row, PAUSED)):
            c.release(table, _IN_USE)
            c.give(c.add(row, 1))
    return str(words)
