"""The loop over a program's steps (walk.py) as two functions of Python, compiled once and kept as every kernel is.

Python calls machine code straight: a builtin function, made of an address, that lets go of the GIL, walks, and takes
the GIL again.  Calling one costs a third of what Numba's dispatchers cost, and a fifth of what ctypes' functions do.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from types import FunctionType
from typing import cast

import numpy as np

from . import made, team
from .compiler import compile_ir

ARRAY_DATA = object.__basicsize__  # where an ndarray object keeps its data pointer: its first field

_METH_O = 8  # a function of one argument, as Python's headers number them


class _Definition(ctypes.Structure):
    """PyMethodDef: what a builtin function is made of."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_definitions: list[_Definition] = []  # Python keeps their addresses for as long as it runs


def walker(parts: int) -> Callable[[int], int]:
    """The function that runs a binding's table, whose steps have so many parts at most."""
    _check_layout()
    return walk_serial() if parts == 1 else walk_parallel(parts - 1)


@functools.cache
def _check_layout() -> None:
    """Make sure that an ndarray keeps its address where the walker looks for it."""
    probe = np.arange(3)
    assert ctypes.c_int64.from_address(id(probe) + ARRAY_DATA).value == probe.ctypes.data, "unknown layout of ndarray"


def walk_serial() -> Callable[[int], int]:
    """Runs all steps on the calling thread, given a header; -1, or the row that failed."""
    return _walker(False)


def walk_parallel(threads: int) -> Callable[[int], int]:
    """Runs all steps, those in several parts with so many threads of the team; -1, or the row that failed."""
    team.employ(threads)
    return _walker(True)


def make_walk(parallel: bool, array_data: int) -> FunctionType:
    """The loop."""
    from . import walk

    return walk.make_walk(parallel, array_data)


@functools.cache
def _walker(parallel: bool) -> Callable[[int], int]:
    return _builtin(made.address((make_walk, parallel), lambda: walk_recipe(parallel)))


def walk_recipe(parallel: bool) -> made.Recipe:
    """How the loop, and what Python calls, are compiled."""

    def compile_as(enter: str) -> bytes:
        walk = f"{enter}_walk"
        loop = made.numba_ir(make_walk(parallel, ARRAY_DATA), walk, "int64(int64)")
        return compile_ir(loop, _entry(enter, walk))

    return made.Recipe(made.kernel_key(make_walk, parallel, ARRAY_DATA), compile_as)


def _entry(enter: str, walk: str) -> str:
    """LLVM IR: PyObject *enter(PyObject *module, PyObject *header), which walks without the GIL."""
    from llvmlite import ir

    i64, thing, module = ir.IntType(64), ir.IntType(8).as_pointer(), ir.Module()

    def function(name: str, result: ir.Type, *parameters: ir.Type) -> ir.Function:
        return ir.Function(module, ir.FunctionType(result, parameters), name)

    entry = function(enter, thing, thing, thing)
    b = ir.IRBuilder(entry.append_basic_block())
    header = b.call(function("PyLong_AsLongLong", i64, thing), [entry.args[1]])
    with b.if_then(b.icmp_signed("==", header, i64(-1))):  # no address; Python's error is set
        b.ret(thing(None))
    thread = b.call(function("PyEval_SaveThread", thing), [])
    row = b.call(function(walk, i64, i64), [header])
    b.call(function("PyEval_RestoreThread", ir.VoidType(), thing), [thread])
    b.ret(b.call(function("PyLong_FromLongLong", thing, i64), [row]))
    return str(module)


def _builtin(address: int) -> Callable[[int], int]:
    """A function of Python: the machine code at an address."""
    definition = _Definition(b"walk", address, _METH_O, None)
    _definitions.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p,) * 3
    return cast("Callable[[int], int]", make(ctypes.addressof(definition), None, None))
