"""Linear classifiers of the gallery."""

import numpy as np
import pytest

import weft as wf

from ..sampling import every
from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", every(3, ["svm_loss", "softmax_loss", "penalties"]))
def test_program_runs(name, tmp_path):
    run(f"linear.{name}", tmp_path, "--quick")


def test_svm_loss_of_the_worked_example():
    from examples.linear.svm_loss import LABELS, SCORES, svm_loss

    np.testing.assert_allclose(wf.evaluate(svm_loss(wf.constant(SCORES), wf.constant(LABELS)), {}), [2.9, 0, 12.9])


def test_losses_agree_with_torch(rows, labels):
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
        agree_with_torch(loss_of(scores, t).mean(), {x: rows, t: labels}, reference)


@pytest.mark.parametrize("name", ["L1", "L2"])
def test_penalties_agree_with_torch(name, rows, labels):
    from examples.linear.penalties import network

    (x, t), _, loss = network(4, name)

    def reference(torch, params, x, t):
        w, b = params.values()
        penalty = 3e-3 * w.abs().sum() if name == "L1" else 1e-2 * (w**2).sum()
        return torch.nn.functional.cross_entropy(x @ w + b, t) + penalty

    agree_with_torch(loss, {x: rows, t: labels}, reference)


def test_penalties_make_weights_few_or_small(tmp_path):
    found = run("linear.penalties", tmp_path)
    assert found["L1: weights below 0.01, %"] > 1.5 * found["none: weights below 0.01, %"]
    assert found["L2: largest weight"] < 0.7 * found["none: largest weight"]
    assert found["none: test error, %"] < 10
