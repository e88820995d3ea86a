"""softmax and its kind, and the losses on them: against SciPy, mpmath, and finite differences."""

import mpmath
import numpy as np
import pytest
from scipy import special

from weft.codegen.function import function
from weft.ops.activations import binary_crossentropy, crossentropy, log_softmax, pick, softmax
from weft.ops.scalar import log_sigmoid, softplus
from weft.symbolic.errors import DTypeError, IndexRangeError, ShapeError
from weft.symbolic.evaluate import evaluate
from weft.symbolic.grad import grad
from weft.symbolic.variables import matrix, tensor, vector
from weft.testing.gradients import check_grad


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize(("shape", "axis"), [((5, 7), -1), ((5, 7), 0), ((2, 3, 4), (0, 2)), ((1, 1), 1), ((0, 3), -1)])
def test_softmax_is_scipys(rng, shape, axis):
    x = tensor("x", (None,) * len(shape), "float64")
    value = rng.normal(size=shape) * 5
    np.testing.assert_allclose(evaluate(softmax(x, axis), {x: value}), special.softmax(value, axis), rtol=1e-13)
    np.testing.assert_allclose(
        evaluate(log_softmax(x, axis), {x: value}), special.log_softmax(value, axis), rtol=1e-12, atol=1e-14
    )


def test_softmax_of_huge_numbers_does_not_overflow():
    x = matrix("x", (2, 3), "float32")
    value = np.array([[1e38, 1e38, -1e38], [-3e38, 0, 100]], np.float32)
    np.testing.assert_allclose(evaluate(softmax(x), {x: value}), [[0.5, 0.5, 0], [0, 0, 1]], atol=1e-30)
    np.testing.assert_array_equal(evaluate(log_softmax(x), {x: value})[1, 2], 0)


def test_softmax_ignores_classes_of_minus_infinity():
    x = vector("x", (3,), "float64")
    value = np.array([-np.inf, 0.0, 0.0])
    p, loss = softmax(x), crossentropy(x.reshape(1, 3), np.array([1]))
    np.testing.assert_array_equal(evaluate(p, {x: value}), [0, 0.5, 0.5])
    np.testing.assert_allclose(evaluate(loss, {x: value}), np.log(2))
    np.testing.assert_allclose(evaluate(grad(loss.sum(), x), {x: value}), [0, -0.5, 0.5])


def test_log_softmax_of_unlikely_classes_keeps_its_digits():
    x = vector("x", (2,), "float64")
    value = np.array([0.0, -5000.25])
    np.testing.assert_allclose(evaluate(log_softmax(x), {x: value}), [0, -5000.25], rtol=1e-15)


def test_integers_become_floats():
    x = matrix("x", (2, 3), "int64")
    assert softmax(x).dtype == log_softmax(x).dtype == np.float64


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_softmax_derivatives_to_second_order(rng, function):
    x = matrix("x", ("n", 5))
    for axis in (0, -1):
        check_grad(function(x, axis), x, {x: rng.normal(size=(3, 5))}, order=2)


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 5), (1, 1), (0, 4)])
def test_crossentropy_is_the_negative_log_of_the_softmax(rng, kind, shape):
    z, t = tensor("z", (None,) * len(shape), "float64"), tensor("t", (None,) * (len(shape) - 1), kind)
    logits, labels = rng.normal(size=shape) * 3, rng.integers(0, shape[-1], shape[:-1])
    wanted = -np.take_along_axis(special.log_softmax(logits, -1), labels[..., None], -1)[..., 0]
    np.testing.assert_allclose(evaluate(crossentropy(z, t), {z: logits, t: labels}), wanted, rtol=1e-12, atol=1e-14)


def test_crossentropy_gradient_is_softmax_minus_one_hot(rng):
    z, t = matrix("z", ("n", 10)), vector("t", ("n",), "int64")
    logits, labels = rng.normal(size=(6, 10)).astype(np.float32), rng.integers(0, 10, 6)
    found = evaluate(grad(crossentropy(z, t).sum(), z), {z: logits, t: labels})
    np.testing.assert_allclose(found, special.softmax(logits, -1) - np.eye(10)[labels], rtol=1e-5, atol=1e-6)
    check_grad(crossentropy(z, t), z, {z: logits, t: labels}, order=2)


def test_crossentropy_of_equal_and_of_huge_logits():
    z = matrix("z", (2, 4), "float32")
    loss = crossentropy(z, np.array([2, 0]))
    value = np.array([[1e4] * 4, [-1e30, 1e30, 0, 0]], np.float32)
    found, slope = evaluate([loss, grad(loss.sum(), z)], {z: value})
    np.testing.assert_allclose(found, [np.log(4), 2e30], rtol=1e-6)
    np.testing.assert_allclose(slope, [[0.25, 0.25, -0.75, 0.25], [-1, 1, 0, 0]], rtol=1e-6)


def test_crossentropy_with_many_classes_and_narrow_labels():
    z, t = matrix("z", (2, 1000), "float64"), vector("t", (2,), "uint8")
    logits = np.zeros((2, 1000))
    slope = evaluate(grad(crossentropy(z, t).sum(), z), {z: logits, t: np.array([3, 250])})
    assert list(np.flatnonzero(slope[0] < 0)) == [3]
    assert list(np.flatnonzero(slope[1] < 0)) == [250]


def test_crossentropy_with_probabilities(rng):
    z, p = matrix("z", ("n", 4), "float64"), matrix("p", ("n", 4), "float64")
    logits, soft = rng.normal(size=(3, 4)), rng.dirichlet(np.ones(4), 3)
    wanted = -(soft * special.log_softmax(logits, -1)).sum(-1)
    np.testing.assert_allclose(evaluate(crossentropy(z, p), {z: logits, p: soft}), wanted)
    check_grad(crossentropy(z, p), [z, p], {z: logits, p: soft}, order=2)


@pytest.mark.parametrize("label", [10, -1, 1 << 40])
@pytest.mark.parametrize("what", ["value", "gradient"])
def test_a_label_outside_the_classes_is_an_index_error_at_the_users_line(label, what):
    z, t = matrix("z", ("n", 10)), vector("t", ("n",), "int64")
    loss = crossentropy(z, t).sum()
    with pytest.raises(IndexRangeError) as caught:
        evaluate(loss if what == "value" else grad(loss, z), {z: np.zeros((2, 10)), t: np.array([3, label])})
    assert str(label) in str(caught.value)
    assert "test_activations.py" in "".join(caught.value.__notes__)


def test_labels_that_cannot_be():
    z = matrix("z", ("n", 10))
    with pytest.raises(ShapeError, match=r"crossentropy: labels of shape \(3, 4\) do not fit rows of shape \(n, 10\)"):
        crossentropy(z, np.zeros((3, 4), np.int64))
    with pytest.raises(ShapeError, match="probabilities of shape"):
        crossentropy(z, vector("t", ("n",)))
    with pytest.raises(DTypeError, match="pick takes integer labels, not float32"):
        pick(z, vector("t", ("n",)))


def test_pick_is_take_along_axis(rng):
    x, t = tensor("x", (3, 4, 5), "float32"), matrix("t", (3, 4), "int32")
    value, labels = rng.normal(size=(3, 4, 5)).astype(np.float32), rng.integers(0, 5, (3, 4))
    value[0, 0, (labels[0, 0] + 1) % 5] = np.nan  # not picked, so not seen
    found, slope = evaluate([pick(x, t), grad((pick(x, t) * 2).sum(), x)], {x: value, t: labels})
    np.testing.assert_array_equal(found, np.take_along_axis(value, labels[..., None], -1)[..., 0])
    np.testing.assert_array_equal(slope, 2 * (np.arange(5) == labels[..., None]))


def test_binary_crossentropy_is_exact_where_the_formula_is_not():
    z, t = vector("z", dtype="float64"), vector("t", dtype="float64")
    logits = np.array([-800.0, -30, -1e-3, 0, 2, 30, 800, np.inf, -np.inf])
    truth = np.array([0, 1, 0.3, 0.5, 1, 1, 0, 1, 0])
    with mpmath.workdps(50):
        exact = [mpmath.log(1 + mpmath.exp(a)) - mpmath.mpf(a) * b for a, b in zip(logits[:7], truth[:7], strict=True)]
    found = evaluate(binary_crossentropy(z, t), {z: logits, t: truth})
    np.testing.assert_allclose(found[:7], np.array(exact, float), rtol=1e-13, atol=1e-300)
    p = special.expit(logits)
    slope = evaluate(grad(binary_crossentropy(z, t).sum(), z), {z: logits, t: truth})
    np.testing.assert_allclose(slope, p - truth, atol=1e-15)


def test_binary_crossentropy_broadcasts_and_differentiates(rng):
    z, t = matrix("z", ("n", 3)), vector("t", (3,))
    values = {z: rng.normal(size=(4, 3)), t: rng.random(3)}
    check_grad(binary_crossentropy(z, t), [z, t], values, order=2)
    assert binary_crossentropy(z, 1).shape == z.shape
    assert binary_crossentropy(z, vector("b", (3,), "bool")).dtype == np.float32


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int64", "bool"])
def test_losses_have_the_dtype_of_the_logits(kind):
    z = matrix("z", (2, 3), kind)
    value = np.array([[0, 1, 1], [1, 0, 0]], kind)
    wide, own = value.astype("float64"), {"int64": "float64", "bool": "float32"}.get(kind, kind)
    truths = [0.25, 1, True, np.array([0, 1, 1]), np.array([True, False, True]), np.full((2, 1), 0.25, own)]
    outputs = [binary_crossentropy(z, t) for t in truths] + [pick(z, [2, 0]), crossentropy(z, [2, 0])]
    wanted = [np.logaddexp(0, wide) - wide * t for t in truths] + [value[[0, 1], [2, 0]]]
    wanted.append(np.log(np.exp(wide).sum(1)) - wide[[0, 1], [2, 0]])
    for y, found, right in zip(outputs, evaluate(outputs, {z: value}), wanted, strict=True):
        assert found.dtype == y.dtype == (kind if right.shape == (2,) and right.dtype == value.dtype else own)
        np.testing.assert_allclose(found, right, rtol=4e-3 if kind == "float16" else 1e-6)


@pytest.mark.parametrize("function", [softplus, log_sigmoid])
def test_the_derivative_at_0_is_that_of_the_smooth_function(function):
    x = vector("x", dtype="float64")
    first = grad(function(x).sum(), x)
    values = {x: np.array([0.0, -800, 800])}
    sign = 1 if function is softplus else -1
    np.testing.assert_allclose(evaluate(first, values), special.expit(sign * values[x]), rtol=1e-14)
    assert evaluate(grad(first.sum(), x), values)[0] == sign * 0.25


@pytest.mark.parametrize("classes", [1, 10, 67])
def test_compiled_crossentropy(rng, classes):
    z, t = matrix("z", ("n", classes)), vector("t", ("n",), "int32")
    loss = crossentropy(z, t).mean()
    f = function([z, t], [loss, grad(loss, z)])
    for n in (1, 5, 130):
        logits, labels = rng.normal(size=(n, classes)).astype(np.float32), rng.integers(0, classes, n).astype(np.int32)
        for found, wanted in zip(
            f(logits, labels), evaluate([loss, grad(loss, z)], {z: logits, t: labels}), strict=True
        ):
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("outputs", ["loss", "gradient"])
def test_compiled_code_refuses_labels_at_the_users_line(outputs):
    z, t = matrix("z", ("n", 3)), vector("t", ("n",), "int64")
    loss = crossentropy(z, t).sum()
    f = function([z, t], loss if outputs == "loss" else grad(loss, z))
    with pytest.raises(IndexRangeError, match="label 3 is out of range for 3 classes") as caught:
        f(np.zeros((2, 3), np.float32), np.array([0, 3]))
    assert "loss = crossentropy(z, t).sum()" in "".join(caught.value.__notes__)
    f(np.zeros((2, 3), np.float32), np.array([0, 2]))
