"""Machine code written statement by statement: loops, early ends, numbers of all kinds, functions of Python's."""

import ctypes
import itertools

import numpy as np
import pytest

from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compiler import compile_ir
from weft.codegen.cpu.run.words import DOUBLE, FLOAT, Words

_numbers = itertools.count()


@pytest.fixture
def compiled():
    """Compiles functions; their code stays as long as the test runs."""
    kept = []

    def compile_function(emit, count):
        name = f"words_under_test_{next(_numbers)}"
        words = Words()
        emit(words, words.function(name, count, entry=True))
        kept.append(native.Code([compile_ir(str(words))], [name]))
        return ctypes.PYFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * count)(kept[-1].addresses[name])

    return compile_function


def test_each_number_and_what_ends_early(compiled):
    def emit(words, c):
        numbers, count, wanted = c.arguments
        total = c.on_stack()
        with c.each(count) as outer:
            number = c.load(c.add(numbers, c.times(outer, 8)))
            with c.when(c.equal(number, wanted)):
                c.give(-1)
            with c.each(number) as inner:
                c.store(c.add(c.load(total), inner), total)
        c.give(c.load(total))

    f = compiled(emit, 3)
    numbers = np.array([5, 0, 3, -2, 7])
    address = numbers.ctypes.data
    assert f(address, 5, 99) == sum(range(5)) + sum(range(3)) + sum(range(7))
    assert f(address, 2, 99) == 10
    assert f(address, 0, 99) == f(address, -1, 99) == 0
    assert f(address, 5, 7) == -1
    assert f(address, 4, 7) == 13


def test_again_until_there_is_a_result(compiled):
    def emit(words, c):
        half = words.function("half", 1)
        half.give(half.builder.ashr(half.arguments[0], half.arguments[0].type(1)))
        place, steps = c.on_stack(), c.on_stack()
        c.store(c.arguments[0], place)
        with c.forever():
            number = c.load(place)
            with c.when(c.less(number, 1)):
                c.give(c.load(steps))
            c.store(c.call(half, number), place)
            c.store(c.add(c.load(steps), 1), steps)

    f = compiled(emit, 1)
    assert [f(n) for n in (0, 1, 2, 7, 8, 2**62, -5)] == [0, 1, 2, 3, 4, 63, 0]


def test_memory_of_several_types_and_exchanges(compiled):
    def emit(words, c):
        (place,) = c.arguments
        x = c.load_double(place, 8)
        c.store(c.builder.fadd(x, DOUBLE(1)), place, 16)
        c.store(c.builder.fptrunc(x, FLOAT), place, 24)
        c.store(c.mask(c.load(place, 32), 0xFF), place, 32)
        first, second = c.exchange(place, 0, 0, 7), c.exchange(place, 0, 0, 8)
        c.store(second, place, 40)
        c.release(place, 0)
        c.give(first)

    f = compiled(emit, 1)
    memory = np.zeros(6, np.int64)
    memory[1:2].view(np.float64)[:] = 0.1
    memory[3], memory[4] = -1, 0x1234
    assert f(memory.ctypes.data) == 0
    assert memory[[0, 4, 5]].tolist() == [0, 0x34, 7]
    assert memory[2:3].view(np.float64)[0] == 1.1
    assert memory[3:4].view(np.float32).tolist()[0] == np.float32(0.1)
    memory[0] = 5
    assert f(memory.ctypes.data) == 5
    assert memory[5] == 5


def test_functions_of_python_and_at_an_address(compiled):
    def emit(words, c):
        listed, function = c.arguments
        c.give(c.call_at(function, c.python("PyList_Size", listed), 10))

    @ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    def weigh(size, by):
        return size * by

    items = [1, 2, 3]
    address = ctypes.cast(weigh, ctypes.c_void_p).value
    assert compiled(emit, 2)(id(items), address) == 30
