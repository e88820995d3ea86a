"""Activations of the gallery."""

import numpy as np
import pytest

from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["saturation"])
def test_program_runs(name, tmp_path):
    run(f"activations.{name}", tmp_path, "--quick")


def test_network_agrees_with_torch():
    from examples.activations.saturation import ACTIVATIONS, network

    functional = pytest.importorskip("torch").nn.functional
    for name, activation in ACTIVATIONS.items():
        (x, t), given, slopes, logits = network(4, activation, nn.init.he_normal, 3, 3)
        assert len(given) == len(slopes) == 3
        f = getattr(functional, name.replace(" ", "_"))

        def reference(torch, params, x, t):
            h, (*layers, w, b) = x, params.values()
            for k in range(0, 6, 2):
                h = f(h @ layers[k] + layers[k + 1])
            return torch.nn.functional.cross_entropy(h @ w + b, t)

        values = {x: np.random.default_rng(0).normal(size=(6, 4)), t: np.arange(6)}
        agree_with_torch(nn.losses.crossentropy(logits, t).mean(), values, reference)


def test_tanh_saturates_by_large_weights(tmp_path):
    small, large = (run("activations.saturation", tmp_path, "--quick", f"--gain={g}") for g in (0.5, 5))
    assert large["tanh: saturated in layer 10, %"] > small["tanh: saturated in layer 10, %"] + 30


def test_pixels_are_standardised_by_those_to_learn_from(tmp_path):
    from examples.activations.saturation import standardised
    from examples.common import options

    pytest.importorskip("sklearn")
    found = standardised(options("", ["--out", str(tmp_path)], epochs=1))
    np.testing.assert_allclose([found.images.mean(), found.images.std()], [0, 1], atol=1e-4)
    assert 0.9 < found.test_images.std() < 1.1
    assert found.test_images.shape == (360, 64)
