"""Networks whose steps are timed on a device: each written once, for weft's functions and PyTorch's."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

import weft as wf

RATE, MOMENTUM, EPS = 1e-3, 0.9, 1e-5


class Parameters(dict[str, np.ndarray]):
    """Random parameters by name, in the order in which layers ask for them."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def normal(self, name: str, *shape: int, fan: int) -> None:
        """Normally distributed for so many inputs."""
        self[name] = (self.rng.standard_normal(shape) * (2.0 / fan) ** 0.5).astype(np.float32)

    def dense(self, name: str, inputs: int, outputs: int) -> None:
        """A matrix and a bias."""
        self.normal(name, inputs, outputs, fan=inputs)
        self[f"{name} bias"] = np.zeros(outputs, np.float32)

    def conv(self, name: str, channels: int, maps: int, size: int) -> None:
        """Kernels."""
        self.normal(name, maps, channels, size, size, fan=channels * size * size)

    def norm(self, name: str, channels: int) -> None:
        """A scale and a shift."""
        self[f"{name} scale"], self[f"{name} shift"] = np.ones(channels, np.float32), np.zeros(channels, np.float32)


class Model(NamedTuple):
    """A network: its parameters, its logits as a function of (operations, parameters, images), the images' shape."""

    params: Parameters
    logits: Callable[[Any, Any, Any], Any]
    images: tuple[int, ...]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels."""
        rng = np.random.default_rng(1)
        return rng.standard_normal(self.images, dtype=np.float32), rng.integers(0, 10, self.images[0])


def mlp(batch: int, small: bool) -> Model:
    """784-256-256-10."""
    p, sizes = Parameters(), (30, 12, 12, 10) if small else (784, 256, 256, 10)
    for number, (i, o) in enumerate(pairwise(sizes)):
        p.dense(str(number), i, o)

    def logits(o: Any, p: Any, x: Any) -> Any:
        return o.dense(p, "2", o.relu(o.dense(p, "1", o.relu(o.dense(p, "0", x)))))

    return Model(p, logits, (batch, sizes[0]))


def lenet(batch: int, small: bool) -> Model:
    """20C5-MP2-50C5-MP2-FC256-FC10 on 28x28."""
    p, (first, second, hidden), side = Parameters(), (2, 3, 8) if small else (20, 50, 256), 16 if small else 28
    inner = second * (((side - 4) // 2 - 4) // 2) ** 2
    for name, channels, maps in (("1", 1, first), ("2", first, second)):
        p.conv(name, channels, maps, 5)
        p[f"{name} bias"] = np.zeros(maps, np.float32)
    p.dense("3", inner, hidden)
    p.dense("4", hidden, 10)

    def logits(o: Any, p: Any, x: Any) -> Any:
        for name in ("1", "2"):
            x = o.max_pool(o.relu(o.conv(x, p[name], p[f"{name} bias"])))
        return o.dense(p, "4", o.relu(o.dense(p, "3", o.reshape(x, (batch, inner)))))

    return Model(p, logits, (batch, 1, side, side))


POOL = 0


def vgg(batch: int, small: bool) -> Model:
    """Six convolutions with batch normalisation, three pools, two dense layers, on 32x32."""
    layers = (3, POOL, 4, POOL) if small else (64, 64, POOL, 128, 128, POOL, 256, 256, POOL)
    p, channels, side = Parameters(), 3, 8 if small else 32
    for number, maps in enumerate(layers):
        if maps != POOL:
            p.conv(f"c{number}", channels, maps, 3)
            p.norm(f"c{number}", maps)
            channels = maps
    inner = channels * (side >> layers.count(POOL)) ** 2
    p.dense("d1", inner, 8 if small else 256)
    p.dense("d2", 8 if small else 256, 10)

    def logits(o: Any, p: Any, x: Any) -> Any:
        for number, maps in enumerate(layers):
            x = o.max_pool(x) if maps == POOL else o.relu(o.norm(p, f"c{number}", _same(o, p, f"c{number}", x)))
        return o.dense(p, "d2", o.relu(o.dense(p, "d1", o.reshape(x, (batch, inner)))))

    return Model(p, logits, (batch, 3, side, side))


def _same(o: Any, p: Any, name: str, x: Any, stride: int = 1) -> Any:
    """A 3x3 convolution that keeps the size."""
    return o.conv(x, p[name], None, stride=stride, padding=1)


def resnet20(batch: int, small: bool) -> Model:
    """ResNet-20 for CIFAR (He et al. 2016); shortcuts that change the shape are 1x1 convolutions with stride 2."""
    widths, repeats, side = ((2, 3, 4), 1, 8) if small else ((16, 32, 64), 3, 32)
    p, blocks, channels = Parameters(), list[tuple[str, int]](), widths[0]
    p.conv("first", 3, channels, 3)
    p.norm("first", channels)
    for stage, maps in enumerate(widths):
        for number in range(repeats):
            name, stride = f"{stage}.{number}", 2 if stage and not number else 1
            layers = {"a": (channels, 3), "b": (maps, 3), **({"s": (channels, 1)} if stride == 2 else {})}
            for part, (inputs, size) in layers.items():
                p.conv(name + part, inputs, maps, size)
                p.norm(name + part, maps)
            blocks.append((name, stride))
            channels = maps
    p.dense("last", channels, 10)

    def logits(o: Any, p: Any, x: Any) -> Any:
        x = o.relu(o.norm(p, "first", _same(o, p, "first", x)))
        for name, stride in blocks:
            h = o.relu(o.norm(p, name + "a", _same(o, p, name + "a", x, stride)))
            h = o.norm(p, name + "b", _same(o, p, name + "b", h))
            if stride == 2:
                x = o.norm(p, name + "s", o.conv(x, p[name + "s"], None, stride=2))
            x = o.relu(x + h)
        return o.dense(p, "last", o.mean(x, (2, 3)))

    return Model(p, logits, (batch, 3, side, side))


# ---- the frameworks ------------------------------------------------------------------------------------------------


class WeftOperations:
    """weft's."""

    relu, mean = staticmethod(wf.relu), staticmethod(wf.mean)

    def dense(self, p: Any, name: str, x: Any) -> Any:
        return x @ p[name] + p[f"{name} bias"]

    def conv(self, x: Any, w: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
        return wf.conv2d(x, w, bias, stride=stride, padding=padding)

    def max_pool(self, x: Any) -> Any:
        return wf.max_pool2d(x, 2)

    def norm(self, p: Any, name: str, x: Any) -> Any:
        return wf.batch_norm(x, p[f"{name} scale"], p[f"{name} shift"], axes=(0, 2, 3), eps=EPS)[0]

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x.reshape(shape)


class TorchOperations:
    """PyTorch's."""

    def __init__(self, torch: Any):
        self.nn, self.relu, self.mean = torch.nn.functional, torch.relu, torch.mean

    def dense(self, p: Any, name: str, x: Any) -> Any:
        return x @ p[name] + p[f"{name} bias"]

    def conv(self, x: Any, w: Any, bias: Any, stride: int = 1, padding: int = 0) -> Any:
        return self.nn.conv2d(x, w, bias, stride=stride, padding=padding)

    def max_pool(self, x: Any) -> Any:
        return self.nn.max_pool2d(x, 2)

    def norm(self, p: Any, name: str, x: Any) -> Any:
        return self.nn.batch_norm(x, None, None, p[f"{name} scale"], p[f"{name} shift"], training=True, eps=EPS)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return x.reshape(shape)


def weft_step(model: Model, **options: Any) -> tuple[Any, dict[str, Any]]:
    """(step(images, labels) -> loss before the update, the parameters)."""
    images, labels = model.data()
    p = {name: wf.shared(value, name) for name, value in model.params.items()}
    x, t = wf.tensor("x", images.shape), wf.vector("t", labels.shape, dtype="int64")
    loss = wf.crossentropy(model.logits(WeftOperations(), p, x), t).mean()
    updates = wf.nn.updates.momentum(loss, list(p.values()), RATE, MOMENTUM)
    return wf.function([x, t], loss, updates=updates, **options), p


def torch_step(model: Model, torch: Any, put: Callable[[np.ndarray], Any]) -> Callable[[], Any]:
    """A step; it returns the loss, on the device."""
    p = {name: torch.nn.Parameter(put(value)) for name, value in model.params.items()}
    x, t = map(put, model.data())
    optimiser = torch.optim.SGD(p.values(), RATE, MOMENTUM, fused=True)
    operations = TorchOperations(torch)

    def step() -> Any:
        optimiser.zero_grad(set_to_none=True)
        loss = operations.nn.cross_entropy(model.logits(operations, p, x), t)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return step


MODELS: dict[str, tuple[Callable[[int, bool], Model], int]] = {
    "MLP 784-256-256-10": (mlp, 128),
    "LeNet": (lenet, 128),
    "small VGG": (vgg, 32),
    "ResNet-20": (resnet20, 64),
}
