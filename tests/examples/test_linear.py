"""Linear classifiers of the gallery."""

import numpy as np
import pytest

import weft as wf

from .programs import agree_with_torch, run


@pytest.fixture(autouse=True)
def _double():
    with wf.config(float_dtype="float64"):
        yield


@pytest.mark.parametrize("name", ["svm_loss", "softmax_loss", "penalties"])
def test_program_runs(name, tmp_path):
    with wf.config(float_dtype="float32"):
        run(f"linear.{name}", tmp_path, "--quick")


RNG = np.random.default_rng(8)
X, LABELS = RNG.normal(size=(6, 4)), np.array([0, 3, 9, 2, 3, 1])


def test_svm_loss_of_the_worked_example():
    from examples.linear.svm_loss import LABELS, SCORES, svm_loss

    np.testing.assert_allclose(wf.evaluate(svm_loss(wf.constant(SCORES), wf.constant(LABELS)), {}), [2.9, 0, 12.9])


def test_losses_agree_with_torch():
    from examples.linear.softmax_loss import softmax_loss
    from examples.linear.svm_loss import network, svm_loss

    (x, t), scores = network(4)
    functional = pytest.importorskip("torch").nn.functional
    references = {
        svm_loss: lambda y, t: 10 * functional.multi_margin_loss(y, t),
        softmax_loss: functional.cross_entropy,
    }
    for loss_of, loss in references.items():
        reference = lambda torch, params, x, t: loss(x @ params["net.dense_w"] + params["net.dense_b"], t)  # noqa: E731
        agree_with_torch(loss_of(scores, t).mean(), {x: X, t: LABELS}, reference)


@pytest.mark.parametrize("name", ["L1", "L2"])
def test_penalties_agree_with_torch(name):
    from examples.linear.penalties import network

    (x, t), _, loss = network(4, name)

    def reference(torch, params, x, t):
        w, b = params.values()
        penalty = 3e-3 * w.abs().sum() if name == "L1" else 1e-2 * (w**2).sum()
        return torch.nn.functional.cross_entropy(x @ w + b, t) + penalty

    agree_with_torch(loss, {x: X, t: LABELS}, reference)


def test_absolute_values_leave_few_weights(tmp_path):
    with wf.config(float_dtype="float32"):
        found = run("linear.penalties", tmp_path, "--epochs=10")
    assert found["L1: weights below 0.01, %"] > 1.5 * found["none: weights below 0.01, %"]
    assert found["none: test error, %"] < 10
