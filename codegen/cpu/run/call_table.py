"""What machine code knows of a call that it serves without Python: numbers and addresses, in rows of int64.

table      the fields of CallField
argument   of each, the fields of ArgumentField: the array that the tables were bound to, and numbers that may stand
           in its place
result     of each, the fields of ResultField
variables  addresses of the numbers of their storages: those that the call writes come first
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

import numpy as np

from ....symbolic.access import VariableAccess
from ....symbolic.expr import Expr
from ....symbolic.storage import Storage, StorageNumber
from .binding import Binding
from .layouts import ALLOCATE, holds_value, numpys_functions, read_word
from .walker import walk_address


class CallField(IntEnum):
    """What a table holds."""

    BUSY = 0  # whether a thread is in a bound call
    WALK = 1  # address of the walker, without the GIL,
    HEADER = 2  # and of what it runs: the binding's
    OBJECTS = 3  # where the walker looks for arrays
    BRIEF = 4  # whether a call keeps the GIL: nobody sees anything of it before its end
    HELD = 5  # the list of calls that hold variables, an object; 0: this one has no variables
    WAITING = 6  # and of those that wait for some
    VARIABLES = 7  # address of their rows
    VARIABLE_COUNT = 8
    WRITTEN_COUNT = 9  # of these, how many get new values
    OWNERS = 10  # address of the arrays, objects, that the memory of these belongs to
    # of calls with arguments of their own
    IDLE = 11  # the list of idle bindings, an object,
    BINDING = 12  # and the one that the table is of
    ARGUMENTS = 13  # address of their rows
    ARGUMENT_COUNT = 14
    RESULTS = 15  # address of their rows
    RESULT_COUNT = 16
    FORM = 17  # what packs results, an object; 0: a single one
    ALLOCATE = 18  # PyArray_NewFromDescr
    NDARRAY = 19  # objects: classes, and what says that Python is to do it
    FLOAT = 20
    INT = 21
    LIST = 22
    NOT_IMPLEMENTED = 23
    NONE = 24


class ArgumentField(IntEnum):
    """What a table holds of an argument."""

    DTYPE = 0  # an object
    NDIM = 1
    SHAPE = 2  # address of its sizes
    SCALAR = 3  # the class of NumPy's scalars that are taken; 0: none are
    NUMBER = 4  # how Python's numbers are stored: a NumberFormat
    DATA = 5  # of a number: the address of its value,
    VALUE = 6  # and the value, if it was Python's


class VariableField(IntEnum):
    """What a table holds of a variable: addresses of numbers of its storage."""

    VERSION = 0
    BEHIND = 1


class ResultField(IntEnum):
    """What a table holds of a result."""

    DTYPE = 0  # an object
    NDIM = 1
    SHAPE = 2  # address of its sizes
    MADE = 3  # the array, an object


class NumberFormat(IntEnum):
    """How a number of Python's becomes one of an argument's."""

    NONE = 0
    FLOAT64 = 1
    FLOAT32 = 2
    INT64 = 3
    INT32 = 4


class CallTable(np.ndarray):
    """A table, and what it has addresses of."""

    keep: tuple[object, ...] = ()


def new_table() -> CallTable:
    """A table of zeros."""
    table = np.zeros(len(CallField), np.int64).view(CallTable)
    table[CallField.NOT_IMPLEMENTED], table[CallField.NONE] = id(NotImplemented), id(None)
    return table


def set_binding(table: CallTable, binding: Binding) -> None:
    """What is run."""
    table[CallField.WALK] = walk_address(binding.parallel)
    table[CallField.HEADER], table[CallField.OBJECTS] = binding.header, binding.objects.ctypes.data
    table[CallField.BRIEF] = binding.brief
    table.keep = (*table.keep, binding)


def set_variables(
    table: CallTable,
    read: Iterable[Storage],
    written: Sequence[Storage],
    queues: tuple[list[VariableAccess], list[VariableAccess]],
) -> None:
    """The variables of a call, and who holds and waits for some."""
    known = [*written, *(storage for storage in read if storage not in written)]
    if not known:
        return
    held, waiting = queues
    rows = np.array([addresses_of_numbers(storage) for storage in known], np.int64)
    bases = [storage.array.base for storage in written]
    owners = np.array([id(base) for base in bases] or [0], np.int64)
    table[CallField.HELD], table[CallField.WAITING] = id(held), id(waiting)
    table[CallField.VARIABLES], table[CallField.VARIABLE_COUNT] = rows.ctypes.data, len(known)
    table[CallField.WRITTEN_COUNT], table[CallField.OWNERS] = len(written), owners.ctypes.data
    table.keep = (*table.keep, *queues, known, rows, bases, owners)


def addresses_of_numbers(storage: Storage) -> tuple[int, int]:
    """In the order of VariableField."""
    numbers = storage.numbers
    first = numbers.buffer_info()[0]
    return first + numbers.itemsize * StorageNumber.VERSION, first + numbers.itemsize * StorageNumber.BEHIND


def set_arguments(table: CallTable, inputs: Sequence[Expr], shapes: Sequence[tuple[int, ...]]) -> None:
    """What arguments are taken: arrays of these shapes."""
    rows = np.zeros((max(1, len(inputs)), len(ArgumentField)), np.int64)
    for row, x, shape in zip(rows, inputs, shapes, strict=False):
        sizes = np.array(shape or [0], np.int64)
        row[: ArgumentField.SCALAR] = id(x.dtype), len(shape), sizes.ctypes.data
        if not shape and holds_value(x.dtype.type(1)):
            row[ArgumentField.SCALAR] = id(x.dtype.type)
            row[ArgumentField.NUMBER] = NumberFormat.__members__.get(x.dtype.name.upper(), NumberFormat.NONE)
        table.keep = (*table.keep, x.dtype, sizes)
    table[CallField.ARGUMENTS], table[CallField.ARGUMENT_COUNT] = rows.ctypes.data, len(inputs)
    table.keep = (*table.keep, rows)


def set_results(table: CallTable, results: Sequence[tuple[tuple[int, ...], np.dtype, int]], form: object) -> None:
    """What arrays are made, and how they are packed."""
    rows = np.zeros((max(1, len(results)), len(ResultField)), np.int64)
    for row, (shape, dtype, _) in zip(rows, results, strict=False):
        sizes = np.array(shape or [0], np.int64)
        row[: ResultField.MADE] = id(dtype), len(shape), sizes.ctypes.data
        table.keep = (*table.keep, dtype, sizes)
    table[CallField.RESULTS], table[CallField.RESULT_COUNT] = rows.ctypes.data, len(results)
    table[CallField.FORM] = 0 if form is None else id(form)
    table[CallField.ALLOCATE] = read_word(numpys_functions() + 8 * ALLOCATE)
    table[CallField.NDARRAY], table[CallField.FLOAT], table[CallField.INT] = id(np.ndarray), id(float), id(int)
    table[CallField.LIST] = id(list)
    table.keep = (*table.keep, rows, form)
