"""`python -m weft.cache`: what it shows, what it removes, and what it leaves alone."""

import os
import subprocess
import sys

import pytest

from weft import cache as command
from weft.codegen import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("WEFT_CACHE_BYTES", raising=False)
    return tmp_path / "cache"


def fill(folder):
    for i in range(5):
        name = cache.key(i)
        cache.store(name, bytes(952))  # 1000 with its header
        os.utime(folder / name[:2] / name, (86400 * (i + 11),) * 2)


def run(capsys, *arguments):
    status = command.main(list(arguments))
    return status, dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())


def test_it_shows_what_is_there(folder, capsys):
    fill(folder)
    status, shown = run(capsys)
    assert status == 0
    assert shown["folder"] == str(folder)
    assert (shown["entries"], shown["bytes"], shown["limit"]) == ("5", "5,000", "1,073,741,824")
    assert shown["oldest"].startswith("used 1970-01-1")


def test_prune_removes_the_oldest(folder, capsys, monkeypatch):
    fill(folder)
    assert run(capsys, "prune")[1]["removed"] == "0"
    status, shown = run(capsys, "prune", "3500")
    assert (status, shown["removed"], shown["entries"], shown["bytes"]) == (0, "2", "3", "3,000")
    assert [i for i in range(5) if cache.load(cache.key(i))] == [2, 3, 4]
    monkeypatch.setenv("WEFT_CACHE_BYTES", "1000")
    assert run(capsys, "prune")[1]["entries"] == "1"
    assert run(capsys, "prune", "0")[1]["entries"] == "0"


def test_clear_removes_entries_and_nothing_else(folder, capsys):
    fill(folder)
    others = [folder / "letter.txt", folder / "ab" / "notes", folder / "photos" / cache.key(0)]
    for other in others:
        other.parent.mkdir(exist_ok=True, mode=0o700)
        other.write_text("mine")
    (folder / cache.key(0)[:2] / "tmpabc").write_text("left by somebody who was killed")
    status, shown = run(capsys, "clear")
    assert (status, shown["removed"], shown["entries"], shown["bytes"]) == (0, "5", "0", "0")
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == sorted(others)


@pytest.mark.parametrize("arguments", [(), ("prune",), ("clear",)])
def test_no_folder_is_no_fault(folder, capsys, arguments):
    status, shown = run(capsys, *arguments)
    assert status == 0
    assert shown["entries"].startswith("0")
    assert not folder.exists()


@pytest.mark.skipif(os.name != "posix", reason="needs the rights of POSIX")
@pytest.mark.parametrize("arguments", [(), ("prune", "0"), ("clear",)])
def test_a_folder_that_others_may_write_is_not_touched(folder, capsys, arguments):
    fill(folder)
    folder.chmod(0o777)
    assert command.main(list(arguments)) == 1
    assert f"{folder} belongs to another user, or others may write it" in capsys.readouterr().err
    folder.chmod(0o700)
    assert run(capsys)[1]["entries"] == "5"


def test_a_wrong_limit_is_told(capsys, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_BYTES", "much")
    assert command.main([]) == 2
    assert "WEFT_CACHE_BYTES is 'much': it must be a whole number of bytes" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("prune", "-1"), ("prune", "1G"), ("prune", "1", "2"), ("shrink",), ("-x",)])
def test_wrong_commands_are_told(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        command.main(list(arguments))
    assert stopped.value.code == 2
    assert "usage: python -m weft.cache" in capsys.readouterr().err


def test_it_runs_as_a_module(folder):
    fill(folder)
    done = subprocess.run([sys.executable, "-m", "weft.cache", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("prune", "clear", "WEFT_CACHE_DIR", "WEFT_CACHE_BYTES"))
    done = subprocess.run([sys.executable, "-m", "weft.cache", "prune", "2000"], capture_output=True, text=True)
    assert "removed  3" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
