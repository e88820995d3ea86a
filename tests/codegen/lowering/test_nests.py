"""What the nests of a fusion group compute, beside NumPy: each nest by itself, over arrays of its buffers."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.fuse import fuse
from weft.codegen.lowering.groups import Group, Scratch
from weft.codegen.lowering.loops import Accumulate, Index, Load
from weft.codegen.reference import FUSION, ReferenceTarget
from weft.codegen.reference.memory import blank_elements
from weft.codegen.reference.nests import run_nest
from weft.symbolic.evaluate import bind_sizes
from weft.symbolic.graph import Graph

CHUNKS = 3
CUT = ReferenceTarget(FUSION._replace(chunks=CHUNKS, few_results=100, few_columns=100, long=2))
WHOLE = ReferenceTarget(FUSION)


def values(n, m):
    rng = np.random.default_rng(n + m)
    return rng.standard_normal((n, m)), rng.standard_normal(m), rng.integers(-5, 5, (n, m)).astype("int32")


def run(inputs, outputs, arrays, target):
    """The outputs, by the nests of the groups alone; and these nests."""
    schedule = fuse(Graph(tuple(inputs), tuple(outputs)), target)
    memory = {x: a.reshape(-1) for x, a in zip(inputs, arrays, strict=True)}
    sizes = bind_sizes({x: a.shape for x, a in zip(inputs, arrays, strict=True)})
    nests = []
    for step in schedule.steps:
        assert isinstance(step, Group)
        for placed in step.nests:
            for buffer in placed.buffers:
                if buffer not in memory:
                    shape = buffer.axes if isinstance(buffer, Scratch) else buffer.shape
                    count = np.prod([d if isinstance(d, int) else d.value(sizes) for d in shape], dtype=int)
                    memory[buffer] = blank_elements(int(count), buffer.dtype)
            run_nest(placed.nest, [memory[b] for b in placed.buffers], sizes)
            nests.append(placed.nest)
    shapes = [tuple(d if isinstance(d, int) else d.value(sizes) for d in y.shape) for y in outputs]
    return [memory[y].reshape(shape) for y, shape in zip(outputs, shapes, strict=True)], nests


def windows(x):
    return np.lib.stride_tricks.sliding_window_view(x, 2, 1)


ONE_NEST = {  # expressions of x and i: (n, m), v: (m,), and the same in NumPy
    "a chain": (lambda x, v, i: wf.exp(x) * 2 - v, lambda x, v, i: np.exp(x) * 2 - v),
    "a row and a column": (lambda x, v, i: x * v + wf.expand_dims(x[:, 0], 1), lambda x, v, i: x * v + x[:, :1]),
    "transposed": (lambda x, v, i: x.T + wf.expand_dims(v, 1), lambda x, v, i: x.T + v[:, None]),
    "backwards, every other": (lambda x, v, i: x[::-1, ::2] * v[::2], lambda x, v, i: x[::-1, ::2] * v[::2]),
    "its own places": (
        lambda x, v, i: x + wf.arange(x.shape[1]) * 10 + wf.expand_dims(wf.arange(x.shape[0]), 1),
        lambda x, v, i: x + np.arange(x.shape[1]) * 10 + np.arange(x.shape[0])[:, None],
    ),
    "the diagonal, above": (
        lambda x, v, i: wf.where(wf.tril(wf.ones_like(x), -1) > 0, x, v),
        lambda x, v, i: np.where(np.tril(np.ones_like(x), -1) > 0, x, v),
    ),
    "other axes": (lambda x, v, i: wf.tanh(x.reshape((-1,))), lambda x, v, i: np.tanh(x.reshape(-1))),
    "windows": (lambda x, v, i: wf.sliding_windows(x, 2, 1) * 3, lambda x, v, i: windows(x) * 3),
    "whole numbers and floats": (lambda x, v, i: i / 4 + x, lambda x, v, i: i / 4 + x),
    "whole numbers": (lambda x, v, i: i // 2 + i % 3, lambda x, v, i: i // 2 + i % 3),
    "sums of rows": (lambda x, v, i: wf.sum(wf.square(x) * v, 1), lambda x, v, i: (x * x * v).sum(1)),
    "sums of columns": (lambda x, v, i: wf.sum(x - v, 0), lambda x, v, i: (x - v).sum(0)),
    "all of a transposed part": (lambda x, v, i: x.T[1:].max(), lambda x, v, i: x.T[1:].max()),
    "places in rows": (lambda x, v, i: wf.argmax(x * v, 1), lambda x, v, i: np.argmax(x * v, 1)),
    "places in columns": (lambda x, v, i: wf.argmin(x, 0), lambda x, v, i: np.argmin(x, 0)),
    "any of whole numbers": (lambda x, v, i: wf.any(i > 3, 1), lambda x, v, i: (i > 3).any(1)),
    "nothing that stands in memory": (
        lambda x, v, i: wf.arange(x.shape[1]) * 0.5 + 2,
        lambda x, v, i: np.arange(x.shape[1]) * 0.5 + 2,
    ),
}


@pytest.mark.parametrize("free", [True, False], ids=["free", "fixed"])
@pytest.mark.parametrize("kind", ONE_NEST)
def test_one_nest_computes_it(kind, free):
    make, by_hand = ONE_NEST[kind]
    for shape in ((5, 4), (1, 3)):
        sizes = ("n", "m") if free else shape
        x, v = wf.matrix("x", sizes, "float64"), wf.vector("v", sizes[1:], "float64")
        i = wf.matrix("i", sizes, "int32")
        arrays = values(*shape)
        (found,), nests = run([x, v, i], [make(x, v, i)], arrays, WHOLE)
        wanted = by_hand(*arrays)
        assert len([nest for nest in nests if nest.chunks is None]) in (1, 2)  # two where the first was cut
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


REDUCED = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


@pytest.mark.parametrize("axis", [0, 1, None], ids=str)
@pytest.mark.parametrize("kind", REDUCED)
def test_a_reduction_in_parts(kind, axis):
    x = wf.matrix("x", ("n", "m"), "float64")
    reduced = getattr(wf, kind)(x > 0 if kind in ("any", "all") else x, axis)
    for shape in ((1, 1), (2, 7), (7, 2), (3, 3), (4, 9), *([(0, 2), (2, 0)] if kind not in ("max", "min") else [])):
        a = np.random.default_rng(sum(shape)).standard_normal(shape)
        (found,), nests = run([x], [reduced], [a], CUT)
        wanted = REDUCED[kind](a > 0 if kind in ("any", "all") else a, axis)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        if axis is None:
            first, second = nests
            assert first.chunks == (1, CHUNKS)
            assert [w.kind for w in (*first.writes, *second.writes)] == [kind, kind]


@pytest.mark.parametrize("target", [WHOLE, CUT], ids=["whole", "in parts"])
@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1), (0, 2), (1, 2)], ids=str)
def test_reductions_that_leave_several_axes(axes, target):
    x = wf.tensor("x", (4, "n", 5), "float64")
    a = np.random.default_rng(0).standard_normal((4, 3, 5))
    turned = x.transpose((2, 0, 1))
    for value, by_hand in ((x, a), (turned, a.transpose(2, 0, 1))):
        (found,), _ = run([x], [value.sum(axes)], [a], target)
        np.testing.assert_allclose(found, by_hand.sum(axes), rtol=1e-12)
        places = axes if isinstance(axes, int) else axes[0]
        (found,), _ = run([x], [wf.argmax(value, places)], [a], target)
        np.testing.assert_array_equal(found, by_hand.argmax(places))


def test_float32_is_summed_in_float64_between_the_parts():
    x, y = wf.vector("x", ("n",)), wf.vector("y", ("n",))
    _, (first, second) = run([x], [x.sum()], [np.ones(9, "float32")], CUT)
    assert [a.dtype.name for a in (first.writes[0].access, second.writes[0].access)] == ["float64", "float32"]
    _, (first, _) = run([y], [y.max()], [np.ones(9, "float32")], CUT)
    assert first.writes[0].access.dtype.name == "float32"


def test_what_is_stored_beside_a_reduction_in_parts():
    x = wf.matrix("x", ("n", 3), "float64")
    e = wf.exp(x) + wf.arange(3)
    a = np.random.default_rng(0).standard_normal((8, 3))
    (found, total), nests = run([x], [e, e.sum(0)], [a], CUT)
    wanted = np.exp(a) + np.arange(3)
    np.testing.assert_allclose(found, wanted)
    np.testing.assert_allclose(total, wanted.sum(0))
    assert len(nests) == 2


def test_equal_values_are_computed_once():
    x = wf.vector("x", (6,))
    _, (nest,) = run([x], [wf.sin(x) * wf.sin(x), wf.sin(x) + x], [np.ones(6, "float32")], WHOLE)
    assert [v.function.name for v in nest.body if hasattr(v, "function")].count("sin") == 1
    assert sum(isinstance(v, Load) for v in nest.body) == 1


def test_a_value_read_at_two_places_is_two_values():
    x = wf.vector("x", (6,))
    (found,), (nest,) = run([x], [wf.sin(x) + wf.sin(x[::-1])], [np.arange(6, dtype="float32")], WHOLE)
    assert sum(isinstance(v, Load) for v in nest.body) == 2
    np.testing.assert_allclose(found, np.sin(np.arange(6)) + np.sin(np.arange(6)[::-1]), rtol=1e-5, atol=1e-6)


def test_parts_of_an_array_are_a_nest_each():
    x, y = wf.matrix("x", ("n", 3), "float64"), wf.matrix("y", ("m", 3), "float64")
    a, b = np.ones((2, 3)), np.full((4, 3), 5.0)
    (found,), nests = run([x, y], [wf.concatenate([x * 2, y[::-1], x], 0)], [a, b], WHOLE)
    np.testing.assert_array_equal(found, np.concatenate([a * 2, b[::-1], a]))
    assert len(nests) == 3


def test_indices_and_accumulations_are_what_they_are_called():
    x = wf.vector("x", ("n",), "float64")
    _, (nest,) = run([x], [wf.argmax(x + wf.arange(x.shape[0]), 0)], [np.zeros(4)], WHOLE)
    assert [type(w) for w in nest.writes] == [Accumulate]
    assert any(isinstance(v, Index) for v in nest.body)
    text = str(nest)
    assert text.startswith("for i0<n reduced:")
    assert "= i0: int64" in text
    assert "b1[0] argmax= v" in text
