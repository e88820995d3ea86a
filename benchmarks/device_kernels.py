"""The kernels that are timed on a device: what weft and PyTorch are asked for, and how much work it is."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import weft as wf

MEGA = 1 << 20


class Kernel(NamedTuple):
    """One row.

    weft, torch : functions of the arguments, expressions or tensors; torch gets the module first
    amount : bytes that must be moved, or operations
    precision : "float32" or "tf32"
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    weft: Callable[..., Any]
    torch: Callable[..., Any]
    amount: float
    precision: str = "float32"

    def arrays(self) -> list[np.ndarray]:
        """Random arguments."""
        rng = np.random.default_rng(0)
        return [rng.standard_normal(shape, dtype=np.float32) for shape in self.shapes]


def _size(*shape: int) -> int:
    return int(np.prod(shape))


def elementwise(quick: bool) -> list[Kernel]:
    """Chains over long vectors: bytes read and written."""
    n = 4096 if quick else 64 * MEGA
    return [
        Kernel("x + y", ((n,), (n,)), lambda x, y: x + y, lambda t, x, y: x + y, 12.0 * n),
        Kernel("relu(x y + 1)", ((n,),) * 2, lambda x, y: wf.relu(x * y + 1), _torch_relu, 12.0 * n),
        Kernel("tanh exp log sigmoid", ((n,),), _chain, _torch_chain, 8.0 * n),
        Kernel("x.T + 1", ((n // 64, 64),), lambda x: x.T + 1.0, lambda t, x: (x.T + 1).contiguous(), 8.0 * n),
    ]


def _torch_relu(t: Any, x: Any, y: Any) -> Any:
    return t.relu(x * y + 1)


def _chain(x: Any) -> Any:
    return wf.tanh(wf.exp(-x * x)) + wf.log(1 + x * x) * wf.sigmoid(x)


def _torch_chain(t: Any, x: Any) -> Any:
    return t.tanh(t.exp(-x * x)) + t.log(1 + x * x) * t.sigmoid(x)


def reductions(quick: bool) -> list[Kernel]:
    """Rows, columns and all of an array: bytes read."""
    found = []
    for shape in ((65, 130),) if quick else ((16384, 4096), (4096, 1024), (128, 256)):
        of, size = (shape,), 4.0 * _size(*shape)
        found += [
            Kernel(f"sum of rows {shape}", of, lambda x: wf.sum(x, 1), lambda t, x: x.sum(1), size),
            Kernel(f"sum of columns {shape}", of, lambda x: wf.sum(x, 0), lambda t, x: x.sum(0), size),
            Kernel(f"sum of all {shape}", of, lambda x: wf.sum(x), lambda t, x: x.sum(), size),
            Kernel(f"softmax {shape}", of, lambda x: wf.softmax(x), lambda t, x: t.softmax(x, 1), 2 * size),
        ]
    for image in ((2, 3, 8, 8),) if quick else ((64, 64, 32, 32), (64, 16, 32, 32), (32, 256, 8, 8)):
        found.append(
            Kernel(
                f"mean and variance of channels {image}",
                (image,),
                lambda x: [wf.mean(x, (0, 2, 3)), wf.var(x, (0, 2, 3))],
                lambda t, x: t.var_mean(x, (0, 2, 3), unbiased=False),
                4.0 * _size(*image),
            )
        )
    return found


def products(quick: bool) -> list[Kernel]:
    """Matrices: operations."""
    dense = (128, 784, 256), (128, 256, 256), (64, 100_000, 64)
    sizes = ((33, 17, 20),) if quick else ((1024,) * 3, (4096,) * 3, *dense)
    found = []
    for precision in ("float32", "tf32"):
        for m, k, n in sizes:
            shapes = (m, k), (k, n)
            name = f"{m} x {k} @ {k} x {n}"
            work = 2.0 * m * k * n
            found.append(Kernel(name, shapes, lambda a, b: a @ b, lambda t, a, b: a @ b, work, precision))
        m, k, n = sizes[0]
        for name, first, second in (("a.T @ b", True, False), ("a @ b.T", False, True), ("a.T @ b.T", True, True)):
            shapes = ((k, m) if first else (m, k)), ((n, k) if second else (k, n))

            def product(a: Any, b: Any, first: bool = first, second: bool = second) -> Any:
                return (a.T if first else a) @ (b.T if second else b)

            text = f"{name}, {m} x {k} x {n}"
            found.append(Kernel(text, shapes, product, lambda t, a, b, f=product: f(a, b), 2.0 * m * k * n, precision))
    return found


# N, C, side, O, size of the kernel, padding
LAYERS = {
    "LeNet 1": (128, 1, 28, 20, 5, 0),
    "LeNet 2": (128, 20, 12, 50, 5, 0),
    "ResNet 16": (64, 16, 32, 16, 3, 1),
    "VGG 64": (32, 64, 32, 64, 3, 1),
    "VGG 256": (32, 256, 8, 256, 3, 1),
    "64 x 128 x 56 x 56": (64, 128, 56, 128, 3, 1),
}


def convolutions(quick: bool) -> list[Kernel]:
    """Layers forward and both gradients: operations."""
    found = []
    for precision in ("float32", "tf32"):
        for name, (n, c, side, o, size, padding) in ({"small": (2, 3, 8, 4, 3, 1)} if quick else LAYERS).items():
            out = side + 2 * padding - size + 1
            x, w, g = (n, c, side, side), (o, c, size, size), (n, o, out, out)
            work = 2.0 * _size(*g) * c * size * size
            for what, weft, torch in _directions(x, w, padding):
                if (what, name) != ("dx", "LeNet 1"):  # nobody asks for the gradient of the images
                    shapes = {"fwd": (x, w), "dx": (w, g), "dw": (x, g)}[what]
                    found.append(Kernel(f"{name}, {what}", shapes, weft, torch, work, precision))
    return found


def _directions(x: tuple[int, ...], w: tuple[int, ...], padding: int) -> list[tuple[str, Any, Any]]:
    """(direction, weft's function, PyTorch's): of x and w, of w and the cotangent, of x and the cotangent."""

    def dx(kernel: Any, g: Any) -> Any:
        image = wf.zeros(x)
        return wf.vjp([wf.conv2d(image, kernel, padding=padding)], [image], [g])[0]

    def dw(image: Any, g: Any) -> Any:
        kernel = wf.zeros(w)
        return wf.vjp([wf.conv2d(image, kernel, padding=padding)], [kernel], [g])[0]

    return [
        ("fwd", lambda a, b: wf.conv2d(a, b, padding=padding), lambda t, a, b: t.conv2d(a, b, padding=padding)),
        ("dx", dx, lambda t, a, g: t.nn.grad.conv2d_input(x, a, g, padding=padding)),
        ("dw", dw, lambda t, a, g: t.nn.grad.conv2d_weight(a, w, g, padding=padding)),
    ]


def pools(quick: bool) -> list[Kernel]:
    """Pooling forward and backward: bytes read and written."""
    shape = (2, 3, 8, 8) if quick else (64, 64, 32, 32)
    inner = (*shape[:2], shape[2] // 2, shape[3] // 2)
    size, small = _size(*shape), _size(*inner)
    ways = (
        ("max", wf.max_pool2d, lambda t, x: t.nn.functional.max_pool2d(x, 2)),
        ("mean", wf.avg_pool2d, lambda t, x: t.nn.functional.avg_pool2d(x, 2)),
    )
    found = []
    for name, weft, torch in ways:
        title = f"{name} pool 2x2 of {shape}"
        found.append(Kernel(f"{title}, fwd", (shape,), lambda x, f=weft: f(x, 2), torch, 4.0 * (size + small)))
        back, peers = _pool_gradient(weft), _torch_pool_gradient(torch)
        found.append(Kernel(f"{title}, fwd and gradient", (shape, inner), back, peers, 4.0 * (2 * size + 2 * small)))
    return found


def _pool_gradient(pool: Callable[..., Any]) -> Callable[..., Any]:
    def both(x: Any, g: Any) -> Any:
        y = pool(x, 2)
        return [y, wf.vjp([y], [x], [g])[0]]

    return both


def _torch_pool_gradient(pool: Callable[..., Any]) -> Callable[..., Any]:
    def both(t: Any, x: Any, g: Any) -> Any:
        x = x.detach().requires_grad_()
        y = pool(t, x)
        return [y.detach(), *t.autograd.grad(y, [x], g)]

    return both
