"""A variable's value here and elsewhere: versions say which copy is newest, and functions compare them."""

import pickle
import threading

import numpy as np
import pytest

import weft as wf
from weft.symbolic.errors import ShapeError


class Device:
    """A value elsewhere, which counts how often it is fetched."""

    def __init__(self, value):
        self.value, self.fetched = np.array(value, np.float64), 0

    def fetch(self):
        self.fetched += 1
        return self.value


@pytest.fixture
def variable():
    return wf.shared(np.array([1.0, 2.0]), "w")


def written(variable, value, place="device"):
    """A new value of the variable, which stands on a device alone."""
    copy = Device(value)
    variable.op.storage.note_write(place, copy, copy.value.shape)
    return copy


def test_a_value_that_is_newer_elsewhere_is_fetched_once(variable):
    copy = written(variable, [5, 6])
    assert variable.op.storage.is_behind
    assert copy.fetched == 0  # until somebody reads it here
    np.testing.assert_array_equal(variable.get_value(), [5, 6])
    variable.get_value()
    assert copy.fetched == 1
    assert variable.op.storage.copy_at("device") is copy  # both are the newest


def test_of_several_readers_at_once_one_fetches(variable):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Device):
        def fetch(self):
            begun.set()
            assert go_on.wait(10)
            return super().fetch()

    copy = Slow([5, 6])
    variable.op.storage.note_write("device", copy, (2,))
    f, found = wf.function([], variable * 2), []
    readers = [threading.Thread(target=lambda: found.append(f())) for _ in range(3)]
    readers[0].start()
    assert begun.wait(10)
    for reader in readers[1:]:
        reader.start()
    go_on.set()
    for reader in readers:
        reader.join()
    assert copy.fetched == 1
    np.testing.assert_array_equal(found, [[10, 12]] * 3)


def test_a_value_that_is_set_leaves_copies_behind(variable):
    storage = variable.op.storage
    copy = Device([1, 2])
    storage.note_copy("device", copy)
    assert storage.copy_at("device") is copy
    before = storage.version
    variable.set_value([3, 4])
    assert storage.version > before
    assert storage.copy_at("device") is None
    written(variable, [7, 8])
    variable.set_value([9, 9])  # newer than the device's, which nobody fetches
    np.testing.assert_array_equal(variable.get_value(), [9, 9])


@pytest.mark.parametrize("target", ["cpu", "reference"])
def test_functions_read_the_newest_value(variable, target):
    f = wf.function([], variable * 2, target=target)
    g = wf.function([], variable.sum(), updates={variable: variable + 1}, target=target)
    np.testing.assert_array_equal(f(), [2, 4])
    copy = written(variable, [5, 6])
    np.testing.assert_array_equal(f(), [10, 12])
    f()
    assert copy.fetched == 1
    assert variable.op.storage.copy_at("device") is copy  # reading changes nothing
    written(variable, [10, 20], "another")
    assert g() == 30
    np.testing.assert_array_equal(variable.get_value(), [11, 21])
    assert variable.op.storage.copy_at("another") is None  # the update is newer
    assert g() == 32


@pytest.mark.parametrize("target", ["cpu", "reference"])
def test_a_new_size_elsewhere_is_the_size_of_the_next_call(target):
    w = wf.shared(np.zeros(2), "w", shape=("n",))
    f = wf.function([], [w + 1, w.shape[0]], updates={w: wf.concatenate([w, w])}, target=target)
    np.testing.assert_array_equal(f()[0], [1, 1])
    written(w, [1, 2, 3])
    found, size = f()
    np.testing.assert_array_equal(found, [2, 3, 4])
    assert size == 3
    np.testing.assert_array_equal(w.get_value(), [1, 2, 3, 1, 2, 3])
    copy = written(w, [4])
    with pytest.raises(ShapeError, match=r"w has shape \(n,\); the value \(1, 1\)"):
        w.set_value([[1.0]])
    assert f()[1] == 1
    assert copy.fetched == 1


def test_a_place_that_is_given_up_keeps_nothing_to_itself(variable):
    copy = written(variable, [5, 6])
    variable.op.storage.drop("device")
    assert copy.fetched == 1
    np.testing.assert_array_equal(variable.get_value(), [5, 6])
    variable.op.storage.drop("device")  # again
    old = Device([0, 0])
    variable.op.storage.note_copy("old", old)
    variable.set_value([1, 1])
    variable.op.storage.drop("old")
    assert old.fetched == 0


def test_what_travels_is_the_newest_value(variable):
    written(variable, [5, 6])
    again = pickle.loads(pickle.dumps(variable))
    np.testing.assert_array_equal(again.get_value(), [5, 6])
    again.set_value([0, 0])
    np.testing.assert_array_equal(variable.get_value(), [5, 6])
    assert again.op.storage.copy_at("device") is None


def test_the_array_of_a_fixed_size_stays_where_it_is(variable):
    array = variable.get_value(borrow=True)
    written(variable, [5, 6])
    variable.get_value()
    variable.set_value([7, 8])
    wf.function([], updates={variable: variable * 2})()
    assert variable.get_value(borrow=True) is array
    np.testing.assert_array_equal(array, [14, 16])
