"""What other libraries read of a shared variable: NumPy and DLPack, in place, and what they write is noticed."""

import ctypes
import gc
import pickle

import numpy as np
import pytest

import weft as wf
from weft.symbolic import exports

START = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.fixture
def w():
    return wf.shared(np.array(START), "w")


def memory(w):
    return w.get_value(borrow=True)


class WhoeverWrites:
    """A library that takes no notice of what may not be written, as PyTorch does."""

    def __init__(self, w):
        self.array = np.from_dlpack(w)
        self.array.flags.writeable = False
        self.address = self.array.ctypes.data

    def write(self, value):
        ctypes.c_double.from_address(self.address).value = value


def test_dlpack_shows_the_variable_and_each_new_value(w):
    assert w.__dlpack_device__() == (1, 0)
    shown = np.from_dlpack(w)
    assert (shown.dtype, shown.shape) == (np.float64, (2, 3))
    assert shown.ctypes.data == memory(w).ctypes.data
    assert not shown.flags.writeable
    wf.function([], None, updates={w: w * 2})()
    np.testing.assert_array_equal(shown, np.multiply(START, 2))
    w.set_value(np.zeros((2, 3)))
    np.testing.assert_array_equal(shown, np.zeros((2, 3)))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32"])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (3, 5)])
def test_every_dtype_and_shape(dtype, shape):
    value = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    found = np.from_dlpack(wf.shared(value))
    np.testing.assert_array_equal(found, value, strict=True)


def test_copies(w):
    for found in (np.from_dlpack(w, copy=True), np.asarray(w), np.array(w), np.asarray(w, copy=True)):
        assert not np.shares_memory(found, memory(w))
        assert found.flags.writeable
        found[:] = 0
    for found in (np.from_dlpack(w, copy=False), np.asarray(w, copy=False)):
        assert np.shares_memory(found, memory(w))
        assert not found.flags.writeable
    np.testing.assert_array_equal(w.get_value(), START)
    found = np.asarray(w, np.float32)
    assert found.dtype == np.float32
    with pytest.raises(ValueError, match="w is float64, and is no float32 without a copy"):
        np.asarray(w, np.float32, copy=False)


def test_readers_of_the_old_form_get_a_copy(w):
    class Old:
        """What asks without a version, as JAX does."""

        def __init__(self):
            self.capsule = w.__dlpack__(stream=None)

        def __dlpack__(self, **options):
            return self.capsule

        def __dlpack_device__(self):
            return (1, 0)

    found = np.from_dlpack(Old())
    np.testing.assert_array_equal(found, START)
    assert not np.shares_memory(found, memory(w))
    for version in (None, (0, 8)):
        with pytest.raises(BufferError, match=r"w may only be read, .* ask with max_version=\(1, 0\)\."):
            w.__dlpack__(max_version=version, copy=False)


def test_an_older_numpy_cannot_say_what_may_not_be_written(w, monkeypatch):
    monkeypatch.setattr(exports, "_NUMPY_SAYS_READ_ONLY", False)
    found = np.from_dlpack(w)
    np.testing.assert_array_equal(found, START)
    assert not np.shares_memory(found, memory(w))


def test_what_dlpack_cannot_do(w):
    with pytest.raises(BufferError, match="w is an array of the host, which has no streams: stream is None, not 1"):
        w.__dlpack__(stream=1)
    with pytest.raises(
        BufferError, match=r"w is an array of the host, \(1, 0\), and is not on DLPack's device \(2, 0\)"
    ):
        w.__dlpack__(dl_device=(2, 0), max_version=(1, 0))
    np.testing.assert_array_equal(np.from_dlpack(w, device="cpu"), START)


def test_other_expressions_have_no_numbers():
    x = wf.vector("x", (3,))
    for read in (np.from_dlpack, np.asarray, lambda e: e.__dlpack_device__(), lambda e: e.__dlpack__()):
        for e in (x, x + 1, wf.constant([1.0, 2, 3])):
            with pytest.raises(wf.ArgumentError, match="is an expression, which has no numbers before it is computed"):
                read(e)


def test_shared_variables_are_arguments_and_values(w):
    x = wf.matrix("x", (2, 3), "float64")
    f = wf.function([x], x * 2)
    np.testing.assert_array_equal(f(w), np.multiply(START, 2))
    np.testing.assert_array_equal(f(x=w), np.multiply(START, 2))
    other = wf.shared(w, "other")
    w.set_value(other.get_value() + 1)
    other.set_value(w)
    other.set_value(other)
    np.testing.assert_array_equal(other.get_value(), np.add(START, 1))
    assert np.add(w, 1) is w + 1  # NumPy's functions make expressions of it, as of any


def test_the_array_outlives_the_variable():
    shown = np.from_dlpack(wf.shared(np.full(10_000, 7.0)))
    gc.collect()
    np.ones(10_000)
    assert (shown == 7).all()


def test_variables_whose_sizes_change_leave_the_old_array_behind():
    w = wf.shared(np.array([1.0, 2]), "w", shape=[None])
    shown = np.from_dlpack(w)
    w.set_value([3.0, 4])
    assert shown.tolist() == [3, 4]
    w.set_value([5.0, 6, 7])
    assert shown.tolist() == [3, 4]
    assert np.from_dlpack(w).tolist() == [5, 6, 7]


def test_a_value_that_is_newer_on_a_device_is_fetched(w):
    class Newer:
        shape = (2, 3)

        def fetch(self):
            return np.zeros(self.shape)

    for read in (np.from_dlpack, np.asarray):
        w.op.storage.note_write("device", Newer(), (2, 3))
        np.testing.assert_array_equal(read(w), np.zeros((2, 3)))


# ---- who writes what may not be written -----------------------------------------------------------------------------


def doubled(w):
    return wf.function([], w * 2, target="cuda:simulator")


def test_what_is_written_in_place_reaches_the_cpu(w):
    f = wf.function([], w * 2)
    f()
    WhoeverWrites(w).write(10)
    assert f()[0, 0] == 20


def test_what_is_written_in_place_reaches_devices(w):
    f = doubled(w)
    assert f()[0, 0] == 2  # a copy is on the device now
    other = WhoeverWrites(w)
    other.write(10)
    assert f()[0, 0] == 20
    other.write(11)
    assert f()[0, 0] == 22
    other.write(12)
    del other  # its last word
    gc.collect()
    assert f()[0, 0] == 24


def test_without_borrowers_the_copy_on_a_device_stays(w):
    f = doubled(w)
    f()
    place = f.device.name
    storage = w.op.storage
    copy = storage.copy_at(place)
    assert copy is not None
    np.asarray(w)
    np.from_dlpack(w, copy=True)
    assert storage.copy_at(place) is copy  # nobody has the array itself
    other = WhoeverWrites(w)
    assert storage.copy_at(place) is None
    f()
    del other
    gc.collect()
    assert storage.copy_at(place) is None  # it may have written until now
    f()
    assert storage.copy_at(place) is not None
    assert not storage._lent


def test_borrowers_of_a_value_that_is_on_a_device_see_it_once_it_is_fetched(w):
    step = wf.function([], None, updates={w: w + 1}, target="cuda:simulator")
    shown = np.from_dlpack(w)
    step()
    step()
    assert w.op.storage.is_behind
    np.testing.assert_array_equal(w.get_value(), np.add(START, 2))
    np.testing.assert_array_equal(shown, np.add(START, 2))


def test_borrowed_variables_travel(w):
    shown = np.from_dlpack(w)
    other = pickle.loads(pickle.dumps(w))
    np.testing.assert_array_equal(np.from_dlpack(other), START)
    assert not np.shares_memory(np.from_dlpack(other), shown)
