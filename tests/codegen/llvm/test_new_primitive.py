"""A new function of numbers is told in two places: its row of the table, and its emitter."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.llvm.emitters import EMITTERS
from weft.ops.elementwise import Primitive
from weft.ops.scalar import primitive


@pytest.fixture
def cube(monkeypatch):
    monkeypatch.setitem(Primitive.table, "cube", None)  # so that the row goes again

    def emitted(b, dtype, x):
        multiplied = EMITTERS["mul"]
        return multiplied(b, dtype, x, multiplied(b, dtype, x, x))

    monkeypatch.setitem(EMITTERS, "cube", emitted)
    return primitive("cube", lambda x: x * x * x, "number", lambda out, x: (3 * x * x,), None, "x**3", expensive=True)


def test_it_is_fused_differentiated_and_known_to_be_dear(cube):
    x = wf.matrix("x", dtype="float64")
    y = cube(x[::-1]) + 1
    assert len(wf.function([x], y).program.steps) == 1
    f = wf.function([x], [y, wf.grad(y.sum(), x)])
    v = np.random.default_rng(0).normal(size=(3, 4))
    value, gradient = f(v)
    np.testing.assert_array_equal(value, v[::-1] * (v[::-1] * v[::-1]) + 1)
    np.testing.assert_allclose(gradient, 3 * v * v)
    rows = wf.broadcast_to(wf.expand_dims(cube(x[0]), 0), (50, x.shape[1])) * 2
    assert len(wf.function([x], rows).program.steps) == 2  # stored, not computed again for every row
