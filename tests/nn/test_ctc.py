"""Connectionist temporal classification: impossible labels, padding, lengths, sizes that a call decides."""

import numpy as np
import pytest

import weft as wf
from weft.nn.losses import ctc
from weft.symbolic.errors import IndexRangeError

SCORES = np.random.default_rng(0).normal(size=(5, 2, 4)).astype("float32")


@pytest.fixture(scope="module")
def compiled():
    z = wf.tensor("z", ("steps", "n", "classes"), "float32")
    labels = wf.matrix("labels", ("n", "most"), "int64")
    steps, lengths = wf.vector("steps", ("n",), "int64"), wf.vector("lengths", ("n",), "int64")
    y = ctc(wf.log_softmax(z), labels, steps, lengths)
    zeroed = ctc(wf.log_softmax(z), labels, steps, lengths, zero_infinity=True)
    return wf.function([z, labels, steps, lengths], [y, zeroed, wf.grad(y.sum(), z), wf.grad(zeroed.sum(), z)])


def log_rows(z):
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_labels_that_fit_in_no_way(compiled):
    """[1, 1] takes three steps: there must be a blank between."""
    y, zeroed, slope, zeroed_slope = compiled(SCORES, np.array([[1, 1], [1, 2]]), np.array([2, 2]), np.array([2, 2]))
    assert np.isinf(y[0])
    assert zeroed[0] == 0
    assert np.isfinite(y[1])
    assert y[1] == zeroed[1]
    assert not slope[:, 0].any()
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(slope, zeroed_slope)
    np.testing.assert_allclose(y[1], -(log_rows(SCORES)[0, 1, 1] + log_rows(SCORES)[1, 1, 2]), rtol=1e-5)


def test_no_labels_and_no_steps(compiled):
    y, *_ = compiled(SCORES, np.zeros((2, 0), "int64"), np.array([3, 0]), np.array([0, 0]))
    np.testing.assert_allclose(y, [-log_rows(SCORES)[:3, 0, 0].sum(), 0], rtol=1e-5)
    y, *_ = compiled(SCORES[:0], np.array([[1], [1]]), np.array([0, 0]), np.array([0, 1]))
    np.testing.assert_array_equal(y, [0, np.inf])
    y, _, slope, _ = compiled(SCORES[:, :0], np.zeros((0, 2), "int64"), np.zeros(0, "int64"), np.zeros(0, "int64"))
    assert y.shape == (0,)
    assert slope.shape == (5, 0, 4)


def test_padding_counts_for_nothing(compiled):
    steps, lengths = np.array([4, 5]), np.array([1, 2])
    one = compiled(SCORES, np.array([[3, -1], [1, 2]]), steps, lengths)
    changed = SCORES.copy()
    changed[4, 0] = 1e4
    two = compiled(changed, np.array([[3, 99, 7], [1, 2, -5]]), steps, lengths)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not one[2][4, 0].any()


@pytest.mark.parametrize("label", [4, -1, -4])
def test_labels_are_checked(compiled, label):
    with pytest.raises(IndexRangeError, match=f"label {label} is out of range for 4 classes"):
        compiled(SCORES, np.array([[1, 2], [1, label]]), np.array([5, 5]), np.array([2, 2]))


def test_large_logits_are_finite(compiled):
    y, _, slope, _ = compiled(SCORES * 1e4, np.array([[1, 1], [1, 2]]), np.array([5, 4]), np.array([2, 2]))
    assert np.isfinite(y).all()
    assert np.isfinite(slope).all()


def test_long_sequences_are_torchs(compiled):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(60, 3, 7)).astype("float32")
    labels, steps, lengths = rng.integers(1, 7, (3, 20)), np.array([60, 50, 31]), np.array([20, 5, 12])
    y, _, slope, _ = compiled(scores, labels, steps, lengths)
    z = torch.tensor(scores, requires_grad=True)
    theirs = torch.nn.functional.ctc_loss(
        z.log_softmax(-1), torch.tensor(labels), torch.tensor(steps), torch.tensor(lengths), reduction="none"
    )
    (expected,) = torch.autograd.grad(theirs.sum(), z)
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(slope, expected.numpy(), atol=1e-4)


def test_impossible_classes_have_no_nan():
    lp = np.full((3, 1, 3), -np.inf, "float32")
    lp[:, 0, 1] = 0
    x = wf.tensor("x", lp.shape)
    y = ctc(x, np.array([[1]]))
    value, slope = wf.evaluate([y, wf.grad(y.sum(), x)], {x: lp})
    assert value == 0
    assert np.isfinite(slope).all()


def test_float16_is_computed_in_float32():
    x = wf.tensor("x", SCORES.shape, "float16")
    y = ctc(wf.log_softmax(x), np.array([[1, 1], [1, 2]]), np.array([2, 4]))
    value, slope = wf.evaluate([y, wf.grad(y.sum(), x)], {x: SCORES.astype("float16")})
    assert y.dtype == "float16"
    assert np.isinf(value[0])
    assert np.isfinite(value[1])
    assert np.isfinite(slope).all()


def test_another_blank_and_lengths_that_are_left_out():
    moved = np.roll(SCORES, -1, -1)  # the blank is the last class
    labels = np.array([[1, 2], [3, 3]])
    a, b = wf.evaluate([ctc(wf.log_softmax(SCORES), labels), ctc(wf.log_softmax(moved), labels - 1, blank=3)])
    np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": wf.matrix("l", (2, 3), "float32")}, "ctc: labels are integers, not float32"),
        ({"input_lengths": wf.vector("l", (3,), "int64")}, r"ctc: input_lengths have shape \(3,\).* \(2,\)"),
        ({"label_lengths": wf.vector("l", (2,), "float32")}, "ctc: label_lengths are integers, not float32"),
        ({"blank": 4}, "ctc: blank is a whole number from 0 to 3, not 4"),
        ({"zero_infinity": 1}, "ctc: zero_infinity is True or False, not 1"),
    ],
)
def test_errors_say_what_is_wrong(change, says):
    with pytest.raises(wf.WeftError, match=says):
        ctc(wf.constant(SCORES), **{"labels": np.array([[1, 1], [1, 2]]), **change})
