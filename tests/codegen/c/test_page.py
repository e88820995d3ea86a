"""The page about functions for C: its programs are built, and say what they should."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import weft as wf

PAGE = (Path(wf.__file__).parent / "docs" / "c.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = dict(re.findall(r"^    ((?:cc|c\+\+|rustc)) (.*)$", PAGE, re.MULTILINE))


def block(language, containing="main"):
    return next(text for kind, text in BLOCKS if kind == language and containing in text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the page's program of Python has run."""
    home = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        exec(compile(block("python", "export"), "page.py", "exec"), {})
    (home / "trained.npz").write_bytes((home / "build" / "iris.npz").read_bytes())
    return home


def run(folder, language, suffix, command):
    """What the program of a language prints, built by the command of the page."""
    if shutil.which(command) is None:
        pytest.skip(f"there is no {command}")
    (folder / f"main.{suffix}").write_text(block(language))
    subprocess.run([command, *COMMANDS[command].split(), "-o", "program"], cwd=folder, check=True, capture_output=True)
    return subprocess.run(["./program"], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_the_header_is_as_shown(folder):
    header = " ".join((folder / "build" / "iris.h").read_text().split())
    shown = [line for line in block("c", "iris_get(").splitlines() if line]
    assert len(shown) == header.count(");") == 10
    assert all(line in header for line in shown)


def test_statuses_are_as_shown(folder):
    header = (folder / "build" / "iris.h").read_text()
    shown = re.findall(r"^\| (\d) \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert shown == [(number, name) for name, number in re.findall(r"IRIS_(\w+) = (\d),", header)]


def test_c(folder):
    loss, logit = run(folder, "c", "c", "cc").split()
    assert 0 < float(loss) < 0.1 < 1 < float(logit)
    with np.load(folder / "trained.npz") as trained:
        assert list(trained.files) == ["w"]
        assert trained["w"].shape == (4, 3)


def test_cxx(folder):
    *logits, error = run(folder, "cpp", "cpp", "c++").splitlines()
    with np.load(folder / "trained.npz") as trained:
        expected = np.float32([6.3, 3.3, 6.0, 2.5]) @ trained["w"]
    np.testing.assert_allclose(np.array(logits, float), expected, rtol=1e-4, atol=1e-5)
    assert error == "none.npz cannot be opened: No such file or directory."


def test_rust(folder):
    logits = run(folder, "rust", "rs", "rustc")
    with np.load(folder / "trained.npz") as trained:
        expected = np.float32([6.3, 3.3, 6.0, 2.5]) @ trained["w"]
    np.testing.assert_allclose(np.array(ast.literal_eval(logits)), expected, rtol=1e-4, atol=1e-5)
