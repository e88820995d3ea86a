"""What the documents show is what weft prints, and their programs run."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
INTERNALS = (ROOT / "docs" / "internals.md").read_text()
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def listings(text):
    """The program of the page, and its listings: all that stand in fences without a language."""
    blocks = FENCE.findall(text)
    program = next(code for language, code in blocks if language == "python")
    return program, [code for language, code in blocks if not language]


@pytest.fixture
def printed(tmp_path, monkeypatch):
    """The lines that the page's program gives for every stage."""
    monkeypatch.chdir(tmp_path)  # lines of the user's program are shown relative to it
    path = tmp_path / "life.py"
    source, _ = listings(INTERNALS)
    path.write_text(source)
    names = {}
    exec(compile(source, str(path), "exec"), names)
    step = names["step"]
    step(np.zeros((32, 784), np.float32))
    texts = [step.explain(stage) for stage in ("graph", "rules", "rewritten", "nests", "memory")]
    return {line.rstrip() for text in texts for line in text.splitlines()}


def test_the_guide_from_theano_runs():
    source, _ = listings((ROOT / "docs" / "guide" / "from-theano.md").read_text())
    names = {}
    exec(source, names)
    assert names["w"].get_value()[0, 0] == 0.9


def test_the_guide_to_extending_runs(tmp_path, capsys):
    blocks = FENCE.findall((ROOT / "docs" / "guide" / "extending.md").read_text())
    path = tmp_path / "extending.py"
    path.write_text("\n\n".join(code for language, code in blocks if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "extending"})
    printed = capsys.readouterr().out
    assert "is no law: yield wf.tanh(x * c) / c, x, lambda c: abs(c) < 1e-30" in printed
    assert "yield wf.sinh(x) / wf.cosh(x), wf.tanh(x)\n" in printed


def test_the_guide_to_memory_runs(tmp_path, capsys):
    text = (ROOT / "docs" / "guide" / "memory.md").read_text()
    path = tmp_path / "memory.py"
    path.write_text("\n\n".join(code for language, code in FENCE.findall(text) if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "memory"})
    printed = capsys.readouterr().out
    found = re.search(r"^max_memory=1300000: results and temporaries take (\d+) bytes; (\d+) if all", printed, re.M)
    taken, before = map(int, found.groups())
    assert taken <= 1_300_000 < before
    assert re.search(r"^    \d+ steps of \d+ run again, about [\d.]+% more work:$", printed, re.M)
    assert "arguments     262144 bytes" in printed
    assert "arguments     262144 bytes" in text


def test_the_guide_to_networks_runs(tmp_path, monkeypatch, capsys):
    for package in ("sklearn", "tqdm"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    blocks = FENCE.findall((ROOT / "docs" / "guide" / "networks.md").read_text())
    path = tmp_path / "networks.py"
    path.write_text("\n\n".join(code for language, code in blocks if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "networks"})
    printed = capsys.readouterr().out
    assert re.search(r"^conv\d* +\(batch, 16, 8, 8\) +160 +9,216", printed, re.M)
    assert (tmp_path / "all.npz").exists()


@pytest.mark.skipif(os.environ.get("WEFT_CHECK", "0") not in ("", "0"), reason="the checked mode has no C functions")
def test_the_guide_to_calling_runs(tmp_path):
    blocks = FENCE.findall((ROOT / "docs" / "guide" / "calling.md").read_text())
    path = tmp_path / "calling.py"
    path.write_text("\n\n".join(code for language, code in blocks if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "calling"})


@pytest.mark.filterwarnings("ignore:On the host, while the device waits:RuntimeWarning")
def test_the_page_on_cuda_runs(tmp_path, capsys):
    blocks = FENCE.findall((ROOT / "docs" / "cuda.md").read_text())
    path = tmp_path / "device.py"
    path.write_text("\n\n".join(code for language, code in blocks if language == "python"))
    exec(compile(path.read_text(), str(path), "exec"), {"__name__": "device"})
    loss, plan = capsys.readouterr().out.split("\n", 1)
    assert float(loss) == pytest.approx(np.log(1 + np.exp(8)), rel=1e-5)
    assert plan.startswith("a graph of 6 nodes\n")


def test_internals_shows_what_explain_prints(printed):
    _, shown = listings(INTERNALS)
    assert len(shown) == 6
    for block in shown:
        if not block.startswith("define"):  # the code for one processor
            assert not [line for line in block.splitlines() if line.rstrip() not in printed]


def test_the_readmes_first_program_runs(capsys):
    source, _ = listings((ROOT / "README.md").read_text())
    exec(compile(source, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) == pytest.approx(np.log(10), rel=1e-5)


DOCUMENTS = sorted(
    path for folder in (ROOT, ROOT / "docs") for path in folder.glob("**/*.md") if ".venv" not in path.parts
)
FILES = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("**/*.py") if ".venv" not in path.parts}


@pytest.mark.parametrize("path", dict.fromkeys(DOCUMENTS), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents_name_files_that_are_there(path):
    named = re.findall(r"`([\w/]+\.py)`", path.read_text())
    examples = {"train.py", "life.py"}  # programs of users
    missing = [name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in FILES)]
    assert set(missing) <= examples
