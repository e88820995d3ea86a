"""Backpropagation by hand."""

import pytest

import weft as wf
from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["mlp_by_hand", "convolution_by_hand"])
def test_program_runs(name, tmp_path):
    run(f"backpropagation.{name}", tmp_path, "--quick")


def test_hand_written_gradients_agree_and_a_mistake_is_found(rng):
    from examples.backpropagation.mlp_by_hand import backpropagation, network

    (x, t), logits = network(5, (4, 3))
    loss = nn.losses.crossentropy(logits, t).mean()
    params, values = list(nn.parameters(loss).values()), {x: rng.normal(size=(6, 5)), t: rng.integers(0, 10, 6)}
    assert wf.compare_gradients(loss, params, backpropagation(x, t, params), values).agrees
    wrong = wf.compare_gradients(loss, params, backpropagation(x, t, params, mistake=True), values)
    assert wrong.departs.name == "net.dense_b"

    def reference(torch, params, x, t):
        w1, b1, w2, b2, w3, b3 = params.values()
        h = torch.sigmoid(torch.sigmoid(x @ w1 + b1) @ w2 + b2)
        return torch.nn.functional.cross_entropy(h @ w3 + b3, t)

    agree_with_torch(loss, values, reference)


def test_convolution_by_hand_agrees(rng):
    from examples.backpropagation.convolution_by_hand import backpropagation, network

    (x, t), logits = network(2, 8, 3)
    loss = nn.losses.crossentropy(logits, t).mean()
    params, values = list(nn.parameters(loss).values()), {x: rng.normal(size=(4, 2, 8, 8)), t: rng.integers(0, 10, 4)}
    assert wf.compare_gradients(loss, params, backpropagation(x, t, params), values).agrees

    def reference(torch, params, x, t):
        w1, b1, w2, b2 = params.values()
        h = torch.max_pool2d(torch.relu(torch.conv2d(x, w1, b1)), 2)
        return torch.nn.functional.cross_entropy(h.flatten(1) @ w2 + b2, t)

    agree_with_torch(loss, values, reference)
