"""The suite with functions compiled for the simulated device: a part of it, and with the slow tests all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SUITE = ["test_every_op.py", "ops/test_control.py", "codegen/test_atomic_calls.py", "nn/test_updates.py"]
REST = ["ops/test_random.py", "codegen/test_not_finite.py", "codegen/lowering/test_in_place_fuzz.py"]
OF_THE_CPU = "a_profile_counts or pause or signal or interrupt or table or calls_array"  # what looks into its tables
TIMED = "see_whole_values"  # counts what is seen in a given time
LONG = "profile_and_explain or child_forked or without_a_step_and or rnn_derivatives and not False-options1"
# Slices of the cases, by the name of one at an end: sorts, products, indices, convolutions, pools; all have nests.
SLICES = "matmul or sort or lp_pool2d"


def run_suite(files, selected, least, marker="not slow"):
    """The tests of these files, for the simulated device; so many at least are found."""
    command = [sys.executable, "-m", "pytest", "-v", "-x", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command += ["-m", marker, "-k", selected, "--target", "cuda:simulator", *(str(TESTS / name) for name in files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, done.stdout[-3000:]
    assert int(passed[1]) >= least


def test_a_part_of_the_suite_passes_in_the_simulator():
    sweep = f"not every_op or compiled_values and ({SLICES}) and not float64"
    run_suite(SUITE, f"({sweep}) and not ({OF_THE_CPU} or {TIMED} or {LONG})", 100)


@pytest.mark.slow
def test_the_suite_passes_in_the_simulator():
    run_suite([*SUITE, *REST], f"not ({OF_THE_CPU} or {TIMED})", 400)


@pytest.mark.slow
def test_every_part_of_networks_passes_in_the_simulator():
    run_suite(["nn/test_every_part.py"], "compiled_values and float32", 25, marker="slow or not slow")
