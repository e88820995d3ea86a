"""What is the same for all targets, and what each may be asked."""

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.codegen import cpu, reference, target
from weft.codegen.cpu.kernels import KERNELS as CPU_KERNELS
from weft.codegen.reference.kernels import KERNELS as REFERENCE_KERNELS
from weft.ops.movement import Pad, Transpose
from weft.ops.reduce import Reduce

FOLDER = Path(target.__file__).parent
SHARED = [
    *FOLDER.glob("*.py"),
    *(p for part in ("passes", "lowering", "llvm") for p in (FOLDER / part).rglob("*.py")),
]
MACHINES = {"ctypes", "mmap", "multiprocessing", "concurrent"}  # modules about addresses, memory and threads
OF_MACHINES = {"ctypes", "data_as", "cpu_count", "sched_getaffinity", "Thread", "get_native_id"}


@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.relative_to(FOLDER).as_posix())
def test_the_shared_compiler_knows_no_machine(file):
    """Neither a target, nor an address, nor a thread, nor the size of a cache."""
    tree = ast.parse(file.read_text())
    depth = len(file.relative_to(FOLDER).parts) - 1
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            inside = node.level == depth + 1  # of codegen
            name = (node.module or "").split(".")[0]
            assert not (inside and name in target.TARGETS), f"line {node.lineno}"
            assert not (inside and not name and {a.name for a in node.names} & set(target.TARGETS))
        if isinstance(node, ast.Import):
            assert not {a.name.split(".")[0] for a in node.names} & MACHINES, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in OF_MACHINES, f"line {node.lineno}"


def test_a_target_is_named_in_one_row_and_its_folder():
    """Adding one changes nothing outside but `TARGETS`; what is about a default is about the CPU."""
    named = [
        (file.name, node.value)
        for file in SHARED
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in target.TARGETS
    ]
    rows = [("target.py", name) for name in sorted(target.TARGETS)]
    assert sorted(set(named)) == [("function.py", "cpu"), *rows]
    assert all(named.count(row) == 1 for row in rows if row[1] != "cpu")


# ---- kernels for any op ----------------------------------------------------------------------------------------------


@pytest.fixture
def _kernels():
    """Whatever kernels a test gives to ops of weft's own are taken away again."""
    tables = (CPU_KERNELS, REFERENCE_KERNELS)
    before = [dict(table) for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


def row_sums(x, out):
    for i in range(x.shape[0]):
        out[i] = 100.0
        for j in range(x.shape[1]):
            out[i] += x[i, j]


def hundreds(x, fill, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 100.0 + fill[()] + x[0, 0]


def turned(x, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = x[j, i] + 100.0


@wf.elementwise
def twice_and_one(x, y):
    """2 x + y."""
    return 2 * x + y


def plus_hundred(x, y, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 2 * x[i, j] + y[i, j] + 100.0


X = wf.matrix("x", ("n", 3))
Y = wf.vector("y", (3,))
A, B = np.arange(6, dtype="float32").reshape(2, 3), np.array([1, -1, 5], "float32")
ANY_OP = {
    "a reduction": (Reduce, row_sums, lambda: X.sum(1) * 2, (A.sum(1) + 100) * 2),
    "assembled from parts": (Pad, hundreds, lambda: wf.pad(X, 1) + 1, np.full((4, 5), 101.0) + A[0, 0]),
    "a view": (Transpose, turned, lambda: X.T * 3, (A.T + 100) * 3),
    "an elementwise composite": (twice_and_one, plus_hundred, lambda: twice_and_one(X, Y) * 2, (2 * A + B + 100) * 2),
}


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("to", ["cpu", "reference"])
@pytest.mark.parametrize("what", ANY_OP)
def test_a_kernel_given_to_any_op_is_called(what, to):
    key, function, write, expected = ANY_OP[what]
    plain = wf.function([X, Y], write(), target=to, on_unused_input="ignore")(A, B)
    assert np.abs(plain - expected).max() >= 100  # without it
    wf.kernel(key, to)(function)
    for optimize in (0, 2):
        f = wf.function([X, Y], write(), target=to, optimize=optimize, on_unused_input="ignore")
        np.testing.assert_array_equal(f(A, B), expected)
        np.testing.assert_array_equal(f(A[::-1][::-1], B), expected)
    other = "reference" if to == "cpu" else "cpu"
    np.testing.assert_array_equal(wf.function([X, Y], write(), target=other, on_unused_input="ignore")(A, B), plain)


@pytest.mark.usefixtures("_kernels")
def test_a_kernel_of_scalars_and_of_a_body():
    """Where nothing has an axis, and inside of a loop."""

    def one(x, y, out):
        out[()] = 2 * x[()] + y[()] + 100.0

    wf.kernel(twice_and_one, "cpu")(one)
    x, c = wf.vector("x", ("n",)), wf.scalar("c")
    np.testing.assert_allclose(wf.function([c], twice_and_one(c, 1.0))(3.0), 107.0)
    last, _ = wf.scan(lambda c, x: (twice_and_one(c, x), None), 0.0, x)
    np.testing.assert_allclose(wf.function([x], last)(np.array([1, 2], "float32")), 2 * 101 + 2 + 100)


def test_what_is_no_op_gets_no_kernel():
    with pytest.raises(wf.ArgumentError, match="kernel takes a class of ops or an elementwise function, not 'add'"):
        wf.kernel("add")
    with pytest.raises(wf.LoweringError, match="There is no target 'tpu'"):
        wf.kernel(Reduce, "tpu")


# ---- what cannot run -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unknown(wf.Op):
    """Neither a kernel nor a reference."""

    def infer(self, x):
        return x


@pytest.mark.parametrize("to", ["cpu", "reference"])
@pytest.mark.parametrize("where", ["result", "inside", "body", "branch", "update"])
def test_what_a_target_cannot_run_is_an_error_of_function(to, where):
    x = wf.vector("x", (3,))
    s = wf.shared(np.zeros(3, "float32"), "s")
    made = {
        "result": lambda: wf.apply(Unknown(), x),
        "inside": lambda: wf.exp(wf.apply(Unknown(), x * 2)).sum(),
        "body": lambda: wf.scan(lambda c, e: (c + wf.apply(Unknown(), e), None), 0.0, x)[0],
        "branch": lambda: wf.cond(x.sum() > 0, lambda: wf.apply(Unknown(), x), lambda: x),
        "update": lambda: x,
    }[where]()
    updates = {s: wf.apply(Unknown(), s)} if where == "update" else None
    with pytest.raises(wf.LoweringError) as caught:
        wf.function([x], made, updates=updates, target=to)
    text = f"{caught.value}\n" + "\n".join(caught.value.__notes__)
    assert f"Unknown has no kernel for the target {to!r}." in text
    assert "test_targets.py" in text
    assert "Unknown()" in text  # the line
    assert f'@wf.kernel(Unknown, "{to}")' in text
    assert "expand" in text


def test_the_reference_is_a_way_out_only_where_there_is_one():
    x = wf.vector("x", (3,))
    with pytest.raises(wf.LoweringError) as caught:
        wf.function([x], wf.apply(Unknown(), x))
    assert 'target="reference"' not in "\n".join(caught.value.__notes__)


def test_the_reference_runs_what_has_only_a_reference():
    @dataclass(frozen=True)
    class Reversed(wf.Op):
        def infer(self, x):
            return x

        def numpy(self, x):
            return x[::-1]

    x = wf.vector("x", ("n",))
    y = wf.apply(Reversed(), x) + 1
    with pytest.raises(wf.LoweringError, match="Reversed has no kernel for the target 'cpu'") as caught:
        wf.function([x], y)
    assert 'target="reference" runs its `numpy`' in "\n".join(caught.value.__notes__)
    np.testing.assert_array_equal(wf.function([x], y, target="reference")(np.arange(3, dtype="float32")), [3, 2, 1])


def test_targets_are_those_of_the_table():
    assert target.target_of("cpu") is cpu.CPU
    assert target.target_of("reference") is reference.REFERENCE
    for name in target.TARGETS:
        assert target.target_of(name).name == name
    for wrong in ("gpu", None, 1, ["cpu"]):
        with pytest.raises(wf.LoweringError, match=r"There is no target .*; there are 'cpu', 'cuda' and 'reference'\."):
            target.target_of(wrong)
