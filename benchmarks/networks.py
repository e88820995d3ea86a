"""Small networks, each written once: a loss over layers, and a batch to train it with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from layers import Drawing, Layers
from training import Loss, Task


class Network(NamedTuple):
    """A loss, and the batch: an input, and what is wanted of it."""

    loss: Loss
    batch: tuple[np.ndarray, np.ndarray]
    optimiser: str = "momentum"

    def task(self) -> Task:
        """It, with the numbers that it starts with."""
        drawing = Drawing()
        self.loss(drawing, drawing.operations, drawing.operations)
        return Task(self.loss, drawing.drawn, drawing.averages, *self.batch, self.optimiser)


Logits = Callable[[Layers, Any], Any]


def images(*shape: int, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Random images, and a label for each."""
    rng = np.random.default_rng(1)
    return rng.standard_normal(shape, np.float32), rng.integers(0, classes, shape[0], np.int32)


def classifier(logits: Logits, batch: tuple[np.ndarray, np.ndarray]) -> Network:
    """A network whose loss is the mean of the cross-entropy."""
    return Network(lambda n, x, wanted: n.crossentropy(logits(n, x), wanted), batch)


def logistic_regression() -> Network:
    """784-10, a batch of 128."""
    return classifier(lambda n, x: n.dense(x, 784, 10), images(128, 784))


def mlp() -> Network:
    """784-256-256-10, a batch of 128."""

    def logits(n: Layers, x: Any) -> Any:
        h = n.relu(n.dense(x, 784, 256))
        return n.dense(n.relu(n.dense(h, 256, 256)), 256, 10)

    return classifier(logits, images(128, 784))


def autoencoder() -> Network:
    """784-256-784 with the mean of squares as its loss, a batch of 128."""
    x = np.random.default_rng(1).random((128, 784), np.float32)

    def loss(n: Layers, x: Any, wanted: Any) -> Any:
        apart = n.sigmoid(n.dense(n.relu(n.dense(x, 784, 256)), 256, 784)) - wanted
        return n.mean(apart * apart)

    return Network(loss, (x, x))


def lenet() -> Network:
    """20C5-MP2-50C5-MP2-FC256-FC10 on 28x28, a batch of 128."""

    def logits(n: Layers, x: Any) -> Any:
        for channels, maps in ((1, 20), (20, 50)):
            x = n.max_pool(n.relu(n.bias(n.conv(x, channels, maps, 5), maps)), 2, 2, 0)
        return n.dense(n.relu(n.dense(x.reshape((128, 800)), 800, 256)), 256, 10)

    return classifier(logits, images(128, 1, 28, 28))


def vgg_small() -> Network:
    """Six convolutions with batch normalisation, three pools, two dense layers on 32x32, a batch of 32."""

    def logits(n: Layers, x: Any) -> Any:
        channels = 3
        for maps in (64, 128, 256):
            for _ in range(2):
                x = n.relu(n.norm(n.conv(x, channels, maps, 3, pad=1), maps))
                channels = maps
            x = n.max_pool(x, 2, 2, 0)
        return n.dense(n.relu(n.dense(x.reshape((32, 4096)), 4096, 256)), 256, 10)

    return classifier(logits, images(32, 3, 32, 32))


def resnet(depth: int, batch: int) -> Network:
    """The residual network for 32x32 (He et al. 2016) of depth 6 n + 2; projections where the shape changes."""
    repeats = (depth - 2) // 6

    def block(n: Layers, x: Any, channels: int, maps: int, stride: int) -> Any:
        h = n.relu(n.norm(n.conv(x, channels, maps, 3, stride, 1), maps))
        h = n.norm(n.conv(h, maps, maps, 3, 1, 1), maps)
        if channels != maps:
            x = n.norm(n.conv(x, channels, maps, 1, stride), maps)
        return n.relu(x + h)

    def logits(n: Layers, x: Any) -> Any:
        x, channels = n.relu(n.norm(n.conv(x, 3, 16, 3, 1, 1), 16)), 16
        for maps in (16, 32, 64):
            for number in range(repeats):
                x = block(n, x, channels, maps, 2 if maps > 16 and not number else 1)
                channels = maps
        return n.dense(n.mean(x, (2, 3)), 64, 10)

    return classifier(logits, images(batch, 3, 32, 32))


def char_lstm() -> Network:
    """A letter after the other: 65 letters, one LSTM of 128 over 50 steps, a batch of 64."""
    steps, batch, letters, hidden = 50, 64, 65, 128
    rng = np.random.default_rng(1)
    x, wanted = (rng.integers(0, letters, (steps, batch), np.int32) for _ in range(2))

    def loss(n: Layers, x: Any, wanted: Any) -> Any:
        h = n.lstm(n.embed(x, letters, hidden), steps, batch, hidden, hidden)
        logits = n.dense(h.reshape((steps * batch, hidden)), hidden, letters)
        return n.crossentropy(logits, wanted.reshape((steps * batch,)))

    return Network(loss, (x, wanted))
