"""State and devices, in the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["counter", "targets"])
def test_program_runs(name, tmp_path):
    run(f"devices.{name}", tmp_path, "--quick")


def test_counters_are_those_of_numpy(rng):
    from examples.devices.counter import counters

    inputs, updates, count = counters((1, 2, 2))
    tick = wf.function(inputs, count, updates=updates)
    images, labels = rng.uniform(size=(7, 1, 2, 2)).astype("float32"), rng.integers(0, 10, 7)
    assert [int(tick(images[part], labels[part])) for part in (slice(3), slice(3, 7))] == [0, 3]
    found = [variable.get_value() for variable in updates]
    sums = np.zeros((10, 1, 2, 2))
    np.add.at(sums, labels, images)
    assert found[0] == 7
    np.testing.assert_array_equal(found[1], np.bincount(labels, minlength=10))
    np.testing.assert_allclose(found[2], sums, rtol=1e-6)


@pytest.mark.parametrize("target", ["reference", "cuda:simulator"])
def test_targets_train_alike(target, tmp_path):
    found = run("devices.targets", tmp_path, "--quick", f"--others={target}")
    assert found[f"{target}: largest difference of a loss"] < 1e-5


def test_network_of_targets_agrees_with_torch(rng):
    from examples.devices.targets import network

    inputs, loss = network(6, 4)

    def reference(torch, params, x, t):
        h = torch.tanh(x @ params["net.dense_w"] + params["net.dense_b"])
        return torch.nn.functional.cross_entropy(h @ params["net.dense2_w"] + params["net.dense2_b"], t)

    given = rng.uniform(size=(3, 6)), np.array([1, 0, 9])
    agree_with_torch(loss, dict(zip(inputs, given, strict=True)), reference)


def test_mean_of_parts_is_the_gradient_of_all(rng):
    from examples.devices.data_parallel import network

    inputs, loss, params = network(6, 4)
    gradients = wf.function(inputs, wf.grad(loss, params), target="reference")
    x, t = rng.uniform(size=(8, 6)), np.arange(8)
    whole, parts = gradients(x, t), [gradients(x[part], t[part]) for part in (slice(4), slice(4, 8))]
    for one, *halves in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(one, np.mean(halves, 0), atol=1e-12)
    assert nn.flat(params).size == 6 * 4 + 4 + 4 * 10 + 10


def test_workers_train_as_one_process(tmp_path):
    found = run("devices.data_parallel", tmp_path, "--quick")
    assert found["largest difference of a weight"] < 1e-6


@pytest.mark.parametrize("options", [("--workers=3",), ("--workers=0",), ("--batch=64", "--examples=10")], ids=" ".join)
def test_batches_that_cannot_be_shared_are_refused(options, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run("devices.data_parallel", tmp_path, *options)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {options[0].replace('=', ' ')} ")
