"""Keys of kernels differ where the code would; what a source does not show is not kept; what is kept needs no Numba."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import llvmlite
import numba
import numpy as np
import pytest
from numba.core.caching import NullCache

from weft.codegen import cache
from weft.codegen.cpu.index import order
from weft.codegen.cpu.launch import KernelRef
from weft.codegen.cpu.run import custom, made, native, processor, walker

MAKE = order.make_cumsum, "float32", False


def test_keys_say_what_is_made():
    keys = [
        made.kernel_key(*MAKE),
        made.kernel_key(order.make_cumsum, "float32", True),
        made.kernel_key(order.make_cumsum, "float32", 0),
        made.kernel_key(order.make_argsort, "float32", False),
        made.kernel_key(walker.make_walk, False, 16),
        made.kernel_key(walker.make_walk, False, 24),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert made.kernel_key(*MAKE) == keys[0]


DIFFERENT = {
    "processor": {"cpu": "another"},
    "features": {"features": "+another"},
    "vectors": {"vector_bytes": 8},
    "numba": (native, "numba_version", lambda: "0.0.1"),
    "llvmlite": (llvmlite, "__version__", "0.0.1"),
    "llvm": (native.llvm, "llvm_version_info", (1, 0, 0)),
    "numpy": (np, "__version__", "1.0.0"),
    "python": (sys, "version", "4.0"),
    "sources": (native, "SOURCES", "other"),
}


@pytest.fixture
def looked():
    """Under which keys a kernel and other object code are kept, in a process that knows nothing yet."""

    def look():
        native._software.cache_clear()
        names = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(made, "find_object", lambda kind, key: None)
            patch.setattr(native, "load_or_compile", lambda name, compile_it: names.append(name))
            patch.setattr(native, "add_object", lambda code, functions: (0,))
            made._load(made.kernel_recipe(*MAKE))
            patch.setattr(cache, "load", lambda name: names.append(name) or b"")
            native.object_codes({"some nest": str})
        return names

    yield look
    native._software.cache_clear()


@pytest.mark.parametrize("what", DIFFERENT)
def test_keys_depend_on_all_that_compiles(looked, monkeypatch, what):
    kernel, code = looked()
    if isinstance(DIFFERENT[what], dict):
        other = processor.processor()._replace(**DIFFERENT[what])
        for module in (native, made):
            monkeypatch.setattr(module, "processor", lambda: other)
    else:
        monkeypatch.setattr(*DIFFERENT[what])
    other_kernel, other_code = looked()
    assert kernel != other_kernel
    assert code != other_code


@pytest.mark.parametrize(("name", "other"), [("NUMBA_OPT", True), ("NUMBA_NUM_THREADS", False)])
def test_keys_depend_on_settings_that_change_code(looked, monkeypatch, name, other):
    monkeypatch.delenv(name, raising=False)
    before = looked()
    monkeypatch.setenv(name, "1")
    assert (looked() != before) == other


def test_the_version_is_numbas():
    assert native.numba_version() == numba.__version__


def make_constant(value):
    def make():
        def kernel(buffers, params, lo, hi):
            return value

        return kernel

    return make


VALUE = 3


def make_global():
    def kernel(buffers, params, lo, hi):
        return VALUE

    return kernel


def run(address):
    import ctypes

    return ctypes.CFUNCTYPE(*[ctypes.c_int64] * 5)(address)(0, 0, 0, 0)


def make_described(value):
    """1 of True, 2 of a whole number, 3 of a float."""
    result = 1 if value is True else 2 if isinstance(value, int) else 3

    def kernel(buffers, params, lo, hi):
        return result

    return kernel


def test_equal_arguments_of_other_types_are_others():
    for _ in range(2):
        assert [run(KernelRef(make_described, (value,)).address()) for value in (1, True, 1.0)] == [2, 1, 3]


def test_what_a_source_does_not_show_is_not_taken_for_another(monkeypatch):
    assert made.kernel_key(make_constant(1)) is None
    assert made.kernel_key(make_global) is None
    assert [run(KernelRef(make_constant(value)).address()) for value in (1, 2)] == [1, 2]
    assert run(KernelRef(make_global).address()) == 3
    monkeypatch.setattr(made, "_ADDRESSES", {})  # the next process, after an edit
    monkeypatch.setitem(globals(), "VALUE", 4)
    assert run(KernelRef(make_global).address()) == 4


def test_functions_under_another_name_have_no_key(monkeypatch):
    before = order.make_cumsum
    monkeypatch.setattr(order, "make_cumsum", lambda dtype, reverse: before(dtype, not reverse))
    assert made.kernel_key(before, "float32", False) is None


def test_without_sources_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(native, "SOURCES", None)
    assert made.kernel_key(*MAKE) is None
    assert native.digest([Path("nowhere.py")]) is None


FOLDER = Path(native.__file__).parents[1]
FILES = sorted(FOLDER.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FOLDER).with_suffix("").as_posix())
def test_kernels_use_nothing_from_elsewhere_in_weft(file):
    """A kernel's key has the sources of its target; what it takes from others could change behind it."""
    tree = ast.parse(file.read_text())
    above = len(file.relative_to(FOLDER).parts)  # so many dots are still within

    def is_foreign(node):
        return isinstance(node, ast.ImportFrom) and node.level > above

    foreign = {alias.asname or alias.name for node in tree.body if is_foreign(node) for alias in node.names}
    for make in tree.body:
        if isinstance(make, ast.FunctionDef) and make.name.startswith(("make_", "_make")):
            used = {node.id for node in ast.walk(make) if isinstance(node, ast.Name)}
            assert not used & foreign
            assert not [node for node in ast.walk(make) if is_foreign(node)]


PROGRAM = """
import sys
import numpy as np, weft as wf
from weft.codegen.cpu.run import walker
x = wf.vector("x", ("n",))
f = wf.function([x], [wf.exp(x), wf.sort(x)])
print([r.tolist() for r in f(np.array([3, 1, 2], "f4"))])
header = np.zeros(7, np.int64)
print(walker.walk_parallel(1)(int(header.ctypes.data)))
"""
# The kernels alone, as they lie in the cache, in a process that must not import Numba.
KERNELS = """
import sys
sys.modules["numba"] = None
from pathlib import Path
import numpy as np
from weft.codegen.cpu.run import walker
from weft.codegen.cpu.index.order import make_argsort
header = np.zeros(7, np.int64)
assert walker.walk_serial()(int(header.ctypes.data)) == -1
assert walker.walk_parallel(1)(int(header.ctypes.data)) == -1
print("well")
"""


def test_the_second_start_compiles_nothing(tmp_path):
    """Neither a compiler of kernels nor a file of Numba's own is needed, and the numbers are the same."""
    environment = dict(os.environ, WEFT_CACHE_DIR=str(tmp_path / "weft"), NUMBA_CACHE_DIR=str(tmp_path / "numba"))
    refusal = (
        "from weft.codegen.cpu.run import made, native\n"
        "def refuse(*_, **__): raise AssertionError('compiled anew')\n"
        "made.compile_ir = native.compile_each = made.numba_ir = refuse\n"
    )

    def start(code):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = start(PROGRAM)
    assert start(refusal + PROGRAM) == first
    assert start(KERNELS) == "well\n"
    assert not (tmp_path / "numba").exists()


def test_without_a_place_to_write_programs_run(tmp_path):
    """No home, no folder that can be written: the kernels are compiled with every start, and nobody is warned."""
    (tmp_path / "home").mkdir(mode=0o500)
    environment = {k: v for k, v in os.environ.items() if k not in ("WEFT_CACHE_DIR", "XDG_CACHE_HOME")}
    environment |= {"HOME": "/dev/null", "NUMBA_CACHE_DIR": "/dev/null"}
    program = "import weft as wf; x = wf.scalar('x'); print(wf.function([x], 2 * x)(3.0))"
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "6.0\n"


@pytest.mark.parametrize("options", [{}, {"fastmath": True}, {"parallel": True, "nogil": True}])
def test_numbas_files_are_not_read_for_kernels_of_users(options):
    def double(x, out):
        out[:] = 2 * x

    kept = numba.njit(cache=True, **options)(double)
    asked = custom._compiler_of(kept)
    assert isinstance(asked._cache, NullCache)
    assert not isinstance(kept._cache, NullCache)
    assert asked.py_func is double
    assert asked.targetoptions == kept.targetoptions
    plain = numba.njit(double)
    assert custom._compiler_of(plain) is plain
