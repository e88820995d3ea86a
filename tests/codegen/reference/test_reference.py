"""The reference as a target: the suite runs on it; and programs that were fused for the CPU run on it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu import CPU
from weft.codegen.lowering.bind import bind
from weft.codegen.lowering.build import build
from weft.codegen.lowering.elements import elements
from weft.codegen.passes import pipeline
from weft.codegen.reference.interpreter import Interpreter
from weft.codegen.reference.memory import blank_elements
from weft.symbolic.evaluate import bind_sizes
from weft.symbolic.graph import Graph

from ...sampling import rarely

TESTS = Path(__file__).parents[2]
# the sweep over all ops, loops, branches, updates; then random numbers and errors of calls
SUITE = ["test_every_op.py", "ops/test_control.py", "nn/test_updates.py"]
REST = ["ops/test_random.py", "codegen/test_not_finite.py", "codegen/lowering/test_in_place_fuzz.py"]
REST += ["codegen/test_atomic_calls.py"]
OF_THE_CPU = "a_profile_counts or pause or signal or interrupt or table or calls_array"  # what looks into its tables
UNCOMPILED = "those_of_the_values or types_and_values"  # what is the same for all targets


@pytest.mark.parametrize(
    ("fused", "suite"),
    [("fused", SUITE), rarely("fused", REST), rarely("unfused", [*SUITE, *REST])],
    ids=["sweep", "rest", "unfused"],
)
def test_the_suite_passes_on_the_reference(fused, suite):
    options = ["--target", "reference", *(["--unfused"] if fused == "unfused" else [])]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider"]
    files = [str(TESTS / name) for name in suite]
    command += ["-m", "not slow", "-k", f"not ({OF_THE_CPU} or {UNCOMPILED})", *options, *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def interpreted(inputs, outputs, arrays):
    """The results of a program that was fused for the CPU, in NumPy."""
    graph = pipeline.run(Graph(tuple(inputs), tuple(outputs)), 2, CPU)
    sizes = bind_sizes({x: a.shape for x, a in zip(inputs, arrays, strict=True)})
    bound = bind(build(graph, CPU), sizes)
    results = [blank_elements(r.bytes // r.dtype.itemsize, r.dtype).reshape(r.shape) for r in bound.results]
    Interpreter(bound, arrays, results).run()
    return results


def normal(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


def mlp(x, w):
    h = wf.tanh(x @ w)
    loss = wf.log_softmax(h @ w.T, 1).mean()
    return [loss, *wf.grad(loss, [x, w])]


def convolution(x, w):
    image, k = x.reshape((-1, 1, 5, 4)), w[:9, :3].reshape((3, 1, 3, 3))
    y = wf.max_pool2d(wf.relu(wf.conv2d(image, k, padding="same")), 2)
    return [y, *wf.grad((y * y).sum(), [x, w])]


def looped(x, w):
    last, ys = wf.scan(lambda h, row: (wf.tanh(h + row @ w),) * 2, wf.zeros((x.shape[0] * 0 + 7,)), x)
    return [last, ys, *wf.grad((ys * ys).sum(), [x, w])]


def assembled(x, w):
    y = wf.concatenate([x[1:], wf.pad(x, 0)[::-1], x[:, ::-1]], 0)
    return [y, y[::-1].sum(1), y.max(0), wf.argmax(y, 1), wf.cumsum(y, 0)[::2]]


@pytest.mark.parametrize("model", [mlp, convolution, looped, assembled], ids=lambda model: model.__name__)
@pytest.mark.parametrize("rows", [1, 6])
def test_programs_for_the_cpu_give_the_same_in_numpy(model, rows):
    x, w = wf.matrix("x", ("n", 20)), wf.matrix("w", (20, 7))
    outputs = model(x, w)
    arrays = [normal(rows, 20), normal(20, 7) / 5]
    found = interpreted([x, w], outputs, arrays)
    expected = wf.function([x, w], outputs, on_unused_input="ignore")(*arrays)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("shape", "strides", "start"), [((3,), (2,), 2), ((2, 2), (-3, 1), 2), ((1,), (1,), 6), ((1,), (1,), -1)]
)
def test_what_leaves_a_buffer_is_an_error(shape, strides, start):
    with pytest.raises(wf.VerifyError, match=r"Elements .* of a buffer that has 6\."):
        elements(np.arange(6), shape, strides, start)


def test_views_are_those_of_the_buffer():
    flat = np.arange(6)
    np.testing.assert_array_equal(elements(flat, (2, 3), (-3, 1), 3), [[3, 4, 5], [0, 1, 2]])
    assert elements(flat, (0, 3), (100, 1), 50).shape == (0, 3)
    elements(flat, (2,), (5,), 0)[...] = 9
    np.testing.assert_array_equal(flat, [9, 1, 2, 3, 4, 9])


def test_its_functions_explain_and_profile_themselves():
    x = wf.matrix("x", ("n", 3))
    f = wf.function([x], wf.exp(x @ x.T).sum(), target="reference")
    assert f.explain("plan").startswith("in NumPy: kernel matmul")
    assert "sizes are known when it is called" in f.explain("bound")
    f(normal(2, 3))
    assert "with n = 2" in f.explain("bound")
    assert f.explain("ir") == "the target 'reference' has no code"
    names = [row.what for row in f.profile(normal(2, 3), repeat=2).rows]
    assert names[0] == "matmul"
    assert len(names) == len(f.program.steps)


def test_a_users_function_gets_what_it_may_write_and_no_more():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Scaled(wf.Op):
        factor: float = 3.0

        def infer(self, x):
            return x

    @wf.kernel(Scaled, "reference")
    def scaled(x, out, factor):
        assert not x.flags.writeable
        if x[0] < 0:
            raise ValueError("not below 0")  # refused
        out[:] = factor * x

    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.apply(Scaled(), x[::-1]) + 1, target="reference")
    np.testing.assert_array_equal(f(np.array([1, 2], "float32")), [7, 4])
    with pytest.raises(ValueError, match="not below 0") as caught:
        f(np.array([1, -2], "float32"))
    assert "wf.apply(Scaled()" in "\n".join(caught.value.__notes__)
