"""What is trained in Python, and runs elsewhere."""

import shutil

import pytest

from .programs import run


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_served_from_c(tmp_path):
    figures = run("moving.served_from_c", tmp_path, "--quick")
    assert figures["other answers than Python's"] == 0


def test_formulas(tmp_path):
    pytest.importorskip("sympy")
    figures = run("moving.formulas", tmp_path, "--quick")
    assert set(figures) == {"sigmoid, test error, %", "mish, test error, %"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning:copyreg")  # PyTorch's exporter warns of itself
def test_resnet_from_torch(tmp_path):
    for package in ("torch", "onnxscript", "onnx_ir", "onnxruntime"):
        pytest.importorskip(package)
    figures = run("moving.resnet_from_torch", tmp_path, "--quick")
    assert figures["largest difference of a probability"] < 1e-5
