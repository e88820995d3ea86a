"""The kernels' own tests again, with the narrower vectors that other processors have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from weft.codegen.cpu.run.processor import vector_bytes

from ...sampling import rarely

HERE = Path(__file__).parent
KERNELS = ["test_matmul_kernel.py", "test_conv_kernel.py", "test_pool_kernel.py", "../llvm/test_math_vectorised.py"]
WIDTH = "from weft.codegen.cpu import model; print(model.width('float32'), model.registers())"


def python(bits, *arguments):
    """Python on vectors of so many bits: what it did and printed."""
    environment = dict(os.environ, WEFT_VECTOR_BITS=bits)
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)


# one of each kind of kernel, for when there is no time for all of them
SOME = {
    "128": "test_every_float_function or test_strided_operands and max",
    "256": "test_every_float_function",
}
# the next narrower vectors of this machine; 128 bits where there are none
NEXT = {64: "256", 32: "128", 16: "128"}[vector_bytes()]


@pytest.mark.parametrize(
    ("bits", "which"),
    [
        rarely("128", "test"),
        rarely("256", "test"),
        (NEXT, SOME[NEXT]),
    ],
    ids=["128 all", "256 all", "some"],
)
def test_kernels_on_narrower_vectors(bits, which):
    lanes, registers = map(int, python(bits, "-c", WIDTH).stdout.split())
    assert lanes <= int(bits) // 32
    assert registers in (16, 32)
    files = [str(HERE / k) for k in KERNELS]
    done = python(bits, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-m", "not slow", "-k", which, *files)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_other_widths_are_refused():
    done = python("384", "-c", WIDTH)
    assert done.returncode != 0
    assert "WEFT_VECTOR_BITS is '384': it must be 128, 256 or 512, or not be set." in done.stderr
