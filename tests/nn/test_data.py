"""Minibatches, means over a set, predictions."""

import numpy as np
import pytest

import weft as wf
from weft import nn

X, T = np.arange(14.0).reshape(7, 2), np.arange(7)


def test_batches_hold_every_example_once():
    for rng in (None, np.random.default_rng(3)):
        found = list(nn.batches((X, T), 3, rng))
        assert [len(t) for _, t in found] == [3, 3, 1]
        order = np.concatenate([t for _, t in found])
        assert sorted(order) == list(range(7))
        assert (order == T).all() == (rng is None)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), X[order])
    assert [len(t) for _, t in nn.batches((X, T), 3, keep_rest=False)] == [3, 3]
    assert list(nn.batches(X[:0], 3)) == []


def test_batches_keep_structure_and_cast_floats_alone():
    batch = next(nn.batches({"x": X, "more": [T.astype(np.int8), X > 3]}, 2))
    assert batch["x"].dtype == np.float32
    assert batch["more"][0].dtype == np.int8
    assert batch["more"][1].dtype == bool
    assert isinstance(batch["more"], list)
    with wf.config(float_dtype="float64"):
        assert next(nn.batches(X.astype(np.float32), 2)).dtype == np.float64


def test_batches_are_copies_and_orders_repeat():
    x = X.copy()
    for batch in nn.batches(x, 3):
        batch[...] = -1
    np.testing.assert_array_equal(x, X)
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    first, second = list(nn.batches(T, 2, rng)), list(nn.batches(T, 2, rng))
    assert [a.tolist() for a in first] != [a.tolist() for a in second]
    assert [a.tolist() for a in first] == [a.tolist() for a in nn.batches(T, 2, again)]


def test_batches_of_a_file_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = np.concatenate(list(nn.batches(mapped, 3)))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, X)


class Foreign:
    """A tensor of another library: it has a shape, a dtype of its own, takes keys, and says where its memory is."""

    dtype = "float32"

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __getitem__(self, key):
        raise AssertionError("batches are taken from memory, and not with the other library's indices")

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)


class Column:
    """A column of a table, which a key names: not the places."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.iloc = values, values.shape, values.dtype, object()

    def __getitem__(self, key):
        raise AssertionError("a name is no place")

    def __array__(self, dtype=None, copy=None):
        return self.values


class File:
    """A data set in a file: slices and places are read, and nothing else."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.most = values, values.shape, values.dtype, 0

    def __getitem__(self, key):
        found = self.values[key]
        self.most = max(self.most, len(found))
        return found

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("it does not fit in memory")


@pytest.mark.parametrize("kind", [Foreign, Column, File])
def test_arrays_of_other_libraries(kind):
    given = [kind(X.astype(np.float32)), kind(T)]
    for rng in (None, np.random.default_rng(0)):
        found = list(nn.batches(given, 3, rng))
        order = np.arange(7) if rng is None else np.random.default_rng(0).permutation(7)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), X.astype(np.float32)[order])
        np.testing.assert_array_equal(np.concatenate([t for _, t in found]), T[order])
    if kind is File:
        assert given[0].most == 3


def learned(kind):
    """(the weights after a training on such arrays, predictions, a mean)."""
    x, t = wf.matrix("x", ("n", 2), "float32"), wf.vector("t", ("n",), "float32")
    w = wf.shared(np.zeros(2, "f4"), "w")
    values = np.arange(12, dtype="f4").reshape(6, 2) / 12
    sums = kind(values.sum(1))
    nn.fit([x, t], wf.mean((x @ w - t) ** 2), (kind(values), sums), batch=4, epochs=3, progress=False,
           validation=(kind(values), sums))  # fmt: skip
    f = wf.function([x], {"product": x @ w})
    return w.get_value(), nn.predict(f, kind(values), 4)["product"], nn.average(f, kind(values), 6)["product"]


@pytest.mark.parametrize("kind", [Foreign, Column, File])
def test_a_net_learns_from_arrays_of_other_libraries_as_from_numpys(kind):
    for found, want in zip(learned(kind), learned(np.asarray), strict=True):
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        ((X, T[:5]), {}, wf.ShapeError, "5 and 7 examples"),
        ((), {}, wf.ArgumentError, "no arrays"),
        (3.0, {}, wf.ArgumentError, "first axis is that of the examples"),
        (np.array(["a"]), {}, wf.DTypeError, "batches: data holds text, and weft has bools, integers and floats"),
        ({1: {2}}, {}, wf.ArgumentError, "batches: data is a set, which is no array"),
        (X, {"size": 0}, wf.ArgumentError, "size"),
        (X, {"rng": 0}, wf.ArgumentError, "rng is a numpy.random.Generator"),
    ],
)
def test_what_is_no_data(data, options, error, text):
    with pytest.raises(error, match=text):
        list(nn.batches(data, **{"size": 2, **options}))


def test_means_and_predictions_of_a_set():
    """A smaller last batch counts for less; results keep their structure."""
    x = wf.matrix("x", ("n", 2))
    f = wf.function([x], {"mean": x.mean(), "columns": x.mean(axis=0)})
    found = nn.average(f, X, 3)
    assert found["mean"] == pytest.approx(X.mean())
    np.testing.assert_allclose(found["columns"], X.mean(0))
    assert nn.average(lambda x, t: (x * t[:, None]).mean(), (X, T), 2) == pytest.approx((X * T[:, None]).mean())
    np.testing.assert_array_equal(nn.predict(wf.function([x], 2 * x), X, 3), 2 * X)
    with pytest.raises(wf.ArgumentError, match="no examples"):
        nn.average(f, X[:0])
    with pytest.raises(wf.ArgumentError, match="no examples"):
        nn.predict(f, X[:0])
