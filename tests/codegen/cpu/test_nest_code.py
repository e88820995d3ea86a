"""Nests that differ in numbers alone are one function; what LLVM makes code of, and what orders sums, is in it."""

import ctypes
from itertools import pairwise

import numpy as np
import pytest

import weft as wf
from weft.codegen.cpu.nests.code import SHORT, code_of
from weft.codegen.cpu.run import native
from weft.codegen.cpu.run.compile import compile_nests
from weft.codegen.lowering.loops import ONE, ZERO, Access, Accumulate, Apply, Extent, Load, LoopNest, Offset, Store
from weft.codegen.reference.nests import run_nest
from weft.ops.scalar import add, exp, rsqrt

FLOAT = np.dtype("float32")


def names(f):
    """The functions that the nests of a program are."""
    return {nest.source.name for nest in f.nests.values()}


def joined(*shapes, axis=1):
    xs = [wf.tensor(f"x{k}", shape, "float32") for k, shape in enumerate(shapes)]
    return wf.function(xs, wf.concatenate([x * 2 for x in xs], axis))


def test_concatenations_of_other_sizes_compile_nothing_new():
    rng = np.random.default_rng(0)
    first = joined((3, 20, 40), (3, 15, 40), (3, 14, 40))
    with pytest.MonkeyPatch.context() as patch:
        for compiler in ("compile_each", "Code"):
            patch.setattr(native, compiler, lambda *args: pytest.fail("compiled"))
        for shapes in ([(2, 27, 30), (2, 19, 30), (2, 28, 30)], [(5, 14, 64), (5, 13, 64), (5, 16, 64), (5, 9, 64)]):
            f = joined(*shapes)
            assert names(f) <= names(first)
            given = [rng.standard_normal(shape).astype(FLOAT) for shape in shapes]
            np.testing.assert_array_equal(f(*given), np.concatenate(given, 1) * 2)


def test_names_of_symbols_do_not_count():
    def function(*symbols):
        x, y = wf.matrix("x", symbols), wf.matrix("y", symbols)
        return wf.function([x, y], [wf.tanh(x * y[::-1]), x.sum(1), wf.concatenate([x, y])])

    f, g = function("n", "m"), function("rows", "columns")
    assert set(f.nests) != set(g.nests)
    assert names(f) == names(g)
    x, y = np.random.default_rng(1).standard_normal((2, 5, 9)).astype(FLOAT)
    for found, expected in zip(g(x, y), [np.tanh(x * y[::-1]), x.sum(1), np.concatenate([x, y])], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def map_nest(axes, strides, offset=0, function=add, reduced=()):
    """v = f(x[strides], x[0]): stored in rows, or summed over these axes."""
    axes = tuple(map(Extent, axes))
    load = Load(Access(0, FLOAT, tuple(map(Extent, strides)), (Offset(offset, ONE),) if offset else ()))
    operands = (0, 0) if function is add else (0,)
    body = (load, Apply(FLOAT, function, operands, (FLOAT,) * len(operands)))
    placed, step = [], 1
    for k in reversed(range(len(axes))):
        placed.append(ZERO if k in reduced else Extent(step))
        step *= 1 if k in reduced else axes[k].number
    out = Access(1, FLOAT, tuple(reversed(placed)))
    return LoopNest(axes, frozenset(reduced), body, (Accumulate(out, 1, "sum") if reduced else Store(out, 1),))


LONG = SHORT[1]
ROWS = map_nest((5, 40), (50, 1))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (ROWS, map_nest((6, 40), (50, 1)), True),  # more rows
        (ROWS, map_nest((5, 40), (60, 1)), True),  # further apart
        (ROWS, map_nest((5, 41), (50, 1)), False),  # a longer one, of a short loop
        (ROWS, map_nest((5, 40), (50, 2)), False),  # every other element
        (map_nest((5, LONG), (999, 1)), map_nest((7, LONG + 9), (999, 1)), True),  # long loops
        (map_nest((5, LONG - 1), (999, 1)), map_nest((5, LONG), (999, 1)), False),
        (map_nest((5, LONG), (999, 1), 0, exp), map_nest((5, LONG + 9), (999, 1), 0, exp), False),  # of polynomials
        (
            map_nest((5, LONG), (999, 1), 0, rsqrt),
            map_nest((5, LONG + 9), (999, 1), 0, rsqrt),
            True,
        ),  # of two divisions
        (map_nest((SHORT[0],), (1,)), map_nest((SHORT[0] + 1,), (1,)), True),  # one row
        (map_nest((SHORT[0] - 1,), (1,)), map_nest((SHORT[0],), (1,)), False),
        (map_nest((5, 70), (99, 1), 8), map_nest((5, 70), (99, 1), 9), True),  # from another element on
        (map_nest((5, 900), (900, 1), 0, add, [1]), map_nest((6, 900), (950, 1), 0, add, [1]), True),  # sums of rows
        (map_nest((5, 900), (900, 1), 0, add, [1]), map_nest((5, 901), (900, 1), 0, add, [1]), False),  # of other ones
        (map_nest((9, 5), (5, 1), 0, add, [1]), map_nest((9, 5), (6, 1), 0, add, [1]), False),  # vectors of rows
        (map_nest((9, 8, 4), (99, 4, 1)), map_nest((9, 8, 4), (98, 4, 1)), True),  # vectors of middle rows
        (map_nest((9, 8, 4), (99, 4, 1)), map_nest((9, 8, 4), (99, 5, 1)), False),
    ],
    ids=str,
)
def test_which_numbers_are_in_the_code(one, other, shared):
    assert (code_of(one, False).name == code_of(other, False).name) is shared
    assert code_of(one, False).name != code_of(one, True).name


def test_neighbours_of_a_buffer_keep_their_distance():
    x = wf.matrix("x", (30, 40))
    one, other = (wf.function([x], x[:, :30] + x[:, k : k + 30]) for k in (1, 2))
    assert names(one) != names(other)
    same = wf.function([x], x[:, :30] + x[:, 1:31])
    assert names(one) == names(same)


def test_functions_of_one_name_are_told_apart():
    def of(number):
        @wf.elementwise
        def blend(x):
            return wf.exp(x) * number

        blend.whole = True  # as one node, which no rule opens
        return blend

    x, data = wf.vector("x", (5,)), np.arange(5, dtype=FLOAT)
    functions = {number: wf.function([x], of(number)(x)) for number in (2.0, 3.0)}
    for number, f in functions.items():
        assert "blend(" in f.explain("nests")
        np.testing.assert_allclose(f(data), np.exp(data) * number, rtol=1e-6)


UNITS = {
    "one axis": ((9000,), (1,), ()),
    "two axes": ((7, 5000), (6000, 1), ()),
    "three axes": ((3, 5, 11), (100, 13, 1), ()),
    "four axes, the last in blocks": ((2, 3, 2, 4099), (99000, 20000, 5000, 1), ()),
    "backwards": ((4, 3, 10), (60, -20, -1), ()),
    "sums of rows": ((4, 3, 50), (200, 60, 1), (2,)),
    "sums of columns": ((3, 5, 7, 300), (90000, 9000, 301, 1), (2,)),
    "a sum": ((1, 500), (600, 1), (1,)),
}


def run_units(nest, x, out, cuts):
    """The units between these numbers, range by range, by the nest's own code."""
    one = compile_nests([nest], False)[nest]
    numbers = one.source.canonical.sizes({})
    kernel = ctypes.CFUNCTYPE(*[ctypes.c_int64] * 5)(one.address())
    buffers = np.array([x.ctypes.data, out.ctypes.data])
    params = np.array([*numbers.values(), 0])
    for low, high in pairwise(cuts(one.source.extent(numbers))):
        assert kernel(buffers.ctypes.data, params.ctypes.data, int(low), int(high)) == 0


@pytest.mark.parametrize("name", UNITS)
def test_units_cut_anywhere_are_the_same(name):
    axes, strides, reduced = UNITS[name]
    offset = -sum(min(0, (n - 1) * s) for n, s in zip(axes, strides, strict=True))
    size = 1 + sum((n - 1) * abs(s) for n, s in zip(axes, strides, strict=True))
    nest = map_nest(axes, strides, offset, add, reduced)
    rng = np.random.default_rng(len(name))
    x = rng.integers(-9, 9, size).astype(FLOAT)
    out = np.full(int(np.prod([n for k, n in enumerate(axes) if k not in reduced])), -1, FLOAT)
    expected = out.copy()
    run_nest(nest, [x, expected], {})
    run_units(nest, x, out, lambda units: [0, *sorted(rng.integers(0, units + 1, 5)), units])
    np.testing.assert_array_equal(out, expected)


def test_a_unit_writes_nothing_of_another():
    x, out = np.arange(60, dtype=FLOAT), np.full(60, -1, FLOAT)
    run_units(map_nest((3, 4, 5), (20, 5, 1)), x, out, lambda units: [3, 9])
    np.testing.assert_array_equal(out[:15], -1)
    np.testing.assert_array_equal(out[15:45], 2 * x[15:45])
    np.testing.assert_array_equal(out[45:], -1)


@pytest.mark.parametrize("shape", [(7, 5), (1, 9), (9, 1), (33, 40), (0, 3)], ids=str)
@pytest.mark.parametrize(("function", "vectors"), [(np.exp, True), (np.negative, False)])
def test_elements_that_stand_apart_make_vectors_where_much_is_computed(function, vectors, shape):
    """The distance is a parameter: LLVM would make vectors for a distance of 1, and nothing of the others."""
    x = wf.matrix("x", ("n", "m"))
    f = wf.function([x], function(x.T))
    assert ("vectorize.enable" not in f.explain("ir")) is vectors
    data = np.random.default_rng(2).standard_normal(shape).astype(FLOAT)
    np.testing.assert_allclose(f(data), function(data.T), rtol=1e-6)
