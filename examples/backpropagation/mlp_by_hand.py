"""Backpropagation written by hand in NumPy, beside the gradients of the graph.

    python examples/mlp_by_hand.py [--quick]

First a multilayer perceptron with the four equations of backpropagation, then a small convolutional network, then the
perceptron again with a mistake in one layer: the table says which.
"""

import argparse
import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import weft as wf


def sigmoid(z):
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def softmax(z):
    """exp(z) / sum(exp(z)) of each row."""
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# ---- a multilayer perceptron: sigmoid units, softmax and crossentropy ------------------------------------------------


def perceptron(sizes, rng):
    """(input, labels, parameters, loss): w1, b1, w2, b2, ... of the layers."""
    x = wf.matrix("x", ("batch", sizes[0]))
    t = wf.vector("t", ("batch",), dtype="int64")
    params, h = [], x
    for number, (n, m) in enumerate(itertools.pairwise(sizes), start=1):
        w = wf.shared(wf.nn.init.glorot_uniform((n, m), rng), f"w{number}")
        b = wf.shared(wf.nn.init.normal((m,), rng, 0.1), f"b{number}")
        z = h @ w + b
        h = wf.sigmoid(z)
        params += [w, b]
    return x, t, params, wf.crossentropy(z, t).mean()


def backpropagation(x, t, params, mistake=False):
    """A function of the arrays: the gradients to all parameters, by the four equations (Nielsen 2015, chapter 2)."""

    def gradients(values):
        weights, biases = [values[p] for p in params[0::2]], [values[p] for p in params[1::2]]
        rows = np.arange(len(values[t]))
        activations, zs = [values[x]], []
        for w, b in zip(weights, biases, strict=True):
            zs.append(activations[-1] @ w + b)
            activations.append(sigmoid(zs[-1]))
        found = []
        delta = softmax(zs[-1])  # 1: the error of the output, d loss / d z
        delta[rows, values[t]] -= 1
        delta /= len(rows)
        for layer in reversed(range(len(weights))):
            found += [delta.sum(axis=0), activations[layer].T @ delta]  # 3 and 4: biases and weights
            if layer:
                slope = sigmoid(zs[layer - 1])
                delta = (delta @ weights[layer].T) * slope * (1 if mistake and layer == 1 else 1 - slope)  # 2: back
        return found[::-1]

    return gradients


# ---- a convolutional network: convolution, relu, max pooling, dense ----------------------------------------------


def convolutional(channels, filters, size, rng):
    """(input, labels, parameters, loss) of conv 3x3 - relu - max pool 2x2 - dense."""
    x = wf.tensor4("x", ("batch", channels, size, size))
    t = wf.vector("t", ("batch",), dtype="int64")
    side = (size - 2) // 2
    w1 = wf.shared(wf.nn.init.he_normal((filters, channels, 3, 3), rng), "w1")
    b1 = wf.shared(wf.nn.init.normal((filters,), rng, 0.1), "b1")
    w2 = wf.shared(wf.nn.init.glorot_normal((filters * side * side, 10), rng), "w2")
    b2 = wf.shared(wf.nn.init.normal((10,), rng, 0.1), "b2")
    h = wf.max_pool2d(wf.relu(wf.conv2d(x, w1, b1)), 2)
    return x, t, [w1, b1, w2, b2], wf.crossentropy(wf.flatten(h, 1) @ w2 + b2, t).mean()


def convolutional_backpropagation(x, t, params):
    """The gradients to all parameters, by hand."""

    def gradients(values):
        w1, b1, w2, b2 = (values[p] for p in params)
        windows = sliding_window_view(values[x], (3, 3), axis=(2, 3))  # (batch, channels, rows, columns, 3, 3)
        z = np.einsum("bcijkl,fckl->bfij", windows, w1, optimize=True) + b1[:, None, None]
        h = np.maximum(z, 0)
        batch, filters, rows, columns = h.shape
        blocks = h.reshape(batch, filters, rows // 2, 2, columns // 2, 2).swapaxes(3, 4)
        flat = blocks.reshape(batch, filters, rows // 2, columns // 2, 4)
        place = flat.argmax(-1)[..., None]  # a tie goes to the first, as in the graph
        pooled = np.take_along_axis(flat, place, -1).reshape(batch, -1)
        delta = softmax(pooled @ w2 + b2)
        delta[np.arange(batch), values[t]] -= 1
        delta /= batch
        back = np.zeros_like(flat)
        np.put_along_axis(back, place, (delta @ w2.T).reshape(place.shape), -1)
        back = back.reshape(blocks.shape).swapaxes(3, 4).reshape(h.shape) * (z > 0)
        weights = np.einsum("bcijkl,bfij->fckl", windows, back, optimize=True)
        return weights, back.sum(axis=(0, 2, 3)), pooled.T @ delta, delta.sum(axis=0)

    return gradients


def main() -> None:
    """Three comparisons."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="small arrays")
    quick = arguments.parse_args().quick
    rng = np.random.default_rng(0)
    batch = 8 if quick else 128
    sizes = (12, 9, 7, 10) if quick else (784, 256, 128, 10)

    x, t, params, loss = perceptron(sizes, rng)
    values = {x: rng.random((batch, sizes[0]), np.float32), t: rng.integers(0, 10, batch)}
    print(f"perceptron {'-'.join(map(str, sizes))}, {batch} examples")
    table = wf.compare_gradients(loss, params, backpropagation(x, t, params), values)
    print(table, end="\n\n")
    assert table.agrees

    channels, filters, size = (2, 3, 8) if quick else (3, 16, 28)
    image, label, conv_params, conv_loss = convolutional(channels, filters, size, rng)
    pixels = {image: rng.random((batch, channels, size, size), np.float32), label: values[t]}
    print(f"convolutional network on {channels} x {size} x {size}, {batch} examples")
    by_hand = convolutional_backpropagation(image, label, conv_params)
    table = wf.compare_gradients(conv_loss, conv_params, by_hand, pixels)
    print(table, end="\n\n")
    assert table.agrees

    print("the perceptron again, with the derivative of the first layer's sigmoid written wrongly")
    table = wf.compare_gradients(loss, params, backpropagation(x, t, params, mistake=True), values)
    print(table)
    assert table.departs is not None
    assert table.departs.name == "b1"


if __name__ == "__main__":
    main()
