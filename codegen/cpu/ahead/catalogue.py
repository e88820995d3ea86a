"""Expressions whose kernels are shipped: what layers of usual networks, their gradients and other usual work need.

What a plan needs depends on sizes (how high a register tile is), so products and convolutions stand here with the
sizes of networks that everybody knows.  A function whose kernels are not among these compiles them, as without any.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ....ops.activations import crossentropy
from ....ops.conv import conv1d, conv2d, conv3d
from ....ops.indexing import index_add, index_set, take
from ....ops.linalg import matmul
from ....ops.max_pool import max_pool1d, max_pool2d, max_pool3d
from ....ops.movement import concatenate
from ....ops.order import argsort, cumsum, sort, topk
from ....ops.reduce import sum as sum_of
from ....ops.sum_pool import avg_pool2d
from ....symbolic.expr import Expr
from ....symbolic.grad import vjp
from ....symbolic.variables import tensor

FLOATS = ("float32", "float64")
BATCHES = (1, 2, 8, 10, 16, 20, 32, 50, 64, 100, 128, 256)
WIDTHS = (1, 2, 10, 50, 64, 65, 100, 128, 256, 500, 512, 784, 800, 1000, 1024, 2048, 3072)

# Layers of convolution: channels in, channels out, size of the image, of the kernel, stride, padding.
Layer = tuple[int, int, int, int, int, int]
LENET: tuple[Layer, ...] = ((1, 20, 28, 5, 1, 0), (20, 50, 12, 5, 1, 0), (1, 6, 28, 5, 1, 2), (6, 16, 14, 5, 1, 0))
SMALL: tuple[Layer, ...] = tuple((a, b, size, 3, 1, 1) for a, b, size in (
    (1, 16, 28), (1, 32, 28), (16, 32, 14), (32, 64, 14), (3, 32, 32), (32, 32, 32), (3, 64, 32), (64, 64, 32),
    (64, 128, 16), (128, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4), (512, 512, 4),
))  # fmt: skip
CIFAR_RESNET: tuple[Layer, ...] = (
    (3, 16, 32, 3, 1, 1), (16, 16, 32, 3, 1, 1), (16, 32, 32, 3, 2, 1), (32, 32, 16, 3, 1, 1), (32, 64, 16, 3, 2, 1),
    (64, 64, 8, 3, 1, 1), (16, 32, 32, 1, 2, 0), (32, 64, 16, 1, 2, 0),
)  # fmt: skip
ALEXNET: tuple[Layer, ...] = (
    (3, 64, 224, 11, 4, 2), (64, 192, 27, 5, 1, 2), (192, 384, 13, 3, 1, 1), (384, 256, 13, 3, 1, 1),
)  # fmt: skip
VGG: tuple[Layer, ...] = (
    (3, 64, 224, 3, 1, 1), (64, 128, 112, 3, 1, 1), (128, 256, 56, 3, 1, 1), (256, 512, 28, 3, 1, 1),
    (512, 512, 14, 3, 1, 1),
)  # fmt: skip
RESNET: tuple[Layer, ...] = ((3, 64, 224, 7, 2, 3), *((c, c, s, 3, 1, 1) for c, s in ((64, 56), (128, 28), (256, 14))),
    *((c, o, s, 1, 1, 0) for c, o, s in ((64, 64, 56), (64, 256, 56), (256, 64, 56), (512, 128, 28), (1024, 256, 14))),
    (256, 512, 56, 1, 2, 0))  # fmt: skip
LAYERS = {16: LENET + SMALL + CIFAR_RESNET, 128: LENET + SMALL[:6], 64: LENET + CIFAR_RESNET, 32: SMALL, 1: SMALL,
          2: CIFAR_RESNET + SMALL + RESNET, 4: ALEXNET + VGG + RESNET}  # fmt: skip


def expressions() -> Iterator[list[Expr]]:
    """The outputs of small functions."""
    for dtype in FLOATS:
        yield from _products(dtype)
        yield from _poolings(dtype)
    yield from _convolutions()
    for dtype in (*FLOATS, "int32", "int64"):
        yield from _orders(dtype)
        yield from _indices(dtype)


def _with_gradients(result: Expr, *arguments: Expr) -> list[Expr]:
    return [result, *vjp([result], list(arguments), [tensor(None, result.shape, dtype=result.dtype)])]


def _products(dtype: str) -> Iterator[list[Expr]]:
    for rows, depth, columns in product(BATCHES, WIDTHS, WIDTHS):
        x, w = tensor(None, (rows, depth), dtype=dtype), tensor(None, (depth, columns), dtype=dtype)
        yield _with_gradients(matmul(x, w), x, w)
    for width in (64, 128, 256, 512, 1024, 2048):
        x, y = (tensor(None, (width, width), dtype=dtype) for _ in range(2))
        yield [matmul(x, y), matmul(x.T, y), matmul(x, y.T)]
    for length, width in product((16, 64, 128), (16, 32, 64)):  # attention
        x, y = (tensor(None, (8, 4, length, width), dtype=dtype) for _ in range(2))
        yield _with_gradients(matmul(x, y.transpose((0, 1, 3, 2))), x, y)


def _convolutions() -> Iterator[list[Expr]]:
    for batch, layers in LAYERS.items():
        for a, b, size, kernel, stride, padding in layers:
            x, w = tensor(None, (batch, a, size, size)), tensor(None, (b, a, kernel, kernel))
            yield _with_gradients(conv2d(x, w, stride=stride, padding=padding), x, w)
    x, w = tensor(None, (16, 8, 20), dtype="float64"), tensor(None, (8, 8, 3), dtype="float64")
    yield _with_gradients(conv1d(x, w, padding=1), x, w)
    x, w = tensor(None, (4, 8, 12, 12, 12)), tensor(None, (8, 8, 3, 3, 3))
    yield _with_gradients(conv3d(x, w, padding=1), x, w)


def _poolings(dtype: str) -> Iterator[list[Expr]]:
    images = tensor(None, (8, 4, 24, 24), dtype=dtype)
    for size, stride, padding in ((2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1), (3, 3, 0)):
        for pooled in (max_pool2d, avg_pool2d):
            yield _with_gradients(pooled(images, size, stride=stride, padding=padding), images)
    lines, blocks = tensor(None, (8, 4, 24), dtype=dtype), tensor(None, (4, 4, 12, 12, 12), dtype=dtype)
    yield _with_gradients(max_pool1d(lines, 2), lines)
    yield _with_gradients(max_pool3d(blocks, 2), blocks)


def _orders(dtype: str) -> Iterator[list[Expr]]:
    x = tensor(None, (30, 40), dtype=dtype)
    yield [argsort(x), sort(x), topk(x, 3)[0], cumsum(x, axis=1), cumsum(x[:, ::-1], axis=1)]


def _indices(dtype: str) -> Iterator[list[Expr]]:
    x, values = tensor(None, (30, 40), dtype=dtype), tensor(None, (9, 40), dtype=dtype)
    for kind in ("int32", "int64"):
        places = tensor(None, (9,), dtype=kind)
        found = take(x, places, axis=0)
        yield [found, index_add(x, places, values), index_set(x, places, values), x[places, places]]
        if dtype in FLOATS:
            yield _with_gradients(found, x)
            yield _with_gradients(crossentropy(x, tensor(None, (30,), dtype=kind)), x)
    yield [concatenate([x, values], axis=0), sum_of(x)]
