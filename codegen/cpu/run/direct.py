"""Calls as machine code, without Python: what call_table.py knows decides.

A call whose arguments are not those that the table was made for, whose variables somebody holds, or that a step
refuses, is Python's to do: the result is then NotImplemented, and nothing has happened yet.

All of this is for calls that are brief: they keep the GIL, so that other threads see nothing of them before their end,
and run no code of Python's on the way.
"""

from __future__ import annotations

from .argument_code import emit_take_arguments
from .call_table import CallField, ResultField
from .layouts import ObjectLayout
from .variables import emit_are_free, emit_are_here, emit_note_writes
from .words import Statements, Words

_HEADER, _WALK, _OBJECTS = (8 * f for f in (CallField.HEADER, CallField.WALK, CallField.OBJECTS))
_IDLE, _BINDING, _, _ARGUMENT_COUNT, _RESULTS, _RESULT_COUNT, _FORM, _ALLOCATE = (
    8 * f for f in list(CallField)[CallField.IDLE : CallField.NDARRAY]
)
_NDARRAY, _, _, _LIST, _NOT_IMPLEMENTED, _ = (8 * f for f in list(CallField)[CallField.NDARRAY :])
_DTYPE, _NDIM, _SHAPE, _MADE = (8 * f for f in ResultField)
_ROW_BYTES = 8 * len(ResultField)


def _emit_is_idle(words: Words) -> Statements:
    """is_idle(table): whether no other call has its binding, which is among those that nobody uses."""
    c = words.function("is_idle", 1)
    (table,) = c.arguments
    idle = c.load(table, _IDLE)
    with c.each(c.python("PyList_Size", idle)) as number:
        binding = c.python("PyList_GetItem", idle, number)
        with c.when(c.equal(binding, c.load(table, _BINDING))):
            c.give(1)
    c.give(0)
    return c


def _emit_drop_results(words: Words) -> Statements:
    """drop(table, count): let go of the first results."""
    c = words.function("drop_results", 2)
    table, count = c.arguments
    with c.each(count) as number:
        c.python("Py_DecRef", c.load(c.add(c.load(table, _RESULTS), c.times(number, _ROW_BYTES)), _MADE))
    c.give(0)
    return c


def _emit_make_results(words: Words, drop_results: Statements) -> Statements:
    """make(table): arrays for the results, which the walker finds behind the arguments; 0: there is no memory."""
    c = words.function("make_results", 1)
    (table,) = c.arguments
    objects = c.add(c.load(table, _OBJECTS), c.times(c.load(table, _ARGUMENT_COUNT), 8))
    with c.each(c.load(table, _RESULT_COUNT)) as number:
        row = c.add(c.load(table, _RESULTS), c.times(number, _ROW_BYTES))
        dtype, ndim, shape = (c.load(row, field) for field in (_DTYPE, _NDIM, _SHAPE))
        c.python("Py_IncRef", dtype)  # the function takes one
        made = c.call_at(c.load(table, _ALLOCATE), c.load(table, _NDARRAY), dtype, ndim, shape, 0, 0, 0, 0)
        with c.when(c.equal(made, 0)):
            c.python("PyErr_Clear")
            c.call(drop_results, table, number)
            c.give(0)
        c.store(made, row, _MADE)
        c.store(made, c.add(objects, c.times(number, 8)))
    c.give(1)
    return c


def _emit_run(words: Words, at: ObjectLayout) -> Statements:
    """run(table, arguments): whether the call has been run, and its results made."""
    is_idle, are_free = _emit_is_idle(words), emit_are_free(words, emit_are_here(words))
    take_arguments, drop_results = emit_take_arguments(words, at), _emit_drop_results(words)
    make_results, note_writes = _emit_make_results(words, drop_results), emit_note_writes(words)
    c = words.function("run", 2)
    table, arguments = c.arguments
    for test, given in ((is_idle, ()), (are_free, ()), (take_arguments, (arguments,)), (make_results, ())):
        with c.when(c.equal(c.call(test, table, *given), 0)):
            c.give(0)
    c.call(note_writes, table)
    with c.when(c.equal(c.call_at(c.load(table, _WALK), c.load(table, _HEADER)), -1)):
        c.give(1)
    c.call(drop_results, table, c.load(table, _RESULT_COUNT))
    c.give(0)
    return c


def _emit_pack(words: Words) -> Statements:
    """pack(table, listed): the results in the form that was asked for; 0, with Python's error set: there is none."""
    c = words.function("pack", 2)
    table, listed = c.arguments
    results, form = c.load(table, _RESULTS), c.load(table, _FORM)
    with c.when(c.equal(form, 0)):
        c.give(c.load(results, _MADE))
    with c.each(c.load(table, _RESULT_COUNT)) as number:
        c.python("PyList_SetItem", listed, number, c.load(c.add(results, c.times(number, _ROW_BYTES)), _MADE))
    with c.when(c.equal(form, c.load(table, _LIST))):
        c.give(listed)
    packed = c.python("PyObject_CallOneArg", form, listed)
    c.python("Py_DecRef", listed)
    c.give(packed)
    return c


def _emit_refuse(words: Words) -> Statements:
    """refuse(table): what says that Python is to do the call."""
    c = words.function("refuse", 1)
    found = c.load(c.arguments[0], _NOT_IMPLEMENTED)
    c.python("Py_IncRef", found)
    c.give(found)
    return c


def emit_call(entry: str, at: ObjectLayout) -> str:
    """PyObject *call(PyObject *table, PyObject **arguments, ssize_t count): the results, or NotImplemented.

    A list for them is made before all else: Python may collect garbage then, and call the same function meanwhile.
    """
    words = Words()
    run, pack, refuse = _emit_run(words, at), _emit_pack(words), _emit_refuse(words)
    c = words.function(entry, 3, entry=True)
    table, listed = c.load(c.arguments[0], at.data), c.on_stack()
    with c.when(c.unequal(c.arguments[2], c.load(table, _ARGUMENT_COUNT))):
        c.give(c.call(refuse, table))
    with c.when(c.unequal(c.load(table, _FORM), 0)):
        c.store(c.python("PyList_New", c.load(table, _RESULT_COUNT)), listed)
        with c.when(c.equal(c.load(listed), 0)):
            c.python("PyErr_Clear")
            c.give(c.call(refuse, table))
    with c.when(c.unequal(c.call(run, table, c.arguments[1]), 0)):
        c.give(c.call(pack, table, c.load(listed)))
    with c.when(c.unequal(c.load(listed), 0)):
        c.python("Py_DecRef", c.load(listed))
    c.give(c.call(refuse, table))
    return str(words)
