"""Kernels that users give to ops on a device: traced ones run in the simulator; those of numba-cuda's become PTX."""

import importlib.util
import re
from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda.kernels import KERNELS
from weft.ops.movement import Transpose
from weft.ops.reduce import Reduce
from weft.symbolic.expr import Op, apply
from weft.symbolic.leaves import items

NUMBA_CUDA = importlib.util.find_spec("numba_cuda") is not None


@dataclass(frozen=True)
class Shifted(Op):
    """2 x + by."""

    by: float

    def infer(self, x):
        return x

    def numpy(self, x):
        return 2 * x + self.by


@wf.elementwise
def twice_and_one(x, y):
    """2 x + y."""
    return 2 * x + y


@pytest.fixture(autouse=True)
def _kernels():
    before = dict(KERNELS)
    yield
    KERNELS.clear()
    KERNELS.update(before)


def shifted(k, x, out, by):
    for i in k.each(out):
        out[i] = 2 * x[i] + by


def row_sums(k, x, out):
    for (i,) in k.each(out):
        total = k.register(x.dtype)
        for j in k.range(x.shape[1]):
            total.set(total.get() + x[i, j])
        out[i] = total.get() + 100.0


def turned(k, x, out):
    for i, j in k.each(out):
        out[i, j] = x[j, i] + 100.0


def plus_hundred(k, x, y, out):
    for i in k.each(out):
        out[i] = 2 * x[i] + y[i] + 100.0


X, Y = wf.matrix("x", ("n", 3)), wf.vector("y", (3,))
A, B = np.arange(6, dtype="float32").reshape(2, 3), np.array([1, -1, 5], "float32")
ANY_OP = {
    "its own": (Shifted, shifted, lambda: apply(Shifted(3.0), X[::-1]) + 1, 2 * A[::-1] + 4),
    "a reduction": (Reduce, row_sums, lambda: X.sum(1) * 2, (A.sum(1) + 100) * 2),
    "a view": (Transpose, turned, lambda: X.T * 3, (A.T + 100) * 3),
    "an elementwise composite": (twice_and_one, plus_hundred, lambda: twice_and_one(X, Y) * 2, (2 * A + B + 100) * 2),
}


@pytest.mark.parametrize("what", ANY_OP)
def test_a_traced_kernel_given_to_any_op_is_called(what):
    key, function, write, expected = ANY_OP[what]
    wf.kernel(key, "cuda")(function)
    for optimize in (0, 2):
        f = wf.function([X, Y], write(), target="cuda:simulator", optimize=optimize, on_unused_input="ignore")
        np.testing.assert_array_equal(f(A, B), expected)
        assert f(A[:0], B).size == 0


def test_its_code_can_be_read():
    wf.kernel(Shifted, "cuda")(shifted)
    x = wf.matrix("x", (5, 7))
    ptx = wf.function([x], apply(Shifted(3.0), x), target="cuda:sm_75").explain("ptx")
    assert ".entry users_shifted(" in ptx
    assert ".target sm_75" in ptx


@dataclass(frozen=True)
class SumAndTwice(Op):
    """The sum, and 2 x: outputs of several sizes."""

    def infer(self, x):
        return wf.TupleType((wf.Type(x.dtype, ()), x))

    def numpy(self, x):
        return x.sum(), 2 * x


def test_outputs_that_are_larger_than_the_first():
    def both(k, x, total, twice):
        for i in k.each(total):
            found = k.register(x.dtype)
            for j in k.range(x.shape[0]):
                found.set(found.get() + x[j])
            total[i] = found.get()
        for i in k.each(twice):
            twice[i] = 2 * x[i]

    wf.kernel(SumAndTwice, "cuda")(both)
    x = wf.vector("x")
    total, twice = items(apply(SumAndTwice(), x))
    given = np.arange(1000, dtype="float32")
    found = wf.function([x], [total, twice], target="cuda:simulator")(given)
    assert found[0] == given.sum()
    np.testing.assert_array_equal(found[1], 2 * given)


def test_a_value_decides_nothing_in_python():
    """Neither in the simulator nor in the code for a device."""

    def branching(k, x, out, by):
        for i in k.each(out):
            out[i] = x[i] if x[i] > 0 else by

    wf.kernel(Shifted, "cuda")(branching)
    x = wf.vector("x", (5,))
    with pytest.raises(TypeError, match="decides nothing in Python"):
        wf.function([x], apply(Shifted(3.0), x), target="cuda:simulator")(np.ones(5, "float32"))
    with pytest.raises(TypeError, match="decides nothing in Python"):
        wf.function([x], apply(Shifted(3.0), x), target="cuda:sm_80").explain("ptx")


def test_what_a_kernel_may_not_do():
    x = wf.vector("x", (3,))

    def writes_arguments(k, x, out, by):
        x[0] = by
        out[0] = by

    def takes_too_many(k, x, out, by, other):
        out[0] = other

    def forgets_an_axis(k, x, out, by):
        out[()] = by

    for function, error, text in (
        (writes_arguments, TypeError, "does not write to the arguments"),
        (takes_too_many, wf.LoweringError, "takes other, and Shifted has no such field"),
        (forgets_an_axis, IndexError, "0 indices for an array with 1 axes"),
    ):
        wf.kernel(Shifted, "cuda")(function)
        with pytest.raises(error, match=text):
            wf.function([x], apply(Shifted(3.0), x), target="cuda:simulator")(np.ones(3, "float32"))


def test_the_simulator_finds_what_leaves_the_array():
    def beyond(k, x, out, by):
        for (i,) in k.each(out):
            out[i] = x[i + 1]

    wf.kernel(Shifted, "cuda")(beyond)
    x = wf.vector("x", (3,))
    with pytest.raises(wf.VerifyError, match=r"elements 1 to 3 of an array that has 3"):
        wf.function([x], apply(Shifted(3.0), x), target="cuda:simulator")(np.ones(3, "float32"))


@pytest.mark.skipif(not NUMBA_CUDA, reason="numba-cuda is not installed")
def test_a_function_of_numbas_becomes_ptx():
    from numba import cuda

    @cuda.jit
    def doubled(x, out, by):
        i = cuda.grid(1)
        if i < out.size:
            out[i] = 2 * x[i] + by

    wf.kernel(Shifted, "cuda")(doubled)
    x = wf.vector("x", (5,))
    ptx = wf.function([x], apply(Shifted(3.0), x), target="cuda:sm_80").explain("ptx")
    (entry,) = re.findall(r"\.entry (\w+)\((.*?)\)", ptx, re.DOTALL)
    assert entry[0] == "numba_doubled"
    assert entry[1].count(".param") == 2 * 7 + 1
    with pytest.raises(wf.LoweringError, match="run on a device alone"):
        wf.function([x], apply(Shifted(3.0), x), target="cuda:simulator")(np.ones(5, "float32"))
