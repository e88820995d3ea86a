"""The assembler of the CUDA toolkit takes the code of all structured kernels, and keeps their numbers in registers."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from weft.codegen.cuda.trace.builder import FLOAT32
from weft.codegen.cuda.trace.kernel import Pointer, TracedKernel
from weft.codegen.cuda.trace.ptx import to_ptx
from weft.codegen.cuda.trace.ptx_builder import PTXBuilder

from ...sampling import every
from .structured_kernels import convolutions, matmuls, nests, others

# Registers of a thread, by kind of kernel.  A multiprocessor has 65536, and a thread at most 255 of them: products keep
# a thread's part of a tile there, and what hides waiting is that other kernels leave room for several blocks.
MOST_REGISTERS = {
    "matmul tf32x3 float32": 240,
    "matmul tf32 float32": 240,
    "matmul simt float32": 184,
    "matmul simt float64": 216,
    "matmul simt bool": 128,
    "matmul simt int8": 128,
    "matmul simt int64": 144,
    "conv tf32x3 float32": 255,
    "conv tf32 float32": 248,
    "conv simt float32": 184,
    "conv simt float64": 216,
    "nest": 64,
    "nest of functions": 96,
    "pool": 112,
    "index": 80,
    "order": 88,
    "copy": 32,
}
ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
PACKAGES = ("cuda_nvcc", "cu13", "cu12")  # where packages of several versions put the toolkit


def find_assembler():
    """The path of ptxas: in a package of Python's, or among the system's programs; None if there is none."""
    package = importlib.util.find_spec("nvidia")
    for root in (package.submodule_search_locations or []) if package else []:
        for name in PACKAGES:
            found = Path(root) / name / "bin" / "ptxas"
            if found.exists():
                return str(found)
    return shutil.which("ptxas")


ASSEMBLER = find_assembler()
pytestmark = pytest.mark.skipif(ASSEMBLER is None, reason="there is no ptxas: pip install nvidia-cuda-nvcc-cu12")


def assemble(text, architecture, folder):
    """What the assembler says about code: registers, bytes of the stack, of spilled stores and of loads."""
    source = folder / "kernel.ptx"
    source.write_text(text)
    command = [ASSEMBLER, "-v", "-arch", architecture, str(source), "-o", str(folder / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    registers = re.search(r"Used (\d+) registers", done.stderr)
    memory = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    assert registers, done.stderr
    assert memory, done.stderr
    return int(registers[1]), tuple(map(int, memory.groups()))


def check(kernels, architecture, folder):
    """None of the kernels needs memory for numbers of its threads; the kinds that were seen."""
    kinds = set()
    for kind, name, kernel in kernels:
        registers, memory = assemble(
            to_ptx(PTXBuilder(kernel.trace()).module_text(), architecture), architecture, folder
        )
        assert memory == (0, 0, 0), f"{kind}, {name}: stack, spilled stores and loads {memory}"
        assert registers <= MOST_REGISTERS[kind], f"{kind}, {name}: {registers} registers"
        kinds.add(kind)
    return kinds


@pytest.mark.parametrize("architecture", every(2, ["sm_75", "sm_90"]))
def test_the_largest_tiles(architecture, tmp_path, monkeypatch):
    number = int(architecture[3:])
    for make, what in ((matmuls, "matmul"), (convolutions, "conv")):
        kinds = check(make(number, monkeypatch, every=False), architecture, tmp_path)
        assert kinds == {f"{what} {'simt' if number < 80 else 'tf32x3'} float32"}


def test_other_structured_kernels(tmp_path):
    assert check(others(wide=False), "sm_90", tmp_path) == {"pool", "index", "order", "copy"}


def test_nests(tmp_path):
    assert check(nests(("chain", "reductions", "functions")), "sm_90", tmp_path) == {"nest", "nest of functions"}


def test_what_does_not_fit_is_told(tmp_path):
    """A kernel that needs memory is seen: numbers with more neighbours than there are registers."""
    text = to_ptx(PTXBuilder(spilling()).module_text(), "sm_90")
    registers, memory = assemble(text, "sm_90", tmp_path)
    assert registers == 255
    assert all(memory)


def spilling():
    """A kernel whose threads hold 400 numbers at once."""

    def body(k, x):
        values = [x[k.thread + 32 * j] for j in range(400)]
        k.barrier()
        for j, value in enumerate(reversed(values)):
            x[k.thread + 32 * j] = value

    return TracedKernel("spilling", (Pointer(FLOAT32),), 32, body)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_structured_kernels(architecture, tmp_path, monkeypatch):
    number = int(architecture[3:])
    kinds = check(matmuls(number, monkeypatch), architecture, tmp_path)
    kinds |= check(convolutions(number, monkeypatch), architecture, tmp_path)
    for wide in (False, True):
        kinds |= check(others(wide), architecture, tmp_path)
    kinds |= check(nests(), architecture, tmp_path)
    unseen = {kind for kind in MOST_REGISTERS if kind not in kinds}
    assert (
        all("tf32" in kind for kind in unseen)
        if number < 80
        else unseen <= {"matmul simt float32", "conv simt float32"}
    )
