"""Backpropagation through convolution, relu, max pooling and a dense layer in NumPy agrees with the graph's gradients.

python -m examples.backpropagation.convolution_by_hand                 # scikit-learn's digits
python -m examples.backpropagation.convolution_by_hand --data DIR      # MNIST, or CIFAR-10
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import weft as wf
from weft import nn

from ..common import images, mosaic, options, picture, plots
from .mlp_by_hand import softmax


def network(channels: int, size: int, filters: int = 16) -> tuple[list[wf.Expr], wf.Expr]:
    """([images, labels], logits) of conv 3x3 - relu - max pool 2x2 - dense."""
    x, t = wf.tensor4("x", ("batch", channels, size, size)), wf.vector("t", ("batch",), dtype="int64")
    with nn.scope("net"):
        h = wf.max_pool2d(wf.relu(nn.layers.conv2d(x, filters, 3)), 2)
        return [x, t], nn.layers.dense(h, 10, nn.init.glorot_normal)


def backpropagation(
    x: wf.Expr, t: wf.Expr, params: Sequence[wf.Expr]
) -> Callable[[Mapping[wf.Expr, np.ndarray]], list[np.ndarray]]:
    """A function of the arrays: the gradients of the mean crossentropy to all parameters."""

    def gradients(values: Mapping[wf.Expr, np.ndarray]) -> list[np.ndarray]:
        w1, b1, w2, b2 = (values[p] for p in params)
        windows = sliding_window_view(values[x], (3, 3), axis=(2, 3))  # (batch, channels, rows, columns, 3, 3)
        z = np.einsum("bcijkl,fckl->bfij", windows, w1, optimize=True) + b1[:, None, None]
        h = np.maximum(z, 0)
        batch, filters, rows, columns = h.shape
        blocks = h.reshape(batch, filters, rows // 2, 2, columns // 2, 2).swapaxes(3, 4)
        flat = blocks.reshape(batch, filters, rows // 2, columns // 2, 4)
        place = flat.argmax(-1)[..., None]  # a tie goes to the first, as in the graph
        pooled = np.take_along_axis(flat, place, -1).reshape(batch, -1)
        delta = (softmax(pooled @ w2 + b2) - np.eye(10)[values[t]]) / batch
        back = np.zeros_like(flat)
        np.put_along_axis(back, place, (delta @ w2.T).reshape(place.shape), -1)
        back = back.reshape(blocks.shape).swapaxes(3, 4).reshape(h.shape) * (z > 0)
        weights = np.einsum("bcijkl,bfij->fckl", windows, back, optimize=True)
        return [weights, back.sum(axis=(0, 2, 3)), pooled.T @ delta, delta.sum(axis=0)]

    return gradients


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Compare, and draw the gradients to the filters."""
    args = options(__doc__, argv, epochs=1)
    data = images(args)
    (x, t), logits = network(data.images.shape[1], data.images.shape[2], 4 if args.quick else 16)
    loss = nn.losses.crossentropy(logits, t).mean()
    params, values = list(nn.parameters(loss).values()), {x: data.images[:128], t: data.labels[:128]}
    by_hand = backpropagation(x, t, params)
    print(table := wf.compare_gradients(loss, params, by_hand, values))
    given = values | {p: p.get_value() for p in params}
    draw(args, by_hand(given)[0], wf.function([x, t], wf.grad(loss, params[0]), target=args.target)(*values.values()))
    figures = {"largest error of a gradient": max(row.error for row in table.rows)}
    if table.by_hand_seconds:
        figures["times as fast as NumPy"] = table.by_hand_seconds / table.graph_seconds
    print(figures)
    return figures


def draw(args: Any, by_hand: np.ndarray, by_graph: np.ndarray) -> None:
    """The gradients to the filters of the first channel, and one over the other."""
    figure, (left, middle, right) = plots(3, 8)
    for plot, name, gradient in ((left, "by hand", by_hand), (middle, "by the graph", by_graph)):
        plot.imshow(mosaic(gradient[:, :1].astype("float32"), 4), cmap="RdBu")
        plot.set_title(f"d loss / d filters, {name}", fontsize=9)
        plot.axis("off")
    right.plot(by_hand.ravel(), by_graph.ravel(), ".", ms=3)
    right.set(xlabel="by hand", ylabel="by the graph")
    right.set_title("each number", fontsize=9)
    picture(args, "convolution_by_hand", figure)


if __name__ == "__main__":
    main()
