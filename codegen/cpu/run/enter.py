"""What Python calls to run a table: machine code that walks without the GIL."""

from __future__ import annotations

from .words import Words


def emit_enter(entry: str) -> str:
    """PyObject *enter(PyObject *walk, PyObject *header): -1, or the row that failed.

    walk : the address of the loop (walk.py), an int of Python's, as the header's is
    """
    words = Words()
    c = words.function(entry, 2, entry=True)
    walk = c.python("PyLong_AsLongLong", c.arguments[0])
    header = c.python("PyLong_AsLongLong", c.arguments[1])
    with c.when(c.equal(header, -1)):  # no address; Python's error is set
        c.give(0)
    thread = c.python("PyEval_SaveThread")
    row = c.call_at(walk, header)
    c.python("PyEval_RestoreThread", thread)
    c.give(c.python("PyLong_FromLongLong", row))
    return str(words)
