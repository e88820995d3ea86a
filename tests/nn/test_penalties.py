"""Regularisers and constraints: edges that the sweep of all parts does not see."""

import numpy as np
import pytest

import weft as wf
from weft.nn import constraints, regularizers, updates
from weft.symbolic.errors import ArgumentError, DTypeError, ShapeError
from weft.symbolic.evaluate import evaluate


def test_parameters_are_listed_or_named_or_one():
    w, b = wf.shared(np.array([[1.0, -2.0]]), "w"), wf.shared(np.array([3.0]), "b")
    for name, total in (("l1", 6), ("l2", 14)):
        penalty = getattr(regularizers, name)
        for given in ([w, b], (w, b), {"w": w, "b": b}, iter([w, b])):
            assert evaluate(penalty(given)) == total
        assert evaluate(penalty(b)) == {"l1": 3, "l2": 9}[name]
        assert evaluate(penalty([])) == 0


def test_a_group_of_zeros_has_no_gradient():
    w = wf.shared(np.array([[0.0, 3.0], [0.0, 4.0]]), "w")
    penalty = regularizers.group_lasso(w)
    found, slope = evaluate([penalty, wf.grad(penalty, w)])
    np.testing.assert_allclose(found, 5 * np.sqrt(2))
    np.testing.assert_allclose(slope, np.sqrt(2) * np.array([[0, 0.6], [0, 0.8]]))


def test_groups_over_symbolic_axes():
    x = wf.matrix("x", ("n", "m"), "float64")
    value = np.arange(6.0).reshape(2, 3)
    found = wf.function([x], regularizers.group_lasso(x))(value)
    np.testing.assert_allclose(found, np.sqrt(2) * np.linalg.norm(value, axis=0).sum())


def test_orthogonal_weights_cost_nothing():
    rng = np.random.default_rng(0)
    for shape in ((3, 5), (5, 3), (4, 2, 3, 3)):
        w = wf.shared(wf.nn.init.orthogonal(shape, rng, dtype="float64"))
        assert evaluate(regularizers.orthogonality(w)) < 1e-24
    assert evaluate(regularizers.orthogonality(wf.shared(np.ones(3)))) == 0


def test_contractive_is_the_norm_of_the_jacobian():
    rng = np.random.default_rng(0)
    x, w = wf.vector("x", (3,), "float64"), rng.normal(size=(3, 2))
    a = wf.expand_dims(x, 0) @ wf.constant(w)
    penalty = regularizers.contractive(wf.sigmoid(a), a, wf.constant(w))
    jacobian = wf.jacobian(wf.sigmoid(a)[0], x)
    found, of = wf.function([x], [penalty, jacobian])(rng.normal(size=3))
    np.testing.assert_allclose(found, [(of**2).sum()])


def test_sparsity_at_the_ends():
    a = wf.matrix("a", (2, 3), "float32")
    penalty = regularizers.sparsity(a, 0.1)
    value, slope = wf.function([a], [penalty, wf.grad(penalty, a)])(np.float32([[0, 1, 0.1], [0, 1, 0.1]]))
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    with pytest.raises(ArgumentError, match="sparsity: target is a number between 0 and 1"):
        regularizers.sparsity(a, 1.0)


def test_what_has_no_penalty():
    x = wf.matrix("x", (2, 3), "int64")
    with pytest.raises(DTypeError, match="l2 takes floats, not int64"):
        regularizers.l2([x])
    with pytest.raises(ArgumentError, match="l1: a parameter is an expression, not 3"):
        regularizers.l1([3])
    with pytest.raises(ShapeError, match="contractive takes"):
        regularizers.contractive(wf.matrix("h", (2, 3)), wf.matrix("a", (2, 3)), wf.matrix("w", (4, 5)))


def test_constraints_hold_after_every_step():
    w = wf.shared(np.array([[3.0, 0.1], [4.0, 0.1]], "float32"), "w")
    b = wf.shared(np.array([0.5, -0.5], "float32"), "b")
    loss = -wf.sum(w) + wf.sum(b)
    plain = updates.momentum(loss, [w, b], 0.1)
    bound = constraints.apply(plain, {w: constraints.max_norm(2.0), b: constraints.non_negative})
    assert bound.params == [w, b]
    assert all(cell.dtype == new.dtype for cell, new in bound.items())
    new_w, new_b = evaluate([bound[w], bound[b]])
    moved = np.array([[3.1, 0.2], [4.1, 0.2]])
    np.testing.assert_allclose(new_w, moved * [2 / np.linalg.norm(moved[:, 0]), 1], rtol=1e-6)
    np.testing.assert_allclose(new_b, [0.4, 0])
    assert {cell for cell in bound if bound[cell] is not plain[cell]} == {w, b}


@pytest.mark.parametrize("make", [constraints.unit_norm, constraints.max_norm, constraints.min_max_norm])
def test_zeros_stay_zeros(make):
    w = wf.shared(np.array([[0.0, 3.0], [0.0, 4.0]]))
    found = evaluate(make()(w))
    np.testing.assert_array_equal(found[:, 0], 0)
    assert np.isfinite(found).all()


def test_a_constraint_of_ones_own():
    w = wf.shared(np.ones(2), "w")
    plain = updates.sgd(wf.sum(w), [w], 1.0)
    np.testing.assert_array_equal(evaluate(constraints.apply(plain, {w: lambda v: v + 5})[w]), [5, 5])
    with pytest.raises(ShapeError, match=r"apply: the constraint of w makes \(\) of \(2,\)"):
        constraints.apply(plain, {w: wf.sum})
    with pytest.raises(ArgumentError, match="updates has no new value for other"):
        constraints.apply(plain, {wf.shared(np.ones(2), "other"): constraints.non_negative})
    with pytest.raises(ArgumentError, match="clip: low is at most high"):
        constraints.clip(1, 0)


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, np.inf, True, "a", wf.scalar("limit")])
def test_norms_are_bounded_by_numbers_above_nought(wrong):
    with pytest.raises(ArgumentError, match="max_norm: limit is"):
        constraints.max_norm(wrong)
    with pytest.raises(ArgumentError, match="min_max_norm: high is"):
        constraints.min_max_norm(0.0, wrong)
    for target in (wrong, 1, 1.0):
        with pytest.raises(ArgumentError, match="sparsity: target is a number between 0 and 1, not"):
            regularizers.sparsity(wf.matrix("a", (2, 3)), target)


def test_errors_of_unit_norm_say_so():
    with pytest.raises(DTypeError, match=r"^unit_norm takes floats, not int64"):
        constraints.unit_norm()(wf.vector("v", (2,), "int64"))
    with pytest.raises(ShapeError, match=r"^unit_norm"):
        constraints.unit_norm(axes=5)(wf.vector("v", (2,)))
