"""What is fused, what goes to memory, what is written in place: structure first, numbers second."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.loops import Accumulate, Store
from weft.codegen.lowering.program import CopyStep, KernelStep, NestStep

from ...sampling import rarely


def steps(f):
    return f.program.steps


def nests(f):
    return [nest for s in steps(f) if isinstance(s, NestStep) for nest, _ in s.nests]


def test_a_chain_is_one_nest_over_one_axis():
    x, y = wf.matrix("x", (30, 40)), wf.matrix("y", (30, 40))
    f = wf.function([x, y], wf.tanh(x * y + 1) - wf.exp(y).T.T)
    (nest,) = nests(f)
    assert len(nest.axes) == 1
    assert nest.axes[0].number == 1200
    assert [type(w) for w in nest.writes] == [Store]


def test_movement_becomes_strides():
    x = wf.tensor("x", (4, 5, 6))
    f = wf.function([x], wf.exp(x[:, ::-2].transpose((2, 0, 1))))
    (nest,) = nests(f)
    assert len(nest.accesses) == 2
    a = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(f(a), np.exp(a[:, ::-2].transpose(2, 0, 1)), rtol=1e-6)


def test_a_value_used_twice_in_one_nest_is_never_written():
    x = wf.vector("x", (100,))
    e = wf.exp(x)
    f = wf.function([x], e / (e + 1) + e.sum() * 0)
    written = sum(isinstance(w, Store) for n in nests(f) for w in n.writes)
    assert written <= 2


def test_reductions_of_the_same_values_share_a_nest():
    x = wf.matrix("x", (50, 70))
    f = wf.function([x], [x.sum(1), (x * x).sum(1), wf.max(x, 1)])
    (nest,) = nests(f)
    assert [w.kind for w in nest.writes if isinstance(w, Accumulate)] == ["sum", "max", "sum"]


def test_an_optimiser_is_one_nest_in_place():
    p = wf.shared(np.ones((20, 30), np.float32), "p")
    g = wf.matrix("g", (20, 30))
    updates = wf.nn.updates.adam([g], [p])
    f = wf.function([g], None, updates=updates)
    assert not [step for step in steps(f) if isinstance(step, CopyStep)]
    large = [n for n in nests(f) if n.axes and n.axes[0].number == 600]
    assert len(large) == 1
    assert len(large[0].writes) == 3


def test_transposes_into_a_matmul_are_not_copied():
    x, w = wf.matrix("x", (20, 30)), wf.matrix("w", (40, 30))
    f = wf.function([x, w], x @ w.T)
    (step,) = steps(f)
    assert isinstance(step, KernelStep)
    assert step.arguments[1].buffer.node is w


def test_a_reshape_of_contiguous_memory_is_free():
    x = wf.tensor("x", ("n", 3, 4))
    w = wf.matrix("w", (12, 5))
    f = wf.function([x, w], x.reshape((-1, 12)) @ w)
    (step,) = steps(f)
    assert isinstance(step, KernelStep)


def test_a_long_sum_is_cut_into_chunks():
    x = wf.vector("x", (1_000_003,))
    f = wf.function([x], x.sum())
    first, last = nests(f)
    assert first.chunks is not None
    assert last.chunks is None
    a = np.random.default_rng(0).normal(size=1_000_003).astype(np.float32)
    assert abs(float(f(a)) - a.astype(np.float64).sum()) < 1e-4 * np.sqrt(a.size) / 100


def test_equal_nests_are_compiled_once():
    xs = [wf.vector(f"x{i}", (50,)) for i in range(4)]
    f = wf.function(xs, [wf.tanh(x) * 2 for x in xs])
    assert len(nests(f)) == 4
    assert len(f.program.nests) == 1
    again = wf.function(xs[:1], wf.tanh(xs[0]) * 2)  # of other functions, too, as long as one of them is there
    (one,), (other,) = f.nests.values(), again.nests.values()
    assert one.address() == other.address()


def test_temporaries_share_memory():
    x = wf.matrix("x", (64, 64))
    y = x
    for _ in range(10):
        y = wf.tanh(y @ x)
    f = wf.function([x], y)
    f(np.zeros((64, 64), np.float32))
    ((binding,),) = f._idle.values()
    arena = binding.temporaries
    largest = max(b.size for b in binding.blocks)
    assert arena <= 4 * largest


@pytest.mark.parametrize("n", [1, 7, 255, 256, 257, 5000])
@pytest.mark.parametrize("m", [1, 3, 300])
def test_reductions_of_all_shapes(n, m):
    x = wf.tensor("x", (n, m, 2))
    a = np.random.default_rng(n * m).normal(size=(n, m, 2)).astype(np.float32)
    axes = [None, 0, 1, 2, (0, 1), (1, 2), (0, 2)]
    f = wf.function([x], [wf.sum(x, ax) for ax in axes] + [wf.max(x, ax) for ax in axes] + [wf.argmin(x, 0)])
    got = f(a)
    for ax, total, top in zip(axes, got, got[len(axes) :], strict=False):
        scale = np.abs(a).sum(ax).max()
        np.testing.assert_allclose(total, a.astype(np.float64).sum(ax), atol=1e-6 * scale)
        np.testing.assert_array_equal(top, a.max(ax))
    np.testing.assert_array_equal(got[-1], a.argmin(0))


@pytest.mark.parametrize("kind", ["float32", "float64", "int8", "uint16", "int64", "bool"])
@pytest.mark.parametrize("n", [1, 255, 256, 257, 2049])
def test_extremes_and_their_places(kind, n):
    rng = np.random.default_rng(n)
    rows = [rng.normal(size=(5, n)) * 100]
    if kind[0] == "f":
        rows += [
            np.where(rng.random((5, n)) < 0.01, np.nan, rows[0]),
            np.full((5, n), -np.inf),
            np.full((5, n), np.inf),
        ]
        rows += [np.where(rng.random((5, n)) < 0.1, np.nan, np.inf), np.full((5, n), np.nan)]
    a = np.concatenate(rows)
    a = a > 0 if kind == "bool" else a.astype(kind)
    x = wf.matrix("x", ("m", "n"), dtype=kind)
    ops = [wf.max, wf.min, wf.argmax, wf.argmin]
    found = wf.function([x], [op(x, axis) for op in ops for axis in (0, 1)])(a)
    expected = [getattr(a, op.__name__)(axis) for op in ops for axis in (0, 1)]
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_sums_do_not_lose_digits():
    x = wf.vector("x", ("n",))
    f = wf.function([x], x.sum())
    a = np.full(10_000_000, 0.1, np.float32)
    # parts of 1024 values in as many lanes as the vectors have: the narrowest, of 128 bits, lose most (5.8e-7)
    assert float(f(a)) == pytest.approx(float(np.float32(0.1)) * 1e7, rel=1e-6)
    y = wf.vector("y", ("n",), dtype="float64")
    g = wf.function([y], y.sum())
    b = np.concatenate([[1e16], np.ones(5000), [-1e16]])
    assert float(g(b)) == pytest.approx(5000, abs=4200)  # blocks keep what lies within them


def test_results_do_not_depend_on_the_number_of_threads():
    x = wf.matrix("x", ("n", 300))
    y = [wf.exp(x @ x.T).sum(), wf.softmax(x), x.sum(0), wf.mean(x * x)]
    a = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32) / 20
    results = []
    for count in (1, 2, 5):
        results.append(wf.function([x], y, threads=count)(a))
    for one, *others in zip(*results, strict=True):
        for many in others:
            np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("depth", [3_000, rarely(50_000)])
def test_deep_graphs_compile(depth):
    x = wf.vector("x", (3,))
    y = x
    for _ in range(depth):
        y = wf.sin(y) + 1.0
    f = wf.function([x], wf.grad(y.sum(), x))
    a = np.array([0.1, 0.2, 0.3], np.float32)
    z, slope = a.astype(np.float64), np.ones(3)
    for _ in range(depth):
        slope, z = slope * np.cos(z), np.sin(z) + 1
    np.testing.assert_allclose(f(a), slope, atol=1e-6)


def test_scalars_do_not_part_nests():
    count, weight, mean = (
        wf.shared(np.float32(0), "count"),
        wf.shared(np.zeros(5, np.float32)),
        wf.shared(np.ones(5, np.float32)),
    )
    g = wf.vector("g", (5,))
    new_mean, new_count = 0.9 * mean + 0.1 * g, count + 1
    new_weight = weight - new_mean / (1 - 0.9**new_count)
    f = wf.function([g], None, updates=[(mean, new_mean), (count, new_count), (weight, new_weight)])
    assert sorted(len(step.roots) for step in f.program.steps) == [1, 2]
    f(np.full(5, 2, np.float32))
    np.testing.assert_allclose(weight.get_value(), -np.full(5, 0.9 + 0.2) / (1 - 0.9), rtol=1e-5)


def test_slices_of_slices_without_rules():
    x, a = wf.vector("x"), np.arange(12, dtype=np.float32)
    chains = [lambda v: v[1::2][2:], lambda v: v[::-1][3::-2], lambda v: v[2:][::3][1:]]
    results = wf.function([x], [chain(x) * 2 for chain in chains], optimize=0)(a)
    for chain, result in zip(chains, results, strict=True):
        np.testing.assert_array_equal(result, chain(a) * 2)


def test_places_in_a_long_sum_are_those_of_the_whole():
    x, size = wf.vector("x"), 300_000
    f = wf.function([x], wf.sum(wf.arange(x.shape[0]) * (x > 0)))
    assert f(np.ones(size, np.float32)) == size * (size - 1) // 2
