"""Optimisers of the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", every(2, ["valley", "comparison"]))
def test_program_runs(name, tmp_path):
    run(f"optimisers.{name}", tmp_path, "--quick")


PAIRS = {"SGD": ("SGD", 0.004), "Adam": ("Adam", 0.05)}


@pytest.mark.parametrize("name", PAIRS)
def test_path_is_that_of_torch(name):
    from examples.optimisers.valley import START, path

    torch = pytest.importorskip("torch")
    with wf.config(float_dtype="float32"):
        found = path(name, 15)
    place = torch.tensor(START, requires_grad=True)
    optimiser = getattr(torch.optim, PAIRS[name][0])([place], lr=PAIRS[name][1])
    wanted = []
    for _ in range(16):
        wanted.append(place.detach().numpy().copy())
        optimiser.zero_grad()
        ((1 - place[0]) ** 2 + 20 * (place[1] - place[0] ** 2) ** 2).backward()
        optimiser.step()
    np.testing.assert_allclose(found, wanted, rtol=1e-3)


def test_momentum_is_down_the_valley_sooner():
    from examples.optimisers.valley import network, path

    with wf.config(float_dtype="float32"):
        ends = [wf.constant(path(name, 150)[-1]) for name in ("SGD", "momentum")]
    heights = [float(wf.evaluate(network(end), {})) for end in ends]
    assert heights[1] < 0.5 * heights[0]


def test_network_agrees_with_torch():
    from examples.optimisers.comparison import network

    (x, t), logits = network(4, 3)

    def reference(torch, params, x, t):
        w, b, w2, b2, w3, b3 = params.values()
        h = torch.tanh(torch.tanh(x @ w + b) @ w2 + b2)
        return torch.nn.functional.cross_entropy(h @ w3 + b3, t)

    values = {x: np.random.default_rng(0).normal(size=(6, 4)), t: np.arange(6)}
    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), values, reference)
