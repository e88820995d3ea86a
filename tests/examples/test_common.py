"""What programs of the gallery share: data from files, and files that are not what they should be."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from examples import common


def idx(array):
    """A file in MNIST's format."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def mnist(tmp_path, rng):
    """(a folder with MNIST's files, two of them gzipped; the arrays in them)."""
    found, folder = {}, tmp_path / "mnist"
    folder.mkdir()
    for part, count in (("train", 30), ("t10k", 20)):
        found[f"{part}-images-idx3-ubyte"] = rng.integers(0, 256, (count, 28, 28), np.uint8)
        found[f"{part}-labels-idx1-ubyte"] = rng.integers(0, 10, count, np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(found[f"{part}-images-idx3-ubyte"])))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(found[f"{part}-labels-idx1-ubyte"]))
    return folder, list(found.values())


def args(folder, *options):
    return common.options("", ["--out", str(folder), *options], epochs=5)


def refused(capsys, of, given):
    """What is said to a user whose program ends."""
    with pytest.raises(SystemExit) as end:
        of(given)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --data")
    assert said.endswith(".\n")
    return said


def test_images_are_those_of_the_files(mnist, tmp_path):
    folder, arrays = mnist
    found = common.images(args(tmp_path, "--data", str(folder)))
    for ours, theirs in zip(found, arrays, strict=True):
        np.testing.assert_allclose(ours.reshape(theirs.shape) * (255 if theirs.ndim == 3 else 1), theirs, rtol=1e-6)
    assert found.images.shape == (30, 1, 28, 28)
    assert [a.dtype for a in found] == [np.float32, np.int64] * 2


def test_images_of_cifar_are_those_of_all_files(tmp_path, rng):
    records = rng.integers(0, 256, (5, 3073), np.uint8)
    (tmp_path / "data_batch_1.bin").write_bytes(records[:2].tobytes())
    (tmp_path / "data_batch_1.bin.gz").write_bytes(gzip.compress(records[:2].tobytes()))  # the same file, packed
    (tmp_path / "data_batch_2.bin.gz").write_bytes(gzip.compress(records[2:4].tobytes()))
    (tmp_path / "test_batch.bin").write_bytes(records[4:].tobytes())
    found = common.images(args(tmp_path, "--data", str(tmp_path)))
    assert found.images.shape == (4, 3, 32, 32)
    np.testing.assert_allclose(found.images.reshape(4, -1) * 255, records[:4, 1:], rtol=1e-6)
    np.testing.assert_array_equal(found.test_labels, records[4:, 0])


def test_fewer_examples_leave_the_test_whole(mnist, tmp_path):
    data = "--data", str(mnist[0])
    assert [len(a) for a in common.images(args(tmp_path, *data, "--examples=7"))] == [7, 7, 20, 20]
    assert [len(a) for a in common.images(args(tmp_path, *data, "--examples=7", "--quick"))] == [7, 7, 7, 7]


@pytest.mark.parametrize("of", [common.images, common.text])
def test_data_that_is_not_there_is_refused(of, tmp_path, capsys):
    assert "nowhere" in refused(capsys, of, args(tmp_path, "--data", str(tmp_path / "nowhere")))


def test_folder_without_the_files_is_refused(tmp_path, capsys):
    assert "data_batch_1.bin" in refused(capsys, common.images, args(tmp_path, "--data", str(tmp_path)))
    assert "input.txt" in refused(capsys, common.text, args(tmp_path, "--data", str(tmp_path)))


def test_file_where_a_folder_is_needed_is_refused(tmp_path, capsys):
    assert "no folder" in refused(capsys, common.images, args(tmp_path, "--data", __file__))


def test_bytes_that_are_no_text_are_refused(tmp_path, capsys):
    (tmp_path / "input.txt").write_bytes(b"\xff\xfe\xff")
    assert "not a text" in refused(capsys, common.text, args(tmp_path, "--data", str(tmp_path)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


DAMAGE = {
    "holds": lambda folder: cut(folder / "train-labels-idx1-ubyte"),
    "cannot be read": lambda folder: cut(folder / "train-images-idx3-ubyte.gz"),
    "has no file": lambda folder: (folder / "t10k-labels-idx1-ubyte").unlink(),
    "not in MNIST's format": lambda folder: (folder / "t10k-labels-idx1-ubyte").write_bytes(b""),
    "but 1 labels": lambda folder: (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(1, np.uint8))),
}


@pytest.mark.parametrize("word", DAMAGE)
def test_damaged_files_are_refused(word, mnist, tmp_path, capsys):
    DAMAGE[word](mnist[0])
    assert word in refused(capsys, common.images, args(tmp_path, "--data", str(mnist[0])))


@pytest.mark.parametrize("part", ["data_batch_1", "test_batch"])
def test_damaged_files_of_cifar_are_refused(part, tmp_path, capsys):
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / f"{name}.bin").write_bytes(bytes(2 * 3073))
    cut(tmp_path / f"{part}.bin")
    assert "6143 bytes" in refused(capsys, common.images, args(tmp_path, "--data", str(tmp_path)))
    (tmp_path / f"{part}.bin").rename(tmp_path / "other")
    assert ".bin" in refused(capsys, common.images, args(tmp_path, "--data", str(tmp_path)))


@pytest.mark.parametrize("option", ["--batch=0", "--examples=0"])
def test_numbers_of_examples_are_positive(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        args(tmp_path, option)
    assert end.value.code == 2
    assert "1 or more" in capsys.readouterr().err


def test_steps_are_the_batches_that_are_trained_on(tmp_path):
    from weft import nn

    given = args(tmp_path, "--batch=8", "--epochs=3")
    for examples in (1, 7, 8, 9, 16):
        x = np.zeros((examples, 2))
        assert common.steps(given, examples) == 3 * len(list(nn.batches((x,), 8)))


def test_templates_have_one_scale_and_add_up_colours(rng):
    pytest.importorskip("matplotlib")
    _, (plot,) = common.plots(1)
    w = rng.normal(size=(3, 4))
    drawn = common.templates(plot, "", w, 2).get_array()
    assert drawn.shape == (6, 6)
    np.testing.assert_array_equal(drawn[1:3, 4:6], w[1].reshape(2, 2))
    np.testing.assert_array_equal(drawn[4:6, 1:3], w[2].reshape(2, 2))
    colours = rng.normal(size=(1, 12))
    drawn = common.templates(plot, "", colours, 1)
    np.testing.assert_allclose(drawn.get_array()[1:, 1:], colours.reshape(3, 2, 2).sum(0))
    assert drawn.get_clim()[1] == -drawn.get_clim()[0] == abs(drawn.get_array()).max()
