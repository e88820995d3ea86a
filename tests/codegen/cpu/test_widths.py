"""The kernels' own tests again, with the narrower vectors that other processors have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = ["test_matmul_kernel.py", "test_conv_kernel.py", "test_pool_kernel.py", "test_math_vectorised.py"]
WIDTH = "from weft.codegen.cpu import vectors; print(vectors.width('float32'), vectors.registers())"


def python(bits, *arguments):
    """Python on vectors of so many bits: what it did and printed."""
    environment = dict(os.environ, WEFT_VECTOR_BITS=bits)
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("bits", [pytest.param("128", marks=pytest.mark.slow), "256"])
def test_kernels_on_narrower_vectors(bits):
    lanes, registers = map(int, python(bits, "-c", WIDTH).stdout.split())
    assert lanes <= int(bits) // 32
    assert registers in (16, 32)
    done = python(
        bits, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-m", "not slow", *(str(HERE / k) for k in KERNELS)
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_other_widths_are_refused():
    done = python("384", "-c", WIDTH)
    assert done.returncode != 0
    assert "WEFT_VECTOR_BITS is '384': it must be 128, 256 or 512, or not be set." in done.stderr
