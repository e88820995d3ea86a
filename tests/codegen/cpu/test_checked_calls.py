"""Calls that would touch memory that is not theirs are refused, with the numbers and lines, and change nothing."""

import ctypes
import errno
import mmap
import os

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run import arenas, checked, checked_function
from weft.codegen.lowering.canonical import CanonicalNest
from weft.codegen.lowering.loops import Extent

FLOAT = "float32"


def ones(*shape):
    return np.ones(shape, FLOAT)


def refuses(call, *says, error=wf.WeftError):
    """The call raises, and tells these words, and a line of this file."""
    with pytest.raises(error) as caught:
        call()
    text = str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))
    for word in (*says, "test_checked_calls.py"):
        assert word in text, text


# ---- updates ---------------------------------------------------------------------------------------------------------


def test_an_update_of_another_size_is_refused():
    w, x = wf.shared(np.zeros(3, FLOAT), "w"), wf.vector("x", ("n",))
    u = wf.shared(np.zeros((2, 3), FLOAT), "u")
    f = wf.function([x], wf.sum(x), updates={u: u + 1.0, w: x * 2})
    f(ones(3))
    for n in (0, 1, 2, 4, 1_000_000):
        refuses(lambda n=n: f(ones(n)), "w", "3", str(n), error=wf.GuardError)
        np.testing.assert_array_equal(w.get_value(), [2, 2, 2])
        np.testing.assert_array_equal(u.get_value(), np.ones((2, 3)))
    with pytest.raises(wf.ShapeError, match=r"w has shape \(3,\), and its update \(4,\)"):
        wf.function([], None, updates={w: wf.zeros((4,), FLOAT)})


def test_variables_of_the_theano_layer_take_any_size():
    import weft.compat.theano as theano

    x = theano.tensor.fvector("x")
    w = theano.shared(np.zeros(3, FLOAT), "w")
    f = theano.function([x], [], updates=[(w, x + w.sum())])
    for n, total in ((3, 0), (5, 3), (0, 10), (2, 0)):
        f(ones(n))
        np.testing.assert_array_equal(w.get_value(), np.full(n, 1 + total))


def test_variables_of_free_size_take_updates_of_any_size():
    w, x = wf.shared(np.zeros(3, FLOAT), "w", shape=(None,)), wf.vector("x", ("n",))
    put, grow = wf.function([x], None, updates={w: x * 2}), wf.function([], w, updates={w: wf.concatenate([w, w + 1])})
    shrink, total = wf.function([], None, updates={w: w[::2]}), wf.function([], [w.sum(), w.shape[0] * 2])
    for n in (2, 5, 0, 40_001):
        put(np.arange(n, dtype=FLOAT))
        state = 2 * np.arange(n, dtype=FLOAT)
        np.testing.assert_array_equal(w.get_value(), state)
        np.testing.assert_array_equal(grow(), state)
        state = np.concatenate([state, state + 1])[::2]
        shrink()
        found, length = total()
        np.testing.assert_array_equal(w.get_value(), state)
        np.testing.assert_allclose(found, state.sum(dtype="float64"), rtol=1e-6)
        assert length == 2 * state.size


def test_two_variables_of_free_size_exchange_their_arrays():
    v, w = (wf.shared(np.arange(n, dtype=FLOAT), shape=(None,)) for n in (2, 5))
    f = wf.function([], [v.sum(), w.max()], updates=[(v, w), (w, v)])
    for k in range(3):
        first, second = (2, 5) if k % 2 == 0 else (5, 2)
        assert tuple(f()) == (np.arange(first).sum(), second - 1)
        np.testing.assert_array_equal(v.get_value(), np.arange(second))
        np.testing.assert_array_equal(w.get_value(), np.arange(first))
    before = v.get_value(borrow=True)
    f()
    assert not np.may_share_memory(v.get_value(borrow=True), w.get_value(borrow=True))
    np.testing.assert_array_equal(before, np.arange(before.size))


def test_sizes_of_a_variable_that_the_user_named():
    w, x = wf.shared(np.ones((2, 3), FLOAT), "w", shape=("rows", 3)), wf.matrix("x", ("k", 3))
    append = wf.function([x], w.shape[0], updates={w: wf.concatenate([w, x])})
    assert append(ones(4, 3)) == 2
    assert append(ones(0, 3)) == 6
    assert w.get_value().shape == (6, 3)
    y = wf.vector("y", ("rows",))
    f = wf.function([y], wf.sum(w * wf.expand_dims(y, 1), 0))
    np.testing.assert_array_equal(f(ones(6)), [6, 6, 6])
    refuses(lambda: f(ones(5)), "5", "6")
    assert wf.function([], [w.sum(), wf.zeros((w.shape[0] + 1, 2))])()[1].shape == (7, 2)
    with pytest.raises(wf.ArgumentError, match="has the size 'rows'"):
        wf.function([], wf.zeros((w.shape[0] + 1, 2)))


# ---- places ----------------------------------------------------------------------------------------------------------

PLACES = {
    "get": lambda x, i: x[i] * 1.0,
    "set": lambda x, i: wf.index_set(x, i, 7.0).sum(),
    "add": lambda x, i: wf.index_add(x, i, 7.0).sum(),
    "gradient": lambda x, i: wf.grad(x[i] ** 2, x).sum(),
    "scan": lambda x, i: wf.scan(lambda c, _: (c + x[i], None), wf.constant(0.0, FLOAT), length=2)[0],
    "scan of rows": lambda x, i: wf.scan(
        lambda c, row: (c + row[i], None), wf.constant(0.0, FLOAT), wf.expand_dims(x, 0)
    )[0],
}


@pytest.mark.parametrize("i", [5, -6])
@pytest.mark.parametrize("kind", PLACES)
def test_a_constant_index_beyond_a_symbolic_axis(kind, i):
    x = wf.vector("x", ("n",))
    f = wf.function([x], PLACES[kind](x, i))
    data = np.arange(6, dtype=FLOAT)
    value = data[i]
    expected = {"get": value, "set": 15 - value + 7, "add": 22, "gradient": 2 * value, "scan": 2 * value}
    assert f(data) == expected.get(kind, value)
    for n in (5, 1, 0):
        refuses(lambda n=n: f(ones(n)), str(i), str(n), error=IndexError)


def test_no_axis_has_a_place_beyond_int64():
    x = wf.vector("x", ("n",))
    for i in (2**63, -(2**63) - 1, 2**63 - 1, -(2**63)):
        with pytest.raises((IndexError, wf.WeftError)):
            wf.function([x], x[i])(ones(3))


@pytest.mark.parametrize("points", [[9], [2, 9], [3, 1]])
def test_points_of_split_are_those_of_numpy_or_refused(points):
    data = np.arange(12, dtype=FLOAT).reshape(3, 4)
    for x in (wf.matrix("x", (3, 4)), wf.matrix("x", ("n", "m"))):
        try:
            found = wf.function([x], list(wf.split(x, points, axis=1)))(data)
        except (wf.WeftError, IndexError):
            continue
        for part, expected in zip(found, np.split(data, points, axis=1), strict=True):
            np.testing.assert_array_equal(part, expected)


def test_a_border_is_a_scalar():
    x, v = wf.matrix("x", ("n", 4)), wf.matrix("v", ("a", "b"))
    with pytest.raises(wf.ShapeError, match="pad: the value around x is a scalar"):
        wf.pad(x, 1, v)


# ---- givens ----------------------------------------------------------------------------------------------------------


def test_givens_of_another_size_are_refused():
    v, s, m = wf.vector("v", ("k",)), wf.matrix("s", ("a", "b")), wf.vector("m", ("j",))
    fixed, square = wf.vector("fixed", (4,)), wf.matrix("square", ("n", "n"))
    f = wf.function([v], fixed.mean(), givens={fixed: v})
    assert f(ones(4)) == 1
    refuses(lambda: f(ones(3)), "4", "3", error=wf.GuardError)
    g = wf.function([s], wf.sum(square + wf.transpose(square)), givens={square: s})
    assert g(ones(3, 3)) == 18
    refuses(lambda: g(ones(2, 3)), "2", "3", error=wf.GuardError)
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    h = wf.function([v, m], wf.sum(x * y), givens={x: v, y: m})
    assert h(ones(3), ones(3)) == 3
    refuses(lambda: h(ones(3), ones(2)), "3", "2", error=wf.GuardError)
    with pytest.raises(wf.ShapeError, match="its replacement"):
        wf.function([], fixed.mean(), givens={fixed: wf.zeros((3,), FLOAT)})


# ---- arguments -------------------------------------------------------------------------------------------------------


def test_a_profile_uses_the_memory_of_its_own_arguments():
    x, w = wf.matrix("x", ("n", "m")), wf.shared(np.zeros((), FLOAT))
    f = wf.function([x], wf.cumsum(wf.tanh(x) @ wf.transpose(x), 0), updates={w: w + x.sum()})
    f(ones(700, 300))
    base = ones(8, 6)
    read_only = ones(4, 4)
    read_only.flags.writeable = False
    spread = np.broadcast_to(ones(1, 1), (50, 40))
    before = w.get_value()
    for a in (ones(3, 2), base[::2, ::-1], base.T, read_only, spread, ones(0, 3)):
        kept = a.copy()
        assert f.profile(a, repeat=2).rows or not a.size
        np.testing.assert_array_equal(a, kept)
        assert w.get_value() == before
    np.testing.assert_allclose(f(base[::2, ::-1]), np.cumsum(np.tanh(ones(4, 6)) @ ones(6, 4), 0), rtol=1e-5)


SHARING = {
    "the array": lambda w: w.get_value(borrow=True),
    "backwards": lambda w: w.get_value(borrow=True)[::-1],
    "a view of a view": lambda w: w.get_value(borrow=True)[:][1:][:][-6:],
    "another shape": lambda w: w.get_value(borrow=True).reshape(2, 3).T.reshape(6, order="F"),
    "a memoryview": lambda w: np.asarray(memoryview(w.get_value(borrow=True))),
    "a buffer": lambda w: np.frombuffer(w.get_value(borrow=True), FLOAT),
    "bytes": lambda w: w.get_value(borrow=True).view("uint8").view(FLOAT),
}


@pytest.mark.parametrize("resized", [False, True])
@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("kind", SHARING)
def test_an_argument_that_is_the_updated_variables_memory(kind, free, resized):
    start = np.arange(7.0, dtype=FLOAT)[1:]
    w = wf.shared(start[:2] if free and resized else start, "w", shape=(None,) if free else None)
    w.set_value(start if resized else start.copy())
    x = wf.vector("x", w.shape)  # of the same size for certain: the new value takes the old one's place
    f = wf.function([x], [x * 1.0, wf.flip(x)], updates={w: w + wf.flip(x)})
    for _ in range(3):
        given = SHARING[kind](w)
        if given.size < 6:
            given = w.get_value(borrow=True)
        old, value = w.get_value(), given.copy()
        first, second = f(given)
        np.testing.assert_array_equal(first, value)
        np.testing.assert_array_equal(second, value[::-1])
        np.testing.assert_array_equal(w.get_value(), old + value[::-1])


# ---- memory that there is not ----------------------------------------------------------------------------------------


def test_sizes_whose_product_wraps():
    n = wf.scalar("n", dtype="int64")
    y = wf.cumsum(wf.broadcast_to(wf.ones((n, 1, 1)), (n, n, 4)), 0)
    f = wf.function([n], y[::2, ::3, 0].sum())
    assert f(3) == np.cumsum(np.ones((3, 3, 4)), 0)[::2, ::3, 0].sum()
    for size in (2**31, 2**32, 2**62, 2**63 - 1):
        refuses(lambda size=size: f(size), str(size), error=MemoryError)
    assert f(2) == np.cumsum(np.ones((2, 2, 4)), 0)[::2, ::3, 0].sum()


@pytest.mark.parametrize("size", [2**46, 2**62])
def test_memory_that_cannot_be_had(size):
    n, w = wf.scalar("n", dtype="int64"), wf.shared(np.zeros(2, FLOAT), "w")
    made = wf.cumsum(wf.zeros((n,)) + 1)
    for outputs in (made, [made, made * 2, n], wf.cumsum(made * 2)[n - 1]):
        f = wf.function([n], outputs, updates={w: w + 1})
        before = w.get_value()
        refuses(lambda f=f: f(size), str(size), error=MemoryError)
        np.testing.assert_array_equal(w.get_value(), before)
        f(3)
        np.testing.assert_array_equal(w.get_value(), before + 1)


def test_no_memory_in_a_later_call_is_told_and_changes_nothing(monkeypatch):
    w, x = wf.shared(np.ones(3), "w", shape=(None,)), wf.vector("x", (100_000,), "float64")
    f = wf.function([x], wf.cumsum(x)[::2].sum(), updates={w: wf.cumsum(wf.flip(wf.cumsum(x)))[:3] * 2})
    f(np.ones(100_000))
    before = w.get_value()

    def nothing(size, wanted):
        raise MemoryError

    monkeypatch.setattr(arenas, "take", nothing)
    with pytest.raises(wf.OutOfMemoryError, match="temporaries"):
        f(np.zeros(100_000))
    np.testing.assert_array_equal(w.get_value(), before)


# ---- the checked mode ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("computed", [False, True])
def test_constants_lie_against_both_pages_in_turn(computed, monkeypatch):
    """Also where a function of its own computes a size before each call."""
    monkeypatch.setattr(checked, "ENABLED", True)
    c, copy, copied = np.arange(7, dtype=FLOAT), checked.copy, []
    monkeypatch.setattr(checked, "copy", lambda array, at_end: copied.append(copy(array, at_end)) or copied[-1])
    x, k = wf.vector("x", (7,)), wf.scalar("k", dtype="int64")
    y = wf.cumsum(x + c)
    f = wf.function([x, k], [y, wf.zeros((k,))] if computed else [y], on_unused_input="ignore")
    for _ in range(2):
        np.testing.assert_array_equal(f(ones(7), 3)[0], np.cumsum(1 + c))
    places = [a.ctypes.data % mmap.PAGESIZE for a in copied if np.array_equal(a, c)]
    assert sorted(places) == [0, mmap.PAGESIZE - c.nbytes]


def test_calls_of_the_checked_mode_do_what_others_do(monkeypatch):
    found = []
    for enabled in (False, True):
        monkeypatch.setattr(checked, "ENABLED", enabled)
        x, i = wf.vector("x", ("n",)), wf.scalar("i", dtype="int64")
        fixed, still = wf.shared(np.arange(3, dtype=FLOAT), "fixed"), wf.shared(np.full(3, 2, FLOAT), "still")
        free, grown = (wf.shared(np.arange(k, dtype=FLOAT), shape=(None,)) for k in (3, 2))
        copied = wf.shared(np.ones((2, 2), FLOAT), "copied")
        updates = {
            fixed: fixed * 2 + still,
            free: free + fixed,
            grown: wf.concatenate([grown, x]),
            copied: copied @ copied + x[i],
        }
        f = wf.function({"a": x, "b": i}, {"sum": x.sum() + grown.sum(), "wide": wf.cumsum(x) * still[0]}, updates)
        variables = (fixed, still, free, grown, copied)
        for value, place in ((1.0, 0), (2.0, 1), (3.0, -1)):
            results = f(np.full(4, value, FLOAT), b=place)
            found += [*results.values(), *(v.get_value() for v in variables)]
        refuses(lambda f=f: f(ones(4), 4), "index 4 is out of range", error=wf.IndexRangeError)
        found += [v.get_value() for v in variables]
        assert list(results) == ["sum", "wide"]
    half = len(found) // 2
    for one, other in zip(found[:half], found[half:], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found[-5], [14, 22, 30])
    np.testing.assert_array_equal(found[-2], [0, 1, *[1] * 4, *[2] * 4, *[3] * 4])


@pytest.mark.parametrize("kind", ["nan", "inf"])
def test_the_checked_mode_looks_at_results_where_others_do(kind, monkeypatch):
    monkeypatch.setattr(checked, "ENABLED", True)
    x, w = wf.vector("x", ("n",)), wf.shared(np.zeros(2, FLOAT), "w")
    f = wf.function([x], wf.log(x), updates={w: w + x.sum()}, **{kind: "raise"})
    bad, allowed = (-1.0, 0.0) if kind == "nan" else (0.0, -1.0)
    f(np.array([1.0, allowed], FLOAT))
    before = w.get_value()
    refuses(lambda: f(np.array([1.0, bad], FLOAT)), "log: its value becomes", kind, error=wf.NotFiniteError)
    np.testing.assert_array_equal(w.get_value(), before)
    assert np.all(before == 1 + allowed)


@pytest.mark.parametrize(
    ("kind", "shifts"), [("load", {0: True, 1: False, -3: True, -4: False}), ("store", {0: True, 1: False, -7: False})]
)
def test_a_loop_that_leaves_its_buffers_is_told(kind, shifts, monkeypatch):
    monkeypatch.setattr(checked, "ENABLED", True)
    x, y, numbers = wf.vector("x", ("n",)), wf.vector("y", ("m",)), CanonicalNest.sizes
    f = wf.function([x, y], [x[x.shape[0] - 3 :] * 2.0, y] if kind == "load" else wf.concatenate([x, y]))
    for shift, fits in shifts.items():

        def shift_offsets(self, sizes, shift=shift):
            is_offset = [not isinstance(number, Extent) for number in self.numbers]
            return {n: v + shift * o for (n, v), o in zip(numbers(self, sizes).items(), is_offset, strict=True)}

        monkeypatch.setattr(CanonicalNest, "sizes", shift_offsets)
        for _ in range(2):
            if fits:
                f(ones(6), ones(2))
            else:
                refuses(
                    lambda: f(ones(6), ones(2)), "A loop nest reads or writes outside", " b1[", error=wf.VerifyError
                )


def test_temporaries_are_guarded_to_the_byte_and_are_as_nobody_had_written(monkeypatch):
    monkeypatch.setattr(checked, "ENABLED", True)
    x, made, seen = wf.vector("x", (7,)), [], []
    f = wf.function([x], wf.callback(lambda a: a * 2, x.type, wf.cumsum(x) + 1))

    class Kept(checked.Guarded):
        def __init__(self, size):
            super().__init__(size)
            made.append(self)

        def address(self, at_end):
            seen.append(set(self.bytes[mmap.PAGESIZE : mmap.PAGESIZE + self.pages]))
            return super().address(at_end)

    monkeypatch.setattr(checked_function, "Guarded", Kept)
    for _ in range(2):
        np.testing.assert_array_equal(f(ones(7)), 2 * np.arange(2, 9))
    assert {memory.size for memory in made} == {7 * 4}
    assert set().union(*seen) == {255}
    assert set(checked.empty((3, 2), np.dtype("int16"), True).tobytes()) == {255}


@pytest.mark.parametrize("size", [0, 1, mmap.PAGESIZE, mmap.PAGESIZE + 1])
def test_nobody_may_touch_the_page_before_nor_the_one_behind(size):
    memory, libc = checked.Guarded(size), ctypes.CDLL(None, use_errno=True)
    reader, writer = os.pipe()
    try:
        for offset, allowed in ((-1, False), (0, True), (memory.pages - 1, True), (memory.pages, False)):
            # the system refuses to read what the process may not
            written = libc.write(writer, ctypes.c_void_p(memory.first + offset), ctypes.c_size_t(1))
            assert written == (1 if allowed else -1)
            assert allowed or ctypes.get_errno() == errno.EFAULT
    finally:
        os.close(reader)
        os.close(writer)
    assert memory.address(at_end=False) == memory.first
    assert memory.address(at_end=True) + size == memory.first + memory.pages
