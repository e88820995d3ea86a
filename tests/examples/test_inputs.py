"""Gradients of the input, in the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import every
from .programs import agree_with_torch, run

PROGRAMS = ["deep_dream", "fooling", "saliency", "style_transfer"]


@pytest.mark.parametrize("name", every(3, PROGRAMS))
def test_program_runs(name, tmp_path):
    run(f"inputs.{name}", tmp_path, "--quick")


def layers_of(torch, x, params):
    h, seen = x - 0.5, []
    for number, name in enumerate(("conv", "conv2", "conv3")):
        h = h if number == 0 else torch.nn.functional.avg_pool2d(h, 2)
        h = torch.relu(torch.nn.functional.conv2d(h, params[f"net.{name}_w"], params[f"net.{name}_b"], padding=1))
        seen.append(h)
    return seen


def test_style_transfer_agrees_with_torch(rng):
    from examples.inputs.photographs import network
    from examples.inputs.style_transfer import gram, losses

    x = wf.tensor4("x", ("batch", 3, "height", "width"))
    _, seen = network(x, 2)
    content, style = rng.uniform(size=(2, 1, 3, 8, 12))
    answers = wf.function([x], [seen[-1], *map(gram, seen)], target="reference")
    far, other = losses(seen, wf.constant(answers(content)[0]), [wf.constant(g) for g in answers(style)[1:]])
    image = wf.shared(rng.uniform(size=(1, 3, 8, 12)), name="image")

    def reference(torch, params, x):
        def grams(seen):
            return [h[0].flatten(1) @ h[0].flatten(1).T / h[0, 0].numel() for h in seen]

        seen, wanted = layers_of(torch, x, params), layers_of(torch, torch.tensor(content), params)[-1].detach()
        styles = [g.detach() for g in grams(layers_of(torch, torch.tensor(style), params))]
        apart = [(g - s).square().sum() / s.square().sum() for g, s in zip(grams(seen), styles, strict=True)]
        return (seen[-1] - wanted).square().mean() / wanted.square().mean() + sum(apart) / 3

    agree_with_torch(far + other, {x: image.get_value()}, reference)
    new = nn.updates.adam([wf.grad(far + other, x)], [image], 0.005)
    step = wf.function([], far + other, updates=new, givens={x: image})
    values = [step() for _ in range(5)]
    assert values[4] < values[0]


def test_slope_of_a_dream_agrees_with_torch(rng):
    torch = pytest.importorskip("torch")
    from examples.inputs.deep_dream import dream, strength
    from examples.inputs.photographs import network

    x = wf.tensor4("x", ("batch", 3, "height", "width"))
    logits, seen = network(x, 2)
    value = strength(seen[1])
    climb = wf.function([x], [value, wf.grad(value, x)])
    image = rng.uniform(size=(1, 3, 8, 12))
    theirs = torch.tensor(image, requires_grad=True)
    params = {name: torch.tensor(p.get_value()) for name, p in nn.parameters(logits).items()}
    layers_of(torch, theirs, params)[1].square().mean().backward()
    np.testing.assert_allclose(climb(image)[1], theirs.grad.numpy(), rtol=1e-9, atol=1e-15)
    assert climb(dream(climb, image, 2, 3))[0] > climb(image)[0]


def test_saliency_and_steps_that_fool_agree_with_torch(rng):
    torch = pytest.importorskip("torch")
    from examples.convnet import body, head
    from examples.inputs.fooling import fooled
    from examples.inputs.saliency import saliency

    x, t = wf.tensor4("x", ("batch", 1, 8, 8)), wf.vector("t", ("batch",), dtype="int64")
    logits, size = head(body(x, 2)), wf.scalar("size")
    images, labels = rng.uniform(size=(3, 1, 8, 8)), np.array([1, 0, 9])
    both = [saliency(x, logits), fooled(x, t, logits, size)]
    found = wf.function([x, t, size], both, target="reference")(images, labels, 0.1)
    params = {name: torch.tensor(p.get_value()) for name, p in nn.parameters(logits).items()}
    theirs = torch.tensor(images, requires_grad=True)
    h = theirs
    for name, padding in (("conv", 2), ("conv2", 1)):
        h = torch.nn.functional.conv2d(h, params[f"body.{name}_w"], params[f"body.{name}_b"], padding=padding)
        h = torch.nn.functional.max_pool2d(torch.relu(h), 2)
    h = torch.relu(h.flatten(1) @ params["body.dense_w"] + params["body.dense_b"])
    scores = h @ params["head_w"] + params["head_b"]
    (slope,) = torch.autograd.grad(scores.max(1).values.sum(), theirs, retain_graph=True)
    np.testing.assert_allclose(found[0], slope.abs().numpy(), rtol=1e-8, atol=1e-14)
    (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, torch.tensor(labels)), theirs)
    np.testing.assert_allclose(found[1], np.clip(images + 0.1 * slope.sign().numpy(), 0, 1))


def test_pieces_are_turned(rng):
    from examples.inputs.photographs import turned_pieces

    photo = np.arange(2 * 6 * 9.0).reshape(2, 1, 1, 6, 9).repeat(3, 2)
    pieces, labels = turned_pieces(list(photo), 20, 3, 0)
    for piece, label in zip(pieces, labels, strict=True):
        upright = np.rot90(piece, -(label % 4), (1, 2))[0]
        assert upright[0, 1] == upright[0, 0] + 1
        assert upright[1, 0] == upright[0, 0] + 9
        assert (upright[0, 0] >= 54) == (label >= 4)


def test_small_steps_fool_a_network(tmp_path):
    found = run("inputs.fooling", tmp_path, "--epochs=5", "--examples=600")
    assert found["test error, %"] < 20
    assert found["moved by 0.2 along the gradient's sign: test error, %"] > 50
    assert found["moved by 0.1 by random signs: test error, %"] < 20
