"""einsum against NumPy's."""

import numpy as np
import pytest

import weft as wf

from ..numeric import check_gradients

RNG = np.random.default_rng(2)
CASES = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ba", (3, 4)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ii", (4, 4)),
    ("ii->i", (4, 4)),
    ("iij->ij", (4, 4, 3)),
    ("iii->i", (3, 3, 3)),
    ("i,i->", (5,), (5,)),
    ("i,j->ij", (5,), (3,)),
    ("i,j->ji", (5,), (3,)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("...i,...i->...", (2, 3, 4), (2, 3, 4)),
    ("...ij,jk->...ik", (2, 6, 3, 4), (4, 5)),
    ("...ij,...jk", (2, 1, 3, 4), (6, 4, 5)),
    ("i...->...", (3, 4, 2)),
    ("ij,k->ij", (3, 4), (5,)),
    ("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)),
    ("ij,kj,ik,l->l", (3, 4), (5, 4), (3, 5), (6,)),
    ("abc,cd,be->ade", (2, 3, 4), (4, 5), (3, 6)),
    ("ij,jk->ik", (0, 4), (4, 5)),
    ("ij,jk->ik", (3, 0), (0, 5)),
    ("ij,ji->", (3, 4), (4, 3)),
    ("i,i,i->i", (3,), (3,), (3,)),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{c[0]} {c[1:]}" for c in CASES])
@pytest.mark.parametrize("symbolic", [False, True])
def test_values(case, symbolic):
    subscripts, *shapes = case
    arrays = [RNG.normal(size=s) for s in shapes]
    inputs = [wf.tensor(None, [None] * len(s) if symbolic and 1 not in s else s, "float64") for s in shapes]
    y = wf.einsum(subscripts, *inputs)
    wanted = np.einsum(subscripts, *arrays)
    assert y.ndim == wanted.ndim
    np.testing.assert_allclose(wf.function(inputs, y)(*arrays), wanted, rtol=1e-10, atol=1e-12)


MORE = [
    ("ji,jk->ik", (2, 3), (1, 4)),
    ("ij,jk->ik", (3, 1), (4, 5)),
    ("ij,ij->j", (1, 4), (3, 1)),
    ("ij,ij,ij->i", (1, 4), (3, 4), (3, 1)),
    ("...ij,...jk->...ik", (1, 3, 4), (2, 6, 4, 5)),
    ("i...,...i->...", (3, 2, 4), (2, 4, 3)),
    ("...i,j->j...", (2, 3, 4), (5,)),
    ("a...b,bc->...ac", (2, 3, 5, 4), (4, 3)),
    ("...,...->...", (), (3,)),
    ("i,->i", (3,), ()),
    ("->", ()),
    ("bA", (2, 3)),
    ("cb,ba", (2, 3), (3, 4)),
    ("b...a,c...b", (2, 5, 3), (4, 5, 2)),
    (" i j , j k -> k i ", (2, 3), (3, 4)),
    ("ij,jk,ki->", (2, 3), (3, 4), (4, 2)),
    ("ij,jk,kl,lm->mi", (2, 3), (3, 4), (4, 2), (2, 5)),
    ("ii,ij,jj->j", (3, 3), (3, 2), (2, 2)),
    ("iij,jji->", (2, 2, 3), (3, 3, 2)),
    ("ij,i->", (2, 0), (2,)),
    ("ij,kl->", (2, 3), (4, 5)),
    ("i,j,k->kji", (2,), (3,), (4,)),
    ("bi,bj,bk->bijk", (5, 2), (5, 3), (5, 4)),
]


@pytest.mark.parametrize("case", MORE, ids=[f"{c[0]} {c[1:]}" for c in MORE])
def test_stretched_axes_ellipses_and_several_operands(case):
    subscripts, *shapes = case
    arrays = [RNG.normal(size=s) for s in shapes]
    inputs = [wf.tensor(None, s, "float64") for s in shapes]
    y, wanted = wf.einsum(subscripts, *inputs), np.einsum(subscripts, *arrays)
    assert y.shape == wanted.shape
    np.testing.assert_allclose(wf.evaluate(y, dict(zip(inputs, arrays, strict=True))), wanted, rtol=1e-10, atol=1e-12)
    check_gradients(lambda *values: wf.einsum(subscripts, *values), arrays)


def test_derivatives():
    inputs = [wf.tensor(None, s, "float64") for s in ((2, 3, 4), (4, 5), (3, 3))]
    y = wf.einsum("abc,cd,bb->ad", *inputs)
    wf.check_grad(y, inputs, {x: RNG.normal(size=x.shape) for x in inputs}, order=2)


def test_dtypes_meet():
    assert wf.einsum("i,i->i", wf.vector("a", (3,)), wf.vector("b", (3,), dtype="int64")).dtype == np.float64


@pytest.mark.parametrize(
    ("subscripts", "shapes", "error", "text"),
    [
        ("ij,jk->ik", [(3, 4)], wf.ArgumentError, "names 2 operands, and there are 1"),
        ("i1->i", [(3, 4)], wf.ArgumentError, "something else than letters"),
        ("ij->ik", [(3, 4)], wf.ArgumentError, "must have labels of the operands"),
        ("ij->ii", [(3, 4)], wf.ArgumentError, "each once"),
        ("ij,jk->ik", [(3, 4), (5, 2)], wf.ShapeError, "'j' has the sizes 4 and 5"),
        ("ijk->i", [(3, 4)], wf.ShapeError, "names 3 axes of an operand of shape"),
        ("i->i", [(3, 4)], wf.ShapeError, "names 1 axes"),
        ("ijk...->i", [(3, 4)], wf.ShapeError, "names 3 axes of an operand of shape"),
        ("ij,i->k", [(3, 4), (3,)], wf.ArgumentError, "must have labels of the operands"),
    ],
)
def test_what_is_refused(subscripts, shapes, error, text):
    with pytest.raises(error, match=text):
        wf.einsum(subscripts, *(wf.tensor(None, s) for s in shapes))


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        (((2, 3), (4, 5, 3)), ([1], [-1])),
        (((2, 3), (4, 5, 3)), ([-1], [2])),
        (((4, 5, 3), (3, 4)), ((-1, 0), (0, -1))),
        (((4, 5, 3), (5, 3, 2)), 2),
        (((4, 5), (3,)), 0),
        (((3,), (4, 3, 2)), (0, -2)),
    ],
)
def test_tensordot_over_axes_from_either_end(shapes, axes):
    a, b = (RNG.normal(size=s) for s in shapes)
    x, y = (wf.tensor(None, s, "float64") for s in shapes)
    product = wf.tensordot(x, y, axes)
    right = np.tensordot(a, b, axes)
    g = RNG.normal(size=right.shape)
    found, to_x, to_y = wf.evaluate([product, *wf.grad((product * g).sum(), [x, y])], {x: a, y: b})
    np.testing.assert_allclose(found, right)
    np.testing.assert_allclose((to_x * a).sum(), (g * right).sum())  # the product is linear in both
    np.testing.assert_allclose((to_y * b).sum(), (g * right).sum())


@pytest.mark.parametrize("shapes", [((4, 3), (3,)), ((3,), (2, 3, 5)), ((2, 4, 3), (3,)), ((2, 4, 3), (5, 3, 2))])
def test_dot_of_unequal_ranks(shapes):
    a, b = (RNG.normal(size=s) for s in shapes)
    np.testing.assert_allclose(wf.evaluate(wf.dot(wf.constant(a), wf.constant(b))), np.dot(a, b))
