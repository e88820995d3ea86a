"""Functions on a device, as users call them: on the simulated device, whose kernels run in the simulator."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda import model
from weft.codegen.cuda.driver.device_array import DeviceArray, put_on_device
from weft.codegen.cuda.driver.devices import find_device
from weft.codegen.cuda.run import encode
from weft.codegen.cuda.run.segments import HostLoop, each_graph

DEVICE = "cuda:simulator"


def on_device(*args, **options):
    return wf.function(*args, target=DEVICE, **options)


def device():
    return find_device("simulator")


X = wf.matrix("x")
A = np.arange(12, dtype="float32").reshape(3, 4)


# ---- arguments and results -------------------------------------------------------------------------------------------


def test_results_stay_on_the_device():
    f = on_device([X], {"double": X * 2, "sum": X.sum()}, results="device")
    found = f(A)
    assert isinstance(found["double"], DeviceArray)
    np.testing.assert_array_equal(np.asarray(found["double"]), A * 2)
    assert found["sum"].item() == A.sum()
    before = np.asarray(found["double"])
    f(A + 1)  # has memory of its own
    np.testing.assert_array_equal(np.asarray(found["double"]), before)


def test_arguments_of_the_device_are_read_where_they_are():
    f = on_device([X], X + 1)
    given = put_on_device(device(), A)
    for _ in range(2):
        np.testing.assert_array_equal(f(given), A + 1)
        np.testing.assert_array_equal(f(A * 2), A * 2 + 1)
    (binding,) = f.bindings
    f(given)
    assert binding.span(f.program.inputs[0]).address == given.address
    np.testing.assert_array_equal(np.asarray(given), A)


@pytest.mark.parametrize("start", [4, 16])
def test_arguments_that_begin_anywhere(start):
    """Those that are not aligned are copied, and so are those that are not in order, or of another dtype."""
    memory = put_on_device(device(), np.arange(64, dtype="float32")).memory
    f = on_device([X], X * 2, downcast=True)
    flat = np.arange(64, dtype="float32")[start // 4 :]
    np.testing.assert_array_equal(f(DeviceArray(memory, (3, 4), "float32", start=start)), 2 * flat[:12].reshape(3, 4))
    turned = DeviceArray(memory, (4, 3), "float32", (4, 16), start)
    np.testing.assert_array_equal(f(turned), 2 * flat[:12].reshape(3, 4).T)
    np.testing.assert_array_equal(f(put_on_device(device(), A.astype("float64"))), A * 2)


def test_arguments_are_checked_as_those_of_the_host():
    f = on_device([X], X * 2)
    with pytest.raises(wf.ShapeError, match="x has 2 axes"):
        f(put_on_device(device(), A[0]))
    with pytest.raises(wf.DTypeError, match="x is float32, and its value is complex64"):
        f(put_on_device(device(), A.astype("complex64")))


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1)])
def test_empty_and_single(shape):
    f = on_device([X], [X + 1, X.sum(0), X.sum()], results="device")
    given = np.ones(shape, "float32")
    for got, want in zip(f(given), (given + 1, given.sum(0), given.sum()), strict=True):
        np.testing.assert_array_equal(np.asarray(got), want)


def test_only_a_device_keeps_results():
    with pytest.raises(wf.ArgumentError, match="has no memory of its own, and gives NumPy arrays"):
        wf.function([X], X, target="cpu", results="device")
    with pytest.raises(wf.ArgumentError, match="results"):
        on_device([X], X, results="gpu")
    with pytest.raises(wf.ArgumentError, match="precision"):
        on_device([X], X, precision="bfloat16")


# ---- variables -------------------------------------------------------------------------------------------------------


def test_a_variable_is_read_and_written_by_several_targets():
    w = wf.shared(np.zeros(3, "float32"), "w")
    add = {target: wf.function([], w * 1, updates={w: w + 1}, target=target) for target in ("cpu", DEVICE, "reference")}
    expected = 0
    for target in ("cpu", DEVICE, DEVICE, "reference", DEVICE, "cpu", "cpu", DEVICE):
        np.testing.assert_array_equal(add[target](), np.full(3, expected))
        expected += 1
    np.testing.assert_array_equal(w.get_value(), np.full(3, expected))
    w.set_value(np.float32([7, 8, 9]))
    np.testing.assert_array_equal(add[DEVICE](), [7, 8, 9])
    np.testing.assert_array_equal(add["cpu"](), [8, 9, 10])


def test_the_value_stays_on_the_device_between_calls(monkeypatch):
    w = wf.shared(np.zeros(3, "float32"), "w")
    step = on_device([], None, updates={w: w + 1})
    step()
    uploads = []
    monkeypatch.setattr(type(device()), "upload", lambda self, target, array: uploads.append(array))
    step()
    step()
    monkeypatch.undo()
    assert uploads == []
    np.testing.assert_array_equal(w.get_value(), [3, 3, 3])


def test_a_variable_that_grows():
    rows = wf.shared(np.zeros((1, 2), "float32"), "rows", shape=(None, 2))
    new = wf.matrix("new", ("n", 2))
    grow = on_device([new], rows.sum(0), updates={rows: wf.concatenate([rows, new])})
    for n in range(1, 4):
        grow(np.full((n, 2), float(n), "float32"))
    assert rows.get_value().shape == (7, 2)
    np.testing.assert_array_equal(grow(np.zeros((1, 2), "float32")), [14, 14])


def test_pickles_and_copies():
    w = wf.shared(np.float32(1), "w")
    f = on_device([X], X.sum() + w, updates={w: w * 2})
    f(A)
    again = pickle.loads(pickle.dumps(f))
    assert again(A) == A.sum() + 2
    assert f(A) == A.sum() + 2
    assert copy.copy(f)(A) == A.sum() + 4


# ---- what refuses its input ------------------------------------------------------------------------------------------


def test_an_index_out_of_range_names_the_line():
    i, w = wf.vector("i", dtype="int64"), wf.shared(np.zeros(3, "float32"), "w")
    taken = X[i]
    f = on_device([X, i], taken, updates={w: w + 1})
    with pytest.raises(wf.IndexRangeError, match="index 5 is out of") as caught:
        f(A, [0, 5])
    assert "taken = X[i]" in "\n".join(caught.value.__notes__)
    np.testing.assert_array_equal(w.get_value(), [0, 0, 0])
    np.testing.assert_array_equal(f(A, [2, 0]), A[[2, 0]])
    np.testing.assert_array_equal(w.get_value(), [1, 1, 1])


def test_a_call_that_does_not_wait_tells_at_the_next_wait():
    i, w = wf.vector("i", dtype="int64"), wf.shared(np.zeros(3, "float32"), "w")
    f = on_device([X, i], X[i], updates={w: w + 1}, results="device")
    well = f(A, [0, 1])
    np.testing.assert_array_equal(np.asarray(well), A[[0, 1]])
    f(A, [0, 5])  # says nothing yet
    with pytest.raises(wf.IndexRangeError, match="refused its input") as caught:
        w.get_value()
    assert "X[i]" in "\n".join(caught.value.__notes__)
    np.testing.assert_array_equal(w.get_value(), [1, 1, 1])  # as it was before
    np.testing.assert_array_equal(np.asarray(f(A, [2, 1])), A[[2, 1]])


def test_calls_that_nobody_waits_for_leave_one_check():
    i = wf.vector("i", dtype="int64")
    f = on_device([X, i], X[i], results="device")
    f(A, [0])
    before = len(device()._unchecked)
    for _ in range(5):
        f(A, [0])
    assert len(device()._unchecked) == before
    np.testing.assert_array_equal(np.asarray(f(A, [1])), A[[1]])
    assert not device()._unchecked


def test_the_host_does_nothing_with_what_was_refused():
    """Neither a callback, nor a branch, nor a loop that might not end; and the next call knows nothing of it."""
    i, seen = wf.vector("i", dtype="int64"), []
    taken = X[i]
    called = wf.callback(lambda x: seen.append(1) or x, taken.type, taken, effects=True)
    endless = wf.while_loop(lambda s: s[i].sum() < 3, lambda s: s + 1, wf.zeros((3,)))
    chosen = wf.cond(taken.sum() > 0, lambda: taken.sum(), lambda: -taken.sum())
    solved = wf.callback(np.linalg.inv, wf.Type("float32", (2, 2)), taken[:2, :2])
    for output in (called, endless, chosen, solved):
        f = on_device([X, i], output, on_unused_input="ignore")
        with pytest.raises(wf.IndexRangeError, match="out of"):
            f(A, [0, 7])
        assert seen == []
        f(A, [0, 1])
        seen.clear()


def test_an_interrupted_call_leaves_variables_as_the_device_has_them(monkeypatch):
    w = wf.shared(np.zeros(3, "float32"), "w")
    f = on_device([], w * 1, updates={w: w + 1})

    def interrupt(self, array, source):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(type(device()), "download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        f()
    assert w.get_value()[0] == 1
    assert f()[0] == 1


def test_nan_is_refused():
    w = wf.shared(np.float32(1), "w")
    f = on_device([X], wf.log(X).sum(), updates={w: w + 1}, nan="raise")
    with pytest.raises(wf.NotFiniteError, match="log"):
        f(-A - 1)
    assert w.get_value() == 1


# ---- loops, branches, the host ---------------------------------------------------------------------------------------


def recurrence(n):
    xs = wf.matrix("xs", ("t", n))
    last, all_ = wf.scan(lambda h, x: (wf.tanh(h * 0.5 + x), h.sum()), wf.zeros((n,)), xs)
    return [xs], [last, all_, wf.grad(last.sum(), xs)]


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("unrolled", [True, False])
def test_loops_as_nodes_and_counted_by_the_host(monkeypatch, steps, unrolled):
    monkeypatch.setattr(encode, "UNROLLED", model.UNROLLED if unrolled else 0)
    inputs, outputs = recurrence(3)
    f, g = on_device(inputs, outputs), wf.function(inputs, outputs, target="reference")
    given = np.linspace(-1, 1, steps * 3, dtype="float32").reshape(steps, 3)
    for got, want in zip(f(given), g(given), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    loops = [s for s in f.bindings[0].encoded.segments if isinstance(s, HostLoop)]
    assert bool(loops) == (not unrolled and steps > 0)


def test_a_loop_that_data_ends_and_a_branch():
    n = wf.scalar("n", dtype="int64")
    total = wf.while_loop(lambda s: s < n, lambda s: s * 2, wf.cast(n * 0 + 1, "int64"))
    chosen = wf.cond(n > 10, lambda: total * 10, lambda: total - 1)
    f, g = on_device([n], [total, chosen]), wf.function([n], [total, chosen], target="reference")
    for value in (0, 1, 5, 100):
        assert [int(r) for r in f(value)] == [int(r) for r in g(value)]


def test_the_host_computes_what_has_no_kernel_and_says_so():
    with pytest.warns(RuntimeWarning, match=r"On the host, .* each call computes inv.* at .*test_function"):
        f = on_device([X], wf.inv(X) @ X + 0)
    given = np.float32([[2, 1], [1, 3]])
    np.testing.assert_allclose(f(given), np.eye(2), atol=1e-6)
    assert "on the host" in f.explain("plan")
    with pytest.raises(wf.LinAlgError):
        f(np.zeros((2, 2), "float32"))


def test_a_callback_runs_on_the_host():
    f = on_device([X], wf.callback(lambda x: x * 3, X.type, X) + 1)
    np.testing.assert_array_equal(f(A), A * 3 + 1)


# ---- graphs, memory, explanations ------------------------------------------------------------------------------------


def test_one_graph_and_one_arena():
    f = on_device([X], [wf.softmax(X, 1), X.max(0)])
    f(A)
    (binding,) = f.bindings
    (graph,) = each_graph(binding.encoded.segments)
    assert len(graph.nodes) > 2
    assert binding.arena_bytes > 0
    f(A)
    f(A[:2])
    assert len(f.bindings) == 2


def test_nothing_is_allocated_by_a_second_call():
    f = on_device([X], wf.softmax(X, 1))
    f(A)
    before = dict(device().pieces)
    f(A)
    assert device().pieces.keys() == before.keys()


def test_memory_is_given_back():
    gc.collect()
    before = len(device().pieces)
    f = on_device([X], wf.softmax(X, 1), results="device")
    kept = f(A)
    assert len(device().pieces) > before
    del f, kept
    gc.collect()
    assert len(device().pieces) == before


def test_out_of_memory_prints_the_plan(monkeypatch):
    """What is idle is given back first."""
    n = wf.matrix("n")
    idle, f = on_device([X], X + 1), on_device([n], wf.softmax(n, 1), name="large")
    idle(A)
    refused = []

    def allocate(self, size):
        if size >= 4000:
            refused.append(len(idle.bindings))
            raise wf.OutOfMemoryError(f"The device has no room for {size} bytes more.")
        return plain(self, size)

    plain = type(device()).allocate
    monkeypatch.setattr(type(device()), "allocate", allocate)
    with pytest.raises(wf.OutOfMemoryError, match="no room") as caught:
        f(np.ones((100, 10), "float32"))
    assert refused == [1, 0]
    assert "The memory plan of large:" in caught.value.__notes__[-1]
    assert "4000 bytes" in caught.value.__notes__[-1]
    np.testing.assert_allclose(f(A), wf.function([n], wf.softmax(n, 1))(A), rtol=1e-6)
    np.testing.assert_array_equal(idle(A), A + 1)


def test_explanations():
    f = on_device([X], wf.tanh(X).sum(0), name="columns")
    f(A)
    assert "a graph of 1 nodes" in f.explain("plan")
    assert ".visible .entry nest_reduce(" in f.explain("ptx")
    assert "define ptx_kernel" in f.explain("ir")
    assert "arena" in f.explain("memory")
    times = f.profile(A, repeat=2)
    assert len(times.rows) == 1
    assert times.rows[0].seconds > 0


def test_several_threads():
    w = wf.shared(np.zeros((), "float32"), "w")
    add, double = on_device([], None, updates={w: w + 1}), on_device([X], X * 2)
    errors = []

    def work():
        try:
            for n in range(5):
                add()
                np.testing.assert_array_equal(double(A + n), 2 * (A + n))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    assert w.get_value() == 20


# ---- names -----------------------------------------------------------------------------------------------------------


def test_code_without_a_device():
    x = wf.matrix("x", (4, 8))
    f = wf.function([x], [x @ x.T, wf.tanh(x)], target="cuda:sm_80")
    assert f.explain("ptx").count(".target sm_80") == 2
    with pytest.raises(wf.LoweringError, match=r'The target "cuda:sm_80" makes code .* and runs none'):
        f(np.ones((4, 8), "float32"))


def test_code_of_sizes_that_no_call_has_told():
    x, y = wf.matrix("x", ("n", "m")), wf.matrix("y", ("m", "k"))
    w = wf.shared(np.zeros((0, 3), "float32"), "w", shape=(None, 3))
    f = wf.function([x, y], [wf.softmax(x @ y, 1), wf.concatenate([x, x])[1:], w.sum(0)], target="cuda:sm_90")
    text = f.explain("ptx")
    assert text.startswith("// there was no call yet, so all sizes that only a call knows are 64: k, m, n")
    assert "mma.sync" in text
    assert f.explain("ir").startswith("; there was no call yet")


@pytest.mark.parametrize("name", ["cuda:gpu", "cuda:sm_12", "cuda:-1", "cuda:1.5"])
def test_names_that_name_nothing(name):
    with pytest.raises(wf.LoweringError):
        wf.function([X], X, target=name)


def test_targets_of_one_machine():
    with pytest.raises(wf.LoweringError, match="The target 'cpu' has no '1': it is one machine"):
        wf.function([X], X, target="cpu:1")
