"""Variables in files: the same bits back, and nothing changed by a file that does not fit."""

import numpy as np
import pytest

import weft as wf
from weft import nn

RNG = np.random.default_rng(0)
SUFFIXES = [".npz", ".safetensors"]


@pytest.fixture(params=SUFFIXES)
def suffix(request):
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return request.param


def network(seed):
    """(train, loss): dropout, batch normalisation and Adam, in a scope of its own."""
    x, t = wf.matrix("x", ("n", 4)), wf.vector("t", ("n",), dtype="int64")
    with nn.scope("net"):
        rng = np.random.default_rng(seed)
        h = wf.relu(nn.layers.batch_norm(nn.layers.dense(x, 6, rng=rng)))
        h = nn.layers.dropout(h, 0.3, wf.random.Stream(seed))
        loss = nn.losses.crossentropy(nn.layers.dense(h, 3, rng=rng), t).mean()
    params = list(nn.parameters(loss).values())
    return wf.function([x, t], loss, updates=nn.updates.adam(loss, params)), loss


def data(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(9, 4)).astype(np.float32), rng.integers(0, 3, 9)


def bits(train):
    return {name: node.get_value().tobytes() for name, node in nn.variables(train).items()}


def test_a_run_goes_on_with_the_same_bits(suffix, tmp_path):
    """Parameters, averages, moments, counters and the random stream: another program goes on as this one does."""
    path = tmp_path / f"run{suffix}"
    train, _ = network(1)
    for step in range(3):
        train(*data(step))
    nn.save(path, train)
    other, _ = network(2)
    assert bits(other) != bits(train)
    names = nn.load(path, other)
    assert bits(other) == bits(train)
    assert {"net.dense_w", "net.norm_mean", "adam_steps", "random_key", "random_counter"} <= set(names)
    for step in range(3, 6):
        assert train(*data(step)) == other(*data(step))
    assert bits(other) == bits(train)


def test_every_kind_of_array(suffix, tmp_path):
    values = [RNG.normal(size=(2, 0, 3)), np.float32(3), np.arange(5, dtype=np.uint64), np.array([True]), np.int8(-3)]
    values += [np.asfortranarray(RNG.normal(size=(3, 4))).astype(np.float16), np.array([np.nan, np.inf, -0.0])]
    cells = {f"file {i}/ü": wf.shared(v) for i, v in enumerate(values)} | {"file": wf.shared(1.5)}
    nn.save(tmp_path / f"all{suffix}", cells)
    before = [c.get_value() for c in cells.values()]
    for cell in cells.values():
        cell.set_value(np.zeros_like(cell.get_value()))
    nn.load(tmp_path / f"all{suffix}", cells)
    for cell, value in zip(cells.values(), before, strict=True):
        assert cell.get_value().dtype == value.dtype
        assert cell.get_value().tobytes() == value.tobytes()


def test_numpy_reads_what_is_saved(tmp_path):
    _, loss = network(1)
    nn.save(tmp_path / "p.npz", nn.parameters(loss))
    with np.load(tmp_path / "p.npz") as found:
        assert set(found) == set(nn.parameters(loss))
        np.testing.assert_array_equal(found["net.dense_w"], nn.parameters(loss)["net.dense_w"].get_value())


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda c: c.pop("b"), wf.ArgumentError, "also has b"),
        (lambda c: c.update(d=wf.shared(1.0)), wf.ArgumentError, "has no d"),
        (lambda c: c.update(b=wf.shared(np.zeros(4, np.float32))), wf.ShapeError, r"b has shape \(4,\), and in"),
        (lambda c: c.update(b=wf.shared(np.zeros(3))), wf.DTypeError, "b is float64, and in"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(change, error, text, tmp_path):
    cells = {"a": wf.shared(np.ones(2, np.float32)), "b": wf.shared(np.ones(3, np.float32))}
    nn.save(tmp_path / "f.npz", cells)
    cells["a"].set_value(np.zeros(2))
    change(cells)
    with pytest.raises(error, match=text):
        nn.load(tmp_path / "f.npz", cells)
    assert cells["a"].get_value().tolist() == [0, 0]


def test_loading_what_both_have(tmp_path):
    cells = {"a": wf.shared(1.0), "b": wf.shared(2.0)}
    nn.save(tmp_path / "f.npz", cells)
    fresh = {"b": wf.shared(0.0), "c": wf.shared(3.0)}
    assert nn.load(tmp_path / "f.npz", fresh, strict=False) == ["b"]
    assert [float(c.get_value()) for c in fresh.values()] == [2, 3]


def test_files_that_are_none(suffix, tmp_path):
    path, cells = tmp_path / f"f{suffix}", {"a": wf.shared(np.arange(1000.0))}
    with pytest.raises(wf.ArgumentError, match="there is no file"):
        nn.load(path, cells)
    nn.save(path, cells)
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 7):
        path.write_bytes(whole[:size])
        with pytest.raises(wf.ArgumentError, match="is no whole"):
            nn.load(path, cells)
    with pytest.raises(wf.ArgumentError, match=r"ends in \.npz or \.safetensors"):
        nn.save(tmp_path / "f.pkl", cells)


def test_a_save_that_fails_leaves_the_file_before(tmp_path, monkeypatch):
    path, cells = tmp_path / "f.npz", {"a": wf.shared(1.0)}
    nn.save(path, cells)
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("the disk is full")

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    with pytest.raises(OSError, match="full"):
        nn.save(path, cells)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
