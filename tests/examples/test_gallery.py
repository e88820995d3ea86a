"""The gallery's page shows every program, with figures and pictures that are there; what its command runs."""

import json
import re
from pathlib import Path

import pytest

from examples import gallery

ROOT = Path(__file__).parents[2]


def test_every_program_is_of_a_group_and_has_figures():
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/*.py")}
    assert folders == set(gallery.GROUPS)
    found = json.loads(gallery.FIGURES.read_text())
    named = {key.split(" ")[0] for key in found}
    assert named == {program.name for program in gallery.programs()}
    for key, run in found.items():
        assert run["figures"]
        assert run["machine"]
        assert key == f"{key.split(' ')[0]} {run['options']}".strip()


def test_no_picture_is_that_of_two_runs():
    pictures = [picture for run in json.loads(gallery.FIGURES.read_text()).values() for picture in run["pictures"]]
    assert len(pictures) == len(set(pictures))
    assert set(pictures) == {path.name for path in gallery.PICTURES.glob("*.png")}


def test_the_page_is_what_is_made_of_the_figures():
    page = (ROOT / "docs" / "gallery.md").read_text()
    assert page == gallery.page(json.loads(gallery.FIGURES.read_text()))
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
    assert len(pictures) >= 50
    assert [path for path in pictures if not (ROOT / "docs" / path).exists()] == []


def test_most_programs_are_short():
    lines = sorted(program.lines for program in gallery.programs())
    assert lines[len(lines) // 2] < 80
    assert lines[-1] <= 150


def record(options="", machine="a machine"):
    return {"figures": {"error": 1.5}, "seconds": 2.0, "options": options, "pictures": [], "machine": machine}


def test_the_page_names_one_machine_once_and_several_with_their_runs():
    names = ["mnist.lenet", "mnist.dropout"]
    assert gallery.page({name: record() for name in names}).count("a machine") == 1
    page = gallery.page({name: record(machine=f"that of {name}") for name in names})
    assert all(f"error 1.5; 2 s on that of {name}\n" in page for name in names)


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Where a command of the gallery would run programs: [(program, its options, those of the page)]."""
    monkeypatch.setattr(gallery, "PICTURES", tmp_path / "gallery")
    monkeypatch.setattr(gallery, "FIGURES", tmp_path / "gallery" / "figures.json")
    monkeypatch.setattr(gallery, "PAGE", tmp_path / "gallery.md")
    found = []

    def run(program, options, shown):
        found.append((program.name, options, shown))
        return record(shown)

    monkeypatch.setattr(gallery, "run", run)
    return found


def test_programs_run_by_their_names_and_groups(ran):
    gallery.main(["mnist.lenet", "linear"])
    assert [name for name, *_ in ran] == ["mnist.lenet", "linear.penalties", "linear.softmax_loss", "linear.svm_loss"]
    assert set(json.loads(gallery.FIGURES.read_text())) == {name for name, *_ in ran}
    gallery.main(["--page"])
    assert len(ran) == 4
    gallery.main([])
    assert len(ran) == 4 + len([program for program in gallery.programs() if not gallery.missing(program)])


def test_options_go_to_the_programs_and_have_records_of_their_own(ran, tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path)
    for words in (["--data", "files"], [f"--data={tmp_path / 'files'}"]):
        gallery.main(["mnist.lenet", "--epochs", "10", *words])
        assert ran.pop() == (
            "mnist.lenet",
            ["--data", str(tmp_path / "files"), "--epochs", "10"],
            "--data DIR --epochs 10",
        )
    gallery.main(["mnist.lenet"])
    assert list(json.loads(gallery.FIGURES.read_text())) == ["mnist.lenet", "mnist.lenet --data DIR --epochs 10"]
    assert "`python -m examples.mnist.lenet --data DIR --epochs 10`" in gallery.PAGE.read_text()


def test_a_program_whose_packages_are_not_installed_is_left_out(ran, tmp_path, monkeypatch, capsys):
    path = tmp_path / "lenet.py"
    path.write_text('"""LeNet."""\nimport no_such_package.part\nfrom weft import nn\nfrom . import common\n')
    program = gallery.Program("mnist.lenet", path)
    monkeypatch.setattr(gallery, "programs", lambda: iter([program]))
    monkeypatch.setattr(gallery, "keep", lambda found: None)
    assert gallery.missing(program) == ["no_such_package"]
    gallery.main(["mnist.lenet"])
    assert "mnist.lenet is left out: it imports no_such_package" in capsys.readouterr().out
    assert not ran


WRONG = {
    "mnist.lennet": "the nearest name is mnist.lenet",
    "lenet": "the nearest name is mnist.lenet",
    "mnist/": "the nearest name is mnist.",
    "mnist.lenet optimizers": "the nearest name is optimisers.",
    "--quick mnist": "names of programs come first",
    "--page mnist.lennet": "names of programs come first",
    "mnist --out pictures": "--out is not taken",
    "mnist --data nowhere": "there is no nowhere",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_command_with_a_mistake_runs_nothing(words, ran, capsys):
    with pytest.raises(SystemExit) as end:
        gallery.main(words.split())
    assert end.value.code == 2
    assert WRONG[words] in capsys.readouterr().err
    assert not ran
    assert not gallery.FIGURES.exists()


def test_pictures_of_runs_with_options_have_names_of_their_own():
    assert gallery.picture_name("lenet.png", "") == "lenet.png"
    assert gallery.picture_name("lenet.png", "--data DIR --epochs 10") == "lenet.data-dir-epochs-10.png"
    assert gallery.picture_name("targets.png", "--others cuda:simulator") == "targets.others-cuda-simulator.png"


def test_what_a_program_gives_is_kept(tmp_path, monkeypatch):
    for package in ("sklearn", "matplotlib"):
        pytest.importorskip(package)
    from benchmarks.table import machine

    monkeypatch.setattr(gallery, "PICTURES", tmp_path)
    program = next(program for program in gallery.programs() if program.name == "devices.counter")
    found = gallery.run(program, ["--quick"], "--quick")
    assert found["figures"]["images"] == 200
    assert found["machine"] == machine()
    assert found["pictures"] == ["counter.quick.png"]
    assert (tmp_path / "counter.quick.png").stat().st_size > 1000
    with pytest.raises(SystemExit, match=r"devices\.counter ended with exit status 2; nothing of it was kept\."):
        gallery.run(program, ["--none"], "--none")
