"""The suite's dirty memory (tests/conftest.py) shows what a kernel, or a plan, forgets to write."""

from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.run.results import LARGE_BYTES


@dataclass(frozen=True)
class Halfway(wf.Op):
    """2 x.  x: (n,) -> (n,).  Its kernel forgets the second half."""

    def infer(self, x):
        return x

    def numpy(self, x):
        return 2 * x


@wf.kernel(Halfway, "cpu")
def halfway(x, out):
    for i in range(x.size // 2):
        out[i] = 2 * x[i]


@pytest.mark.parametrize("size", [10, 200_000, LARGE_BYTES // 4 + 2])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_a_result_that_is_not_filled_is_noticed(size, dtype):
    x = wf.vector("x", ("n",), dtype)
    f = wf.function([x], wf.apply(Halfway(), x))
    data = np.ones(size, dtype)
    for _ in range(2):
        found = f(data)
        np.testing.assert_array_equal(found[: size // 2], 2)
        assert np.isnan(found[size // 2 :]).all() if dtype == "float32" else (found[size // 2 :] == -1).all()


@pytest.mark.parametrize("size", [10, 200_000])  # in an arena of the binding's own, and in one of the pool
def test_a_temporary_that_is_not_filled_is_noticed(size):
    x = wf.vector("x", ("n",))
    half = wf.apply(Halfway(), x)
    f = wf.function([x], [wf.flip(half) + wf.cumsum(half), half.sum()])
    for _ in range(2):
        sums, total = f(np.ones(size, "float32"))
        assert np.isnan(sums).all()
        assert np.isnan(total)


def test_what_is_right_is_right_in_dirty_memory():
    x = wf.vector("x", ("n",))
    f = wf.function([x], wf.cumsum(wf.index_add(wf.zeros_like(x), [1, 1, 0], 2.0)) + wf.flip(wf.cumsum(x)))
    np.testing.assert_array_equal(f(np.ones(4, "float32")), [2 + 4, 6 + 3, 6 + 2, 6 + 1])
