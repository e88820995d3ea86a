"""Where Python's and NumPy's objects keep what machine code reads of them; looked at before any code relies on it.

NumPy's layout of arrays is part of its binary interface, on which every extension relies that was compiled against it.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import NamedTuple

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

_HEADER = object.__basicsize__  # bytes, in front of all that is an object's own
ARRAY_DATA = _HEADER  # where an ndarray object keeps its data pointer: its first field
ALLOCATE = 94  # PyArray_NewFromDescr, in NumPy's table of functions for C
_VERSION = 0  # PyArray_GetNDArrayCVersion, there
_VERSION_2 = 0x02000000  # of that interface, as NumPy 2 has it
# flags of an array, as NumPy's headers number them
_C_ORDER, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
PLAIN_ARRAY = _C_ORDER | _ALIGNED | _WRITEABLE


class ObjectLayout(NamedTuple):
    """Bytes from the start of an object to a field of it."""

    type: int  # of any object
    value: int  # of a float, and of NumPy's scalars
    data: int  # of an array, as what follows is
    ndim: int
    shape: int
    base: int
    dtype: int
    flags: int


EXPECTED = ObjectLayout(
    type=_HEADER - 8,
    value=_HEADER,
    data=ARRAY_DATA,
    ndim=_HEADER + 8,
    shape=_HEADER + 16,
    base=_HEADER + 32,
    dtype=_HEADER + 40,
    flags=_HEADER + 48,
)


@functools.cache
def check_data_pointer() -> None:
    """Make sure that an ndarray keeps its address where the walker looks for it."""
    probe = np.arange(3)
    assert read_word(id(probe) + ARRAY_DATA) == probe.ctypes.data, "unknown layout of ndarray"


@functools.cache
def object_layout() -> ObjectLayout | None:
    """The layout of objects here; None where it is not the one expected, or Python runs without the GIL."""
    at = EXPECTED
    known = getattr(sys, "_is_gil_enabled", lambda: True)() and ctypes.sizeof(ctypes.c_void_p) == 8
    known = known and read_word(id(1.5) + at.type) == id(float) and _float_at(id(1.5) + at.value) == 1.5
    whole = np.arange(24.0).reshape(2, 3, 4)
    for array in (whole, whole[1], whole.T, np.array(5, np.int8), np.frombuffer(b"12345678", np.int64)):
        known = known and _is_as_expected(array, at)
    return at if known and _knows_numpys_table() else None


def _is_as_expected(array: np.ndarray, at: ObjectLayout) -> bool:
    place = id(array)
    shape = read_word(place + at.shape)
    return (
        read_word(place + at.type) == id(np.ndarray)
        and read_word(place + at.data) == array.ctypes.data
        and read_int(place + at.ndim) == array.ndim
        and all(read_word(shape + 8 * axis) == size for axis, size in enumerate(array.shape))
        and read_word(place + at.base) == (0 if array.base is None else id(array.base))
        and read_word(place + at.dtype) == id(array.dtype)
        and read_int(place + at.flags) == array.flags.num
        and (array.flags.num & PLAIN_ARRAY == PLAIN_ARRAY) == array.flags.carray
    )


def holds_value(scalar: np.generic) -> bool:
    """Whether one of NumPy's scalars keeps its value where `object_layout` says."""
    size = scalar.dtype.itemsize
    found: bytes = ctypes.string_at(id(scalar) + EXPECTED.value, size)
    return found == scalar.tobytes()


@functools.cache
def numpys_functions() -> int:
    """The address of NumPy's table of functions for C."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return int(pointer(_multiarray_umath._ARRAY_API, None))


def _knows_numpys_table() -> bool:
    """Whether it is NumPy 2's, and has the function that makes arrays where that has stood since version 1."""
    table = numpys_functions()
    version = ctypes.CFUNCTYPE(ctypes.c_uint)(read_word(table + 8 * _VERSION))
    return bool(version() == _VERSION_2)


def read_word(address: int) -> int:
    """The int64 at an address."""
    return ctypes.c_int64.from_address(address).value


def read_int(address: int) -> int:
    """The int32 at an address."""
    return ctypes.c_int32.from_address(address).value


def _float_at(address: int) -> float:
    return ctypes.c_double.from_address(address).value
