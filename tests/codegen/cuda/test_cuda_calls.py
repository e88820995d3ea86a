"""Whole functions over a fake driver: what it is asked for computes what they say."""

import numpy as np
import pytest

import weft as wf
from weft.codegen.cuda.driver import devices

from .fake_device import open_device, simulate_loaded
from .fake_libcuda import FakeLibcuda


@pytest.fixture
def fake(monkeypatch, tmp_path):
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    made = FakeLibcuda()
    device = open_device(made)
    simulate_loaded(made, device)
    monkeypatch.setattr(devices, "find_device", lambda which: device)
    yield made
    assert made.problems == []


def test_steps_of_a_whole_function(fake):
    x = wf.matrix("x", ("n", 4))
    w = wf.shared(np.array([0.5, -1, 0, 2], np.float32), "w")
    y = wf.tanh(x * w)
    loss = wf.sum(y * y)
    step = wf.function([x], [y, loss], updates=[(w, w - 0.1 * wf.grad(loss, w))], target="cuda")
    known = np.array([0.5, -1, 0, 2])
    for seed, count in enumerate((7, 1, 7, 33, 0)):
        data = np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)
        found, total = step(data)
        right = np.tanh(data * known)
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(total, np.sum(right**2), rtol=1e-4)
        known = known - 0.1 * np.sum(2 * right * (1 - right**2) * data, axis=0)
        np.testing.assert_allclose(w.get_value(), known, rtol=1e-4, atol=1e-6)
    assert len(fake.called("cuGraphLaunch")) >= 4
    assert fake.launches
