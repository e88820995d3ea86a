"""A call changes all of its variables, or none: also one that fails in the middle, is interrupted, or is not alone."""

import ctypes
import gc
import os
import signal
import threading
import time
import weakref
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run.rows import FixedArray
from weft.symbolic.access import VariableAccess

FLOAT = "float32"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
quiet = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@dataclass(frozen=True)
class Refusing(wf.Op):
    """x, unless an element is below 0.  x: (n,) -> (n,)."""

    def infer(self, x):
        return x

    def numpy(self, x):
        if (x < 0).any():
            raise ValueError("less than nothing")
        return x


@wf.kernel(Refusing, "cpu")
def refusing(x, out):
    for i in range(x.size):
        if x[i] < 0:
            raise ValueError("less than nothing")
        out[i] = x[i]


def raising(a):
    if (a < 0).any():
        raise ArithmeticError("no")
    return a


def looped(x):
    """x, after a scan whose body gathers at places that are wrong where x is below 0."""
    i = wf.where(x < 0, 10, 0).astype("int64")
    return wf.scan(lambda c, k: (c + 0 * wf.take(x, k, 0), None), x, i)[0]


def branched(x):
    i = wf.where(x < 0, 10, 0).astype("int64")
    return wf.cond(x.sum() > 100, lambda: x, lambda: x + 0 * wf.take(x, i, 0))


def labelled(x):
    labels = wf.where(x < 0, 10, 0).astype("int64")
    return x + 0 * wf.crossentropy(wf.softmax(wf.stack([x, x], 1), 1), labels).sum()


FAILURES = {  # functions of a vector that are x itself where all of it is above 0, and fail where not
    "gather": lambda x: wf.take(x, wf.where(x < 0, 10, wf.arange(x.shape[0])).astype("int64"), 0),
    "labels": labelled,
    "callback": lambda x: wf.callback(raising, x.type, x),
    "factorisation": lambda x: x + 0 * wf.cholesky(wf.eye(2, dtype=FLOAT) * x.min()).sum(),
    "user's kernel": lambda x: wf.apply(Refusing(), x),
    "scan": looped,
    "cond": branched,
}


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("kind", FAILURES)
def test_a_call_that_fails_leaves_every_variable_as_it_was(kind, free):
    shape = (None,) if free else None
    v, w, u = (wf.shared(np.float32([1, 2, 3]) * k, name, shape=shape) for k, name in ((1, "v"), (2, "w"), (3, "u")))
    x = wf.vector("x", (3,))
    wrong = FAILURES[kind](x)
    updates = [(v, v + 1.0), (w, w + wrong), (u, wf.flip(u) + v)]
    for order in [*permutations(updates)][:: 2 if kind == "gather" else 5]:
        f = wf.function([x], v * 2, updates=order)
        before = [s.get_value() for s in (v, w, u)]
        for bad in ([-1, 1, 1], [1, 1, -1]):
            with pytest.raises(Exception):  # noqa: B017, PT011 - of another class for each kind
                f(np.float32(bad))
            for shared, value in zip((v, w, u), before, strict=True):
                np.testing.assert_array_equal(shared.get_value(), value)
        f(np.float32([1, 2, 3]))
        after = [before[0] + 1, before[1] + [1, 2, 3], before[2][::-1] + before[0]]
        for shared, value in zip((v, w, u), after, strict=True):
            np.testing.assert_array_equal(shared.get_value(), value)


# ---- interrupts ------------------------------------------------------------------------------------------------------


def endless():
    k, w = wf.scalar("k", dtype="int64"), wf.shared(np.zeros(3, FLOAT), "w")
    last = wf.while_loop(lambda c: c > 0, lambda c: c * 0 + 1, k)
    return wf.function([k], last, updates={w: w + 1 + 0 * last.astype(FLOAT)}), w, 1, 0


def long_scan():
    n, w = wf.scalar("n", dtype="int64"), wf.shared(np.zeros((200, 200), FLOAT), "w")
    last, _ = wf.scan(lambda c, _: (c @ c * 0.5, None), w, length=n)
    return wf.function([n], None, updates={w: last + 1.0}), w, 10**7, 0


def long_chain():
    w, n = wf.shared(np.zeros((1500, 1500), FLOAT), "w"), wf.scalar("n", dtype="int64")
    y = w
    for _ in range(60):
        y = wf.cos(y @ w)
    product = wf.cond(n > 0, lambda: y, lambda: w)
    return wf.function([n], None, updates={w: product * 0 + w + 1.0}), w, 1, 0


@pytest.mark.skipif(os.name != "posix", reason="signals of other systems")
@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("program", [endless, long_scan, long_chain])
def test_an_interrupt_ends_a_call_and_changes_nothing(program):
    f, w, lasting, short = program()
    f(short)
    before = w.get_value()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        f(lasting)
    assert time.monotonic() - begun < 60
    timer.join()
    np.testing.assert_array_equal(w.get_value(), before)
    f(short)
    np.testing.assert_array_equal(w.get_value(), before + 1)


# ---- threads ---------------------------------------------------------------------------------------------------------


def together(*workers, seconds=0.8):
    """Run them again and again, each on a thread, and raise what any of them raises."""
    stop, errors = time.monotonic() + seconds, []

    def repeat(work):
        try:
            while time.monotonic() < stop and not errors:
                work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("free", [False, True])
def test_readers_beside_a_writer_see_whole_values(free):
    w = wf.shared(np.zeros(100_000), "w", shape=(None,) if free else None)
    read = wf.function([], [w.min(), w.max(), w + 0])
    write = wf.function([], None, updates={w: wf.concatenate([w, w[:1]])[1:] + 1.0 if free else w + 1.0})
    seen = []

    def reader():
        low, high, copy = read()
        assert low == high == copy.min() == copy.max()
        seen.append(float(low))

    def whole():
        copy = w.get_value()
        assert copy.min() == copy.max()

    together(reader, reader, whole, write)
    assert len(set(seen)) > 3
    assert w.get_value()[0] >= max(seen)


def test_a_variable_is_resized_beside_calls():
    w = wf.shared(np.ones(10), "w", shape=(None,))
    count, add = wf.function([], [wf.cumsum(w)[-1], w.sum(), w.size]), wf.function([], None, updates={w: w * 1.0})
    sizes = iter(range(10**9))

    def check():
        last, total, size = count()
        assert last == total == size

    together(check, check, add, lambda: w.set_value(np.ones((10, 200_000)[next(sizes) % 2])))


def test_what_a_callback_does_belongs_to_its_call():
    w = wf.shared(np.zeros(3, FLOAT), "w")
    x = wf.vector("x", (3,))
    inner = wf.function([], w.sum())
    other = wf.shared(np.zeros(3, FLOAT), "other")
    put = wf.function([x], None, updates={other: x})

    def inside(a):
        put(a)
        return a + inner() + w.get_value()

    f = wf.function([x], None, updates={w: wf.callback(inside, x.type, x) + w})
    f(np.ones(3, FLOAT))
    f(np.ones(3, FLOAT))
    np.testing.assert_array_equal(w.get_value(), [1 + 1 + 3 + 1] * 3)
    np.testing.assert_array_equal(other.get_value(), [1, 1, 1])


@forks
@quiet
def test_a_child_forked_while_another_thread_compiles_can_compile():
    x, over = wf.vector("x", ("n",), "float64"), threading.Event()

    def compiling():
        count = 0
        while not over.is_set():
            count, y = count + 1, x
            for j in range(30):
                y = wf.tanh(y * (1 + count * 1e-3) + j)
            wf.function([x], [y, wf.grad(y.sum(), x)])

    thread = threading.Thread(target=compiling)
    thread.start()
    try:
        for i in range(6):
            time.sleep(0.02)
            child = os.fork()
            if not child:
                signal.alarm(20)
                found = wf.function([x], (x * (i + 1.25)).sum())(np.ones(4))
                os._exit(0 if found == 4 * (i + 1.25) and gc.isenabled() else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        thread.join()


def test_callbacks_that_write_each_others_variables_do_not_wait_for_each_other():
    a, b, x = wf.shared(np.zeros(3)), wf.shared(np.zeros(3)), wf.vector("x", (3,), "float64")
    more = {v: wf.function([], None, updates={v: v + 1}) for v in (a, b)}

    def updating(own, other):
        def slow(value):
            time.sleep(0.002)
            more[other]()
            return value

        return wf.function([x], None, updates={own: own + wf.callback(slow, x.type, x)})

    def work(f):
        for _ in range(20):
            f(np.ones(3))

    threads = [threading.Thread(target=work, args=(updating(*p),), daemon=True) for p in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert a.get_value().tolist() == b.get_value().tolist() == [40] * 3


def test_a_callback_that_resizes_a_variable_leaves_the_calls_array():
    w, x = wf.shared(np.full(1000, 0.5), "w", shape=(None,)), wf.vector("x", (1,), "float64")
    old = []

    def inside(a):
        old.append(weakref.ref(w.op.storage.value))
        w.set_value(np.zeros(7))
        old.append(old[-1]() is not None)
        return a

    f = wf.function([x], wf.tanh(w + wf.callback(inside, x.type, x)) * 2)
    np.testing.assert_allclose(f(np.ones(1)), np.full(1000, 2 * np.tanh(1.5)))
    assert old[1], "the call reads an array that is gone"
    np.testing.assert_allclose(f(np.ones(1)), np.full(7, 2 * np.tanh(1.0)))
    assert w.get_value().shape == (7,)


def test_requests_are_granted_in_order():
    cell, order, started = object(), [], threading.Event()
    readers = frozenset((cell,))

    def ask(name, writes):
        access = VariableAccess(readers, readers if writes else frozenset())
        started.set()
        with access:
            order.append(name)

    first = VariableAccess(readers, frozenset())
    first.acquire()
    threads = []
    for name, writes in (("writer", True), ("reader", False), ("second writer", True), ("last", False)):
        started.clear()
        threads.append(threading.Thread(target=ask, args=(name, writes)))
        threads[-1].start()
        started.wait()
        time.sleep(0.05)
    assert order == []  # a reader that comes later waits behind the writer
    first.release()
    for thread in threads:
        thread.join(30)
    assert order == ["writer", "reader", "second writer", "last"]


def test_readers_without_a_pause_do_not_keep_a_writer_out():
    w = wf.shared(np.ones((300, 300)), "w")
    read, write = wf.function([], (w @ w).sum()), wf.function([], None, updates={w: w * 1.0})
    written = []

    def writer():
        write()
        written.append(1)

    together(read, read, read, writer, seconds=0.5)
    assert len(written) > 1


# ---- forks -----------------------------------------------------------------------------------------------------------


@forks
@quiet
def test_a_child_forked_beside_updates_finds_whole_values():
    w = wf.shared(np.ones(300_000, FLOAT), "w")
    f = wf.function([], None, updates={w: w + 1.0})
    f()
    failed = []

    def fork():
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            value, x = w.get_value(), wf.vector("x", ("n",))
            good = value.min() == value.max()
            f()
            good = good and (w.get_value() == value + 1).all()
            good = good and wf.function([x], (x * 1.25).sum())(np.ones(4, FLOAT)) == 5
            os._exit(0 if good else 1)
        failed.append(os.waitpid(child, 0)[1])

    together(f, fork, seconds=0.6)
    assert failed
    assert not any(failed)


@forks
@quiet
def test_a_child_forked_beside_a_reader_and_who_waits_for_it_can_write():
    w = wf.shared(np.ones(3, FLOAT), "w")
    f, reads, over = wf.function([], None, updates={w: w + 1.0}), threading.Event(), threading.Event()

    def reading():
        with w.op.storage.reading():
            reads.set()
            over.wait(30)

    threads = [threading.Thread(target=reading, daemon=True), threading.Thread(target=f, daemon=True)]
    threads[0].start()
    reads.wait(30)
    threads[1].start()
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        signal.alarm(10)  # in the child neither of the two is there
        f()
        os._exit(0 if (w.get_value(borrow=True) == 2).all() else 1)
    ended = os.waitpid(child, 0)[1]
    over.set()
    for thread in threads:
        thread.join(30)
    assert ended == 0
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])


def test_no_call_pauses_once_it_has_written_to_a_variable():
    # between two writes an interrupt would leave one variable with its new value and another with its old one
    x = wf.matrix("x", (7, 5))
    news = [x * 2.0, x.T + 1.0, wf.cumsum(x, 0)[:3], x[0] - 1.0]  # three steps and a copy
    variables = [wf.shared(np.zeros(new.shape, FLOAT)) for new in news]
    f = wf.function([x], wf.exp(x @ x.T), updates=list(zip(variables, news, strict=True)))
    a = np.random.default_rng(0).standard_normal((7, 5)).astype(FLOAT)
    f(a)
    for variable, expected in zip(variables, (a * 2, a.T + 1, np.cumsum(a, 0)[:3], a[0] - 1), strict=True):
        np.testing.assert_allclose(variable.get_value(), expected, rtol=1e-5)
    ((binding,),) = f._idle.values()
    addresses = {variable.get_value(borrow=True).ctypes.data for variable in variables}
    places = [{where.address for where, _ in row.buffers if isinstance(where, FixedArray)} for row in binding.rows]
    writes = [number for number, found in enumerate(places) if addresses & found]
    last = ctypes.c_int64.from_address(binding.header + 48).value  # before this row a call may pause, and not later
    assert len(writes) >= 3
    assert 0 < last <= writes[0]
