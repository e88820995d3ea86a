"""Losses of distances: equal vectors, large and small ones, axes."""

import numpy as np
import pytest

import weft as wf
from weft.nn import losses
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, vector


@pytest.mark.parametrize("p", [1, 2, 3.5, float("inf")])
def test_distances_of_equal_vectors_have_no_nan(p):
    a, b = matrix("a", ("n", 3), "float32"), matrix("b", ("n", 3), "float32")
    y = losses.distance(a, b, p)
    f = wf.function([a, b], [y, grad(y.sum(), a)])
    same = np.ones((2, 3), "float32")
    value, slope = f(same, same)
    assert not value.any()
    assert not slope.any()
    for scale in (1e-30, 1.0, 1e30):
        value, slope = f(np.float32(scale) * np.arange(3, dtype="float32")[None] + 0, np.zeros((1, 3), "float32"))
        largest = 2 * scale if p == float("inf") else (1 + 2.0**p) ** (1 / p) * scale
        np.testing.assert_allclose(value, [largest], rtol=1e-5)
        assert np.isfinite(slope).all()
        assert slope.any()


def test_losses_of_equal_vectors_have_finite_gradients():
    a, t = matrix("a", ("n", 3), "float64"), vector("t", ("n",), "bool")
    values = {a: np.array([[0.0, 0, 0], [1, 2, 3]]), t: np.array([True, False])}
    found = [
        losses.cosine_similarity(a, a),
        losses.cosine_embedding(a, a, t),
        losses.contrastive(a, a, t),
        losses.triplet_margin(a, a, a, swap=True),
        losses.info_nce(a, a),
        losses.ntxent(a, a),
    ]
    for y in found:
        first = grad(y.sum(), a)
        assert np.isfinite(evaluate([first, grad(wf.square(first).sum(), a)], values)).all()


def test_cosines_of_large_and_small_vectors():
    x = np.array([[3.0, 4.0]], "float32")
    for scale in (1e-30, 1e-9, 1e30):
        found = evaluate(losses.cosine_similarity(x * np.float32(scale), x, eps=1e-35))
        np.testing.assert_allclose(found, [1], rtol=1e-6)


def test_cosines_are_of_vectors_of_one_size():
    x, n = matrix("x", ("n", 3)), vector("v", ("n",))
    for other in (np.ones((4, 1)), np.ones(1), np.array(1.0), matrix("y", ("n", 1))):
        with pytest.raises(wf.ShapeError, match=r"cosine_similarity: vectors of 3 and of 1 elements"):
            losses.cosine_similarity(x, other)
    with pytest.raises(wf.ShapeError, match=r"cosine_embedding: vectors of 1 and of d elements"):
        losses.cosine_embedding(matrix("y", ("n", 1)), matrix("x", ("n", "d")), n)


def test_vectors_along_another_axis_and_one_for_all():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4))
    expected = np.linalg.norm(a - b, axis=1)
    np.testing.assert_allclose(evaluate(losses.distance(a, b, axis=1)), expected)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=0)
    np.testing.assert_allclose(evaluate(losses.cosine_similarity(a, b, axis=-2)), cosine)
