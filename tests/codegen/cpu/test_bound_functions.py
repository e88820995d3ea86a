"""Functions over arrays that stay: what they read and write, who may call them, and their C functions."""

import ctypes
import gc
import signal
import sys
import threading
import weakref

import numpy as np
import pytest

import weft as wf
from weft.codegen.bound_function import BoundFunction
from weft.codegen.cpu.run import checked
from weft.symbolic.leaves import storage_of

native = pytest.mark.skipif(checked.ENABLED, reason="calls of the checked mode are all made in Python")


def c_function(g):
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(g.address)


def training(width=4):
    """A step that writes its variables, the data it takes, and what it does to them, in NumPy."""
    x, t = wf.matrix("x", ("n", width)), wf.vector("t", ("n",))
    w = wf.shared(np.zeros(width, np.float32), "w")
    loss = ((x @ w - t) ** 2).mean()
    step = wf.function([x, t], loss, updates={w: w - 0.1 * wf.grad(loss, w)})
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(6, width)).astype(np.float32), rng.normal(size=6).astype(np.float32)

    def expected(steps):
        v = np.zeros(width)
        for _ in range(steps):
            v -= 0.1 * 2 / len(b) * a.T.astype(float) @ (a @ v - b)
        return v

    return step, w, a, b, expected


# ---- calls ----------------------------------------------------------------------------------------------------------


def test_a_call_reads_its_arrays_and_returns_the_same_ones():
    x, s = wf.vector("x", ("n",)), wf.scalar("s")
    f = wf.function([x, s], x * s)
    a, factor = np.arange(4, dtype=np.float32), np.array(2, np.float32)
    g = f.bind(a, s=factor)
    first = g()
    np.testing.assert_array_equal(first, [0, 2, 4, 6])
    a[:], factor[...] = 5, 3
    assert g() is first is g.results
    np.testing.assert_array_equal(first, 15)
    assert g.arguments[0] is a
    assert g.function is f
    np.testing.assert_array_equal(f(a, factor), 15)
    assert repr(g).startswith("<weft.BoundFunction of function at ")


def test_results_come_in_the_form_of_the_outputs():
    x = wf.vector("x", (3,))
    a = np.arange(3, dtype=np.float32)
    for outputs in (x * 2, [x * 2], [x * 2, x + 1], (x * 2, x + 1, x), {"first": x * 2, "second": x + 1}):
        f = wf.function([x], outputs)
        found, expected = f.bind(a)(), f(a)
        assert type(found) is type(expected)
        if isinstance(found, dict):
            assert list(found) == list(expected)
            found, expected = list(found.values()), list(expected.values())
        np.testing.assert_array_equal(found, expected)
    w = wf.shared(np.zeros((), np.float32))
    g = wf.function([x], None, updates={w: w + x.sum()}).bind(a)
    assert g() is None
    assert g() is None
    assert w.get_value() == 6


def test_results_are_written_where_they_are_wanted():
    x = wf.vector("x", ("n",))
    rows = np.full((3, 4), -1, np.float32)
    g = wf.function([x], x + 1).bind(np.ones(4, np.float32), out=rows[1])
    assert g() is g.results
    np.testing.assert_array_equal(rows, [[-1] * 4, [2] * 4, [-1] * 4])
    one, two = np.empty(4, np.float32), np.empty((), np.float32)
    found = wf.function([x], [x * 3, x.sum()]).bind(np.ones(4, np.float32), out=[one, two])()
    assert found[0] is one
    np.testing.assert_array_equal(one, 3)
    assert two == 4


@pytest.mark.parametrize("rows", [1, 0, 400])
def test_training_steps_are_those_of_calls(rows):
    step, w, a, b, expected = training()
    if rows != 1:
        a, b = np.resize(a, (rows, 4)), np.resize(b, rows)
    g = step.bind(a, b)
    found = [float(g()) for _ in range(5)]
    after = w.get_value()
    if rows == 1:
        np.testing.assert_allclose(after, expected(5), rtol=1e-5)
    w.set_value(np.zeros(4, np.float32))
    np.testing.assert_array_equal([float(step(a, b)) for _ in range(5)], found)
    np.testing.assert_array_equal(w.get_value(), after)


def test_large_temporaries_are_its_own():
    x = wf.matrix("x", (200, 300))
    y = wf.softmax(x @ x.T)
    f = wf.function([x], (y @ x).sum(axis=0))
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(200, 300)).astype(np.float32) / 9 for _ in range(3)]
    bound = [f.bind(a) for a in arrays]
    for _ in range(2):
        for g, a in zip(bound, arrays, strict=True):
            np.testing.assert_array_equal(g(), f(a))


def test_what_is_dropped_goes():
    x = wf.vector("x", ("n",))
    w = wf.shared(np.zeros(5, np.float32))
    f = wf.function([x], x + w)
    a = np.ones(5, np.float32)
    before = sys.getrefcount(a)
    g = f.bind(a)
    for _ in range(3):
        g()
    gone = weakref.ref(g), weakref.ref(f)
    result = g.results
    del g, f
    gc.collect()
    assert [one() for one in gone] == [None, None]
    assert sys.getrefcount(a) == before
    np.testing.assert_array_equal(result, 1)


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "1-dimensional array of float32 in C order, and is float"),
        ([1.0, 2.0], "is list"),
        (np.ones(4), "has the dtype float64"),
        (np.ones((2, 2), np.float32), "has 2 axes"),
        (np.ones(8, np.float32)[::2], "in another order"),
        (np.ones(4, ">f4"), "has the dtype >f4"),
        (np.ma.masked_array(np.ones(4, np.float32)), "is MaskedArray"),
        (np.ones(17, np.uint8)[1:].view(np.float32), "not aligned"),
    ],
)
def test_arrays_that_cannot_be_kept(value, text):
    x = wf.vector("x", ("n",))
    f = wf.function([x], x * 2)
    with pytest.raises(wf.ArgumentError, match=text) as raised:
        f.bind(value)
    assert "the value of x" in str(raised.value)
    assert "np.ascontiguousarray(value, 'float32')" in str(raised.value.__notes__)


def test_arguments_and_sizes_are_checked_as_in_calls():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    f = wf.function([x, y], x + y)
    three, four = np.ones(3, np.float32), np.ones(4, np.float32)
    with pytest.raises(wf.ShapeError, match=r"y has shape \(n,\), its value \(4,\)"):
        f.bind(three, four)
    with pytest.raises(wf.ArgumentError, match="y is missing"):
        f.bind(three)
    with pytest.raises(wf.ArgumentError, match="no argument 'z'"):
        f.bind(three, z=three)


def test_results_that_do_not_fit():
    x = wf.vector("x", ("n",))
    f, pair = wf.function([x], x * 2), wf.function([x], [x * 2, x.sum()])
    a = np.ones(4, np.float32)
    for out, error, text in [
        (np.ones(4), wf.DTypeError, "float64, and the result that goes there float32"),
        (np.ones(3, np.float32), wf.ShapeError, r"shape \(3,\), and the result that goes there \(4,\)"),
        (np.ones(8, np.float32)[::2], wf.ArgumentError, "C order"),
        ("out", wf.ArgumentError, "not str"),
        (a, wf.ArgumentError, "shares memory"),
        (a[:], wf.ArgumentError, "shares memory"),
    ]:
        with pytest.raises(error, match=text):
            f.bind(a, out=out)
    one, number = np.empty(4, np.float32), np.empty((), np.float32)
    frozen = one.copy()
    frozen.flags.writeable = False
    for out, text in [
        (one, "a list of 2 arrays, in the order of the outputs, not ndarray"),
        ([one], "not 1"),
        ([one, one[0:1].reshape(())], "shares memory"),
        ([frozen, number], r"out\[0\] is to be in C order, aligned, and writeable"),
    ]:
        with pytest.raises(wf.ArgumentError, match=text):
            pair.bind(a, out=out)


def test_arrays_in_the_memory_of_variables():
    w = wf.shared(np.zeros(4, np.float32), "w")
    x = wf.vector("x", (4,))
    inside, a = storage_of(w).array, np.ones(4, np.float32)
    step, read = wf.function([x], w + x, updates={w: w + x}), wf.function([x], w + x)
    with pytest.raises(wf.ArgumentError, match="value of x is in the memory of a variable, which each call changes"):
        step.bind(inside)
    for f in (step, read):
        with pytest.raises(wf.ArgumentError, match="shares memory with another one, with an argument or with"):
            f.bind(a, out=inside)
    g = read.bind(inside)
    w.set_value(np.full(4, 3, np.float32))
    np.testing.assert_array_equal(g(), 6)


# ---- failures and variables -----------------------------------------------------------------------------------------


def lookup():
    x, i = wf.vector("x", (4,)), wf.vector("i", (2,), "int64")
    w = wf.shared(np.zeros(2, np.float32), "w")
    places = np.array([1, 3])
    return w, places, wf.function([x, i], x[i], updates={w: w + x[i]}).bind(np.arange(4, dtype=np.float32), places)


def test_a_step_that_refuses_its_input_changes_nothing():
    w, places, g = lookup()
    np.testing.assert_array_equal(g(), [1, 3])
    places[0] = 4
    for _ in range(2):
        with pytest.raises(wf.IndexRangeError, match="4"):
            g()
        np.testing.assert_array_equal(w.get_value(), [1, 3])
    places[0] = 0
    np.testing.assert_array_equal(g(), [0, 3])
    np.testing.assert_array_equal(w.get_value(), [1, 6])


def test_who_holds_variables_is_waited_for():
    w, _, g = lookup()
    done = []
    with storage_of(w).writing():
        thread = threading.Thread(target=lambda: done.append(g()))
        thread.start()
        thread.join(0.05)
        assert not done
    thread.join()
    np.testing.assert_array_equal(done[0], [1, 3])


class Elsewhere:
    """A value on a device."""

    def __init__(self, value):
        self.value = value

    def fetch(self):
        return self.value


@native
def test_a_value_that_is_elsewhere_is_fetched_by_python_alone():
    w, _, g = lookup()
    storage, call = storage_of(w), c_function(g)
    storage.note_write("there", Elsewhere(np.full(2, 10, np.float32)), (2,))
    assert call(g.state) == -2
    assert storage.is_behind
    g()
    np.testing.assert_array_equal(w.get_value(), [11, 13])
    assert storage.copy_at("there") is None
    storage.note_copy("there", Elsewhere(None))
    assert call(g.state) == 0
    assert storage.copy_at("there") is None  # it is behind what the call wrote


@native
def test_a_call_within_itself_is_refused():
    x = wf.vector("x", (2,))
    errors = []

    def call_again(a):
        try:
            g()
        except wf.ArgumentError as error:
            errors.append(str(error))
        return a

    g = wf.function([x], wf.callback(call_again, x.type, x) + 1, name="outer").bind(np.zeros(2, np.float32))
    np.testing.assert_array_equal(g(), 1)
    assert len(errors) == 1
    assert "outer, bound to arrays, is in a call already" in errors[0]
    np.testing.assert_array_equal(g(), 1)


class Interrupted(Exception):
    """What a signal raises here."""


@native
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers here")
def test_a_signal_ends_a_long_call():
    n = wf.scalar("n", dtype="int64")
    _, total = wf.while_loop(lambda c: c[0] > 0, lambda c: (c[0] - 1, c[1] * 0.5 + 1), (n, wf.constant(0.0, "float64")))
    count = np.array(2**40)
    g = wf.function([n], total).bind(count)

    def interrupt(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Interrupted):
            g()
    finally:
        signal.signal(signal.SIGALRM, before)
    count[...] = 3
    assert g() == 1.75


# ---- the C function -------------------------------------------------------------------------------------------------


@native
def test_the_c_function_does_what_calls_do():
    step, w, a, b, expected = training()
    g = step.bind(a, b)
    call = c_function(g)
    assert [call(g.state) for _ in range(5)] == [0] * 5
    np.testing.assert_allclose(w.get_value(), expected(5), rtol=1e-5)
    assert g.results == pytest.approx(((a @ expected(4) - b) ** 2).mean(), rel=1e-5)


@native
def test_the_c_function_says_which_step_failed():
    w, places, g = lookup()
    call = c_function(g)
    places[1] = -9
    assert call(g.state) > 0
    np.testing.assert_array_equal(w.get_value(), 0)
    places[1] = 2
    assert call(g.state) == 0
    np.testing.assert_array_equal(w.get_value(), [1, 2])


@native
def test_numbas_code_calls_it_without_the_gil():
    import numba

    step, w, a, b, expected = training()
    g = step.bind(a, b)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_size_t)(g.address)

    @numba.njit(nogil=True)
    def train(state, steps):
        failed = 0
        for _ in range(steps):
            failed += call(state) != 0
        return failed

    assert train(g.state, 20) == 0
    np.testing.assert_allclose(w.get_value(), expected(20), rtol=1e-4)


@native
@pytest.mark.skipif(sys.platform == "win32", reason="threads are made by another function there")
def test_threads_that_python_does_not_know_call_it_while_the_gil_is_held():
    library = ctypes.PyDLL(None)  # its functions keep the GIL: threads that needed it would never end
    step, w, a, b, expected = training()
    x = wf.vector("x", ("n",))
    arrays = [np.full(50, number, np.float32) for number in range(3)]
    bound = [step.bind(a, b), *(wf.function([x], x * 2).bind(one) for one in arrays)]
    for g in bound:
        assert g.address  # compiled now
    threads = [ctypes.c_ulong() for _ in bound]
    for thread, g in zip(threads, bound, strict=True):
        library.pthread_create.argtypes = (ctypes.c_void_p,) * 4
        assert library.pthread_create(ctypes.addressof(thread), None, g.address, g.state) == 0
    for thread in threads:
        status = ctypes.c_int64(-7)
        library.pthread_join.argtypes = (ctypes.c_ulong, ctypes.c_void_p)
        assert library.pthread_join(thread.value, ctypes.addressof(status)) == 0
        assert status.value == 0
    np.testing.assert_allclose(w.get_value(), expected(1), rtol=1e-5)
    for one, g in zip(arrays, bound[1:], strict=True):
        np.testing.assert_array_equal(g.results, 2 * one)


@native
@pytest.mark.parametrize("from_c", [False, True])
def test_one_thread_at_a_time_is_in_it(from_c):
    x = wf.vector("x", (2,))
    entered, go_on, found = threading.Event(), threading.Event(), []

    def wait(a):
        entered.set()
        assert go_on.wait(10)
        return a

    g = wf.function([x], wf.callback(wait, x.type, x) + 1).bind(np.zeros(2, np.float32))
    call = c_function(g)
    thread = threading.Thread(target=lambda: found.append(call(g.state) if from_c else g()[0]))
    thread.start()
    assert entered.wait(10)
    assert call(g.state) == -1
    with pytest.raises(wf.ArgumentError, match="in a call already"):
        g()
    go_on.set()
    thread.join()
    assert found == [0 if from_c else 1]
    assert call(g.state) == 0


# ---- everywhere else ------------------------------------------------------------------------------------------------


def check_general(f, w, a):
    """A function without tables of its own: `g()` is a call of it."""
    g = f.bind(a)
    assert type(g) is BoundFunction
    np.testing.assert_array_equal(g(), a + 1)
    a[:] = 5
    assert g() is g.results
    np.testing.assert_array_equal(g.results, 7)
    assert w.get_value()[0] == 3
    for number in ("address", "state"):
        with pytest.raises(wf.LoweringError, match="has no C function"):
            getattr(g, number)


@pytest.mark.parametrize("options", [{"target": "reference"}, {"nan": "raise"}])
def test_other_targets_and_functions_that_look_at_results(options):
    x = wf.vector("x", ("n",))
    w = wf.shared(np.ones(1, np.float32), "w")
    check_general(wf.function([x], x + w[0], updates={w: w + 1}, **options), w, np.arange(3, dtype=np.float32))


def test_results_whose_sizes_change():
    w = wf.shared(np.ones(3, np.float32), "w", shape=(None,))
    x = wf.scalar("x")
    a = np.array(2, np.float32)
    g = wf.function([x], w * x).bind(a)
    np.testing.assert_array_equal(g(), [2, 2, 2])
    w.set_value(np.full(3, 4, np.float32))
    np.testing.assert_array_equal(g(), [8, 8, 8])
    w.set_value(np.ones(5, np.float32))
    with pytest.raises(wf.ShapeError, match=r"of shape \(3,\), and a result is now of shape \(5,\)"):
        g()
