"""Nests of loops and what is done to them: a nest computes the same before and after, whatever its axes."""

from dataclasses import replace

import numpy as np
import pytest

from weft.codegen.lowering.loops import (
    ONE,
    ZERO,
    Access,
    Accumulate,
    Apply,
    Extent,
    Index,
    Load,
    LoopNest,
    Offset,
    Store,
    axis_to_cut,
    fastest_axis,
    order_axes,
    row_major,
    simplify,
)
from weft.codegen.reference import FUSION
from weft.codegen.reference.nests import run_nest
from weft.ops import scalar
from weft.symbolic.dims import SymDim
from weft.symbolic.types import INT64

SIZES = {"n": 3, "m": 1, "k": 4}
N, M, K = (Extent(1, (SymDim(name),)) for name in SIZES)
EXTENTS = [Extent(1), Extent(2), Extent(3), Extent(5), N, M, K, Extent(2, N.symbols)]


class Drawn:
    """A nest of random axes: what it reads lies in C order over some of them, in any order, or backwards."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        count = int(self.rng.integers(1, 5))
        self.axes = tuple(EXTENTS[i] for i in self.rng.integers(len(EXTENTS), size=count))
        self.reduced = frozenset(k for k in range(count) if self.rng.random() < 0.4)
        self.buffers = []
        body = [Load(self.read()) for _ in range(self.rng.integers(1, 4))]
        if self.rng.random() < 0.3:
            body.append(Index(INT64, ((int(self.rng.integers(count)), 2),), 1))
        body += [Apply(INT64, scalar.mul, (0, len(body) - 1), (INT64, INT64))]
        body += [Apply(INT64, scalar.add, (len(body) - 1, 0), (INT64, INT64))]
        writes = [self.write(value) for value in self.rng.choice(len(body), 2)]
        self.nest = LoopNest(self.axes, self.reduced, tuple(body), tuple(writes))

    def over(self, axes):
        """Strides of C order over these axes, and how many elements there are."""
        strides, step, size = [ZERO] * len(self.axes), ONE, 1
        for k in reversed(axes):
            strides[k] = step
            step = step * self.axes[k]
            size *= self.axes[k].value(SIZES)
        return strides, size

    def some_order(self, axes):
        return list(self.rng.permutation(axes)) if self.rng.random() < 0.4 else list(axes)

    def new(self, size):
        self.buffers.append(self.rng.integers(-9, 9, size + 2))
        return len(self.buffers) - 1

    def read(self):
        axes = [k for k in range(len(self.axes)) if self.rng.random() < 0.8]
        strides, size = self.over(self.some_order(axes))
        offset = (Offset(2, ONE),)
        if axes and self.rng.random() < 0.3:  # backwards along one of them
            k = axes[0]
            last = self.axes[k].value(SIZES) - 1
            offset = (Offset(1, ONE), Offset(last, strides[k]))
            strides[k] = strides[k] * Extent(-1)
        return Access(self.new(size), INT64, tuple(strides), offset)

    def write(self, value):
        kept = [k for k in range(len(self.axes)) if k not in self.reduced]
        if not self.reduced or self.rng.random() < 0.3:
            strides, size = self.over(self.some_order(range(len(self.axes))))
            return Store(Access(self.new(size), INT64, tuple(strides)), int(value))
        kinds = ["sum", "max", "min", "prod", *(["argmax", "argmin"] if len(self.reduced) == 1 else [])]
        strides, size = self.over(self.some_order(kept))
        return Accumulate(Access(self.new(size), INT64, tuple(strides)), int(value), str(self.rng.choice(kinds)))

    def run(self, nest):
        """The contents of all buffers after a nest has run."""
        buffers = [b.copy() for b in self.buffers]
        run_nest(nest, buffers, SIZES)
        return buffers


def fast_last(nest):
    places = any(isinstance(w, Accumulate) and w.kind.startswith("arg") for w in nest.writes)
    return max(nest.reduced) if places and nest.reduced else fastest_axis(nest)


@pytest.mark.parametrize("seed", range(120))
def test_transformed_nests_compute_the_same(seed):
    drawn = Drawn(seed)
    wanted = drawn.run(drawn.nest)
    assert any((a != b).any() for a, b in zip(wanted, drawn.buffers, strict=True))
    small = simplify(drawn.nest)
    for nest in (small, order_axes(drawn.nest), order_axes(small)):
        for one, other in zip(drawn.run(nest), wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        assert np.prod([a.value(SIZES) for a in nest.axes]) == np.prod([a.value(SIZES) for a in drawn.axes])
    assert simplify(small) == small
    ones = [k for k, axis in enumerate(small.axes) if axis == ONE]
    assert not ones or (small.reduced == set(ones) and len(ones) == 1)  # a reduction of one element is still one


@pytest.mark.parametrize("seed", range(120))
def test_the_order_of_loops(seed):
    """Parallel axes, reduced ones, and the fastest, which is the last, each kind in the order that it had."""
    nest = Drawn(seed).nest
    inner = fast_last(nest)
    kept = [*(k for k in nest.parallel if k != inner), *(k for k in sorted(nest.reduced) if k != inner), inner]
    found = order_axes(nest)
    assert found.axes == tuple(nest.axes[k] for k in kept)
    assert found.reduced == {place for place, k in enumerate(kept) if k in nest.reduced}
    for before, after in zip(nest.accesses, found.accesses, strict=True):
        assert after.strides == tuple(before.strides[k] for k in kept)


def nest_over(shape, *loads, reduced=(), kind=None, index=None):
    """A nest over a shape that reads buffers with these strides, and writes one in C order, or reduces."""
    axes = tuple(Extent(d) if isinstance(d, int) else d for d in shape)
    body = [Load(Access(n, INT64, tuple(map(Extent, strides)))) for n, strides in enumerate(loads)]
    if index is not None:
        body.append(Index(INT64, ((index, 1),), 0))
    kept = [d for k, d in enumerate(shape) if k not in reduced]
    steps = iter(row_major(tuple(kept)))
    strides = tuple(ZERO if k in reduced else next(steps) for k in range(len(shape)))
    out = Access(len(loads), INT64, strides)
    write = Store(out, 0) if kind is None else Accumulate(out, 0, kind)
    return LoopNest(axes, frozenset(reduced), tuple(body), (write,))


MERGED = {  # the axes that are left
    "all in C order": (nest_over((2, 3, 4), (12, 4, 1)), (24,)),
    "one value repeated": (nest_over((2, 3, 4), (0, 0, 0)), (24,)),
    "a part of rows": (nest_over((2, 3, 4), (24, 8, 1)), (6, 4)),
    "transposed": (nest_over((3, 4), (1, 3)), (3, 4)),
    "one of two in another order": (nest_over((3, 4), (4, 1), (1, 3)), (3, 4)),
    "one row for all": (nest_over((2, 3, 4), (0, 4, 1)), (2, 12)),
    "one column for all": (nest_over((2, 3, 4), (3, 1, 0)), (6, 4)),
    "axes of 1": (nest_over((2, 1, 3, 1), (3, 3, 1, 1)), (6,)),
    "reduced ones among themselves": (nest_over((2, 3, 4), (12, 4, 1), reduced=(1, 2), kind="sum"), (2, 12)),
    "reduced and not": (nest_over((2, 3), (3, 1), reduced=(1,), kind="sum"), (2, 3)),
    "a place of an extreme": (nest_over((2, 3), (3, 1), reduced=(0, 1), kind="argmax"), (2, 3)),
    "an index that is read": (nest_over((2, 3), (3, 1), index=1), (2, 3)),
    "an index elsewhere": (nest_over((2, 3, 4), (12, 4, 1), index=0), (2, 12)),
    "nothing but a reduction of one": (nest_over((1, 1), (1, 1), reduced=(0, 1), kind="sum"), (1,)),
}


@pytest.mark.parametrize("kind", MERGED)
def test_axes_that_merge(kind):
    nest, axes = MERGED[kind]
    assert tuple(axis.value({}) for axis in simplify(nest).axes) == axes


def test_symbolic_axes_merge_where_strides_say_so():
    strides = (N * Extent(4), Extent(4), ONE)
    nest = LoopNest(
        (K, N, Extent(4)), frozenset(), (Load(Access(0, INT64, strides)),), (Store(Access(1, INT64, strides), 0),)
    )
    (axis,) = simplify(nest).axes
    assert axis == Extent(4, (K * N).symbols)


def test_the_fastest_axis_is_that_of_most_elements():
    # b is read along axis 0; a and the result, which have more axes, along axis 1
    assert fastest_axis(nest_over((3, 4), (4, 1), (1, 0))) == 1
    assert fastest_axis(nest_over((3, 4), (1, 3), (1, 3))) == 0  # two that are transposed against one result
    assert fastest_axis(nest_over((3, 4), (1, 0), reduced=(1,), kind="sum")) == 0


LIMITS = FUSION._replace(chunks=4, few_results=8, few_columns=2, long=100)

CUT = {  # the reduced axis that is cut
    "a long sum": (nest_over((200,), (1,), reduced=(0,), kind="sum"), 0),
    "a short one": (nest_over((99,), (1,), reduced=(0,), kind="sum"), None),
    "of unknown length": (nest_over((N,), (1,), reduced=(0,), kind="max"), 0),
    "the longest axis": (nest_over((20, 30), (30, 1), reduced=(0, 1), kind="sum"), 1),
    "the unknown rather than the longest": (nest_over((N, 30), (30, 1), reduced=(0, 1), kind="sum"), 0),
    "few results": (nest_over((8, 50), (50, 1), reduced=(1,), kind="sum"), 1),
    "more results": (nest_over((9, 50), (50, 1), reduced=(1,), kind="sum"), None),
    "an unknown number of results": (nest_over((N, 500), (500, 1), reduced=(1,), kind="sum"), None),
    "few columns": (nest_over((50, 16), (16, 1), reduced=(0,), kind="sum"), 0),
    "more columns": (nest_over((50, 17), (17, 1), reduced=(0,), kind="sum"), None),
    "nothing reduced": (nest_over((500,), (1,)), None),
    "a place": (nest_over((500,), (1,), reduced=(0,), kind="argmax"), None),
    "fewer than two in a part": (nest_over((5, 7, 7), (49, 7, 1), reduced=(1, 2), kind="sum"), None),
    "cut before": (replace(nest_over((200,), (1,), reduced=(0,), kind="sum"), chunks=(0, 4)), None),
}


@pytest.mark.parametrize("kind", CUT)
def test_which_axis_is_cut_into_parts(kind):
    nest, axis = CUT[kind]
    assert axis_to_cut(nest, LIMITS) == axis


def test_extents_are_products():
    assert Extent(2) * N * Extent(3) == Extent(6, N.symbols)
    assert N * K == K * N
    assert N * ZERO == ZERO
    assert Extent(2, N.symbols).plus(Extent(3, N.symbols)) == Extent(5, N.symbols)
    assert N.plus(N * Extent(-1)) == ZERO
    assert N.plus(ZERO) is N
    assert N.plus(K).value(SIZES) == 7
    assert str(Extent(3, (K * N).symbols)) == "3*k*n"
