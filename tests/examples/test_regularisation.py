"""Regularisation of the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run

PROGRAMS = [
    "batch_normalisation",
    "augmentation",
    "dropout_at_test_time",
    "early_stopping",
    "noise",
    "weight_penalties",
]


@pytest.mark.parametrize("name", every(2, PROGRAMS))
def test_program_runs(name, tmp_path):
    run(f"regularisation.{name}", tmp_path, "--quick")


def entropy(torch, logits, t):
    return torch.nn.functional.cross_entropy(logits, t)


def test_dropout_at_test_time_agrees_with_torch(rows, labels):
    from examples.regularisation.dropout_at_test_time import network

    (x, t, training), logits = network(4, 3)

    def reference(torch, params, x, t, training):
        w, b, w2, b2, w3, b3 = params.values()
        return entropy(torch, torch.relu(torch.relu(x @ w + b) @ w2 + b2) @ w3 + b3, t)

    given = {x: rows, t: labels, training: np.array(False)}
    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), given, reference)


def test_noise_is_gone_at_test_time_and_leaves_means(rows):
    from examples.regularisation.noise import KINDS, network

    for kind in KINDS:
        nn.init.seed(0)
        (x, _, training), logits = network(4, kind, 3)
        f = wf.function([x, training], logits, on_unused_input="ignore", target="reference")
        plain = f(rows, False)
        w, b, *rest = nn.parameters(logits).values()
        w2, b2 = sorted(rest, key=lambda p: -p.ndim)
        wanted = np.maximum(rows @ w.get_value() + b.get_value(), 0) @ w2.get_value() + b2.get_value()
        np.testing.assert_allclose(plain, wanted, atol=1e-12)
        if kind not in ("none", "input noise"):
            draws = np.array([f(rows, True) for _ in range(100)])
            assert draws.std() > plain.std()
            np.testing.assert_allclose(draws.mean(0), plain, atol=6 * draws.std(0).max() / 10)


@pytest.mark.parametrize("kind", ["L1", "L2", "elastic net"])
def test_weight_penalties_agree_with_torch(kind, rows, labels):
    from examples.regularisation.weight_penalties import PENALTIES, network

    (x, t), _, fit, weights = network(4, 3)
    l1, l2 = {"L1": (1e-4, 0), "L2": (0, 1e-3), "elastic net": (1e-4, 1e-3)}[kind]

    def reference(torch, params, x, t):
        w, b, w2, b2 = params.values()
        penalty = sum(l1 * p.abs().sum() + l2 * (p**2).sum() for p in (w, w2))
        return entropy(torch, torch.relu(x @ w + b) @ w2 + b2, t) + penalty

    agree_with_torch(fit + PENALTIES[kind](weights), {x: rows, t: labels}, reference)


@pytest.mark.parametrize("training", [False, True])
def test_batch_normalisation_agrees_with_torch(training, rng, labels):
    from examples.regularisation.batch_normalisation import network

    (x, t, flag), _, logits = network(1, 6, True, 2, 3)

    def reference(torch, params, x, t, given):
        h, values = x, list(params.values())
        for k in range(5):
            w, b, scale, shift = values[4 * k : 4 * k + 4]
            z = torch.conv2d(h, w, b, padding=1) if k < 2 else h.flatten(1) @ w + b
            still = torch.zeros(len(scale)).double(), torch.ones(len(scale)).double()
            h = torch.sigmoid(torch.nn.functional.batch_norm(z, *still, scale, shift, training))
            h = torch.max_pool2d(h, 2) if k == 1 else h
        return entropy(torch, h @ values[-2] + values[-1], t)

    given = {x: rng.normal(size=(6, 1, 6, 6)), t: labels, flag: np.array(training)}
    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), given, reference)


def test_training_stops_before_it_gets_worse(tmp_path):
    found = run("regularisation.early_stopping", tmp_path, "--epochs=60", "--patience=5")
    assert found["stopped after epochs"] == found["chosen epoch"] + 5 < 60
    assert found["test loss of the chosen"] < found["test loss of the last"]


@pytest.mark.parametrize("kind", ["flip", "crop", "scale", "rotate", "shear", "jitter"])
def test_augmentation_changes_each_image_by_itself(kind, rng):
    from examples.regularisation.augmentation import augmented

    images = np.repeat(rng.uniform(size=(1, 1, 8, 8)), 20, 0)
    found = wf.evaluate(augmented(wf.constant(images), [kind], wf.random.Stream(0)), {})
    assert found.shape == images.shape
    assert len(np.unique(found.round(9), axis=0)) == (2 if kind == "flip" else 20)
    if kind == "flip":
        same = np.isclose(found, images).all((1, 2, 3))
        assert 0 < same.sum() < 20
        np.testing.assert_allclose(found[~same], images[~same][..., ::-1])
