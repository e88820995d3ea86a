"""A new kind of reduction is told in two places: what it means in `ops.reduce`, how values gather in the target."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.nests.accumulate import GATHERINGS, Gathering
from weft.codegen.lowering.program import NestStep
from weft.ops.reduce import KINDS, Kind, Reduce


@pytest.fixture
def xor(monkeypatch):
    """The exclusive or of integers."""
    monkeypatch.setitem(KINDS, "xor", Kind(lambda x, axes: np.bitwise_xor.reduce(x, axis=axes)))
    monkeypatch.setitem(GATHERINGS, "xor", Gathering(lambda dtype: 0, lambda b, dtype, x, y: b.xor(x, y)))
    return lambda x, *axes: wf.apply(Reduce("xor", axes), x)


@pytest.fixture
def total(monkeypatch):
    """Sums of float32 in float64 from part to part, whose derivative is 2, to see that it is the kind's."""
    monkeypatch.setitem(
        KINDS,
        "total",
        Kind(
            lambda x, axes: np.sum(x, axis=axes, dtype=np.float64).astype(x.dtype),
            lambda g, out, x, axes: wf.broadcast_to(wf.expand_dims(2 * g, axes), x.shape),
            partial=lambda kind: np.dtype("float64"),
        ),
    )
    monkeypatch.setitem(GATHERINGS, "total", GATHERINGS["sum"])
    return lambda x, *axes: wf.apply(Reduce("total", axes), x)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (0, 2), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("shape", [(3, 5, 7), (64, 50, 40), (0, 2, 3), (1, 1, 1)], ids=str)
def test_it_is_computed_in_nests(xor, shape, axes):
    x = wf.tensor("x", shape, "int64")
    f = wf.function([x], [xor(x + 1, *axes), wf.sum(x + 1, axes)])
    assert all(isinstance(step, NestStep) for step in f.program.steps)
    if shape != (1, 1, 1):  # of one number there is nothing to gather
        assert len(f.program.steps) == 1  # both in one pass
    v = np.random.default_rng(0).integers(-(2**40), 2**40, shape)
    found = f(v)
    np.testing.assert_array_equal(found[0], np.bitwise_xor.reduce(v + 1, axis=axes))
    np.testing.assert_array_equal(found[1], (v + 1).sum(axes))


def test_it_is_cut_into_chunks_where_it_is_long(xor):
    x = wf.vector("x", dtype="int32")
    f = wf.function([x], xor(x, 0))
    (step,) = f.program.steps
    assert len(step.nests) == 2
    for n in (0, 1, 31, 100_000):
        v = np.random.default_rng(n).integers(-(2**31), 2**31, n).astype(np.int32)
        assert f(v) == np.bitwise_xor.reduce(v)


def test_its_derivative_and_the_dtype_of_its_parts(total):
    x = wf.vector("x", dtype="float32")
    y = total(x, 0)
    f = wf.function([x], [y, wf.grad(y, x)])
    v = np.random.default_rng(0).normal(size=100_001).astype(np.float32)
    found, gradient = f(v)
    np.testing.assert_allclose(found, v.sum(dtype=np.float64), rtol=1e-6)
    np.testing.assert_array_equal(gradient, np.full(v.shape, 2, np.float32))


def test_every_kind_has_an_accumulator():
    assert set(KINDS) == set(GATHERINGS)
