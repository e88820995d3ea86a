"""Functions as C: results, sizes, variables, and what is refused."""

import ctypes
import subprocess
import threading
from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft import nn

from ...sampling import every
from .loaded import ARGUMENT, BUSY, EMPTY, INPUT, OK, SIZES, Library, dirty, in_plain_mode, same

pytestmark = in_plain_mode
DTYPES = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
DTYPES += ("float16", "float32", "float64")


def values(dtype, *shape):
    """Numbers of a dtype, some of them special."""
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
    if drawn.dtype.kind == "f" and drawn.size > 2:
        drawn.reshape(-1)[:3] = np.nan, np.inf, -0.0
    return drawn


@pytest.mark.parametrize("dtypes", every(4, [DTYPES[place::4] for place in range(4)]), ids=lambda some: some[0])
def test_every_dtype_and_size(dtypes, tmp_path):
    functions, arguments = [], {}
    for dtype in dtypes:
        x, y = wf.matrix("x", ("n", 3), dtype=dtype), wf.scalar("y", dtype=dtype)
        outputs = {"flat": x[:, ::-1].reshape((-1,)), "both": wf.maximum(x, y), "first": (x == y).any()}
        functions.append(wf.function([x, y], outputs, name=f"f_{dtype}"))
        arguments[dtype] = functions[-1]
    library = Library(tmp_path, "kinds", *functions, sizes={"n": (0, 1, 7)})
    state = library.state()
    for dtype, f in arguments.items():
        for n in (0, 1, 7):
            x, y = values(dtype, n, 3), values(dtype)
            expected = f(x, y)
            found = {name: dirty(value.shape, value.dtype) for name, value in expected.items()}
            state.run(f"f_{dtype}", x, n, y, *found.values())
            assert all(same(found[name], expected[name]) for name in expected), (dtype, n)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(folder, library, step, predict, w): a layer that learns, by index."""
    x, rows = wf.matrix("x", ("batch", 4)), wf.vector("rows", ("batch",), dtype="int64")
    w = wf.shared(np.arange(20, dtype=np.float32).reshape(4, 5) / 7, "w")
    count = wf.shared(np.int64(0), "count")
    loss = ((x @ w)[wf.arange(x.shape[0]), rows] ** 2).mean()
    updates = {w: w - 0.1 * wf.grad(loss, w), count: count + 1}
    step = wf.function([x, rows], loss, updates=updates, name="step")
    predict = wf.function([x], x @ w, name="predict")
    folder = tmp_path_factory.mktemp("trained")
    return folder, Library(folder, "net", step, predict, sizes={"batch": range(1, 9)}), step, predict, w, count


def test_states_are_separate(trained):
    _, library, step, _, w, count = trained
    x, rows, loss = np.ones((3, 4), np.float32), np.array([0, 4, -1]), np.zeros((), np.float32)
    one, other = library.state(2), library.state()
    before = w.get_value(), count.get_value()
    for _ in range(3):
        one.run("step", x, 3, rows, loss)
        assert same(loss, step(x, rows))
    assert same(one.get("w", before[0]), w.get_value())
    assert same(one.get("count", before[1]), count.get_value())
    assert same(other.get("w", before[0]), before[0])
    w.set_value(before[0])
    count.set_value(before[1])


def test_a_step_that_refuses_changes_nothing(trained):
    _, library, _, _, w, count = trained
    state, x, loss = library.state(), np.ones((2, 4), np.float32), np.zeros((), np.float32)
    assert state("step", x, 2, np.array([0, 5]), loss) == INPUT
    assert state.message.startswith("net_step: gather (")
    assert "test_export.py:" in state.message
    assert state.message.endswith("out of range; no variable has changed.")
    assert same(state.get("w", w.get_value()), w.get_value())
    assert same(state.get("count", count.get_value()), count.get_value())
    state.run("step", x, 2, np.array([0, 4]), loss)


def test_sizes_are_checked_at_the_call(trained):
    _, library, *_ = trained
    state = library.state()
    x, out = np.zeros((9, 4), np.float32), np.zeros((9, 5), np.float32)
    for n in (0, 9, -1, 2**62):
        assert state("predict", x, n, out) == SIZES
        assert state.message == f"net_predict: it was called with batch = {n}, and exported for batch 1 to 8."


def test_pointers_are_checked_at_the_call(trained):
    _, library, *_ = trained
    state = library.state()
    x, out = np.zeros((3, 4), np.float32), np.zeros((3, 5), np.float32)
    assert state("predict", None, 3, out) == ARGUMENT
    assert state.message == "net_predict: x is NULL, and has 48 bytes."
    assert state("predict", x, 3, None) == ARGUMENT
    odd = np.zeros(100, np.uint8)[1:]
    assert state("predict", odd, 3, out) == ARGUMENT
    assert state.message == "net_predict: x is not at a multiple of its 4 bytes."
    shared = np.zeros(24, np.float32)
    assert state("predict", shared, 3, shared[11:]) == ARGUMENT
    assert state.message == "net_predict: x and out share memory."
    state.run("predict", x, 3, out)
    state.run("predict", shared, 2, shared[8:])
    assert library["predict"](None, None, 3, None) == ARGUMENT
    assert library["message"](None).startswith(b"An argument is NULL")


def test_memory_of_a_variable_is_neither_argument_nor_result(trained):
    """A step that updates the variable would read, or fill, what it is about to write."""
    _, library, *_ = trained
    state = library.state()
    x, out = np.zeros((1, 4), np.float32), np.zeros((1, 5), np.float32)
    place = state.place("w")
    for given, name in (((place, 1, out), "x"), ((x, 1, place), "out")):
        assert state("predict", *given) == ARGUMENT
        assert state.message == f"net_predict: {name} lies in the memory of the variable w: copy it before the call."


def test_a_bool_is_0_or_1(tmp_path):
    x = wf.vector("mask", ("n",), dtype="bool")
    state = Library(tmp_path, "bools", wf.function([x], x.sum(), name="count"), sizes={"n": 4}).state()
    out = np.zeros((), np.int64)
    assert state("count", np.array([1, 0, 1, 2], np.uint8), 4, out) == ARGUMENT
    assert state.message == "bools_count: element 3 of mask is no bool, which is 0 or 1."
    state.run("count", np.array([1, 0, 1, 1], np.uint8), 4, out)
    assert out == 3


def test_guards_are_sentences(tmp_path):
    a, b = wf.vector("a", ("m",)), wf.vector("b", ("n",))
    f = wf.function([a, b], a + b, name="add")
    state = Library(tmp_path, "guards", f, sizes={"m": (2, 3), "n": (2, 3)}).state()
    x, out = np.arange(3, dtype=np.float32), np.zeros(3, np.float32)
    assert state("add", x, 2, x, 3, out) == SIZES
    assert state.message == "guards_add: add: m and n have to be the same size, and in this call they are 2 and 3."
    state.run("add", x, 3, x, 3, out)
    assert same(out, f(x, x))
    with pytest.raises(wf.GuardError, match="have to be the same size, and in this call they are 2 and 3"):
        f.export(tmp_path / "none", sizes={"m": 2, "n": 3})


def test_loops_and_branches(tmp_path):
    xs, n = wf.matrix("xs", ("time", 3)), wf.scalar("n", dtype="int64")
    carry, ys = wf.scan(lambda c, x: (c * 0.5 + x, c.sum()), wf.zeros((3,)), xs)
    last = wf.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] * 2), (wf.constant(0), wf.constant(1.0)))
    chosen = wf.cond(n > 2, lambda: carry.sum(), lambda: ys.sum() - 1)
    f = wf.function([xs, n], [carry, ys, last[1], chosen], name="loops")
    state = Library(tmp_path, "loops", f, sizes={"time": (0, 1, 5)}).state()
    for time in (5, 0, 1, 5):
        for count in (0, 4):
            x = np.random.default_rng(time).normal(size=(time, 3)).astype(np.float32)
            expected = f(x, count)
            found = [dirty(e.shape, e.dtype) for e in expected]
            state.run("call", x, time, np.array(count), *found)
            assert all(map(same, found, expected)), (time, count)


def test_limited_memory_is_limited_in_c(tmp_path):
    x = wf.matrix("x", ("n", 50))
    w = wf.shared(np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32) / 5, "w")
    h = x
    for _ in range(6):
        h = wf.tanh(h @ w)
    loss = (h**2).sum()
    options = {"updates": {w: w - 0.01 * wf.grad(loss, w)}, "name": "step"}
    free, step = (wf.function([x], loss, max_memory=most, **options) for most in (None, 130_000))
    state = Library(tmp_path, "limited", step, sizes={"n": 100}).state()
    given, out, before = np.ones((100, 50), np.float32), np.zeros((), np.float32), w.get_value()
    for function in (step, free):
        w.set_value(before)
        expected = [function(given) for _ in range(2)]
    for loss in expected:
        state.run("step", given, 100, out)
        assert same(out, loss)
    assert same(state.get("w", before), w.get_value())
    assert step.max_memory == 130_000
    assert "run again" in step.explain("memory")


def test_random_streams_go_on_where_they_stand(tmp_path):
    stream = wf.random.Stream(5)
    f = wf.function([], stream.normal((7,)), name="draw")
    state = Library(tmp_path, "noise", f).state()
    out = np.zeros(7, np.float32)
    for _ in range(3):
        state.run("draw", out)
        assert same(out, f())


def test_variables_whose_sizes_change(tmp_path):
    x = wf.vector("x", ("m",))
    seen = wf.shared(np.zeros(2, np.float32), "seen", shape=("n",))
    grow = wf.function([x], seen.sum(), updates={seen: wf.concatenate([seen, x])}, name="grow")
    scale = wf.function([], None, updates={seen: seen * 2}, name="scale")
    library = Library(tmp_path, "grown", grow, scale, sizes={"m": (0, 1, 3), "n": range(7)})
    state = library.state()
    for size in (3, 0, 1):
        given, total = np.full(size, size, np.float32), np.zeros((), np.float32)
        state.run("grow", given, size, total)
        assert same(total, grow(given))
        state.run("scale")
        scale()
        assert same(state.get("seen", seen.get_value()), seen.get_value())
    assert state("grow", np.zeros(3, np.float32), 3, total) == OK
    assert state("grow", np.zeros(3, np.float32), 3, total) == SIZES
    assert state.message == "grown_grow: it was called with m = 3, n = 9, and exported for m 0, 1 or 3, n 0 to 6."
    state.run("set", "seen", np.arange(2, dtype=np.float32), (ctypes.c_int64 * 1)(2))
    state.run("scale")
    assert state.get("seen", seen.get_value()).tolist() == [0, 2]
    assert state("set", "seen", None, (ctypes.c_int64 * 1)(-3)) == SIZES
    assert state.message == "seen has shape (any,), and is given (-3,)."


def test_set_and_get(trained):
    _, library, _, predict, w, _ = trained
    state, x, out = library.state(), np.eye(4, dtype=np.float32), np.zeros((4, 5), np.float32)
    new = np.full((4, 5), 3, np.float32)
    shape = ctypes.c_int64 * 2
    state.run("set", "w", new, shape(4, 5))
    state.run("predict", x, 4, out)
    assert same(out, new)
    state.run("set", "w", None, shape(4, 5))
    assert same(state.get("w", new), new * 0)
    state.run("set", "count", np.array(8), None)
    assert state.get("count", np.array(0)) == 8
    assert state("set", "w", new, shape(5, 4)) == SIZES
    assert state.message == "w has shape (4, 5), and is given (5, 4)."
    assert state("set", "v", new, shape(4, 5)) == ARGUMENT
    assert state("set", "w", new, None) == ARGUMENT
    assert not library["get"](state.pointer, b"v", None)
    assert same(predict(x), x @ w.get_value())


def test_without_values_a_state_is_empty(tmp_path):
    w = wf.shared(np.arange(3.0), "w")
    f = wf.function([], w * 2, name="twice")
    library = Library(tmp_path, "empty", f, values=False)
    state, out = library.state(), np.zeros(3)
    assert state("twice", out) == EMPTY
    assert state.message == "empty_twice: w has no value yet: load a file."
    assert state("save", tmp_path / "w.npz") == EMPTY
    nn.save(tmp_path / "w.npz", f)
    state.run("load", tmp_path / "w.npz")
    state.run("twice", out)
    assert out.tolist() == [0, 2, 4]


def test_threads_with_states_of_their_own(trained):
    _, library, _, predict, *_ = trained
    rng, failures = np.random.default_rng(0), []
    given = [rng.normal(size=(n, 4)).astype(np.float32) for n in rng.integers(1, 9, 200)]
    expected = [predict(x) for x in given]

    def work(seed):
        state = library.state(seed % 3 + 1)
        for x, y in zip(given, expected, strict=True):
            out = dirty(y.shape, y.dtype)
            if state("predict", x, len(x), out) != OK or not same(out, y):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_one_call_at_a_time_is_in_a_state(tmp_path):
    x = wf.matrix("x", (400, 400))
    product = x
    for _ in range(8):
        product = wf.tanh(product @ x)
    state = Library(tmp_path, "busy", wf.function([x], product, name="work")).state()
    x, statuses = np.ones((400, 400), np.float32), []
    begin = threading.Barrier(2)

    def work():
        out = np.zeros((400, 400), np.float32)
        begin.wait()
        statuses.extend(state("work", x, out) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {OK, BUSY}
    assert OK in statuses


def test_results_do_not_depend_on_threads(tmp_path):
    x = wf.matrix("x", ("n", 300))
    f = wf.function([x], [wf.softmax(x @ x.T).sum(axis=0), wf.exp(x).mean()], name="much")
    library = Library(tmp_path, "many", f, sizes={"n": 700})
    given = np.random.default_rng(0).normal(size=(700, 300)).astype(np.float32)
    expected = f(given)
    for threads in (1, 2, 7, 1000):
        state, found = library.state(threads), [dirty(e.shape, e.dtype) for e in expected]
        for _ in range(3):
            state.run("much", given, 700, *found)
            assert all(map(same, found, expected))


def test_a_file_for_one_thread_has_no_threads(tmp_path):
    x = wf.vector("x", (1000,))
    f = wf.function([x], wf.exp(x).sum(), name="total")
    library = Library(tmp_path, "alone", f, threads=1)
    state, given, out = library.state(8), np.linspace(0, 1, 1000, dtype=np.float32), np.zeros((), np.float32)
    state.run("total", given, out)
    assert same(out, f(given))
    assert "pthread_create" not in undefined(tmp_path / "alone.o")


def undefined(path):
    listed = subprocess.run(["nm", "-u", path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].partition("@")[0] for line in listed.splitlines()}


def test_nothing_else_is_seen_or_needed(trained):
    folder, *_ = trained
    listed = subprocess.run(["nm", "-g", "--defined-only", folder / "net.o"], capture_output=True, text=True).stdout
    names = ("create", "destroy", "load", "save", "get", "set", "message", "describe", "step", "predict")
    assert {line.split()[-1] for line in listed.splitlines()} == {f"net_{name}" for name in names}
    assert not any("Py" in name or "numba" in name.lower() or "NRT" in name for name in undefined(folder / "net.o"))


def test_names_of_parameters(tmp_path):
    x, y = wf.matrix("int", (None, 2)), wf.vector("a b")
    z = wf.vector("état", ("x",))
    keyed = wf.function({"first": x, "second": z}, x.sum() + z.sum(), name="keyed")
    header = keyed.export(tmp_path / "keys", sizes={"first_size0": 2, "x": 3})[0].read_text()
    assert "const float *first, int64_t first_size0, const float *second, int64_t x," in header
    outputs = {"int": x + 0, "x": z.sum(), "a b": y * 2}
    header = wf.function([x, y, z], outputs).export(tmp_path / "odd", sizes={"int__size0": 1, "a_b_size0": 2, "x": 3})[
        0
    ]
    text = " ".join(header.read_text().split())
    assert (
        "int odd_call(odd_state *state, const float *int_, int64_t int__size0, const float *a_b, int64_t a_b_size0, "
        "const float *_tat, int64_t x_2, float *int__2, float *x, float *a_b_2);"
    ) in text
    assert "_tat float32 (x_2,)" in text


# ---- what is refused ------------------------------------------------------------------------------------------------


def refuse(tmp_path, function, match, error=wf.LoweringError, others=(), name="none", **options):
    with pytest.raises(error, match=match):
        function.export(tmp_path / name, *others, **options)
    assert not list(tmp_path.iterdir())


def test_what_runs_in_python_is_refused(tmp_path):
    a = wf.matrix("a", (3, 3))
    refuse(tmp_path, wf.function([a], wf.inv(a), name="f"), "inverse, in f, runs in Python")
    called = wf.callback(np.sort, wf.Type("float32", (3,)), a.sum(axis=0))
    refuse(tmp_path, wf.function([a], called), "runs in Python")
    refuse(tmp_path, wf.function([a], a, target="reference", name="f"), "f is compiled for the target 'reference'")
    refuse(
        tmp_path, wf.function([a], wf.log(a), nan="raise", name="f"), r'f looks at its results in Python \(nan="raise'
    )


def test_sizes_that_nobody_names_are_refused(tmp_path):
    x, n = wf.vector("x", ("batch",)), wf.scalar("n", dtype="int64")
    f = wf.function([x], x * 2, name="f")
    refuse(tmp_path, f, "f has sizes that only a call knows: batch")
    refuse(tmp_path, f, "no function has a size 'n'; they have batch", wf.ArgumentError, sizes={"n": 3})
    for wrong in ({"batch": -1}, {"batch": []}, {"batch": "3"}, {"batch": 2.5}, {"batch": True}, 3, {3: 3}, [3]):
        refuse(tmp_path, f, "export: ", wf.ArgumentError, sizes=wrong)
    refuse(tmp_path, f, "more than 65536 sets", wf.ArgumentError, sizes={"batch": range(70000)})
    refuse(tmp_path, wf.function([n], wf.zeros((n,)), name="g"), "g has sizes that are values")


def test_names_that_c_cannot_have_are_refused(tmp_path):
    x = wf.scalar("x")
    f, g = (wf.function([x], x * k, name="f") for k in (2, 3))
    refuse(tmp_path, f, "and 'a-b' is none in C", wf.ArgumentError, name="a-b")
    refuse(tmp_path, f, "and 'double' is none in C", wf.ArgumentError, name="double")
    refuse(tmp_path, f, "none_f is the name of another function", wf.ArgumentError, others=[g])
    refuse(tmp_path, wf.function([x], x, name="load"), "none_load is the name of another", wf.ArgumentError)
    refuse(tmp_path, f, "export takes compiled functions, not 3", wf.ArgumentError, others=[3])
    refuse(tmp_path, f, "export: threads is a whole number from 1", wf.ArgumentError, threads=0)
    refuse(tmp_path, f, "export: library is True or False", wf.ArgumentError, library=1)
    with pytest.raises(wf.ArgumentError, match="export: path is the path of a file"):
        f.export(3)


def test_a_missing_compiler_is_a_sentence(tmp_path, monkeypatch):
    x = wf.scalar("x")
    f = wf.function([x], x * 2, name="f")
    monkeypatch.setenv("CC", "no-such-compiler")
    refuse(tmp_path, f, "there is no no-such-compiler in PATH, the C compiler that the variable CC names")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse(tmp_path, f, "there is no C compiler here: none of cc, gcc, clang is in PATH")
    monkeypatch.setenv("CC", "/bin/false")
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    refuse(tmp_path, f, "false did not take what weft gave it: it ended with status 1")


# ---- kernels of one's own -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ramp(wf.Op):
    """x + 0, 1, 2 ...; negative numbers are refused."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return x + np.arange(len(x), dtype=x.dtype)


def test_kernels_of_ones_own(tmp_path):
    @wf.kernel(Ramp, "cpu")
    def ramp(x, out):
        for i in range(len(x)):
            if x[i] < 0:
                raise ValueError("a negative number")
            out[i] = x[i] + i

    x = wf.vector("x", (5,))
    f = wf.function([x], wf.apply(Ramp(), x), name="ramp")
    state, given, out = Library(tmp_path, "own", f).state(), np.ones(5, np.float32), np.zeros(5, np.float32)
    state.run("ramp", given, out)
    assert same(out, f(given))
    given[3] = -1
    assert state("ramp", given, out) == INPUT
    assert state.message.startswith("own_ramp: ramp (")


def test_kernels_that_make_arrays_are_refused(tmp_path):
    @wf.kernel(Ramp, "cpu")
    def ramp(x, out):
        steps = np.empty(len(x), np.float32)
        for i in range(len(x)):
            steps[i] = i
        for i in range(len(x)):
            out[i] = x[i] + steps[len(x) - 1 - i]

    x = wf.vector("x", (5,))
    f = wf.function([x], wf.apply(Ramp(), x), name="ramp")
    assert f(np.ones(5, np.float32))[0] == 5
    refuse(tmp_path, f, "a kernel calls what only Python's process has: NRT_.*")
