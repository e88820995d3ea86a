"""Autoencoders and Boltzmann machines of the gallery."""

import itertools

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run

PROGRAMS = [
    "autoencoder",
    "contractive_autoencoder",
    "deep_belief_net",
    "denoising_autoencoders",
    "rbm",
    "sparse_autoencoder",
    "variational_autoencoder",
]


@pytest.fixture
def x(rng):
    return rng.uniform(size=(5, 6))


@pytest.mark.parametrize("name", every(3, PROGRAMS))
def test_program_runs(name, tmp_path):
    run(f"unsupervised.{name}", tmp_path, "--quick")


def entropy(torch, logits, x):
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    return loss(logits, x, reduction="none").sum(1).mean()


def test_autoencoder_agrees_with_torch(x):
    from examples.unsupervised.autoencoder import network

    given, _, logits = network(6, 8)

    def reference(torch, params, x):
        h, weights = x, list(params.values())
        for k in range(0, len(weights), 2):
            h = h @ weights[k] + weights[k + 1]
            h = torch.relu(h) if k not in (4, 10) else h
        return entropy(torch, h, x)

    agree_with_torch(nn.losses.binary_crossentropy(logits, given).sum(axis=1).mean(), {given: x}, reference)


def test_sparse_autoencoder_agrees_with_torch(x):
    from examples.unsupervised.sparse_autoencoder import network

    given, h, logits = network(6, 4)
    loss = nn.losses.binary_crossentropy(logits, given).sum(axis=1).mean() + 3 * nn.regularizers.sparsity(h, 0.05)

    def reference(torch, params, x):
        w, b, w2, b2 = params.values()
        h = torch.sigmoid(x @ w + b)
        q = h.mean(0)
        penalty = (0.05 * torch.log(0.05 / q) + 0.95 * torch.log(0.95 / (1 - q))).sum()
        return entropy(torch, h @ w2 + b2, x) + 3 * penalty

    agree_with_torch(loss, {given: x}, reference)


def test_penalty_of_contractive_autoencoder_is_that_of_the_jacobian(x):
    from examples.unsupervised.contractive_autoencoder import network

    given, logits, penalty, jacobians = network(6, 4)
    sizes = wf.function([given], [penalty, jacobians], target="reference")(x)
    np.testing.assert_allclose(sizes[0], np.square(sizes[1]).sum((1, 2)))
    loss = nn.losses.binary_crossentropy(logits, given).sum(axis=1).mean() + penalty.mean()

    def reference(torch, params, x):
        w, b, b2 = params.values()
        jacobian = torch.func.vmap(torch.func.jacrev(lambda one: torch.sigmoid(one @ w + b)))(x)
        h = torch.sigmoid(x @ w + b)
        return entropy(torch, h @ w.T + b2, x) + jacobian.square().sum((1, 2)).mean()

    agree_with_torch(loss, {given: x}, reference)


def test_denoising_autoencoder_agrees_with_torch(x):
    from examples.unsupervised.denoising_autoencoders import denoised, network

    inputs, layers, _ = network(6, (4, 3))
    holes, _, loss = denoised(layers[1], layers[2], wf.random.Stream(0), 0.5)

    def reference(torch, params, x, below, holes):
        w, b, w2, b2, b3 = params.values()
        below = torch.sigmoid(x @ w + b)
        h = torch.sigmoid(below * (holes != 0) @ w2 + b2)
        return entropy(torch, h @ w2.T + b3, below)

    agree_with_torch(loss, {inputs[0]: x}, reference, aside=[layers[1], holes])


def test_variational_autoencoder_agrees_with_torch(x):
    from examples.unsupervised.variational_autoencoder import network

    net = network(6, wf.random.Stream(0), 4)

    def reference(torch, params, x, z, mean):
        noise = z - mean  # deviations are 1 at first
        layers = [
            lambda h, k=k: h @ params[f"net.{k}_w"] + params[f"net.{k}_b"]
            for k in ("dense", "dense2", "dense3", "dense4")
        ]
        ends = {
            k: (lambda h, k=k: h @ params[f"net.{k}_w"] + params[f"net.{k}_b"]) for k in ("mean", "log_var", "drawn")
        }
        h = torch.tanh(layers[1](torch.tanh(layers[0](x))))
        normal = torch.distributions.Normal(ends["mean"](h), torch.exp(0.5 * ends["log_var"](h)))
        z = normal.loc + normal.scale * noise
        logits = ends["drawn"](torch.tanh(layers[3](torch.tanh(layers[2](z)))))
        unit = torch.distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
        return entropy(torch, logits, x) + torch.distributions.kl_divergence(normal, unit).sum(1).mean()

    agree_with_torch(net["error"] + net["divergence"], {net["x"]: x}, reference, aside=[net["z"], net["mean"]])


def test_free_energy_sums_over_all_hidden_units(rng):
    from examples.unsupervised.rbm import network

    machine = network(4, 3)
    for part in machine:
        part.set_value(rng.normal(size=part.shape))
    w, c, b = (part.get_value() for part in machine)
    v = rng.integers(0, 2, (5, 4)).astype(float)
    units = np.array(list(itertools.product((0, 1), repeat=3)))
    energy = -(v @ b)[:, None] - units @ c - v @ w @ units.T
    np.testing.assert_allclose(wf.evaluate(machine.free_energy(wf.constant(v)), {}), -np.log(np.exp(-energy).sum(1)))


def test_gradient_is_contrastive_divergence(rng):
    from examples.unsupervised.rbm import network

    machine, draws = network(4, 3), wf.random.Stream(0)
    for part in machine:
        part.set_value(rng.normal(size=part.shape))
    v = wf.matrix("v", ("batch", 4))
    drawn = machine.gibbs(v, draws, 2)
    grads = wf.grad(machine.loss(v, drawn), list(machine))
    x = rng.integers(0, 2, (5, 4)).astype(float)
    *found, y = wf.function([v], [*grads, drawn], target="reference")(x)
    w, c, _ = (part.get_value() for part in machine)
    assert set(np.unique(y)) <= {0, 1}
    of_data, of_draws = (1 / (1 + np.exp(-(u @ w + c))) for u in (x, y))
    expected = ((y.T @ of_draws - x.T @ of_data) / 5, of_draws.mean(0) - of_data.mean(0), y.mean(0) - x.mean(0))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_gibbs_draws_from_the_distribution_of_the_machine(rng):
    from examples.unsupervised.rbm import network

    machine = network(3, 2)
    for part in machine:
        part.set_value(rng.normal(size=part.shape))
    images = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    chance = np.exp(-wf.evaluate(machine.free_energy(wf.constant(images)), {}))
    drawn = machine.gibbs(wf.zeros((4000, 3)), wf.random.Stream(1), 20)
    counts = np.bincount((wf.function([], drawn)() @ [4, 2, 1]).astype(int), minlength=8)
    np.testing.assert_allclose(counts / 4000, chance / chance.sum(), atol=0.03)


def test_sparse_units_are_active_less(tmp_path):
    found = run("unsupervised.sparse_autoencoder", tmp_path, "--epochs=20", "--examples=300")
    assert found["mean activity, sparse"] < 0.2 < found["mean activity, plain"]


def test_contractive_units_follow_less(tmp_path):
    found = run("unsupervised.contractive_autoencoder", tmp_path, "--epochs=20", "--examples=300")
    assert found["norm of the Jacobian, contractive"] < 0.7 * found["norm of the Jacobian, plain"]


def test_boltzmann_machine_learns(tmp_path):
    first = run("unsupervised.rbm", tmp_path, "--epochs=1", "--examples=300", "--dream=10")
    later = run("unsupervised.rbm", tmp_path, "--epochs=20", "--examples=300", "--dream=10")
    assert later["squared error of a pixel"] < 0.8 * first["squared error of a pixel"]
