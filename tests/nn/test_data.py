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


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        ((X, T[:5]), {}, wf.ShapeError, "5 and 7 examples"),
        ((), {}, wf.ArgumentError, "no arrays"),
        (3.0, {}, wf.ArgumentError, "first axis is that of the examples"),
        (np.array(["a"]), {}, wf.ArgumentError, "arrays of numbers"),
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
