"""Functions of Python that are machine code at an address."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

_METH_FASTCALL, _METH_O = 0x80, 0x8  # of any arguments, given by position, and of one: as Python's headers number them


class _Definition(ctypes.Structure):
    """PyMethodDef: what a builtin function is made of."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@functools.cache  # Python keeps their addresses for as long as it runs
def _definition(address: int, name: str, flags: int) -> _Definition:
    return _Definition(name.encode(), address, flags, None)


def make_builtin(address: int, name: str, state: object, *, single: bool = False) -> Callable[..., Any]:
    """PyObject *function(PyObject *state, PyObject **arguments, ssize_t count), or (state, argument) of a `single` one.

    It has the GIL when it begins and when it ends, and returns 0 where it has set Python's error.
    """
    definition = _definition(address, name, _METH_O if single else _METH_FASTCALL)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    function: Callable[..., Any] = make(ctypes.addressof(definition), state, None)
    return function
