"""Networks of the gallery that draw."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", every(2, ["dcgan", "gan", "transposed_convolution"]))
def test_program_runs(name, tmp_path):
    run(f"generators.{name}", tmp_path, "--quick")


@pytest.mark.parametrize("which", [0, 1])
def test_losses_of_both_networks_agree_with_torch(which, rng):
    from examples.generators.gan import contest

    x, z = wf.matrix("x", ("batch", 6)), wf.matrix("z", ("others", 3))
    made = nn.layers.dense(z, 6, name="made")
    losses = contest(x, made, lambda images: nn.layers.dense(images, 1, name="critic")[:, 0])

    def reference(torch, params, x, z):
        made = z @ params["made_w"] + params["made_b"]
        logits = [(images @ params["critic_w"] + params["critic_b"])[:, 0] for images in (x, made)]
        log = torch.nn.functional.logsigmoid
        both = -log(logits[0]).mean() - log(-logits[1]).mean(), -log(logits[1]).mean()
        return both[which] + 0 * logits[0].mean()

    agree_with_torch(
        losses[which] + 0 * wf.mean(x @ nn.parameters(losses)["critic_w"]),
        {x: rng.normal(size=(5, 6)), z: rng.normal(size=(4, 3))},
        reference,
    )


def test_each_network_learns_by_its_own_loss(rng):
    from examples.generators.gan import contest, updates_of_both

    x, z = wf.matrix("x", ("batch", 6)), wf.matrix("z", ("batch", 3))
    made = nn.layers.dense(z, 6, name="made")
    losses = contest(x, made, lambda images: nn.layers.dense(images, 1, name="critic")[:, 0])
    updates = updates_of_both(losses, made, 0.1)
    assert {p.name for p in updates.params} == {"made_w", "made_b", "critic_w", "critic_b"}
    params = nn.parameters(losses)
    before = {name: p.get_value() for name, p in params.items()}
    grads = wf.function(
        [x, z], [wf.grad(losses[0], params["critic_w"]), wf.grad(losses[1], params["made_w"])], target="reference"
    )
    given = rng.normal(size=(5, 6)), rng.normal(size=(5, 3))
    wanted = grads(*given)
    wf.function([x, z], None, updates=updates, target="reference")(*given)
    for name, gradient in zip(("critic_w", "made_w"), wanted, strict=True):
        np.testing.assert_allclose(params[name].get_value(), before[name] - 0.1 * np.sign(gradient), rtol=1e-4)  # adam


def test_generator_of_dcgan_agrees_with_torch(rng):
    from examples.generators.dcgan import generator

    z = wf.matrix("z", ("batch", 3))
    made = generator(z, True, 1, 8, 2)

    def reference(torch, params, z):
        w, scale, shift, w2, scale2, shift2, w3, b3 = params.values()
        h = (z @ w).reshape(-1, 4, 2, 2)
        norm, grow = torch.nn.functional.batch_norm, torch.nn.functional.conv_transpose2d
        h = torch.relu(norm(h, None, None, scale, shift, training=True))
        h = torch.relu(norm(grow(h, w2, stride=2, padding=1), None, None, scale2, shift2, training=True))
        return torch.sigmoid(grow(h, w3, b3, stride=2, padding=1)).square().sum()

    assert made.shape[1:] == (1, 8, 8)
    agree_with_torch(wf.square(made).sum(), {z: rng.normal(size=(5, 3))}, reference)


def test_critic_of_dcgan_agrees_with_torch(rng, monkeypatch):
    from examples.generators import dcgan

    monkeypatch.setattr(nn.layers, "dropout", lambda h, rate: h)
    x = wf.tensor4("x", ("batch", 1, 8, 8))

    def reference(torch, params, x):
        w, b, w2, b2, w3, b3 = params.values()
        conv, act = torch.nn.functional.conv2d, torch.nn.functional.leaky_relu
        h = act(conv(act(conv(x, w, b, stride=2, padding=1), 0.2), w2, b2, stride=2, padding=1), 0.2)
        return (h.flatten(1) @ w3 + b3).square().sum()

    agree_with_torch(wf.square(dcgan.critic(x, 2)).sum(), {x: rng.normal(size=(5, 1, 8, 8))}, reference)


def test_transposed_convolution_agrees_with_torch(rng):
    from examples.generators.transposed_convolution import network

    number, _, logits = network(4, 1, 8, 3, 2)

    def reference(torch, params, number):
        codes, w, b, w2, b2, w3, b3 = params.values()
        h = torch.relu(codes[number] @ w + b).reshape(-1, 4, 2, 2)
        grow = torch.nn.functional.conv_transpose2d
        return grow(torch.relu(grow(h, w2, b2, stride=2, padding=1)), w3, b3, stride=2, padding=1).square().sum()

    agree_with_torch(wf.square(logits).sum(), {number: np.array([2, 0, 2])}, reference)


def test_images_are_drawn_from_codes(tmp_path):
    found = run("generators.transposed_convolution", tmp_path, "--epochs=20", "--examples=100")
    assert found["squared error of a pixel"] < 0.03  # of the mean image 0.1
