"""The suite with functions compiled for the simulated device."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
OF_THE_CPU = "a_profile_counts or pause or signal or interrupt or table or calls_array"  # what looks into its tables
TIMED = "see_whole_values or profile_and_explain"  # what counts how much is done in a given time, or repeats calls
# One case, or one slice of the cases, of each kind of kernel; those of the sweep's gradients are functions of numbers.
SWEEP = [
    *("values_and_gradients", "values_are_numpys"),
]


def run_suite(files, selected):
    """The tests of these files, for the simulated device."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command += ["-m", "not slow", "-k", selected, "--target", "cuda:simulator", *(str(TESTS / name) for name in files)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
