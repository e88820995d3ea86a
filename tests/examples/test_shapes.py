"""Shapes of convolution and pooling."""

import numpy as np
import pytest

import weft as wf
from weft import nn

from .programs import agree_with_torch, run


@pytest.mark.parametrize("name", ["convolution_shapes", "pooling", "convolution_1d"])
def test_program_runs(name, tmp_path):
    run(f"shapes.{name}", tmp_path, "--quick")


def test_twenty_filters_on_an_image_of_cifar():
    from examples.shapes.convolution_shapes import edges, network

    x, maps = network(edges(20).astype(float))
    assert maps.shape[1:] == (20, 32, 32)
    assert nn.count(maps) == 1500
    image = np.random.default_rng(0).normal(size=(1, 3, 32, 32))
    reference = lambda torch, params, x: torch.conv2d(x, params["net.conv_w"], padding=2).square().mean()  # noqa: E731
    agree_with_torch(wf.square(maps).mean(), {x: image}, reference)


def test_pooling_agrees_with_torch():
    from examples.shapes.pooling import SMALL, network

    functional = pytest.importorskip("torch").nn.functional
    torch = pytest.importorskip("torch")
    images = np.stack([np.kron(SMALL, np.ones((2, 2))), np.random.default_rng(0).normal(size=(8, 8))])[:, None]
    x = wf.tensor4("x", ("batch", 1, 8, 8))
    for (name, y), f in zip(network(x).items(), [functional.max_pool2d] * 2 + [functional.avg_pool2d] * 2, strict=True):
        size = int(name.split("F=")[1][0])
        assert y.shape[2] == (8 - size) // 2 + 1
        np.testing.assert_allclose(wf.evaluate(y, {x: images}), f(torch.tensor(images), size, 2).numpy())


def test_convolution_flips_its_kernel():
    from examples.shapes.convolution_1d import ECHO, network

    signals = np.random.default_rng(0).normal(size=(2, 20))
    for flip, numpy in ((True, np.convolve), (False, lambda x, w: np.correlate(x, w, "full"))):
        x, y = network(wf.constant(ECHO), flip)
        np.testing.assert_allclose(wf.evaluate(y, {x: signals}), [numpy(s, ECHO) for s in signals], atol=1e-12)
