"""The table of networks for digits."""

import numpy as np
import pytest

from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["one_hidden_layer", "two_hidden_layers", "lenet", "dropout"])
def test_program_runs(name, tmp_path):
    run(f"mnist.{name}", tmp_path, "--quick")


def entropy(torch, logits, t):
    return torch.nn.functional.cross_entropy(logits, t)


def test_one_hidden_layer_agrees_with_torch(rows, labels):
    from examples.mnist.one_hidden_layer import network

    (x, t), logits = network(4, 3)

    def reference(torch, params, x, t):
        w, b, w2, b2 = params.values()
        return entropy(torch, torch.sigmoid(x @ w + b) @ w2 + b2, t)

    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), {x: rows, t: labels}, reference)


def test_two_hidden_layers_agree_with_torch(rows, labels):
    from examples.mnist.two_hidden_layers import network

    (x, t), logits = network(4, 3)

    def reference(torch, params, x, t):
        w, b, w2, b2, w3, b3 = params.values()
        return entropy(torch, torch.relu(torch.relu(x @ w + b) @ w2 + b2) @ w3 + b3, t)

    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), {x: rows, t: labels}, reference)


def test_lenet_agrees_with_torch(rng, labels):
    from examples.mnist.lenet import network

    (x, t, training), logits = network(16, (2, 3), 4)

    def reference(torch, params, x, t, training):
        w, b, w2, b2, w3, b3, w4, b4 = params.values()
        h = torch.max_pool2d(torch.relu(torch.conv2d(x, w, b)), 2)
        h = torch.max_pool2d(torch.relu(torch.conv2d(h, w2, b2)), 2).flatten(1)
        return entropy(torch, torch.relu(h @ w3 + b3) @ w4 + b4, t)

    given = {x: rng.normal(size=(6, 1, 16, 16)), t: labels, training: np.array(False)}
    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), given, reference)


def test_lenet_has_the_parameters_of_its_name():
    from examples.mnist.lenet import network

    assert nn.count(network(28)[1]) == 20 * 26 + 50 * (20 * 25 + 1) + 256 * (50 * 4 * 4 + 1) + 10 * 257


@pytest.mark.parametrize("training", [False, True])
def test_dropout_agrees_with_torch(training, rows, labels):
    from examples.mnist.dropout import network

    (x, t, flag), logits = network(4, 0.4, 3)
    dropped = next(n for n in [*logits.args[0].args] if n.ndim == 2)

    def reference(torch, params, x, t, training, h):
        w, b, w2, b2 = params.values()
        whole = torch.relu(x @ w + b)
        kept = (h != 0).double() / 0.6 if training else torch.ones(()).double()
        return entropy(torch, (whole * kept) @ w2 + b2, t)

    given = {x: rows, t: labels, flag: np.array(training)}
    agree_with_torch(nn.losses.crossentropy(logits, t).mean(), given, reference, aside=[dropped])


def test_networks_learn(tmp_path):
    assert run("mnist.two_hidden_layers", tmp_path, "--epochs=4")["test error, %"] < 8


def test_lenet_learns_on_a_simulated_device(tmp_path):
    run("mnist.lenet", tmp_path, "--target=cuda:simulator", "--quick", "--examples=2", "--batch=2")
