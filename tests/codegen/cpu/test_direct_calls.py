"""Calls that machine code serves without Python: the same results, references and errors as those in Python."""

import gc
import os
import sys
import threading
import weakref

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import checked, layouts
from weft.codegen.cpu.run.function import SEVERAL
from weft.symbolic.leaves import storage_of

pytestmark = pytest.mark.skipif(checked.ENABLED, reason="calls of the checked mode are all made in Python")


def warm(f, *args):
    """The function, which has had so many calls with such arguments that the next one runs no Python."""
    for _ in range(SEVERAL + 1):
        f(*args)
    assert f._direct is not None
    return f


def is_direct(f, *args):
    return f._direct(*args) is not NotImplemented


def in_python(f, *args):
    """The results of a call that goes the other way."""
    return f._call(args, {})


@pytest.fixture
def line():
    s = wf.scalar("s")
    return warm(wf.function([s], s * 2 + 1), 3.0)


@pytest.fixture
def sums():
    a, b = wf.matrix("a", ("n", "m")), wf.vector("b", ("m",), "float64")
    return warm(wf.function([a, b], (a + b).sum(axis=0)), np.ones((3, 5), np.float32), np.ones(5))


# ---- which calls are served -----------------------------------------------------------------------------------------


FINITE = [0, -7, 2.5, -1e-320, 2**31 - 1, -(2**31) + 1, 2**53, -(2**53)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_numbers_of_python_become_what_numpy_makes_of_them(dtype):
    s = wf.scalar("s", dtype=dtype)
    f = warm(wf.function([s], -s), 1)
    integer, most = dtype.startswith("int"), 2 ** (int(dtype[-2:]) - 1)
    numbers = [n for n in FINITE if isinstance(n, int) and abs(n) < most] if integer else [*FINITE, np.inf, np.nan]
    for number in numbers:
        assert is_direct(f, number)
        found = f(number)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, -np.array(number).astype(dtype))
        np.testing.assert_array_equal(found, in_python(f, number))
    for wrong in [2.5, most, -most - 1] if integer else []:
        assert not is_direct(f, wrong)
        with pytest.raises(wf.WeftError):
            f(wrong)


def test_floats_are_rounded_once_and_those_that_overflow_warn():
    s = wf.scalar("s")
    f = warm(wf.function([s], -s), 1.0)
    rng = np.random.default_rng(3)
    floats = [*(rng.normal(size=50) * 10.0 ** rng.integers(-44, 37, 50)).tolist(), 1 + 2**-24, 1 + 3 * 2**-24]
    for number in [*floats, 16777217, 2**53 - 1, 2**24 + 3, -(2**40) - 2**16 - 1]:
        assert is_direct(f, number)
        assert f(number) == -np.float32(number)
    for number in [2**53 + 1, 2**63, 2**63 - 1, True]:
        assert not is_direct(f, number)
        assert f(number) == -np.float32(number)
    assert not is_direct(f, 1e300)
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert f(1e300) == -np.inf


def test_numpys_scalars_and_arrays_are_taken(line):
    assert is_direct(line, np.float32(0.1))
    assert line(np.float32(0.1)) == np.float32(0.1) * 2 + 1
    assert is_direct(line, np.array(4, np.float32))
    assert line(np.array(4, np.float32)) == 9
    assert not is_direct(line, np.float64(0.5))
    assert not is_direct(line, np.int8(5))
    assert line(np.int8(5)) == 11


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16", "uint64", "float64"])
def test_scalars_of_all_dtypes(dtype):
    s = wf.scalar("s", dtype=dtype)
    one = np.dtype(dtype).type(1)
    f = warm(wf.function([s], s), one)
    assert is_direct(f, one)
    assert f(one) == one
    assert f(np.dtype(dtype).type(0)) == 0


def test_what_is_no_such_array_is_pythons(sums):
    a, b = np.arange(15, dtype=np.float32).reshape(3, 5), np.arange(5.0)
    expected = (a + b).sum(axis=0)
    assert is_direct(sums, a, b)
    np.testing.assert_allclose(sums(a, b), expected)
    frozen = a.copy()
    frozen.flags.writeable = False
    swapped = a.astype(">f4")
    others = [np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2], a.astype(np.int16), frozen, swapped, a.tolist()]
    others += [np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 5), np.ma.masked_array(a)]
    for other in others:
        assert not is_direct(sums, other, b)
        np.testing.assert_allclose(sums(other, b), expected)
    for wrong in [(a,), (a, b, b), (b, a), (a, None), (None, b), (a, np.ones(4)), ()]:
        assert not is_direct(sums, *wrong)
        with pytest.raises(wf.WeftError):
            sums(*wrong)
    np.testing.assert_allclose(sums(a=a, b=b), expected)
    assert is_direct(sums, a, b)


def test_other_sizes_are_served_in_their_turn(sums):
    rng = np.random.default_rng(0)
    for n, m in [(1, 1), (0, 3), (3, 0), (4, 5), (3, 5)] * (SEVERAL + 3):
        a, b = rng.normal(size=(n, m)).astype(np.float32), rng.normal(size=m)
        np.testing.assert_allclose(sums(a, b), (a + b).sum(axis=0), rtol=1e-6, atol=1e-6)
    for n in range(100):
        a, b = np.ones((n, 5), np.float32), np.ones(5)
        warm(sums, a, b)
        assert is_direct(sums, a, b)
    assert len(sums._direct_calls) <= 64


def test_a_binding_that_is_in_use_is_not_taken(line):
    ((key, idle),) = line._idle.items()
    (binding,) = idle
    idle.append(line.new_binding([np.ones((), np.float32)]))
    assert is_direct(line, 3.0)
    idle.remove(binding)
    assert not is_direct(line, 3.0)
    assert line(3.0) == 7
    idle.append(binding)
    assert is_direct(line, 3.0)
    del line._idle[key]  # as happens to sizes that were used long ago
    assert line(3.0) == 7


def test_long_calls_and_large_results_are_pythons():
    x = wf.matrix("x", (300, 300))
    f = wf.function([x], x @ x)
    a = np.ones((300, 300), np.float32)
    for _ in range(SEVERAL + 3):
        np.testing.assert_array_equal(f(a), a @ a)
    assert f._direct is None


def test_without_a_known_layout_all_calls_are_pythons(monkeypatch):
    monkeypatch.setattr("weft.codegen.cpu.run.direct_call.object_layout", lambda: None)
    monkeypatch.setattr("weft.codegen.cpu.run.function.object_layout", lambda: None)
    s = wf.scalar("s")
    f = wf.function([s], s * 3)
    assert [float(f(n)) for n in range(20)] == [3.0 * n for n in range(20)]
    assert f._direct is None
    g = f.bind(np.array(5, np.float32))
    assert g() == 15


def test_a_layout_that_differs_is_seen(monkeypatch):
    layouts.object_layout.cache_clear()
    monkeypatch.setattr(layouts, "EXPECTED", layouts.EXPECTED._replace(ndim=layouts.EXPECTED.shape))
    assert layouts.object_layout() is None
    layouts.object_layout.cache_clear()


# ---- forms of results -----------------------------------------------------------------------------------------------


def check_form(outputs, x, a):
    f = warm(wf.function([x], outputs), a)
    found, expected = f._direct(a), in_python(f, a)
    assert type(found) is type(expected)
    if isinstance(found, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    np.testing.assert_array_equal(found, expected)


def test_results_come_in_the_form_of_the_outputs():
    x = wf.vector("x", ("n",))
    a = np.arange(3, dtype=np.float32)
    for outputs in (x * 2, [x * 2], [x * 2, x + 1], (x * 2,), (x * 2, x + 1, x), {"first": x * 2, "second": x + 1}):
        check_form(outputs, x, a)
    w = wf.shared(np.zeros((), np.float32))
    f = warm(wf.function([x], None, updates={w: w + x.sum()}), a)
    assert f._direct(a) is None
    assert w.get_value() == (SEVERAL + 2) * a.sum()


def test_results_are_new_arrays():
    x = wf.vector("x", ("n",))
    f = warm(wf.function([x], [x + 1, x + 2]), np.ones(3, np.float32))
    first, second = f(np.ones(3, np.float32)), f(np.full(3, 5, np.float32))
    np.testing.assert_array_equal(first, [[2] * 3, [3] * 3])
    np.testing.assert_array_equal(second, [[6] * 3, [7] * 3])
    assert all(one.flags.owndata and one.flags.carray for one in [*first, *second])


# ---- variables ------------------------------------------------------------------------------------------------------


def counter():
    w = wf.shared(np.zeros(3, np.float32), "w")
    x = wf.vector("x", (3,))
    return w, warm(wf.function([x], w + x, updates={w: w + 2 * x}), np.zeros(3, np.float32))


def test_variables_are_read_and_written():
    w, f = counter()
    one = np.ones(3, np.float32)
    version = storage_of(w).version
    for calls in range(1, 5):
        assert is_direct(f, one)  # a call, too
        np.testing.assert_array_equal(f(one), 4 * calls - 1)
        np.testing.assert_array_equal(w.get_value(), 4 * calls)
    assert storage_of(w).version == version + 8
    w.set_value(np.full(3, -1, np.float32))
    np.testing.assert_array_equal(f(one), 0)


def test_arguments_in_the_memory_of_a_variable_are_pythons():
    w, f = counter()
    w.set_value(np.arange(3, dtype=np.float32))
    alias = storage_of(w).array
    for argument in (alias, alias[:], alias.reshape(1, 3)[0]):
        assert not is_direct(f, argument)
    np.testing.assert_array_equal(f(alias), [0, 2, 4])
    np.testing.assert_array_equal(w.get_value(), [0, 3, 6])
    rows = np.ones((4, 3), np.float32)
    assert is_direct(f, rows[2])  # a view of something else
    assert not is_direct(f, np.frombuffer(bytearray(12), np.float32))  # nobody knows of what


def test_who_holds_variables_is_not_overtaken():
    w, f = counter()
    one, done = np.ones(3, np.float32), []
    with storage_of(w).writing():
        assert not is_direct(f, one)
        thread = threading.Thread(target=lambda: done.append(f(one)))
        thread.start()
        thread.join(0.05)
        assert not done
        storage_of(w).array[:] = 10
    thread.join()
    np.testing.assert_array_equal(done[0], 11)
    assert is_direct(f, one)


class Elsewhere:
    """A value on a device."""

    def __init__(self, value):
        self.value = value

    def fetch(self):
        return self.value


def test_a_value_that_is_elsewhere_is_fetched():
    w, f = counter()
    storage = storage_of(w)
    storage.note_write("there", Elsewhere(np.full(3, 7, np.float32)), (3,))
    assert storage.is_behind
    one = np.ones(3, np.float32)
    assert not is_direct(f, one)
    np.testing.assert_array_equal(f(one), 8)
    assert not storage.is_behind
    assert storage.copy_at("there") is None
    assert is_direct(f, one)


# ---- failures, references, threads, forks ---------------------------------------------------------------------------


def test_a_step_that_refuses_its_input_says_why_and_changes_nothing():
    x, i = wf.vector("x", (4,)), wf.vector("i", (2,), "int64")
    w = wf.shared(np.zeros(2, np.float32), "w")
    f = warm(wf.function([x, i], x[i], updates={w: w + x[i]}), np.ones(4, np.float32), np.array([0, 3]))
    a, before = np.arange(4, dtype=np.float32), w.get_value()
    for _ in range(3):
        with pytest.raises(wf.IndexRangeError, match="4"):
            f(a, np.array([1, 4]))
        np.testing.assert_array_equal(w.get_value(), before)
    assert is_direct(f, a, np.array([3, 1]))
    np.testing.assert_array_equal(f(a, np.array([3, 1])), [3, 1])
    np.testing.assert_array_equal(w.get_value() - before, [6, 2])


def test_references_are_counted(sums):
    a, b = np.ones((3, 5), np.float32), np.ones(5)
    bad = np.ones((3, 4), np.float32)
    s = wf.scalar("s")
    several = warm(wf.function([s], (s + 1, s + 2)), 0.5)
    number, objects = 0.123, [a, b, bad, np.dtype("float32"), np.dtype("float64"), None, NotImplemented, tuple, float]

    def counts():
        gc.collect()
        return [sys.getrefcount(one) for one in [*objects, number]]

    sums._direct(a, b), several._direct(number), sums._direct(bad, b)
    before = counts()
    for _ in range(1000):
        sums._direct(a, b)
        sums._direct(bad, b)
        several._direct(number)
        several._direct("no number")
    after = counts()
    assert max(abs(n - m) for n, m in zip(before, after, strict=True)) < 20
    found, pair = sums(a, b), several(number)
    assert sys.getrefcount(found) == 2  # the name, and the argument
    assert [sys.getrefcount(pair[0]), sys.getrefcount(pair[1])] == [2, 2]
    assert sys.getrefcount(pair) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_million_calls_take_no_memory(line):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    x = wf.vector("x", ("n",))
    several = warm(wf.function([x], [x * 2, x + 1]), np.ones(100, np.float32))
    a = np.ones(100, np.float32)
    for calls in (10_000, 500_000):
        before = resident()
        for _ in range(calls):
            line(2.0)
        for _ in range(calls // 2):
            several(a)
        grown = resident() - before
    assert grown < 1 << 20


def test_what_is_dropped_goes_at_once():
    x = wf.vector("x", ("n",))
    w = wf.shared(np.zeros(5, np.float32))
    f = warm(wf.function([x], x + w), np.ones(5, np.float32))
    table, one = weakref.ref(f._direct.__self__), weakref.ref(f)
    ((binding,),) = f._idle.values()
    kept = weakref.ref(binding)
    del f, binding
    gc.collect()
    assert one() is None
    assert table() is None
    assert kept() is None


def test_finalizers_that_call_the_same_function_find_it_whole():
    x = wf.vector("x", ("n",))
    f = warm(wf.function([x], [x + 1, x + 2, x + 3]), np.zeros(3, np.float32))
    inner, outer = np.full(3, 100, np.float32), np.full(3, 5, np.float32)

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            f(inner)

    old = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Cycle()
            np.testing.assert_array_equal(f(outer), [[6] * 3, [7] * 3, [8] * 3])
    finally:
        gc.set_threshold(*old)


def test_threads_call_the_same_function(sums):
    failures, switch = [], sys.getswitchinterval()

    def run(number):
        a, b = np.full((3, 5), number, np.float32), np.full(5, number)
        for _ in range(2000):
            if (sums(a, b) != 6 * number).any():
                failures.append(number)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert failures == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_has_direct_calls_of_its_own(line):
    child = os.fork()
    if child == 0:
        right = line._direct is None and [float(line(n)) for n in range(10)] == [*range(1, 20, 2)]
        os._exit(0 if right and line._direct is not None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert line(10) == 21
