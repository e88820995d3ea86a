"""Image networks of the gallery."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from ..sampling import rarely
from .programs import agree_with_torch, run

PROGRAMS = ["vgg", *map(rarely, ("resnet", "alexnet", "densenet", "googlenet", "inception", "several_labels"))]


def image_inputs(size):
    return wf.tensor4("x", ("batch", 1, size, size)), wf.vector("t", ("batch",), dtype="int64")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_runs(name, tmp_path):
    run(f"images.{name}", tmp_path, "--quick")


def conv(torch, h, params, name, bias=True):
    w = params[f"{name}_w"]
    padding = tuple(size // 2 for size in w.shape[2:])
    return torch.nn.functional.conv2d(h, w, params[f"{name}_b"] if bias else None, padding=padding)


def test_blocks_of_googlenet_agree_with_torch(rng):
    from examples.images.googlenet import network

    x, t = image_inputs(8)
    logits, _ = network(x, False, 2)
    loss = nn.losses.crossentropy(logits, t).mean()

    def reference(torch, params, x, t):
        pool, names = torch.nn.functional.max_pool2d, iter([f"net.conv{i if i > 1 else ''}" for i in range(1, 20)])

        def next_conv(h):
            return torch.relu(conv(torch, h, params, next(names)))

        def block(h):
            one = next_conv(h)
            three = next_conv(next_conv(h))
            five = next_conv(next_conv(h))
            return torch.cat([one, three, five, next_conv(pool(h, 3, 1, 1))], 1)

        h = pool(next_conv(x), 2)
        squares = torch.nn.functional.pad(h.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
        h = block(h * (2 + 1e-4 * squares) ** -0.75)
        h = block(block(pool(h, 2))).mean((2, 3))
        logits = h @ params["net.dense_w"] + params["net.dense_b"]
        return torch.nn.functional.cross_entropy(logits, t)

    agree_with_torch(loss, {x: rng.uniform(size=(3, 1, 8, 8)), t: np.array([1, 0, 9])}, reference)


@pytest.mark.parametrize("windows", [[7], [(1, 7), (7, 1)]], ids=str)
def test_windows_of_inception_agree_with_torch(windows, rng):
    from examples.images.inception import network

    x, t = image_inputs(8)
    loss = nn.losses.crossentropy(network(x, True, windows, 2), t).mean()

    def reference(torch, params, x, t):
        counter = iter(range(1, 20))

        def next_conv(h):
            number = next(counter)
            word = f"net.norm{number if number > 1 else ''}"
            h = conv(torch, h, params, word.replace("norm", "conv"), bias=False)
            scale, shift = params[f"{word}_scale"], params[f"{word}_shift"]
            return torch.relu(torch.nn.functional.batch_norm(h, None, None, scale, shift, training=True))

        def block(h):
            deep = next_conv(h)
            for _ in windows:
                deep = next_conv(deep)
            one = next_conv(h)
            pooled = torch.nn.functional.avg_pool2d(h, 3, 1, 1, count_include_pad=False)
            return torch.cat([deep, one, next_conv(pooled)], 1)

        h = block(block(torch.nn.functional.max_pool2d(next_conv(x), 2))).mean((2, 3))
        return torch.nn.functional.cross_entropy(h @ params["net.dense_w"] + params["net.dense_b"], t)

    agree_with_torch(loss, {x: rng.uniform(size=(3, 1, 8, 8)), t: np.array([1, 0, 9])}, reference)


def test_small_vgg_agrees_with_torch(rng):
    from examples.images.vgg import LAYERS, network

    x, t = image_inputs(32)
    logits, _ = network(x, False, 1 / 64)
    loss = nn.losses.crossentropy(logits, t).mean()

    def reference(torch, params, x, t):
        h, number = x, 0
        for count, _ in LAYERS:
            for _ in range(count):
                number += 1
                h = torch.relu(conv(torch, h, params, f"net.conv{number if number > 1 else ''}"))
            h = torch.nn.functional.max_pool2d(h, 2)
        h = h.flatten(1)
        for name in ("dense", "dense2"):
            h = torch.relu(h @ params[f"net.{name}_w"] + params[f"net.{name}_b"])
        return torch.nn.functional.cross_entropy(h @ params["net.dense3_w"] + params["net.dense3_b"], t)

    agree_with_torch(loss, {x: rng.uniform(size=(2, 1, 32, 32)), t: np.array([1, 9])}, reference)


def test_vgg_is_that_of_the_zoo():
    from examples.images.vgg import network

    x = wf.tensor4("x", ("batch", 3, 32, 32))
    assert nn.count(network(x, False)[0]) == nn.count(nn.zoo.vgg_a(x, 10, width=0.125))


def test_several_labels_of_pairs(rng):
    from examples.images.several_labels import network, pairs

    images, targets = pairs(np.arange(3.0)[:, None, None, None] * np.ones((3, 1, 4, 4)), np.array([7, 2, 5]), 50, rng)
    assert images.shape == (50, 1, 4, 8)
    labels = np.array([7, 2, 5])[images[:, 0, 0, [0, -1]].astype(int)]
    assert [set(np.flatnonzero(row)) for row in targets] == [set(row) for row in labels]
    x, t = wf.tensor4("x", ("batch", 1, 8, 8)), wf.matrix("t", ("batch", 10))
    logits = network(x, True, 1 / 16)
    given = rng.uniform(size=(2, 1, 8, 8)), targets[:2].astype("float64")
    loss = nn.losses.binary_crossentropy(logits, t).sum(1).mean()
    value, scores = wf.function([x, t], [loss, logits], target="reference")(*given)
    chance = 1 / (1 + np.exp(-scores))
    expected = -np.where(given[1] > 0, np.log(chance), np.log(1 - chance)).sum(1).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_weights_of_densenet_by_their_sources(rng):
    from examples.images.densenet import listening

    params = {f"net.block1_{i}.conv2_w": wf.shared(np.ones((2, 3 + 2 * (i - 1), 3, 3))) for i in (1, 2, 3)}
    third = params["net.block1_3.conv2_w"]
    third.set_value(third.get_value() * np.array([1, 1, 1, 2, 2, -4, -4])[:, None, None])
    expected = [[1, 1, 0.25], [np.nan, 1, 0.5], [np.nan, np.nan, 1]]
    np.testing.assert_allclose(listening(params, 2, 3), expected)


def test_networks_of_the_zoo_hold_what_the_papers_say(tmp_path):
    found = run("images.zoo", tmp_path, "--quick")
    assert found["AlexNet: parameters"] == 60_965_224
    assert round(found["ResNet-20, CIFAR: parameters"] / 1e6, 2) == 0.27


@pytest.mark.slow
def test_shortcuts_make_it_learn(tmp_path):
    how = ["--depth=20", "--width=0.25", "--epochs=3", "--examples=600", "--batch=32"]
    found = run("images.resnet", tmp_path, *how)
    assert found["residual network: test error, %"] < found["plain network: test error, %"]
