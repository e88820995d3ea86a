"""What is trained in Python, and runs elsewhere."""

import shutil

import pytest

from .programs import run


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_served_from_c(tmp_path):
    figures = run("moving.served_from_c", tmp_path, "--quick")
    assert figures["other answers than Python's"] == 0


def test_formulas(tmp_path):
    pytest.importorskip("sympy")
    figures = run("moving.formulas", tmp_path, "--quick")
    assert set(figures) == {"sigmoid, test error, %", "mish, test error, %"}
