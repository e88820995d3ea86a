"""The rows of kernels.py: what is computed, on which sizes, and how many useful operations that takes."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Draw:
    """Random arrays, the same ones for every framework."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def normal(self, *shape: int, dtype: str = "float32") -> np.ndarray:
        """Standard normal numbers."""
        return self.random.standard_normal(shape, np.float32).astype(dtype)

    def labels(self, count: int, classes: int) -> np.ndarray:
        """Integers below `classes`."""
        return self.random.integers(0, classes, count)


class Case(NamedTuple):
    """One computation: build(framework, draw) gives a call.

    What limits it is arithmetic, `flops` useful operations, or else memory, `values` that must be read or written.
    """

    build: Callable[[Any, Draw], Callable[[], Any]]
    flops: float = 0.0
    values: int = 0
    dtype: str = "float32"


def matmul(*sizes: int, left: bool = False, right: bool = False, dtype: str = "float32") -> Case:
    """a @ b of sizes (*batch, m, k, n), one of them transposed or not."""
    *batch, m, k, n = sizes

    def build(f: Any, draw: Draw) -> Any:
        shapes = (k, m) if left else (m, k), (n, k) if right else (k, n)
        arrays = [draw.normal(*batch, *shape, dtype=dtype) for shape in shapes]
        return f.call(lambda a, b: f.matmul(a.T if left else a, b.T if right else b), arrays)

    return Case(build, 2.0 * math.prod(sizes), dtype=dtype)


def dense(m: int, k: int, n: int, gradients: bool = False) -> Case:
    """relu(x @ w + b), or that and its gradients to all three."""

    def build(f: Any, draw: Draw) -> Any:
        def layer(x: Any, w: Any, b: Any) -> Any:
            return f.relu(f.matmul(x, w) + b)

        arrays = [draw.normal(m, k), draw.normal(k, n), draw.normal(n)]
        return f.with_gradients(layer, [*arrays, draw.normal(m, n)], (0, 1, 2)) if gradients else f.call(layer, arrays)

    return Case(build, (6.0 if gradients else 2.0) * m * k * n)


class Conv(NamedTuple):
    """A convolution: images, channels in and out, and per spatial axis size, kernel, stride and so on."""

    n: int
    c: int
    size: int
    o: int
    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1
    groups: int = 1
    axes: int = 2

    @property
    def out(self) -> tuple[int, ...]:
        """The shape of the result."""
        side = (self.size + 2 * self.pad - self.dilation * (self.kernel - 1) - 1) // self.stride + 1
        return self.n, self.o, *[side] * self.axes

    @property
    def flops(self) -> float:
        """Multiplications and additions."""
        return 2.0 * math.prod(self.out) * (self.c // self.groups) * self.kernel**self.axes


CONVOLUTIONS = {
    "lenet 1": Conv(128, 1, 28, 20, 5),
    "lenet 2": Conv(128, 20, 12, 50, 5),
    "alexnet 1": Conv(16, 3, 224, 64, 11, stride=4, pad=2),
    "alexnet 2": Conv(16, 64, 27, 192, 5, pad=2),
    "alexnet 3": Conv(16, 192, 13, 384, 3, pad=1),
    "vgg 2": Conv(4, 64, 112, 128, 3, pad=1),
    "vgg 4": Conv(4, 256, 56, 256, 3, pad=1),
    "vgg 7": Conv(4, 512, 14, 512, 3, pad=1),
    "resnet 16": Conv(64, 16, 32, 16, 3, pad=1),
    "resnet 32": Conv(64, 32, 16, 32, 3, pad=1),
    "resnet 64": Conv(64, 64, 8, 64, 3, pad=1),
    "1x1 stride 2": Conv(64, 16, 32, 32, 1, stride=2),
    "depthwise": Conv(16, 128, 56, 128, 3, pad=1, groups=128),
    "grouped": Conv(16, 128, 28, 128, 3, pad=1, groups=4),
    "7x7 stride 2": Conv(4, 3, 224, 64, 7, stride=2, pad=3),
    "dilated": Conv(8, 64, 56, 64, 3, pad=2, dilation=2),
    "1-d": Conv(32, 64, 512, 64, 5, pad=2, axes=1),
    "3-d": Conv(2, 16, 24, 32, 3, pad=1, axes=3),
}
BLOCKS = ("lenet 1", "lenet 2", "alexnet 2", "vgg 2", "resnet 16")


def conv(given: Conv, what: str) -> Case:
    """A convolution, one of its gradients, or a block of it with bias, relu and pooling."""

    def build(f: Any, draw: Draw) -> Any:
        arrays = [draw.normal(given.n, given.c, *[given.size] * given.axes)]
        arrays.append(draw.normal(given.o, given.c // given.groups, *[given.kernel] * given.axes))

        def forward(x: Any, w: Any) -> Any:
            return f.conv(x, w, given.axes, given.stride, given.pad, given.dilation, given.groups)

        def block(x: Any, w: Any, b: Any) -> Any:
            y = f.relu(forward(x, w) + b.reshape((given.o, 1, 1)))
            return f.max_pool(y, 2, 2, 0) if "pool" in what else y

        if what == "forward":
            return f.call(forward, arrays)
        if "relu" in what:
            return f.call(block, [*arrays, draw.normal(given.o)])
        return f.gradients(forward, [*arrays, draw.normal(*given.out)], (0 if what == "to input" else 1,))

    return Case(build, given.flops)


def transposed(n: int, c: int, size: int, o: int, kernel: int, stride: int, pad: int) -> Case:
    """A transposed convolution, as generators have it."""

    def build(f: Any, draw: Draw) -> Any:
        arrays = [draw.normal(n, c, size, size), draw.normal(c, o, kernel, kernel)]
        return f.call(lambda x, w: f.conv_transpose(x, w, stride, pad), arrays)

    return Case(build, 2.0 * n * c * o * (size * kernel) ** 2)


def pool(kind: str, shape: tuple[int, ...], size: int, stride: int, pad: int, gradient: bool = False) -> Case:
    """Maxima or means of windows, or these and where their cotangents go."""
    out = (*shape[:2], *((s + 2 * pad - size) // stride + 1 for s in shape[2:]))

    def build(f: Any, draw: Draw) -> Any:
        def pooled(x: Any) -> Any:
            return getattr(f, kind)(x, size, stride, pad)

        x = draw.normal(*shape)
        return f.with_gradients(pooled, [x, draw.normal(*out)], (0,)) if gradient else f.call(pooled, [x])

    return Case(build, values=(2 if gradient else 1) * (math.prod(shape) + math.prod(out)))


def chain(name: str, count: int) -> Case:
    """One of CHAINS on that many numbers."""
    function = CHAINS[name]

    def build(f: Any, draw: Draw) -> Any:
        return f.call(lambda x, y: function(f, x, y), [draw.normal(count), draw.normal(count)])

    return Case(build, values=3 * count)


CHAINS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "arithmetic": lambda f, x, y: ((x * 2.0 + y) * (x - 3.0) - y * 0.5) * (x + y) + x * y,
    "functions": lambda f, x, y: f.tanh(x) * f.exp(-(y * y)) + f.log(x * x + 1.0) * f.sqrt(y * y + 1.0),
}


def along(name: str, shape: tuple[int, ...], axis: int) -> Case:
    """A function of that name along an axis."""
    values = math.prod(shape) * (2 if name == "softmax" else 1)
    return Case(lambda f, draw: f.call(lambda x: getattr(f, name)(x, axis), [draw.normal(*shape)]), values=values)


def norm(name: str, shape: tuple[int, ...], gradients: bool) -> Case:
    """layer_norm over the last axis, or batch_norm over all but axis 1; or that and all gradients."""
    count = shape[-1] if name == "layer_norm" else shape[1]

    def build(f: Any, draw: Draw) -> Any:
        arrays = [draw.normal(*shape), 1 + draw.normal(count) / 10, draw.normal(count)]
        function = getattr(f, name)
        if not gradients:
            return f.call(function, arrays)
        return f.with_gradients(function, [*arrays, draw.normal(*shape)], (0, 1, 2))

    return Case(build, values=math.prod(shape) * (4 if gradients else 2))


def crossentropy(rows: int, classes: int) -> Case:
    """Mean crossentropy of logits and integer labels, and its gradient."""

    def build(f: Any, draw: Draw) -> Any:
        labels = draw.labels(rows, classes)
        one = np.ones((), np.float32)
        return f.with_gradients(f.crossentropy, [draw.normal(rows, classes), labels, one], (0,))

    return Case(build, values=2 * rows * classes)


def adam(count: int) -> Case:
    """One update of that many parameters, given their gradients."""
    return Case(lambda f, draw: f.adam(draw.normal(count), draw.normal(count)), values=7 * count)


def cases() -> dict[str, Case]:
    """All rows."""
    found: dict[str, Case] = {}
    for s in (64, 128, 256, 512, 1024, 2048):
        found[f"matmul/{s} square"] = matmul(s, s, s)
    for s in (256, 1024):
        found[f"matmul/{s} square, float64"] = matmul(s, s, s, dtype="float64")
    found["matmul/512 square, left transposed"] = matmul(512, 512, 512, left=True)
    found["matmul/512 square, right transposed"] = matmul(512, 512, 512, right=True)
    for sizes in ((128, 784, 64), (128, 256, 256), (64, 4096, 1000), (1, 1024, 1024), (64, 128, 64, 128)):
        found["matmul/" + "x".join(map(str, sizes))] = matmul(*sizes)
    for m, k, n in ((128, 784, 256), (1024, 1024, 1024)):
        found[f"dense relu/{m}x{k}x{n}"] = dense(m, k, n)
        found[f"dense relu/{m}x{k}x{n} and gradients"] = dense(m, k, n, gradients=True)
    for name, given in CONVOLUTIONS.items():
        for what in ("forward", "to weights", "to input"):
            if what != "to input" or given.c > 3:
                found[f"conv/{name} {what}"] = conv(given, what)
    found["conv/transposed, stride 2"] = transposed(32, 128, 16, 64, 4, 2, 1)
    for name in BLOCKS:
        for what in ("bias relu", "bias relu pool"):
            found[f"conv/{name} {what}"] = conv(CONVOLUTIONS[name], what)
    for pooled in ((64, 64, 32, 32), (16, 64, 112, 112)):
        for size, stride, pad in ((2, 2, 0), (3, 2, 1), (pooled[2], 1, 0)):
            name = f"max pool/{size}x{size} on {'x'.join(map(str, pooled))}"
            found[name] = pool("max_pool", pooled, size, stride, pad)
            found[name + " and gradient"] = pool("max_pool", pooled, size, stride, pad, gradient=True)
    found["mean pool/2x2 on 64x64x32x32"] = pool("mean_pool", (64, 64, 32, 32), 2, 2, 0)
    found["mean pool/2x2 on 64x64x32x32 and gradient"] = pool("mean_pool", (64, 64, 32, 32), 2, 2, 0, gradient=True)
    for name in CHAINS:
        for count in (10_000, 1_000_000, 10_000_000):
            found[f"chain/{name} of {count:,}"] = chain(name, count)
    for axis in range(3):
        for name in ("sum", "max"):
            found[f"reduction/{name} over axis {axis} of 1024x1024x8"] = along(name, (1024, 1024, 8), axis)
    for name in ("softmax", "logsumexp", "argmax"):
        found[f"reduction/{name} of 4096x1000"] = along(name, (4096, 1000), 1)
    for name, shape in (("layer_norm", (4096, 768)), ("batch_norm", (64, 64, 32, 32))):
        found[f"{name}/{'x'.join(map(str, shape))}"] = norm(name, shape, False)
        found[f"{name}/{'x'.join(map(str, shape))} and gradients"] = norm(name, shape, True)
    for rows, classes in ((128, 10), (128, 1000), (4096, 1000)):
        found[f"crossentropy and gradient/{rows}x{classes}"] = crossentropy(rows, classes)
    found["adam/1,000,000"] = adam(1_000_000)
    return found
