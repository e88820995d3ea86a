"""Canonical nests: one form for what differs in names or numbers alone."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.lowering.canonical import CodeConstants, canonicalise, describe_composites
from weft.codegen.lowering.loops import ONE, Access, Apply, Extent, Index, Load, LoopNest, Offset, Store
from weft.codegen.reference.nests import run_nest
from weft.symbolic.dims import SymDim

FLOAT = np.dtype("float32")
N, M = SymDim("n"), SymDim("m")


class NoConstants(CodeConstants):
    """All numbers are a launch's."""

    def has_extent(self, axis):
        return False

    def has_stride(self, axis, stride):
        return stride == ONE

    def has_offset(self, access):
        return False


def copy(rows, columns, behind, start=()):
    """Rows to the columns `start` and later of rows that are `behind` apart."""
    load = Load(Access(0, FLOAT, (columns, ONE)))
    return LoopNest((rows, columns), frozenset(), (load,), (Store(Access(1, FLOAT, (behind, ONE), start), 0),))


def test_names_of_sizes_do_not_count():
    nests = [copy(Extent(1, (a,)), Extent(3, (b,)), Extent(8, (a, b)), (Offset(b, ONE),)) for a, b in ((N, M), (M, N))]
    first, second = map(canonicalise, nests)
    assert nests[0] != nests[1]
    assert first.nest == second.nest
    assert repr(first.nest) == repr(second.nest)
    assert list(first.sizes({"n": 5, "m": 7}).values()) == [5, 21, 280, 7]
    assert list(second.sizes({"n": 5, "m": 7}).values()) == [7, 15, 280, 5]


def test_whether_numbers_are_equal_counts():
    square, oblong = (canonicalise(copy(Extent(1, (N,)), Extent(1, (m,)), Extent(1, (m,)))) for m in (N, M))
    assert square.nest != oblong.nest
    assert (len(square.numbers), len(oblong.numbers)) == (1, 2)


def test_numbers_stay_where_a_target_wants_them_in_the_code():
    small, large = (copy(Extent(r), Extent(c), Extent(2 * c), (Offset(c, ONE),)) for r, c in ((2, 3), (40, 50)))
    assert canonicalise(small).nest == small
    assert canonicalise(small).numbers == ()
    found = [canonicalise(nest, NoConstants()) for nest in (small, large)]
    assert found[0].nest == found[1].nest
    assert [list(each.sizes({}).values()) for each in found] == [[2, 3, 6, 3], [40, 50, 100, 50]]


def test_offsets_are_one_number():
    offset = (Offset(2, Extent(5)), Offset(-3, ONE))
    nest = canonicalise(copy(Extent(2), Extent(3), Extent(30), offset)).nest
    assert nest.writes[0].access.offset == (Offset(7, ONE),)
    nothing = canonicalise(
        copy(Extent(2), Extent(3), Extent(30), (Offset(5, ONE), Offset(-1, Extent(5)))), NoConstants()
    )
    assert nothing.nest.writes[0].access.offset == ()


def test_starts_of_indices_are_numbers():
    def places(start):
        body = (Index(FLOAT, ((0, 2),), start),)
        return LoopNest((Extent(1, (N,)),), frozenset(), body, (Store(Access(0, FLOAT, (ONE,)), 0),))

    found = [canonicalise(places(start)) for start in (M, M + 3, 4)]
    assert found[0].nest == found[1].nest != found[2].nest
    assert list(found[1].sizes({"n": 5, "m": 7}).values()) == [5, 10]
    assert found[2].nest.body[0].start == 4


@pytest.mark.parametrize("constants", [None, NoConstants()])
def test_what_is_canonical_stays_so_and_computes_the_same(constants):
    nest = copy(Extent(3), Extent(1, (N,)), Extent(2, (N,)), (Offset(N, ONE),))
    found = canonicalise(nest, constants)
    again = canonicalise(found.nest, constants)
    assert again.nest == found.nest
    numbers = found.sizes({"n": 4})
    assert again.sizes(numbers) == numbers
    x, results = np.arange(12, dtype=FLOAT), [np.zeros(24, FLOAT) for _ in range(2)]
    run_nest(nest, [x, results[0]], {"n": 4})
    run_nest(found.nest, [x, results[1]], found.sizes({"n": 4}))
    np.testing.assert_array_equal(results[0].reshape(3, 8)[:, 4:], x.reshape(3, 4))
    np.testing.assert_array_equal(results[1], results[0])


def test_functions_of_users_are_told_apart_by_what_they_compute():
    def of(number):
        @wf.elementwise
        def blend(x, y):
            return x * number + y

        return blend

    texts = []
    for function in (of(2.0), of(2.0), of(3.0)):
        x = wf.vector("x")
        body = (Load(Access(0, FLOAT, (ONE,))), Apply(FLOAT, function(x, x).op.function, (0, 0), (FLOAT, FLOAT)))
        nest = LoopNest((Extent(4),), frozenset(), body, (Store(Access(1, FLOAT, (ONE,)), 1),))
        texts.append(describe_composites(nest))
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("blend")
