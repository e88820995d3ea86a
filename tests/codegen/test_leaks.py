"""What is dropped is freed: arrays in constants, variables and closures, functions, what was remembered of sizes."""

import ctypes
import gc
import resource
import sys
import weakref

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compiler import compile_ir

from ..sampling import every

BIG = 100_000


class Closure:
    """A function with an array, for callbacks and rules."""

    def __init__(self, value):
        self.value = value

    def __call__(self, a):
        return a + self.value

    def pulled_back(self, g, *args):
        return g * float(self.value) * wf.exp(args[0])


def gone(reference):
    gc.collect()
    return reference() is None


def cell_of(shared):
    return weakref.ref(shared.op)


# ---- one thing at a time ---------------------------------------------------------------------------------------------


def test_constants_of_evaluated_expressions():
    def made():
        c = wf.constant(np.full(BIG, 3.0))
        x = wf.vector("x", (BIG,), "float64")
        assert (c * 2 + 1).sum().eval() == 7 * BIG
        assert (c * x).sum().eval({x: np.ones(BIG)}) == 3 * BIG
        assert wf.evaluate((c * x).sum(), {x: np.ones(BIG)}) == 3 * BIG
        return weakref.ref(c), weakref.ref(c.op), weakref.ref(x)

    assert all(gone(each) for each in made())


@pytest.mark.parametrize("shape", every(2, [None, (None,), ("n",)]))
def test_shared_variables(shape):
    def made():
        w = wf.shared(np.ones(BIG), "w", shape=shape)
        f = wf.function([], (w[1:] * w[:-1]).sum(), updates={w: w * 2})
        assert f() == BIG - 1
        w.set_value(np.ones(BIG if shape is None else 10))
        wf.function([], wf.grad(w.sum() * w.sum(), w))()
        return weakref.ref(w), cell_of(w), weakref.ref(w.op.storage), weakref.ref(f)

    assert all(gone(each) for each in made())


def test_callbacks_and_their_closures():
    def made():
        closure = Closure(np.float32(2))
        x = wf.vector("x", (3,))
        f = wf.function([x], wf.callback(closure, x.type, x))
        np.testing.assert_array_equal(f(np.zeros(3, "float32")), [2, 2, 2])
        return weakref.ref(closure), weakref.ref(f)

    assert all(gone(each) for each in made())


def test_custom_gradients():
    def made():
        closure = Closure(np.float32(2))
        x = wf.vector("x", (3,))
        rule = wf.custom_gradient(lambda a: wf.exp(a), lambda g, out, a: closure.pulled_back(g, a))
        f = wf.function([x], wf.grad(wf.sum(rule(x)), x))
        np.testing.assert_array_equal(f(np.zeros(3, "float32")), [2, 2, 2])
        return (weakref.ref(closure),)

    assert all(gone(each) for each in made())


def test_functions_with_loops_and_several_sizes():
    def made():
        x, n = wf.matrix("x", ("n", "m")), wf.scalar("k", dtype="int64")
        last, ys = wf.scan(lambda c, row: (c + row, c * row), wf.zeros((x.shape[1],)), x)
        f = wf.function([x, n], [last, ys[:n], wf.cond(n > 1, lambda: x.sum(), lambda: x.max())])
        for size in (1, 3, 200):
            f(np.ones((size, 4), "float32"), 1)
        return weakref.ref(f), weakref.ref(x), weakref.ref(last), weakref.ref(f.program)

    assert all(gone(each) for each in made())


def test_sizes_that_are_values():
    """Caches of infer and of arithmetic over sizes know types; these do not keep what a size is computed from."""

    def made():
        c = wf.constant(np.arange(BIG))
        i, j = wf.scalar("i", dtype="int64"), wf.scalar("j", dtype="int64")
        x = wf.vector("x")
        start = i + c[0]
        part = x[start : j + c[1]]
        y = wf.concatenate([part, part * 2])
        f = wf.function([x, i, j], [y, wf.zeros((y.shape[0] * 2 + 1,)), wf.reshape(part, (-1, 1))])
        assert f(np.ones(9, "float32"), 2, 5)[1].shape == (17,)
        return weakref.ref(c), weakref.ref(c.op), weakref.ref(part), weakref.ref(i), weakref.ref(start)

    assert all(gone(each) for each in made())


def test_a_call_that_failed_keeps_nothing():
    def made():
        x = wf.vector("x")
        f = wf.function([x], wf.take(wf.cumsum(x), np.int64([5]), 0))
        given = np.ones(3, "float32")
        with pytest.raises(IndexError):
            f(given)
        return weakref.ref(f), weakref.ref(given)

    assert all(gone(each) for each in made())


# ---- many things -----------------------------------------------------------------------------------------------------


def distinct(number):
    """A function that no other number makes, and nobody has compiled before; one in ten is less simple."""
    x = wf.vector("x", ("n",))
    y = x * (number + 0.5)
    if number % 10 == 0:
        y = wf.tanh(y) + wf.constant(np.full(1000, number, "float32"))[: x.shape[0]].sum()
    return wf.function([x], y)


def tracked():
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.slow
def test_many_functions_level_out():
    """Objects that live are counted: they do not grow with the functions that were dropped."""
    x = wf.vector("x", ("n",))

    def some(first, count):
        for number in range(first, first + count):
            wf.function([x], x[number % 7 :] + np.full(100, number, "float32")[0])(np.ones(9, "float32"))

    some(0, 20)
    before = tracked()
    some(1000, 25)
    middle = tracked()
    some(2000, 25)
    after = tracked()
    assert after - middle < 600, (before, middle, after)


def test_one_function_of_many_sizes_keeps_a_few():
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.cumsum(x).sum())
    for size in range(1, 300):
        assert f(np.ones(size, "float32")) == size * (size + 1) // 2
    assert len(f._idle) <= 64


def resident():
    """MiB that this process has in memory."""
    gc.collect()
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


class MallInfo(ctypes.Structure):
    """What the C library of Linux says of its memory."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split(" ")]


def allocated():
    """KiB that C and C++ code of this process has asked for and not given back."""
    gc.collect()
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None) if sys.platform == "linux" else None
    if mallinfo is None:
        pytest.skip("this C library does not tell what is allocated")
    mallinfo.restype = MallInfo
    found = mallinfo()
    return (found.uordblks + found.hblkhd) / 1024


def left_by(many, work):
    """KiB that each of many repetitions leaves allocated."""
    for number in range(5):
        work(number)
    before = allocated()
    for number in range(5, 5 + many):
        work(number)
    return (allocated() - before) / many


SOURCE = """
define i64 @{name}(ptr %a, ptr %b, i64 %lo, i64 %hi) {{
  %x = load double, ptr %a
  %y = fmul double %x, {number}.5
  store double %y, ptr %a
  ret i64 %lo
}}
"""


def test_compiling_leaves_next_to_nothing_in_llvm():
    """1.5 KiB a time are in LLVM's hands, where llvmlite cannot get at them; it was 70 KiB."""
    assert left_by(100, lambda number: compile_ir(SOURCE.format(name="f", number=number))) < 3


def test_code_that_was_dropped_leaves_nothing_in_llvm():
    data = compile_ir(SOURCE.format(name="leaves", number=1))
    assert left_by(640, lambda number: native.Code([data], ["leaves"])) < 2


@pytest.mark.slow
def test_a_hundred_thousand_functions():
    """They level out, but for what LLVM keeps of each compilation."""
    levels = []
    for number in range(100_000):
        distinct(number)(np.ones(5, "float32"))
        if number % 10_000 == 9_999:
            levels.append(resident())
            print(f"{number + 1} functions: {levels[-1]:.0f} MiB")
    assert (levels[-1] - levels[2]) * 1024 / 70_000 < 2.5, levels


@pytest.mark.slow
def test_a_thousand_batch_sizes():
    w = wf.shared(np.ones((1000, 1000), "float32") / 1000, "w")
    x = wf.matrix("x", ("n", 1000))
    y = x
    for _ in range(4):
        y = wf.tanh(y @ w)
    f = wf.function([x], wf.grad(y.sum(), w).sum())
    f(np.ones((1000, 1000), "float32"))
    levels = []
    for n in range(1, 1001):
        f(np.ones((n, 1000), "float32"))
        if n % 100 == 0:
            levels.append(resident())
            print(f"{n} batch sizes: {levels[-1]:.0f} MiB")
    assert levels[-1] - levels[0] < 200, levels
