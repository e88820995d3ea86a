"""The checks of a device: they cover all ops, find what is wrong, survive what breaks, and pass in the simulator."""

import re
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from weft.symbolic.errors import LoweringError, VerifyError
from weft.symbolic.evaluate import evaluate
from weft.testing.cuda import process
from weft.testing.cuda.__main__ import main
from weft.testing.cuda.cases import CASES, OpCase
from weft.testing.cuda.check import DeviceCheck, DeviceSetting
from weft.testing.cuda.checks import all_checks, choose
from weft.testing.cuda.compare import DrawnArray, compare, compare_exactly, move_apart
from weft.testing.cuda.process import CheckResult, run_check, run_checks
from weft.testing.cuda.sweep import check_cases, make_job

from .. import cases

SIMULATOR = DeviceSetting("cuda:simulator", True)
FOLDER = Path(process.__file__).parent
QUICK = "isfinite ..,creation,whole numbers of int8,large angles,scan in reverse,while,variables:,refusals: take,facts"


# ---- what is covered ------------------------------------------------------------------------------------------------


def test_every_op_of_the_sweep_has_a_case():
    ours = [case for group in CASES.values() for case in group]
    known = {id(case.op) for case in ours}
    assert sorted({case.label for case in cases.CASES if id(case.op) not in known}) == []
    for case in cases.CASES:
        wanted = sum(other.op is case.op for other in cases.CASES)
        assert sum(other.op is case.op for other in ours) >= wanted, case.label
    labels = [case.label for case in ours]
    assert len(labels) == len(set(labels)), [label for label in labels if labels.count(label) > 1]


def test_what_the_sweep_tests_elsewhere_is_here():
    text = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    missing = [name for name in cases.ELSEWHERE if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_names_are_unique_and_groups_are_many():
    names = [str(check) for check in all_checks()]
    assert len(names) == len(set(names))
    assert len({check.group for check in all_checks()}) >= 9
    assert len(choose("")) == len(names)
    assert {check.group for check in choose("loops: ,random: ")} == {"loops", "random"}


# ---- what is found --------------------------------------------------------------------------------------------------

ONE = np.float32([1.0, np.nan, -np.inf, 0.0])
DIFFERENT = [
    (ONE, ONE.astype("float64")),
    (ONE, ONE[:3]),
    (ONE, np.float32([1.0, 0.0, -np.inf, 0.0])),
    (ONE, np.float32([1.0, np.nan, np.inf, 0.0])),
    (ONE, np.float32([1.0, np.nan, -3e38, 0.0])),
    (ONE, np.float32([1.001, np.nan, -np.inf, 0.0])),
    (ONE, np.float32([1.0, np.nan, -np.inf, np.inf])),
    (np.int8([1, 2]), np.int8([1, 3])),
    (np.array([True]), np.array([False])),
]


@pytest.mark.parametrize(("found", "expected"), DIFFERENT)
def test_what_differs_is_found(found, expected):
    for one, other in ((found, expected), (expected, found)):
        with pytest.raises(VerifyError):
            compare("it", one, other)


def test_rounding_is_no_difference():
    compare("it", ONE + np.float32([1e-7, 0, 0, 1e-7]), ONE)
    compare_exactly("it", ONE, ONE.copy())
    with pytest.raises(VerifyError, match=r"1 of 4 elements differ; .* at \(0,\)"):
        compare_exactly("it", ONE + np.float32([1e-7, 0, 0, 0]), ONE)


def test_arrays_that_are_moved_apart_keep_their_values():
    array = np.arange(24.0).reshape(2, 3, 4)
    moved = move_apart(array)
    np.testing.assert_array_equal(moved, array)
    assert all(stride < 0 for stride in moved.strides)
    assert move_apart(np.zeros((0, 3))).shape == (0, 3)


def test_a_wrong_op_is_named():
    """A function whose value, gradient or NaN is not that of its reference."""

    def wrong(change):
        case = OpCase(None, lambda x: x * 2.0 + 1.0, (DrawnArray(),), "twice")

        class Changed:
            def compile(self, inputs, outputs, **options):
                f = SIMULATOR.compile(inputs, outputs, **options)
                return lambda *arrays: change(f(*arrays))

        with pytest.raises(VerifyError) as caught:
            check_cases([case], Changed())
        return str(caught.value)

    assert "twice, float32, output 0, size 1" in wrong(lambda outs: [outs[0] + 1, *outs[1:]])
    assert "twice, float32, output 1" in wrong(lambda outs: [outs[0], outs[1] * 1.01, *outs[2:]])
    special = wrong(lambda outs: [np.nan_to_num(outs[0]), *outs[1:]])
    assert "with nan" in special
    assert "output" not in special


def test_jobs_have_derivatives_of_second_order():
    (sine,) = (case for case in CASES["functions of numbers"] if case.label == "sin")
    job = make_job(sine, "float64", 0)
    assert (len(job.outputs), job.firsts) == (4, 2)
    values = job.draw(2)
    x, g = values.values()
    outputs = evaluate(job.outputs, values)
    np.testing.assert_allclose(outputs[2], 2 * g * np.cos(x) * -g * np.sin(x), rtol=1e-12)
    np.testing.assert_allclose(outputs[3], 2 * g * np.cos(x) ** 2, rtol=1e-12)


# ---- what breaks ----------------------------------------------------------------------------------------------------


def fail(setting):
    raise VerifyError("It is wrong.\nAnd this is how.")


def test_a_failure_is_reported():
    result = run_check(DeviceCheck("group", "name", fail), SIMULATOR)
    assert result.error == "It is wrong."
    assert "And this is how" in result.trace
    for run, expected in ((lambda setting: 1 / 0, "ZeroDivisionError: division by zero"), (lambda setting: None, "")):
        assert run_check(DeviceCheck("group", "name", run), SIMULATOR).error == expected


INTERPRETER = """#!{python}
import json, os, sys, time
asked = json.load(sys.stdin)
say = lambda **facts: print(json.dumps(facts), flush=True)
say(device="a device")
for name in asked["names"]:
    say(begins=name)
    if name.endswith("crash"):
        os._exit(7)
    if name.endswith("hang"):
        time.sleep(60)
    broken = name.endswith("break")
    say(seconds=0.5, error="It broke." if broken else "", trace="")
    if broken:
        break
"""


@pytest.fixture
def interpreter(tmp_path, monkeypatch):
    """The checks' processes are this program instead."""
    path = tmp_path / "python"
    path.write_text(INTERPRETER.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(process.sys, "executable", str(path))


def test_what_breaks_takes_no_other_with_it(interpreter):
    checks = [DeviceCheck("g", name, fail) for name in ("one", "crash", "two", "break", "three", "hang", "four")]
    greeting, *results = run_checks(SIMULATOR, checks, limit=2.0)
    assert greeting == "a device"
    assert [result.check for result in results] == checks
    errors = {result.check.name: result.error for result in results}
    assert errors["crash"] == "Its process ended with 7."
    assert errors["break"] == "It broke."
    assert errors["hang"] == "It took longer than 2 s."
    assert [errors[name] for name in ("one", "two", "three", "four")] == [""] * 4


def test_the_table_and_the_exit_status(monkeypatch, capsys):
    chosen = [DeviceCheck("a", "right", fail), DeviceCheck("b", "wrong", fail)]
    results = [CheckResult(chosen[0], 0.25), CheckResult(chosen[1], 1.5, "It is wrong.", "Traceback: here")]
    module = sys.modules["weft.testing.cuda.__main__"]
    monkeypatch.setattr(module, "choose", lambda parts: chosen)
    monkeypatch.setattr(module, "run_checks", lambda setting, checks, limit: iter(["a device", *results]))
    assert main(["--target", "cuda:simulator"]) == 1
    shown = capsys.readouterr().out
    assert re.search(r"^a: right  ok +0\.25 s$", shown, re.M)
    assert re.search(r"^b: wrong  failed +1\.50 s  It is wrong\.$", shown, re.M)
    assert "1 of 2 checks are as they should be." in shown
    assert "==== b: wrong\nTraceback: here" in shown
    results[1] = results[1]._replace(error="", trace="")
    assert main(["--target", "cuda:simulator"]) == 0
    results.pop()
    assert main(["--target", "cuda:simulator"]) == 1  # one has not run


def test_no_device_is_one_sentence(capsys):
    assert main(["--target", "cuda:99", "--only", "facts"]) == 1
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 1
    assert shown.endswith(".\n")
    with pytest.raises(LoweringError):
        DeviceSetting("cuda:nowhere", True).device()


# ---- in the simulator -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", choose(QUICK), ids=str)
def test_quick_checks_pass_in_the_simulator(check):
    with np.errstate(all="ignore"):
        check.run(SIMULATOR)


def test_the_command_runs(capsys):
    assert main(["--target", "cuda:simulator", "--only", "variables: in place,refusals: arguments"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("cuda:simulator: sm_")
    assert "2 of 2 checks are as they should be." in shown


@pytest.mark.slow
@pytest.mark.parametrize("check", [c for c in all_checks() if c not in choose(QUICK)], ids=str)
def test_all_checks_pass_in_the_simulator(check):
    with np.errstate(all="ignore"):
        check.run(SIMULATOR)
