"""What `wf.doctor` says of this machine, of one that lacks things, and of functions."""

import ast
import os
import platform
import re
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import llvmlite
import numpy as np
import pytest

import weft as wf
from weft.codegen import cache, doctor, upkeep
from weft.codegen.cpu import report as cpu_report
from weft.codegen.cpu.run import native, processor
from weft.codegen.target import TARGETS
from weft.symbolic import cores

ROOT = Path(wf.__file__).parent


def lines_of(title, *function):
    """The lines of one part."""
    found = [part.lines for part in wf.doctor(*function).parts if part.title.startswith(title)]
    assert len(found) == 1
    return list(found[0])


def text_of(title, *function):
    return "\n".join(lines_of(title, *function))


# ---- the report ------------------------------------------------------------------------------------------------------


def test_the_report_is_its_text():
    report = wf.doctor()
    assert [part.title for part in report.parts] == [
        *("versions", "environment", "cache"),
        *(f"target '{name}'" for name in TARGETS),
    ]
    assert repr(report) == str(report)
    assert str(report).splitlines()[0] == "versions"
    assert all(
        line.startswith("    ") or line == part.title for part in report.parts for line in str(part).splitlines()
    )
    for version in (wf.__version__, platform.python_version(), np.__version__, llvmlite.__version__):
        assert version in text_of("versions")


def test_what_is_no_function_is_refused():
    for wrong in (np.sin, 3, "f", wf.vector("x", (3,)), wf.function):
        with pytest.raises(wf.ArgumentError, match=r"doctor takes a function that wf\.function made, or nothing, not"):
            wf.doctor(wrong)


@pytest.mark.parametrize("error", [wf.LoweringError("It is gone."), OSError("It is gone."), ImportError("It is gone")])
def test_what_cannot_be_found_out_is_said_in_its_place(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "_versions", fail)
    assert "It is gone" in text_of("versions")
    assert lines_of("target 'reference'")


def test_importing_weft_brings_in_no_compiler():
    code = "import sys, weft; print([m for m in sys.modules if m.startswith('weft.codegen')])"
    code += "; print(weft.doctor.__module__, weft.DeviceArray.__name__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "weft.codegen.doctor DeviceArray"]


# ---- the environment -------------------------------------------------------------------------------------------------


def test_variables_are_those_that_the_sources_read():
    found = set()
    for file in (file for part in ("symbolic", "ops", "codegen") for file in (ROOT / part).rglob("*.py")):
        if file.name != "doctor.py":
            nodes = ast.walk(ast.parse(file.read_text()))
            texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            found |= {text for text in texts if re.fullmatch("WEFT_[A-Z_]+", text)}
    assert sorted(found) == list(doctor.VARIABLES)


def test_variables_that_are_set_are_shown(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WEFT_")]:
        monkeypatch.delenv(name)
    assert lines_of("environment")[0] == "no variable WEFT_... is set"
    monkeypatch.setenv("WEFT_CACHE_BYTES", "77")
    monkeypatch.setenv("WEFT_CACHEDIR", "here")
    wrong, right, *_ = lines_of("environment")
    assert wrong.partition("; ")[0] == "WEFT_CACHEDIR=here: weft has no such variable"
    assert right == "WEFT_CACHE_BYTES=77"
    with wf.config(float_dtype="float64", debug=True):
        assert lines_of("environment")[-1] == "wf.config: float_dtype='float64', debug=True"


# ---- the cache -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(monkeypatch, tmp_path):
    place = tmp_path / "kept" / "here"
    monkeypatch.setenv("WEFT_CACHE_DIR", str(place))
    monkeypatch.delenv("WEFT_CACHE_BYTES", raising=False)
    return place


def test_a_folder_that_is_not_there_yet(folder):
    assert lines_of("cache") == [
        str(folder),
        "nothing yet; at most 1,073,741,824",
        "the folder is made when something is kept",
    ]
    assert not folder.exists()
    folder.parent.write_text("a file in its place")
    assert "Nothing new is kept" in text_of("cache")


def test_what_the_folder_holds(folder):
    for number, size in enumerate((1, 1000, 5000)):
        cache.store(cache.key(number), bytes(size))
    before = sorted(folder.rglob("*"))
    header = 8 + 8 + 32
    assert lines_of("cache") == [
        str(folder),
        f"3 entries of {6001 + 3 * header:,} bytes; at most 1,073,741,824",
        "it can be written",
    ]
    assert sorted(folder.rglob("*")) == before  # the trial is gone


def test_a_folder_that_cannot_be_written(folder, monkeypatch):
    cache.store(cache.key("one"), b"1")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upkeep.PrivateFolder, "write", refuse)
    last = lines_of("cache")[-1]
    assert last.startswith("Nothing new is kept ([Errno 28] No space left on device), so that every process")
    assert "WEFT_CACHE_DIR" in last


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="the system knows no owners")
def test_a_folder_that_others_may_write(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert lines_of("cache") == [str(folder), cache.distrust(str(folder))]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777


def test_limits_of_the_folder(folder, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE_BYTES", "0")
    assert "nothing is kept: unset WEFT_CACHE_BYTES" in text_of("cache")
    monkeypatch.setenv("WEFT_CACHE_BYTES", "much")
    assert text_of("cache").startswith("WEFT_CACHE_BYTES is 'much': it must be a whole number of bytes")
    monkeypatch.delenv("WEFT_CACHE_BYTES")
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert "Set WEFT_CACHE_DIR" in text_of("cache")


# ---- the processor ---------------------------------------------------------------------------------------------------


def test_the_processor():
    text = text_of("target 'cpu'")
    for fact in (
        processor.host_cpu(),
        f"{8 * processor.vector_bytes()} bits",
        processor.processor().cpu,
        f"Numba {native.numba_version()}",
    ):
        assert fact in text
    with wf.config(threads=13):
        assert "13 threads" in text_of("target 'cpu'")


def test_the_name_of_the_processor(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some: Kind\nmodel name\t: Another\n")
    assert cpu_report._processor_name(file) == "Some: Kind"
    for nothing in ("", "model name :\n"):
        file.write_text(nothing)
        assert cpu_report._processor_name(file) == cpu_report._processor_name(tmp_path / "none") != ""


def test_wrong_settings_of_the_processor_are_said(monkeypatch):
    def refuse():
        raise wf.ArgumentError("WEFT_VECTOR_BITS is '9'.")

    monkeypatch.setattr(processor, "processor", refuse)
    monkeypatch.setenv("WEFT_NUM_THREADS", "many")
    monkeypatch.setattr(wf.config, "_threads", None)
    cores.default_threads.cache_clear()
    try:
        text = text_of("target 'cpu'")
    finally:
        cores.default_threads.cache_clear()
    assert "WEFT_VECTOR_BITS is '9'." in text
    assert "WEFT_NUM_THREADS is 'many'" in text
    assert "Numba" in text  # what comes behind is said, too


def test_the_checked_mode_is_said(monkeypatch):
    monkeypatch.setattr(cpu_report.checked, "ENABLED", False)
    assert "WEFT_CHECK" not in text_of("target 'cpu'")
    monkeypatch.setattr(cpu_report.checked, "ENABLED", True)
    assert "WEFT_CHECK is set" in text_of("target 'cpu'")


# ---- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["cpu", "reference"])
def test_steps_of_functions_of_the_host(to):
    x = wf.matrix("x", ("n", 3))
    f = wf.function([x], wf.cumsum(wf.inv(x.T @ x), 1), name="step", target=to)
    assert "no call yet" in text_of("function 'step'", f) or to == "reference"
    f(np.eye(3, dtype=np.float32))
    title = f"function 'step' runs on the target '{to}'"
    text = text_of(title, f)
    assert all(re.search(what, text) for what in ("matmul", "inverse", "cum_?sum"))
    assert "transfers of a call: none" in text
    assert Counter(part.title for part in wf.doctor(f).parts)[title] == 1
    if to == "cpu":
        assert "inverse: in Python, on the calling thread" in text
        assert f"of {f.threads} threads at most" in text


@pytest.mark.parametrize("to", ["cpu", "reference"])
@pytest.mark.parametrize("updates", [False, True])
def test_a_variable_whose_newest_value_is_elsewhere(to, updates):
    w = wf.shared(np.arange(5, dtype=np.float64), "weights")
    x = wf.vector("x", (5,), "float64")
    here = wf.function([x], x + (1 if updates else w), updates={w: x} if updates else None, target=to, name="here")
    there = wf.function([], [], updates={w: w * 2}, target="cuda:simulator")
    assert "transfers of a call: none" in text_of("function 'here'", here)
    there()
    text = text_of("function 'here'", here)
    assert "40 bytes: weights, whose newest value is on a device" in text
    assert "to mend: let all functions that share a variable run on one target." in text
    here(np.zeros(5))
    assert "transfers of a call: none" in text_of("function 'here'", here)
