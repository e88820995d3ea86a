"""A new movement op is one class: infer, numpy, vjp and index_map make it a view everywhere."""

from dataclasses import dataclass

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.buffers import Role
from weft.codegen.lowering.program import KernelStep, LoopStep, NestStep
from weft.ops.movement import Reshape
from weft.ops.strided import Unmove
from weft.symbolic.dims import minimum
from weft.symbolic.index_maps import AxisMap, along, identity
from weft.symbolic.types import Type


@dataclass(frozen=True)
class AntiDiagonal(wf.Op):
    """x[..., i, m - 1 - i] of the last two axes."""

    def infer(self, x):
        *others, n, m = x.shape
        return Type(x.dtype, (*others, minimum(n, m)))

    def numpy(self, x):
        return np.diagonal(x[..., ::-1], 0, -2, -1)

    def vjp(self, g, out, x):
        return [wf.apply(Unmove(self, x.shape), g)]

    def index_map(self, x):
        return (*identity(x.ndim - 2), along(x.ndim - 2), along(x.ndim - 2, -1, x.shape[-1] - 1))


@dataclass(frozen=True)
class Skewed(wf.Op):
    """out[..., i, j] = x[..., i + j] for j below `width`: every element is read up to `width` times."""

    width: int

    def infer(self, x):
        return Type(x.dtype, (*x.shape[:-1], x.shape[-1] - self.width + 1, self.width))

    def numpy(self, x):
        return np.lib.stride_tricks.sliding_window_view(x, self.width, -1)

    def index_map(self, x):
        last = x.ndim - 1
        return (*identity(last), AxisMap(((last, 1), (last + 1, 1))))


def anti(x):
    return wf.apply(AntiDiagonal(), x)


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def expected(x):
    return np.diagonal(x[..., ::-1], 0, -2, -1)


def test_what_it_is_follows_from_its_methods():
    assert AntiDiagonal.is_affine
    assert AntiDiagonal.is_movement
    assert not AntiDiagonal.is_assembled
    assert Unmove.is_assembled
    assert not Unmove.is_movement
    assert not wf.Op.is_movement


@pytest.mark.parametrize("shape", [(4, 6), ("n", "m")], ids=str)
def test_it_is_read_within_one_nest(shape):
    x = wf.matrix("x", shape, "float64")
    f = wf.function([x], wf.exp(anti(x)) * anti(x[::-1, ::-1]) + anti(x.T))
    (step,) = f.program.steps
    assert isinstance(step, NestStep)
    ((_, buffers),) = step.nests
    assert [b.role for b in buffers] == [Role.OUTPUT, Role.INPUT]  # nothing else is in memory
    v = draw(4, 6)
    np.testing.assert_allclose(f(v), np.exp(expected(v)) * expected(v[::-1, ::-1]) + expected(v.T))


@pytest.mark.parametrize("shape", [(5, 4, 6), (None, None, None)], ids=str)
def test_it_is_read_by_a_matrix_product(shape):
    x, w = wf.tensor("x", shape, "float64"), wf.matrix("w", dtype="float64")
    f = wf.function([x, w], anti(x[::-1]) @ w)
    (step,) = f.program.steps
    assert isinstance(step, KernelStep)
    assert step.arguments[0].buffer.node is x
    np.testing.assert_allclose(f(draw(5, 4, 6), draw(4, 3)), expected(draw(5, 4, 6)[::-1]) @ draw(4, 3))


def test_a_matrix_product_reads_what_overlaps():
    x, w = wf.matrix("x", dtype="float32"), wf.matrix("w", dtype="float32")
    f = wf.function([x, w], [wf.apply(Skewed(33), x[0]) @ w, w.T @ wf.apply(Skewed(33), x[1])[::-1].T])
    assert all(isinstance(step, KernelStep) for step in f.program.steps)
    v, u = draw(2, 400).astype(np.float32), draw(33, 50).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(v, 33, 1)
    first, second = f(v, u)
    np.testing.assert_allclose(first, windows[0] @ u, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(second, u.T @ windows[1][::-1].T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(7, 4, 6), ("t", "n", "m")], ids=str)
def test_it_is_read_inside_the_body_of_a_loop(shape):
    x, h = wf.tensor("x", shape, "float64"), wf.vector("h", dtype="float64")
    last, _ = wf.scan(lambda h, s: (wf.tanh(h + anti(s[::-1])), h), h, x)
    f = wf.function([x, h], last)
    (loop,) = [s for s in f.program.steps if isinstance(s, LoopStep)]
    assert all(isinstance(s, NestStep) for s in loop.body)
    assert sum(len(s.nests) for s in loop.body) == 1
    v, u = draw(7, 4, 6), draw(4)
    for row in v:
        u = np.tanh(u + expected(row[::-1]))
    np.testing.assert_allclose(f(v, draw(4)), u)


def test_its_derivatives_are_written_in_parts():
    x = wf.matrix("x", dtype="float64")
    gradient = wf.grad((wf.sin(anti(x)) * anti(x)).sum(), x)
    second = wf.grad((gradient**2).sum(), x)
    f = wf.function([x], [gradient, second])
    assert not any(isinstance(step, KernelStep) for step in f.program.steps)
    for shape in ((3, 5), (5, 3), (1, 1), (0, 2)):
        v = draw(*shape)
        for found, wanted in zip(f(v), wf.evaluate([gradient, second], {x: v}), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
        reversed_places = [(i, shape[1] - 1 - i) for i in range(min(shape))]
        by_hand = np.zeros(shape)
        for place in reversed_places:
            by_hand[place] = np.cos(v[place]) * v[place] + np.sin(v[place])
        np.testing.assert_allclose(f(v)[0], by_hand, rtol=1e-12)


@dataclass(frozen=True)
class Shifted(wf.Op):
    """Wrong: x[i + by], of which the last lie behind x."""

    by: int

    def infer(self, x):
        return x

    def numpy(self, x):
        return x[np.arange(x.shape[0]) + self.by]

    def index_map(self, x):
        return (along(0, 1, self.by),)


@dataclass(frozen=True)
class Lost(wf.Op):
    """Wrong: a map for a second axis, of which there is none."""

    def infer(self, x):
        return x

    def index_map(self, x):
        return (along(0), along(1))


@pytest.mark.parametrize("by", [-1, 2])
def test_nothing_outside_of_its_argument_is_read(by):
    with pytest.raises(wf.IndexRangeError, match=f"shifted: the places {by} to {by + 4} do not lie within axis 0") as e:
        wf.apply(Shifted(by), wf.vector("x", [5]))
    assert any("test_new_movement.py" in note for note in e.value.__notes__)
    x = wf.vector("x", dtype="float64")
    y, back = wf.apply(Shifted(by), x), wf.apply(Unmove(Shifted(by), x.shape), x)
    for result in (y, back):
        f = wf.function([x], result * 2)
        with pytest.raises(wf.IndexRangeError, match=f"the places {by} to {by + 3} do not lie within axis 0"):
            f(draw(4))
        assert f(draw(0)).shape == (0,)


def test_a_map_belongs_to_its_axes():
    with pytest.raises(wf.ShapeError, match=r"lost: its index_map has 2 maps, over the axes \[0, 1\]"):
        wf.apply(Lost(), wf.vector("x", [5]))


def test_only_what_has_a_map_has_an_adjoint_in_parts():
    x = wf.matrix("x", (3, 4))
    with pytest.raises(wf.ArgumentError, match="the movement is an op with an index_map, and reshape has none"):
        wf.apply(Unmove(Reshape((4, 3)), (3, 4)), x.T)


@dataclass(frozen=True)
class Framed(wf.Op):
    """Zeros of `size`, with x written from `start` on: what users write in parts, and may get wrong."""

    size: object
    start: object

    def infer(self, x):
        return Type(x.dtype, (self.size,))

    def numpy(self, x):
        out = np.zeros(self.size, x.dtype)
        out[self.start : self.start + x.size] = x
        return out

    def parts(self, out, x):
        yield wf.zeros(out.shape, dtype=out.dtype), identity(1)
        yield x, (along(0, 1, self.start),)


class Proved(Framed):
    """The same, of somebody who says that it is proved."""

    proves_places = True


@pytest.mark.parametrize("target", ["cpu", "reference"])
def test_parts_that_are_inside_are_written(target):
    x = wf.vector("x", (3,), "float64")
    f = wf.function([x], wf.apply(Framed(6, 2), x) * 2, target=target)
    np.testing.assert_array_equal(f(np.array([1.0, 2, 3])), [0, 0, 2, 4, 6, 0])


@pytest.mark.parametrize("target", ["cpu", "reference"])
@pytest.mark.parametrize("start", [4, -1, 100])
def test_parts_that_would_be_written_outside_are_refused(start, target):
    x = wf.vector("x", (3,), "float64")
    with pytest.raises((wf.ShapeError, IndexError), match=r"framed: the places .* do not lie within axis 0") as caught:
        wf.function([x], wf.apply(Framed(6, start), x), target=target)
    assert "wf.apply(Framed" in "\n".join(caught.value.__notes__)


def test_parts_of_which_nobody_knows_are_refused():
    x = wf.vector("x", ("n",), "float64")
    n = x.shape[0]
    with pytest.raises(wf.LoweringError, match=r"Framed: nothing proves that its `parts` write inside") as caught:
        wf.function([x], wf.apply(Framed(6, 2), x))
    assert "proves_places = True" in "\n".join(caught.value.__notes__)
    f = wf.function([x], wf.apply(Framed(n + 3, 1), x))  # here sizes alone say so
    np.testing.assert_array_equal(f(np.array([1.0, 2])), [0, 1, 2, 0, 0])
    g = wf.function([x], wf.apply(Proved(6, 2), x))
    np.testing.assert_array_equal(g(np.array([1.0, 2])), [0, 0, 1, 2, 0, 0])
