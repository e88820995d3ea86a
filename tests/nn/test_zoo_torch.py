"""Image networks against PyTorch: values, and gradients of all parameters, in float64."""

import numpy as np
import pytest

import weft as wf
from weft.nn import parameters, variables

from .test_zoo import small


class Torch:
    """A network's parameters in PyTorch, and layers that read them by their names."""

    def __init__(self, found, training):
        self.torch = pytest.importorskip("torch")
        self.training, self.of = training, variables(found)
        kept = parameters(found)
        self.values = {k: self.torch.tensor(v.get_value(), requires_grad=k in kept) for k, v in self.of.items()}
        self.f = self.torch.nn.functional

    def conv(self, h, name, **how):
        return self.f.conv2d(h, self.values[f"{name}_w"], self.values.get(f"{name}_b"), **how)

    def norm(self, h, name, eps=1e-5):
        scale, shift, mean, var = (self.values[f"{name}_{k}"] for k in ("scale", "shift", "mean", "var"))
        return self.f.batch_norm(h, mean.clone(), var.clone(), scale, shift, self.training, 0.1, eps)

    def normal(self, h, name, relu=True, eps=1e-5, **how):
        h = self.norm(self.conv(h, name, **how), name, eps)
        return self.torch.relu(h) if relu else h

    def dense(self, h, name):
        return h @ self.values[f"{name}_w"] + self.values[f"{name}_b"]

    def agrees(self, x, found, value, theirs):
        """Values, and gradients of the sum of squares by all parameters."""
        ours = wf.evaluate(found, {x: value})
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-9)
        names = list(parameters(found))
        grads = wf.evaluate(wf.grad(wf.sum(found * found), [self.of[k] for k in names]), {x: value})
        expected = self.torch.autograd.grad((theirs * theirs).sum(), [self.values[k] for k in names])
        for name, mine, other in zip(names, grads, expected, strict=True):
            np.testing.assert_allclose(
                mine, other.numpy(), rtol=2e-4, atol=2e-4 * float(abs(other).max()), err_msg=name
            )


by_mode = pytest.mark.parametrize("training", [False, True])


@by_mode
@pytest.mark.parametrize("plain", [False, True])
def test_torch_says_the_same_of_blocks_with_free_shortcuts(training, plain):
    x, found, value = small("cifar_resnet plain" if plain else "cifar_resnet", training)
    t = Torch(found, training)
    h = t.normal(t.torch.tensor(value), "resnet.conv1", padding=1)
    for stage, stride in ((2, 1), (3, 2), (4, 2)):
        block = f"resnet.conv{stage}_1"
        inner = t.normal(h, f"{block}.conv1", stride=stride, padding=1)
        inner = t.normal(inner, f"{block}.conv2", relu=False, padding=1)
        more = inner.shape[1] - h.shape[1]
        h = t.torch.relu(inner if plain else inner + t.f.pad(h[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, more)))
    t.agrees(x, found, value, t.dense(h.mean((2, 3)), "resnet.fc"))


@by_mode
def test_torch_says_the_same_of_bottlenecks(training):
    x, found, value = small("resnet bottleneck", training)
    t = Torch(found, training)
    h = t.f.max_pool2d(t.normal(t.torch.tensor(value), "resnet.conv1", stride=2, padding=3), 3, 2, 1)
    for block, stride in (("conv2_1", 1), ("conv3_1", 2), ("conv3_2", 1)):
        inner = t.normal(h, f"resnet.{block}.conv1", stride=stride)
        inner = t.normal(inner, f"resnet.{block}.conv2", padding=1)
        inner = t.normal(inner, f"resnet.{block}.conv3", relu=False)
        short = f"resnet.{block}.shortcut"
        h = t.torch.relu(inner + (h if block == "conv3_2" else t.normal(h, short, relu=False, stride=stride)))
    t.agrees(x, found, value, t.dense(h.mean((2, 3)), "resnet.fc"))


@by_mode
def test_torch_says_the_same_of_dense_blocks(training):
    x, found, value = small("densenet", training)
    t = Torch(found, training)
    after = lambda h, norm, conv, **how: t.conv(t.torch.relu(t.norm(h, norm)), conv, **how)  # noqa: E731
    h = t.conv(t.torch.tensor(value), "densenet.conv0", stride=2, padding=3)
    h = t.f.max_pool2d(t.torch.relu(t.norm(h, "densenet.norm0")), 3, 2, 1)
    for block in ("block1_1", "block2_1", "block2_2"):
        if block == "block2_1":
            h = t.f.avg_pool2d(after(h, "densenet.transition1.norm", "densenet.transition1.conv"), 2)
        inner = after(h, f"densenet.{block}.norm1", f"densenet.{block}.conv1")
        h = t.torch.cat([h, after(inner, f"densenet.{block}.norm2", f"densenet.{block}.conv2", padding=1)], 1)
    h = t.torch.relu(t.norm(h, "densenet.norm")).mean((2, 3))
    t.agrees(x, found, value, t.dense(h, "densenet.fc"))


def test_torch_says_the_same_of_alexnet():
    """Groups, and response normalisation, whose alpha PyTorch divides by the number of channels."""
    x, found, value = small("alexnet")
    t = Torch(found, False)
    h = t.torch.tensor(value)
    for layer, how in ((1, {"stride": 4, "padding": 2}), (2, {"padding": 2, "groups": 2})):
        h = t.f.local_response_norm(t.torch.relu(t.conv(h, f"alexnet.conv{layer}", **how)), 5, 5e-4, 0.75, 2.0)
        h = t.f.max_pool2d(h, 3, 2)
    for layer, groups in ((3, 1), (4, 2), (5, 2)):
        h = t.torch.relu(t.conv(h, f"alexnet.conv{layer}", padding=1, groups=groups))
    h = t.f.max_pool2d(h, 3, 2).flatten(1)
    h = t.torch.relu(t.dense(t.torch.relu(t.dense(h, "alexnet.fc6")), "alexnet.fc7"))
    t.agrees(x, found, value, t.dense(h, "alexnet.fc8"))


def test_torch_says_the_same_of_inception_modules():
    x, (found, *_), value = small("googlenet")
    t = Torch(found, False)
    conv = lambda h, name, **how: t.torch.relu(t.conv(h, f"googlenet.{name}", **how))  # noqa: E731
    response = lambda h: t.f.local_response_norm(h, 5, 5e-4, 0.75, 2.0)  # noqa: E731
    pool = lambda h: t.f.max_pool2d(h, 3, 2, ceil_mode=True)  # noqa: E731
    h = response(pool(conv(t.torch.tensor(value), "conv1", stride=2, padding=3)))
    h = pool(response(conv(conv(h, "conv2_reduce"), "conv2", padding=1)))
    for module in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name = f"inception{module}"
        h = pool(h) if module in ("4a", "5a") else h
        three, five = (conv(h, f"{name}.{size}_reduce") for size in ("3x3", "5x5"))
        three, five = conv(three, f"{name}.3x3", padding=1), conv(five, f"{name}.5x5", padding=2)
        pooled = conv(t.f.max_pool2d(h, 3, 1, 1), f"{name}.pool_proj")
        h = t.torch.cat([conv(h, f"{name}.1x1"), three, five, pooled], 1)
    t.agrees(x, found, value, t.dense(h.mean((2, 3)), "googlenet.fc"))
