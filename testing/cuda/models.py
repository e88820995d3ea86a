"""Small networks and what they learn: a perceptron, LeNet, and an LSTM that reads characters."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...ops.activations import crossentropy
from ...ops.control import scan
from ...ops.conv import conv2d
from ...ops.indexing import take
from ...ops.linalg import matmul
from ...ops.max_pool import max_pool2d
from ...ops.movement import flatten
from ...ops.normalization import dropout
from ...ops.random import Stream
from ...ops.reduce import mean
from ...ops.reduce import sum as sum_over
from ...ops.scalar import minimum, relu, sigmoid, sqrt, square, tanh
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, shared, tensor4, vector
from .compare import Array

Updates = dict[Expr, Expr]
CLASSES = 10


class Network(NamedTuple):
    """A loss, what it depends on, and a batch of data for its inputs.

    params : what is learnt, in the order in which it was made
    updates : how a step changes them, and whatever the network remembers
    draw : a batch; of other numbers for each generator's state
    """

    inputs: list[Expr]
    loss: Expr
    params: list[Expr]
    updates: Updates
    draw: Callable[[np.random.Generator], list[Array]]


def _parameter(rng: np.random.Generator, *shape: int, fan: int = 0) -> Expr:
    """Normally distributed for so many inputs; 0: zeros."""
    value = rng.standard_normal(shape) * math.sqrt(2.0 / fan) if fan else np.zeros(shape)
    return shared(value.astype(np.float32))


def momentum(loss: Expr, params: list[Expr], rate: float = 0.05) -> Updates:
    """Gradient descent with momentum."""
    found: Updates = {}
    for p, g in zip(params, grad(loss, params), strict=True):
        v = shared(np.zeros(p.type.shape, np.float32))
        found[v] = v * 0.9 - g * rate
        found[p] = p + found[v]
    return found


def adam(loss: Expr, params: list[Expr], rate: float = 0.01) -> Updates:
    """Adam (Kingma, Ba 2015), with gradients whose norm is 1 at most."""
    gradients, step = grad(loss, params), shared(np.float32(0))
    norm = sqrt(sum((sum_over(square(g)) for g in gradients[1:]), sum_over(square(gradients[0]))))
    factor, now = minimum(1.0 / (norm + 1e-12), 1.0), step + 1.0
    found: Updates = {step: now}
    for p, g in zip(params, gradients, strict=True):
        m, v = (shared(np.zeros(p.type.shape, np.float32)) for _ in range(2))
        found[m] = m * 0.9 + g * factor * 0.1
        found[v] = v * 0.999 + square(g * factor) * 0.001
        found[p] = p - rate * (found[m] / (1 - 0.9**now)) / (sqrt(found[v] / (1 - 0.999**now)) + 1e-8)
    return found


def perceptron(batch: int, width: int, hidden: int) -> Network:
    """Two hidden layers; the batch's size is a symbol."""
    rng = np.random.default_rng(0)
    sizes = (width, hidden, hidden, CLASSES)
    layers = [(_parameter(rng, i, o, fan=i), _parameter(rng, o)) for i, o in pairwise(sizes)]
    x, t = matrix("x", ("n", width)), vector("t", ("n",), "int64")
    h = x
    for number, (w, b) in enumerate(layers):
        h = matmul(h, w) + b
        h = relu(h) if number < len(layers) - 1 else h
    loss, params = mean(crossentropy(h, t)), [p for layer in layers for p in layer]
    return Network([x, t], loss, params, momentum(loss, params), lambda g: _image_batch(g, batch, width))


def lenet(batch: int, size: int, maps: tuple[int, int], hidden: int) -> Network:
    """Two convolutions with pooling and two layers, with dropout between these."""
    rng, (first, second) = np.random.default_rng(1), maps
    x, t = tensor4("x", ("n", 1, size, size)), vector("t", ("n",), "int64")
    side = ((size - 4) // 2 - 4) // 2
    inner = second * side * side
    params = [_parameter(rng, first, 1, 5, 5, fan=25), _parameter(rng, first)]
    params += [_parameter(rng, second, first, 5, 5, fan=25 * first), _parameter(rng, second)]
    params += [_parameter(rng, inner, hidden, fan=inner), _parameter(rng, hidden)]
    params += [_parameter(rng, hidden, CLASSES, fan=hidden), _parameter(rng, CLASSES)]
    h = max_pool2d(relu(conv2d(x, *params[0:2])), 2)
    h = max_pool2d(relu(conv2d(h, *params[2:4])), 2)
    h = dropout(relu(matmul(flatten(h, 1), params[4]) + params[5]), 0.3, Stream(7))
    loss = mean(crossentropy(matmul(h, params[6]) + params[7], t))
    return Network([x, t], loss, params, momentum(loss, params), lambda g: _image_batch(g, batch, 1, size, size))


def _image_batch(rng: np.random.Generator, batch: int, *shape: int) -> list[Array]:
    """Arrays that are lighter or darker along one axis, by their label."""
    labels = rng.integers(0, CLASSES, batch)
    wave = np.sin(np.arange(shape[-1]) * (labels[:, None] + 1) / shape[-1] * np.pi)
    images = rng.standard_normal((batch, *shape)) * 0.5 + wave.reshape(batch, *[1] * (len(shape) - 1), shape[-1])
    return [images.astype(np.float32), labels]


def char_rnn(batch: int, time: int, hidden: int, classes: int = 17) -> Network:
    """An LSTM that predicts each character from those before; its state goes on from batch to batch."""
    rng = np.random.default_rng(2)
    text = matrix("text", ("time", batch), "int64")
    from_char = _parameter(rng, classes, 4 * hidden, fan=2)
    from_hidden, bias = _parameter(rng, hidden, 4 * hidden, fan=hidden), _parameter(rng, 4 * hidden)
    to_char, char_bias = _parameter(rng, hidden, classes, fan=hidden), _parameter(rng, classes)
    memory = [shared(np.zeros((batch, hidden), np.float32)) for _ in range(2)]

    def step(state: tuple[Expr, Expr], pushed: Expr) -> tuple[tuple[Expr, Expr], Expr]:
        h, c = state
        gates = pushed + matmul(h, from_hidden) + bias
        i, f, o, new = (gates[:, k * hidden : (k + 1) * hidden] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * tanh(new)
        h = sigmoid(o) * tanh(c)
        return (h, c), h

    after, states = scan(step, (memory[0], memory[1]), take(from_char, text[:-1], 0))
    loss = mean(crossentropy(matmul(states, to_char) + char_bias, text[1:]))
    params = [from_char, from_hidden, bias, to_char, char_bias]
    updates = adam(loss, params) | dict(zip(memory, after, strict=True))
    return Network([text], loss, params, updates, lambda g: [_sentences(g, time + 1, batch, classes)])


def _sentences(rng: np.random.Generator, time: int, batch: int, classes: int) -> Array:
    """Characters that count upwards, from any one, with a mistake now and then."""
    begun = rng.integers(0, classes, batch) + np.arange(time)[:, None]
    return (begun + (rng.random((time, batch)) < 0.05)) % classes
