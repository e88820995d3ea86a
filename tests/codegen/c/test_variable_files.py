"""Files of variables that exported functions read and write: NumPy's, and whatever else is put in their place."""

import io
import os
import zipfile

import numpy as np
import pytest

import weft as wf
from weft import nn

from .loaded import FILE, OK, Library, same


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(function, library, {name: value}): variables of several dtypes and ranks."""
    rng = np.random.default_rng(0)
    values = {
        "net.w": rng.normal(size=(3, 4)).astype(np.float32),
        "b": rng.normal(size=5),
        "mask": rng.integers(0, 2, (2, 1, 3)).astype(bool),
        "empty": np.zeros((0, 3), np.int16),
        "count": np.array(7),
        "half": np.arange(3, dtype=np.float16),
        "größe": np.array([1], np.uint8),
    }
    named = {name: wf.shared(value, name) for name, value in values.items()}
    grown = wf.shared(np.zeros((2, 3), np.float32), "grown", shape=("n", 3))
    values["grown"] = np.arange(6, dtype=np.float32).reshape(2, 3)
    grown.set_value(values["grown"])
    f = wf.function([], [v.sum() for v in (*named.values(), grown)], name="sums")
    library = Library(tmp_path_factory.mktemp("files"), "kept", f, sizes={"n": (0, 2, 4)})
    return f, library, values


def check_values(state, values):
    for name, value in values.items():
        assert same(state.get(name, value), value), name


def refuse(exported, path, text):
    """A file that does not fit: the state keeps the values it had."""
    _, library, values = exported
    state = library.state()
    assert state("load", path) == FILE
    assert text in state.message
    check_values(state, values)


def test_saved_by_weft_and_by_numpy(exported, tmp_path):
    f, library, values = exported
    nn.save(tmp_path / "weft.npz", f)
    other = {name: np.roll(value, 1) for name, value in values.items()}
    other["grown"] = np.ones((4, 3), np.float32)
    np.savez(tmp_path / "numpy.npz", more=np.arange(3), **other)
    state = library.state()
    state.run("load", tmp_path / "numpy.npz")
    check_values(state, other)
    state.run("load", tmp_path / "weft.npz")
    check_values(state, values)


def test_what_is_saved_is_numpys(exported, tmp_path):
    f, library, values = exported
    state = library.state()
    state.run("save", tmp_path / "c.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]
    with zipfile.ZipFile(tmp_path / "c.npz") as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, value in values.items():
        file = io.BytesIO()
        np.save(file, value)
        assert members.pop(f"{name}.npy") == file.getvalue()
    assert members == {}
    assert nn.load(tmp_path / "c.npz", f) == list(nn.variables(f))
    state.run("save", tmp_path / "c.npz")  # over the one before
    state.run("load", tmp_path / "c.npz")
    check_values(state, values)


def test_files_that_do_not_fit(exported, tmp_path):
    _, _, values = exported
    path = tmp_path / "v.npz"
    refuse(exported, path, "v.npz cannot be opened: No such file or directory.")
    refuse(exported, tmp_path, "")  # a folder
    wrong = {
        "net.w has shape (3, 4), and in the file (4, 3).": {"net.w": values["net.w"].T.copy()},
        "b has shape (5,), and in the file ().": {"b": np.float64(3)},
        "b has shape (5,), and in the file (5, 1).": {"b": values["b"][:, None]},
        "grown has shape (any, 3), and in the file (2, 4).": {"grown": np.ones((2, 4), np.float32)},
        "b is '<f8', and in the file '<f4'.": {"b": values["b"].astype(np.float32)},
        "b is '<f8', and in the file '>f8'.": {"b": values["b"].astype(">f8")},
        "net.w is stored column by column: write it in C order.": {"net.w": np.asfortranarray(values["net.w"])},
        "element 1 of mask is no bool": {"mask": np.array([0, 7, 1, 0, 1, 0], np.uint8).reshape(2, 1, 3).view(bool)},
    }
    for text, replaced in wrong.items():
        np.savez(path, **{**values, **replaced})
        refuse(exported, path, text)
    np.savez(path, **{name: value for name, value in values.items() if name != "half"})
    refuse(exported, path, "v.npz has no half.")
    np.savez_compressed(path, **values)
    refuse(exported, path, "net.w is compressed: write the file with numpy.savez.")


def test_vectors_may_be_in_any_order(exported, tmp_path):
    _, library, values = exported
    np.savez(tmp_path / "v.npz", **{**values, "b": np.asfortranarray(values["b"])})
    assert library.state()("load", tmp_path / "v.npz") == OK


def test_damaged_files(exported, tmp_path):
    _, library, values = exported
    path = tmp_path / "v.npz"
    np.savez(path, **values)
    whole = path.read_bytes()
    state = library.state()
    for length in range(0, len(whole), 13):  # cut off
        path.write_bytes(whole[:length])
        assert state("load", path) == FILE, length
        assert state.message.endswith((" is no whole .npz file.", "damaged."))
    check_values(state, values)
    rng = np.random.default_rng(0)
    for _ in range(500):  # some byte is another one: either nobody looks at it, or the file is refused
        place = int(rng.integers(len(whole)))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << int(rng.integers(8))]) + whole[place + 1 :])
        if state("load", path) == OK:
            check_values(state, values)
        else:
            assert "v.npz" in state.message


def test_a_place_that_cannot_be_written(exported, tmp_path):
    _, library, _ = exported
    state = library.state()
    assert state("save", tmp_path / "none" / "v.npz") == FILE
    assert state.message.endswith("v.npz cannot be written: No such file or directory.")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "folder.npz" / "inside").touch()
    assert state("save", tmp_path / "folder.npz") == FILE
    assert sorted(os.listdir(tmp_path)) == ["folder.npz"]
