"""float16: every op of it, compiled, is that of float32, rounded; and its conversions are NumPy's, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

import weft as wf

from ...sampling import every
from ...test_every_op import DOZENS, close, drawn, inputs_of

HALVES = np.arange(65536, dtype=np.uint16).view(np.float16)


# float16 is one pass over any graph: some of the ops in the gate, each of them with its neighbours
@pytest.mark.parametrize("cases", every(8, DOZENS))
def test_every_op_is_that_of_float32_rounded(cases):
    given, outs, expected = {}, [], []
    for case in cases:
        inputs, halves, values = (
            inputs_of(case, "float32"),
            inputs_of(case, "float16"),
            drawn(case, case.sizes[1], "float16"),
        )
        given.update(zip(halves, values, strict=True))
        outs.append(case.call(*halves))
        expected.append(wf.evaluate(case.call(*inputs), dict(zip(inputs, values, strict=True))))
    f = wf.function(list(given), outs, on_unused_input="ignore")
    wrong = []
    for case, out, got, exact in zip(cases, outs, f(*given.values()), expected, strict=True):
        if got.dtype != out.dtype or not close(got, exact, case.eps, drawn(case, case.sizes[1], "float16")):
            wrong.append(f"{case.label}: {got}, not {exact}")
    assert wrong == []


def numbers_of(kind: str) -> np.ndarray:
    """Numbers on, between and beside float16's, and any bits at all; integers up to where they become infinite."""
    rng = np.random.default_rng(0)
    if kind[0] != "f":
        info = np.iinfo(kind)
        small = rng.integers(max(info.min, -70000), min(info.max, 70000), 50_000).astype(kind)
        return np.concatenate([small, np.array([info.min, info.max], kind)])
    halves = HALVES[np.isfinite(HALVES)].astype(kind)
    between = (halves[:-1] + halves[1:]) / np.dtype(kind).type(2)
    bits = rng.integers(0, 256, 400_000, dtype="uint8").view(kind)
    edges = np.array([65519, 65520, 65536, 1e30, np.inf, np.nan, 2**-25, 2**-24, 0.0], kind)
    beside = [np.nextafter(between, np.array(end, kind)) for end in (-np.inf, np.inf)]
    return np.concatenate([halves, between, *beside, bits, edges, -edges])


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "uint16", "int32", "int64", "uint64"])
def test_casts_are_numpys_bit_by_bit(kind):
    x, half = wf.vector("x", dtype=kind), wf.vector("half", dtype="float16")
    f = wf.function([x, half], [x.astype("float16"), half.astype(kind)])
    values = numbers_of(kind)
    whole = HALVES if kind[0] == "f" else HALVES[np.isfinite(HALVES) & (HALVES >= 0) & (HALVES < 100)]
    with np.errstate(all="ignore"):
        expected = values.astype("float16"), whole.astype(kind)
    for got, wanted in zip(f(values, whole), expected, strict=True):
        assert got.dtype == wanted.dtype
        nan = np.isnan(wanted) if wanted.dtype.kind == "f" else np.zeros(wanted.shape, bool)
        assert np.isnan(got[nan]).all()
        assert got[~nan].tobytes() == wanted[~nan].tobytes()


def test_a_chain_is_rounded_where_it_is_stored_and_where_it_is_cast():
    x = wf.scalar("x", dtype="float16")
    inside, cast = x * 1000.0 * 1000.0 / 1e4, (x * 1000.0).astype("float16").astype("float32") * 1000.0
    f = wf.function([x], [inside, cast])
    assert inside.dtype == np.float16
    np.testing.assert_equal(f(np.float16(0.5)), [np.float16(0.5 * 100), np.float32(0.5e6)])
    np.testing.assert_equal(f(np.float16(100.0)), [np.float16(1e4), np.inf])


@pytest.mark.parametrize("other", ["bool", "int8", "int16", "int32", "float32", "float64"])
def test_promotion_is_numpys(other):
    x, y = wf.vector("x", dtype="float16"), wf.vector("y", dtype=other)
    assert (x + y).dtype == np.result_type("float16", other)
    assert (x + 1).dtype == (x * 0.5).dtype == (x / 3).dtype == wf.exp(x).dtype == np.float16


def test_sums_and_means_over_more_elements_than_it_counts():
    x = wf.vector("x", dtype="float16")
    f = wf.function([x], [wf.sum(x), wf.mean(x), wf.var(x), wf.std(x), wf.grad(wf.mean(x), x)[0]])
    values = np.random.default_rng(0).normal(size=100_001).astype("float16")
    exact = values.astype("float64")
    expected = [exact.sum(), exact.mean(), exact.var(), exact.std(), 1 / len(exact)]
    for got, wanted in zip(f(values), expected, strict=True):
        assert got.dtype == np.float16
        assert got == np.float16(wanted)


@pytest.mark.parametrize("optimize", [0, 1, 2])
def test_loops_branches_callbacks_and_shared_variables_hold_it(optimize):
    x = wf.matrix("x", dtype="float16")
    w = wf.shared(np.eye(3, dtype="float16") * np.float16(0.5), "w")
    last, steps = wf.scan(lambda h, row: (wf.tanh(h @ w + row), h), wf.zeros((3,), "float16"), x)
    seen = wf.callback(lambda a: a * a, x.type, x, vjp=lambda g, out, a: 2 * g * a)
    chosen = wf.cond(wf.sum(x) > 0, lambda: x * 2, lambda: x - 1)
    loss = wf.sum(last) + wf.sum(seen) + wf.sum(chosen)
    outs = [last, steps, seen, chosen, loss, *wf.grad(loss, [x, w])]
    assert {out.dtype.name for out in outs} == {"float16"}
    f = wf.function([x], outs, updates={w: w + wf.grad(loss, w)}, optimize=optimize)
    values = np.random.default_rng(1).normal(size=(5, 3)).astype("float16")
    expected = wf.evaluate(outs, {x: values})
    for got, wanted in zip(f(values), expected, strict=True):
        assert got.dtype == np.float16
        np.testing.assert_allclose(got, wanted, atol=0.01)
    np.testing.assert_allclose(w.get_value(), np.eye(3) * 0.5 + expected[-1], atol=0.01)
    assert w.get_value().dtype == np.float16


def test_decompositions_and_draws_have_it():
    x, stream = wf.matrix("x", dtype="float16"), wf.random.Stream(7)
    outs = [wf.cholesky(x @ x.T + wf.eye(3, dtype="float16")), wf.solve(x + 4, x), *wf.svd(x)]
    drawn = [stream.uniform((20_000,), dtype="float16"), stream.normal((20_000,), dtype="float16")]
    found = wf.function([x], [*outs, *drawn])(np.float16([[1, 0.5, 0], [0, 1, 0.25], [1, 0, 1]]))
    assert {array.dtype.name for array in found} == {"float16"}
    uniform, normal = (array.astype("float64") for array in found[-2:])
    assert 0 <= uniform.min() < 0.01
    assert 0.99 < uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03
    u, s, v = (array.astype("float64") for array in found[2:5])
    np.testing.assert_allclose(u * s @ v, [[1, 0.5, 0], [0, 1, 0.25], [1, 0, 1]], atol=0.005)
