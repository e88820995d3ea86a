"""Machine code that looks at the arguments of a call: whether they are those that its table was made for."""

from __future__ import annotations

from .call_table import ArgumentField, CallField, NumberFormat
from .layouts import PLAIN_ARRAY, ObjectLayout
from .words import DOUBLE, FLOAT, I32, I64, Statements, Word, Words

_OBJECTS, _WRITTEN_COUNT, _OWNERS, _ARGUMENTS, _ARGUMENT_COUNT, _NDARRAY, _FLOAT, _INT = (
    8 * f
    for f in (
        CallField.OBJECTS,
        CallField.WRITTEN_COUNT,
        CallField.OWNERS,
        CallField.ARGUMENTS,
        CallField.ARGUMENT_COUNT,
        CallField.NDARRAY,
        CallField.FLOAT,
        CallField.INT,
    )
)
_DTYPE, _NDIM, _SHAPE, _SCALAR, _NUMBER, _DATA, _VALUE = (8 * f for f in ArgumentField)
_ROW_BYTES = 8 * len(ArgumentField)
_LOW = 0xFFFFFFFF  # of a word, an int32
_FLOAT_BITS, _FLOAT_INF = 0x7FFFFFFF, 0x7F800000  # without the sign
_DOUBLE_BITS, _DOUBLE_INF = 2**63 - 1, 0x7FF0000000000000
_EXACT = 1 << 53  # up to which integers are floats
_MOST_INT32 = 2**31 - 1


def _emit_fits(words: Words, at: ObjectLayout) -> Statements:
    """fits(row, array): whether it has the dtype and the shape of that argument, and code can read it as it is."""
    c = words.function("fits", 2)
    row, array = c.arguments
    differences = (
        c.unequal(c.load(array, at.dtype), c.load(row, _DTYPE)),
        c.unequal(c.mask(c.load(array, at.ndim), _LOW), c.load(row, _NDIM)),
        c.unequal(c.mask(c.load(array, at.flags), PLAIN_ARRAY), PLAIN_ARRAY),
    )
    for difference in differences:
        with c.when(difference):
            c.give(0)
    sizes, expected = c.load(array, at.shape), c.load(row, _SHAPE)
    with c.each(c.load(row, _NDIM)) as axis:
        place = c.times(axis, 8)
        with c.when(c.unequal(c.load(c.add(sizes, place)), c.load(c.add(expected, place)))):
            c.give(0)
    c.give(1)
    return c


def _emit_put_float(words: Words, at: ObjectLayout) -> Statements:
    """put(row, number): store a float of Python's as an argument's value; 0 where it does not fit, or NumPy warns."""
    c = words.function("put_float", 2)
    row, number = c.arguments
    value, bits = c.load_double(number, at.value), c.load(number, at.value)
    with c.when(c.equal(c.load(row, _NUMBER), NumberFormat.FLOAT64)):
        c.store(value, row, _VALUE)
        c.give(1)
    with c.when(c.unequal(c.load(row, _NUMBER), NumberFormat.FLOAT32)):
        c.give(0)
    rounded = c.builder.fptrunc(value, FLOAT)
    c.store(rounded, row, _VALUE)
    is_finite = c.unequal(c.mask(bits, _DOUBLE_BITS), _DOUBLE_INF)
    rounded_bits = c.builder.zext(c.builder.bitcast(rounded, I32), I64)
    with c.when(is_finite):
        c.give(c.unequal(c.mask(rounded_bits, _FLOAT_BITS), _FLOAT_INF))
    c.give(1)
    return c


def _emit_put_int(words: Words) -> Statements:
    """put(row, number): store an int of Python's as an argument's value; 0 where it may not fit."""
    c = words.function("put_int", 2)
    row, number = c.arguments
    overflow, kind = c.on_stack(), c.load(row, _NUMBER)
    n = c.python("PyLong_AsLongLongAndOverflow", number, overflow)
    with c.when(c.unequal(c.load(overflow), 0)):
        c.give(0)
    with c.when(c.equal(kind, NumberFormat.INT64)):
        c.store(n, row, _VALUE)
        c.give(1)
    with c.when(c.equal(kind, NumberFormat.INT32)):
        c.store(c.builder.trunc(n, I32), row, _VALUE)
        _give_within(c, n, _MOST_INT32)
    x = c.builder.sitofp(n, DOUBLE)
    with c.when(c.equal(kind, NumberFormat.FLOAT64)):
        c.store(x, row, _VALUE)
        _give_within(c, n, _EXACT)
    with c.when(c.equal(kind, NumberFormat.FLOAT32)):
        c.store(c.builder.fptrunc(x, FLOAT), row, _VALUE)
        _give_within(c, n, _EXACT)
    c.give(0)
    return c


def _give_within(c: Statements, n: Word, most: int) -> None:
    """Return whether -most <= n <= most."""
    with c.when(c.less(n, -most)):
        c.give(0)
    c.give(c.less(n, most + 1))


def _emit_adapt(words: Words, at: ObjectLayout) -> Statements:
    """adapt(table, row, given): what the walker takes for it: an array, or what has its data pointer at the same place.

    0 where it is none that the table was made for.
    """
    fits, put_float, put_int = _emit_fits(words, at), _emit_put_float(words, at), _emit_put_int(words)
    c = words.function("adapt", 3)
    table, row, given = c.arguments
    kind, cell = c.load(given, at.type), c.add(row, _DATA - at.data)
    with c.when(c.equal(kind, c.load(table, _NDARRAY))):
        c.give(c.builder.select(c.unequal(c.call(fits, row, given), 0), given, I64(0)))
    with c.when(c.equal(c.load(row, _SCALAR), 0)):
        c.give(0)
    with c.when(c.equal(kind, c.load(row, _SCALAR))):
        c.store(c.add(given, at.value), row, _DATA)
        c.give(cell)
    c.store(c.add(row, _VALUE), row, _DATA)
    for put, numbers in ((put_float, _FLOAT), (put_int, _INT)):
        with c.when(c.equal(kind, c.load(table, numbers))):
            c.give(c.builder.select(c.unequal(c.call(put, row, given), 0), cell, I64(0)))
    c.give(0)
    return c


def _emit_may_share_memory(words: Words, at: ObjectLayout) -> Statements:
    """may_share(table, given): whether it may be in the memory of a variable that the call writes."""
    c = words.function("may_share_memory", 2)
    table, given = c.arguments
    array, place = c.load(table, _NDARRAY), c.on_stack()
    with c.when(c.unequal(c.load(given, at.type), array)):
        c.give(0)  # a number
    c.store(given, place)
    with c.forever():  # up to the array that owns the memory, or to what is none
        owner = c.load(place)
        with c.when(c.unequal(c.load(owner, at.type), array)):
            c.give(1)
        base = c.load(owner, at.base)
        with c.when(c.equal(base, 0)):
            with c.each(c.load(table, _WRITTEN_COUNT)) as number:
                written = c.load(c.add(c.load(table, _OWNERS), c.times(number, 8)))
                with c.when(c.equal(owner, written)):
                    c.give(1)
            c.give(0)
        c.store(base, place)
    return c


def emit_take_arguments(words: Words, at: ObjectLayout) -> Statements:
    """take(table, arguments): have the walker find the arguments; 0 where one of them is for Python to look at."""
    adapt, may_share_memory = _emit_adapt(words, at), _emit_may_share_memory(words, at)
    c = words.function("take_arguments", 2)
    table, arguments = c.arguments
    writes = c.unequal(c.load(table, _WRITTEN_COUNT), 0)
    with c.each(c.load(table, _ARGUMENT_COUNT)) as number:
        given = c.load(c.add(arguments, c.times(number, 8)))
        row = c.add(c.load(table, _ARGUMENTS), c.times(number, _ROW_BYTES))
        found = c.call(adapt, table, row, given)
        with c.when(c.equal(found, 0)):
            c.give(0)
        with c.when(writes), c.when(c.unequal(c.call(may_share_memory, table, given), 0)):
            c.give(0)
        c.store(found, c.add(c.load(table, _OBJECTS), c.times(number, 8)))
    c.give(1)
    return c
