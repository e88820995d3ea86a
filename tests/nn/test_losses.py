"""Losses: worked examples, formulas in NumPy, derivatives."""

import numpy as np
import pytest

import weft as wf
from weft.nn.losses import absolute_error, binary_crossentropy, crossentropy, multiclass_hinge, squared_error
from weft.symbolic.errors import IndexRangeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, vector
from weft.testing.gradients import check_grad


def test_multiclass_hinge_of_the_cat_the_car_and_the_frog():
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    loss = multiclass_hinge(scores, np.array([0, 1, 2]))
    np.testing.assert_allclose(evaluate(loss), [2.9, 0, 12.9], atol=1e-12)


@pytest.mark.parametrize("delta", [1.0, 0.5, 0.0, -0.5])
def test_multiclass_hinge_is_its_formula(delta):
    rng = np.random.default_rng(0)
    s, t = matrix("s", ("n", 5)), vector("t", ("n",), "int32")
    scores, labels = rng.normal(size=(7, 5)), rng.integers(0, 5, 7)
    margins = np.maximum(0, scores - scores[np.arange(7), labels][:, None] + delta)
    margins[np.arange(7), labels] = 0
    np.testing.assert_allclose(
        evaluate(multiclass_hinge(s, t, delta), {s: scores, t: labels}), margins.sum(1), rtol=1e-5
    )
    check_grad(multiclass_hinge(s, t, delta), s, {s: scores, t: labels})
    with pytest.raises(IndexRangeError):
        evaluate(grad(multiclass_hinge(s, t).sum(), s), {s: scores, t: labels + 5})


@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
def test_losses_of_classes_are_taken_along_the_last_axis(lead):
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(*lead, 4)), rng.integers(0, 4, lead)
    hinge, entropy = np.zeros(lead), np.zeros(lead)
    for place in np.ndindex(*lead):
        row, right = scores[place], labels[place]
        hinge[place] = sum(max(0.0, row[j] - row[right] + 0.5) for j in range(4) if j != right)
        entropy[place] = np.log(np.exp(row).sum()) - row[right]
    s, t = wf.tensor("s", scores.shape, "float64"), wf.tensor("t", lead, "int64")
    given = {s: scores, t: labels}
    np.testing.assert_allclose(evaluate(multiclass_hinge(s, t, 0.5), given), hinge, atol=1e-12)
    np.testing.assert_allclose(evaluate(crossentropy(s, t), given), entropy)
    check_grad(multiclass_hinge(s, t, 0.5), s, given)


def test_elementwise_losses():
    y, t = vector("y", dtype="float64"), vector("t", dtype="float64")
    values = {y: np.array([1.0, -2, 3]), t: np.array([1.0, 1, -1])}
    np.testing.assert_array_equal(evaluate(squared_error(y, t), values), [0, 9, 16])
    np.testing.assert_array_equal(evaluate(absolute_error(y, t), values), [0, 3, 4])
    np.testing.assert_array_equal(evaluate(grad(squared_error(y, t).sum(), y), values), [0, -6, 8])
    np.testing.assert_array_equal(evaluate(grad(absolute_error(y, t).sum(), y), values), [0, -1, 1])
    assert squared_error(y, 0.5).shape == y.shape


def test_losses_are_not_reduced():
    z = matrix("z", ("n", 4))
    assert crossentropy(z, vector("t", ("n",), "int64")).ndim == 1
    assert binary_crossentropy(z, z).ndim == 2


@pytest.mark.parametrize("label", [3, 7, -1])
def test_labels_are_checked_beside_constant_logits(label):
    t = vector("t", (1,), "int64")
    for logits in (np.zeros((1, 3), "float32"), np.array([[1.0, 2, 3]])):
        f = wf.function([t], crossentropy(wf.constant(logits), t))
        expected = np.log(np.exp(logits).sum()) - logits[0, 2]
        np.testing.assert_allclose(f(np.array([2])), [expected], rtol=1e-6)
        with pytest.raises(IndexRangeError):
            f(np.array([label]))
