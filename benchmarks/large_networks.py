"""Large networks, with few and small images: what is measured is how long they take to start."""

from typing import Any

import numpy as np
from layers import Layers
from networks import Network, classifier, images


def vgg16(batch: int = 2) -> Network:
    """Thirteen convolutions, five pools, three dense layers on 224x224 (Simonyan, Zisserman 2015, D)."""

    def logits(n: Layers, x: Any) -> Any:
        channels = 3
        for maps, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(repeats):
                x = n.relu(n.bias(n.conv(x, channels, maps, 3, pad=1), maps))
                channels = maps
            x = n.max_pool(x, 2, 2, 0)
        h = n.relu(n.dense(x.reshape((batch, 25088)), 25088, 4096))
        return n.dense(n.relu(n.dense(h, 4096, 4096)), 4096, 1000)

    return classifier(logits, images(batch, 3, 224, 224, classes=1000))


def bottleneck_resnet(depth: int, batch: int = 2) -> Network:
    """The residual network of bottlenecks for 32x32, normalised first (He et al. 2016, Identity mappings): 9 n + 2."""
    repeats = (depth - 2) // 9

    def block(n: Layers, x: Any, channels: int, inner: int, stride: int) -> Any:
        h = n.relu(n.norm(x, channels))
        if channels != 4 * inner:
            x = n.conv(h, channels, 4 * inner, 1, stride)
        h = n.relu(n.norm(n.conv(h, channels, inner, 1, stride), inner))
        h = n.relu(n.norm(n.conv(h, inner, inner, 3, 1, 1), inner))
        return x + n.conv(h, inner, 4 * inner, 1)

    def logits(n: Layers, x: Any) -> Any:
        x, channels = n.conv(x, 3, 16, 3, 1, 1), 16
        for inner in (16, 32, 64):
            for number in range(repeats):
                x = block(n, x, channels, inner, 2 if inner > 16 and not number else 1)
                channels = 4 * inner
        return n.dense(n.mean(n.relu(n.norm(x, channels)), (2, 3)), channels, 10)

    return classifier(logits, images(batch, 3, 32, 32))


def densenet(blocks: tuple[int, ...], classes: int = 10, tanh: bool = False) -> Network:
    """Blocks in which each layer adds 32 maps to all before it, on 64x64 (Huang et al. 2017); `tanh` of the logits."""
    growth = 32

    def layer(n: Layers, x: Any, channels: int) -> Any:
        h = n.conv(n.relu(n.norm(x, channels)), channels, 4 * growth, 1)
        h = n.conv(n.relu(n.norm(h, 4 * growth)), 4 * growth, growth, 3, 1, 1)
        return n.concatenate([x, h], 1)

    def logits(n: Layers, x: Any) -> Any:
        channels = 2 * growth
        x = n.max_pool(n.relu(n.norm(n.conv(x, 3, channels, 7, 2, 3), channels)), 3, 2, 1)
        for number, layers in enumerate(blocks):
            if number:
                x = n.conv(n.relu(n.norm(x, channels)), channels, channels // 2, 1)
                x, channels = n.mean_pool(x, 2, 2, 0), channels // 2
            for _ in range(layers):
                x, channels = layer(n, x, channels), channels + growth
        return n.dense(n.mean(n.relu(n.norm(x, channels)), (2, 3)), channels, classes)

    def bounded(n: Layers, x: Any) -> Any:
        return n.tanh(logits(n, x))

    return classifier(bounded if tanh else logits, images(2, 3, 64, 64, classes=classes))


def penalised(network: Network, rate: float = 1e-4) -> Network:
    """The network, whose loss has the sum of all squares of weights besides, times a rate."""

    def loss(n: Layers, x: Any, wanted: Any) -> Any:
        total = network.loss(n, x, wanted)
        for name, w in n.params.items():
            if name.endswith("_w"):
                total = total + n.sum(w * w) * rate
        return total

    return network._replace(loss=loss)


def unrolled_rnn(steps: int) -> Network:
    """A recurrent network of 64 over 32 numbers a step, written out step after step; a batch of 16."""
    batch, inputs, hidden = 16, 32, 64
    rng = np.random.default_rng(1)
    batches = rng.standard_normal((steps, batch, inputs), np.float32), rng.integers(0, 10, batch, np.int32)

    def logits(n: Layers, x: Any) -> Any:
        w, u = n.normal("rnn_w", inputs, hidden, fan=2 * inputs), n.normal("rnn_u", hidden, hidden, fan=2 * hidden)
        b, h = n.constant("rnn_b", hidden), n.zeros((batch, hidden))
        for number in range(steps):
            h = n.tanh(x[number] @ w + h @ u + b)
        return n.dense(h, hidden, 10)

    return classifier(logits, batches)


def deep_mlp(layers: int) -> Network:
    """Residual layers of 16 numbers, h + tanh(h @ w + b) / 8, each with parameters of its own; a batch of 8."""

    def logits(n: Layers, x: Any) -> Any:
        for _ in range(layers):
            x = x + n.tanh(n.dense(x, 16, 16)) * 0.125
        return n.dense(x, 16, 10)

    return classifier(logits, images(8, 16))
