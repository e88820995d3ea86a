"""Products, convolutions, pooling, reductions and sorting at ragged and at large shapes, and rounding to TF32."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...codegen.function import function
from ...ops import conv, max_pool, sum_pool
from ...ops.indexing import index_add, take
from ...ops.linalg import matmul
from ...ops.order import argsort, cumsum
from ...ops.reduce import argmax, mean
from ...ops.reduce import max as max_over
from ...ops.reduce import sum as sum_over
from ...symbolic.evaluate import evaluate
from ...symbolic.expr import Expr
from ...symbolic.grad import grad
from ...symbolic.variables import matrix, tensor, tensor3, vector
from .check import DeviceCheck, DeviceSetting, group_checks
from .compare import Array, compare, compare_exactly, move_apart, normal, require

TRANSPOSES = ((False, False), (False, True), (True, False), (True, True))
TF32_EPS = 2.0**-9 * 2**23  # each factor is off by 2**-10 of itself at most
EPS = 24  # of a product, relative to the product of the absolute values

# ---- products ------------------------------------------------------------------------------------------------------

RAGGED = (1, 3, 17, 64, 65, 130, 257)
SMALL = (1, 3, 17)
LARGE = ((1000, 1000, 1000), (4096, 4096, 4096), (129, 5000, 33), (8, 70000, 8), (128, 784, 256), (20000, 9, 20))


Products = dict[tuple[bool, bool], Callable[..., Any]]  # by whether a and b are transposed


def _products(setting: DeviceSetting, dtype: str, **options: Any) -> Products:
    a, b = matrix("a", (None, None), dtype), matrix("b", (None, None), dtype)
    return {
        (first, second): setting.compile([a, b], matmul(a.T if first else a, b.T if second else b), **options)
        for first, second in TRANSPOSES
    }


def _check_products(functions: Products, dtype: str, sizes: Sequence[int], eps: float = EPS) -> None:
    """Every transpose at these sizes, against float64."""
    m, k, n = sizes
    a, b = normal((m, k), dtype, seed=m), normal((k, n), dtype, seed=n + 1)
    exact, size = a.astype("float64") @ b, np.abs(a).astype("float64") @ np.abs(b)
    for transposed, f in functions.items():
        given = [np.ascontiguousarray(v.T) if t else v for v, t in zip((a, b), transposed, strict=True)]
        what = f"{m} x {k} @ {k} x {n} of {dtype}, transposed: {transposed}"
        compare(what, f(*given), exact.astype(dtype), eps, size)


def check_transposes(dtype: str, setting: DeviceSetting) -> None:
    """All sizes around those of tiles, and all transposes."""
    functions = _products(setting, dtype)
    for sizes in [*itertools.product(setting.pick(RAGGED, SMALL), repeat=3), (5, 0, 3), (0, 5, 3)]:
        _check_products(functions, dtype, sizes)


def check_large_products(setting: DeviceSetting) -> None:
    """Square, long and thin ones; the same call gives the same bits."""
    functions = _products(setting, "float32")
    for sizes in setting.pick(LARGE, ((65, 40, 70), (8, 500, 8))):
        _check_products(functions, "float32", sizes)
    k = setting.pick(50000, 600)
    a, b, f = normal((64, k)), normal((k, 48), seed=1), functions[False, False]
    compare_exactly("a long sum, twice", f(a, b), f(a, b))


def check_batches(setting: DeviceSetting) -> None:
    """Batches that broadcast, strides that are negative or have gaps, and integers."""
    for dtype in ("float32", "float64", "int32", "int64"):
        a, b = tensor("a", (None, 1, None, None), dtype), tensor3("b", (None, None, None), dtype)
        f = setting.compile([a, b], matmul(a, b))
        for m, k, n in ((1, 1, 1), (5, 3, 2), setting.pick((65, 130, 33), (9, 17, 5))):
            x, y = ((normal(s, seed=k) * 3).astype(dtype) for s in ((2, 1, m, k), (3, k, n)))
            exact = np.matmul(x.astype("float64"), y.astype("float64"))
            size = np.matmul(np.abs(x).astype("float64"), np.abs(y).astype("float64"))
            compare(f"batches of {m, k, n}, {dtype}", f(move_apart(x), move_apart(y)), exact.astype(dtype), EPS, size)


def check_special_products(setting: DeviceSetting) -> None:
    """Infinities, NaN, very large and very small numbers give what IEEE arithmetic gives."""
    a, b = normal((33, 40)), normal((40, 29), seed=1)
    a[3, 4], a[5, 6], b[7, 8], b[9, 10] = np.inf, np.nan, -np.inf, np.inf
    a[20, :], b[:, 20] = 3e30, 1e-30  # further down the smaller part of a factor that is split in two has fewer digits
    a[21, :], b[:, 21] = 1e-35, 1e30
    b[4, 11] = 0.0
    f = _products(setting, "float32")[False, False]
    with np.errstate(all="ignore"):
        exact = (a.astype("float64") @ b.astype("float64")).astype("float32")
        size = np.nan_to_num(np.abs(a).astype("float64") @ np.abs(b), nan=1.0, posinf=1.0)
        found = np.asarray(f(a, b))
    huge = np.abs(exact) > 1e38  # partial sums may leave the range on the way
    compare("infinities and NaN", np.where(huge, exact, found), exact, EPS, size + 1e-37)


def check_tf32(setting: DeviceSetting) -> None:
    """precision="tf32" rounds the factors to 11 bits and no more, and float64 not at all."""
    functions, double = (_products(setting, dtype, precision="tf32") for dtype in ("float32", "float64"))
    for sizes in setting.pick(((130, 257, 65), (1000, 1000, 1000)), ((17, 33, 9),)):
        _check_products(functions, "float32", sizes, eps=TF32_EPS)
    _check_products(double, "float64", (17, 33, 9))
    x, w = tensor("x", (None, 3, 10, 11)), tensor("w", (4, 3, 3, 3))
    f = setting.compile([x, w], conv.conv2d(x, w), precision="tf32")
    _check_convolution(f, [normal((2, 3, 10, 11)), normal((4, 3, 3, 3), seed=1)], x, w, {}, TF32_EPS)


# ---- convolution ---------------------------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "same": {"padding": "same"},
    "stride and padding": {"stride": 2, "padding": 2},
    "dilation": {"dilation": 2, "padding": 1},
    "groups": {"groups": 2},
    "flip": {"flip": True, "padding": 1},
    "all": {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "flip": True},
}
CONVOLUTIONS: dict[int, Callable[..., Expr]] = {1: conv.conv1d, 2: conv.conv2d, 3: conv.conv3d}
# N, C, height, width, O, size of the kernel, padding: the layers of networks
LAYERS = (
    (128, 1, 28, 28, 20, 5, 0),
    (128, 20, 12, 12, 50, 5, 0),
    (64, 16, 32, 32, 16, 3, 1),
    (32, 64, 32, 32, 64, 3, 1),
    (32, 256, 8, 8, 256, 3, 1),
    (3, 7, 33, 35, 5, 3, 1),
)
SMALL_LAYERS = ((3, 1, 12, 12, 5, 5, 0), (2, 5, 9, 11, 7, 3, 1))


def _with_gradients(x: Expr, w: Expr, options: dict[str, Any]) -> list[Expr]:
    out = CONVOLUTIONS[x.ndim - 2](x, w, **options)
    return [out, *grad(sum_over(out * out), [x, w])]


def _check_convolution(
    f: Callable[..., Any], values: Sequence[Array], x: Expr, w: Expr, options: dict[str, Any], eps: float
) -> None:
    """The value is that of float64 within `eps` of the product of absolute values; by the CPU, which is quick."""
    double = [tensor(None, v.shape, "float64") for v in (x, w)]
    exactly = function(double, CONVOLUTIONS[x.ndim - 2](*double, **options))
    exact, size = exactly(*(v.astype("float64") for v in values)), exactly(*(np.abs(v, dtype="d") for v in values))
    compare(f"a convolution of {values[0].shape}", f(*values), np.asarray(exact).astype("float32"), eps, size)


def check_convolutions(rank: int, setting: DeviceSetting) -> None:
    """All options, with both gradients, against the references."""
    space, kernel = (9, 8, 7)[:rank], (3, 2, 3)[:rank]
    for dtype in ("float32", "float64"):
        x, w = tensor("x", ("n", 4, *space), dtype), tensor("w", (6, 4, *kernel), dtype)
        for name, options in OPTIONS.items():
            grouped = tensor("w", (6, 2, *kernel), dtype) if options.get("groups") else w
            outputs = _with_gradients(x, grouped, options)
            f = setting.compile([x, grouped], outputs)
            for n in (0, 1, 3):
                values = {x: normal((n, 4, *space), dtype), grouped: normal(grouped.shape, dtype, seed=1)}  # type: ignore[arg-type]
                for number, (one, other) in enumerate(zip(f(*values.values()), evaluate(outputs, values), strict=True)):
                    compare(f"{name}, {rank}d, {dtype}, {n} images, output {number}", one, np.asarray(other), 256)


def check_layers(setting: DeviceSetting) -> None:
    """The layers of networks, forward and both gradients, against float64 on the CPU."""
    for n, c, height, width, o, size, padding in setting.pick(LAYERS, SMALL_LAYERS):
        shapes = (n, c, height, width), (o, c, size, size)
        values, found = [normal(s, seed=o) for s in shapes], []
        for dtype in ("float32", "float64"):
            x, w = (tensor(None, s, dtype) for s in shapes)
            out = conv.conv2d(x, w, padding=padding)
            g = tensor(None, out.shape, dtype)
            outputs = [out, *grad(sum_over(out * g), [x, w])]
            f = setting.compile([x, w, g], outputs) if dtype == "float32" else function([x, w, g], outputs)
            start = normal(out.shape, dtype, seed=2)  # type: ignore[arg-type]
            found.append(f(*(v.astype(dtype) for v in values), start.astype("float32").astype(dtype)))
        for number, (one, other) in enumerate(zip(*found, strict=True)):
            compare(f"a layer of {shapes}, output {number}", one, np.asarray(other).astype("float32"), 64)


LARGE_POOLS = {1: (16, 3, 1025), 2: (16, 3, 65, 65), 3: (2, 3, 17, 33, 33)}


def check_pools(setting: DeviceSetting) -> None:
    """Pools of 1 to 3 axes at ragged and large shapes, with gradients; ties, NaN and infinities among the values."""
    ways: list[tuple[Callable[..., Expr], int, dict[str, Any]]] = [
        (max_pool.max_pool1d, 1, {"size": 3, "stride": 2, "padding": 1}),
        (max_pool.max_pool2d, 2, {"size": 2}),
        (max_pool.max_pool2d, 2, {"size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        (max_pool.max_pool2d, 2, {"size": (2, 3), "stride": (1, 2), "padding": 1, "dilation": (3, 2)}),
        (max_pool.max_pool3d, 3, {"size": 2, "stride": 1}),
        (sum_pool.avg_pool1d, 1, {"size": 3, "padding": 1}),
        (sum_pool.avg_pool2d, 2, {"size": 3, "stride": 1, "padding": 1}),
        (sum_pool.avg_pool3d, 3, {"size": 2}),
    ]
    for op, rank, options in ways:
        shapes = tuple((n, 3, *(8, 9, 7)[:rank]) for n in (0, 2))
        for dtype in ("float32", "float64"):
            x = tensor("x", (None, 3, *[None] * rank), dtype)
            out = op(x, **options)
            f = setting.compile([x], [out, grad(sum_over(out * out), x)])
            for shape in setting.pick((*shapes, LARGE_POOLS[rank]), shapes):
                value = np.round(normal(shape, dtype) * 4) / 4
                expected = evaluate([out, grad(sum_over(out * out), x)], {x: value})
                for one, other in zip(f(value), expected, strict=True):
                    compare(f"{op.__name__} {options} of {dtype}{shape}", one, np.asarray(other), 64)


# ---- rows and columns ----------------------------------------------------------------------------------------------


def check_reductions(setting: DeviceSetting) -> None:
    """Long rows, long columns and all of an array; NaN and the first of equal elements among them."""
    for dtype in ("float32", "float64"):
        x = matrix("x", (None, None), dtype)
        kinds = [sum_over, mean, max_over, argmax]
        f = setting.compile([x], [kind(x, axis) for kind in kinds for axis in (0, 1, None)])
        for shape in setting.pick(((1000, 4097), (4097, 1000), (1, 1 << 20), (1 << 20, 3)), ((65, 130), (1, 3000))):
            value = np.round(normal(shape, dtype) * 64) / 64
            value[shape[0] // 2, shape[1] // 2] = np.nan
            exact = value.astype("float64")
            expected = [k(exact, a) for k in (np.sum, np.mean, np.max, np.argmax) for a in (0, 1, None)]
            for number, (one, other) in enumerate(zip(f(value), expected, strict=True)):
                wanted = np.asarray(other).astype(np.asarray(one).dtype)
                compare(f"reduction {number} of {dtype}{shape}", one, wanted, 64)


def check_orders(setting: DeviceSetting) -> None:
    """Running sums and stable orders of rows that are longer than a block, with equal elements and NaN."""
    for dtype in ("float32", "float64", "int32", "int8"):
        x = matrix("x", (None, None), dtype)
        f = setting.compile([x], [cumsum(x, 1), argsort(x, 1), cumsum(x, 0)])
        for shape in setting.pick(((3, 100_001), (1000, 33)), ((2, 700), (5, 1))):
            value = np.clip(np.round(normal(shape) * 8), -100, 100).astype(dtype)
            sums, places, columns = f(value)
            compare(f"cumsum of {dtype}{shape}", sums, np.cumsum(value, 1, dtype=sums.dtype), 64)
            compare(f"cumsum along columns of {dtype}{shape}", columns, np.cumsum(value, 0, dtype=sums.dtype), 64)
            if dtype[0] == "f":
                value[:, :: max(1, shape[1] // 5)] = np.nan
                places = f(value)[1]
            compare_exactly(f"argsort of {dtype}{shape}", places, np.argsort(value, 1, kind="stable"))


def check_scatters(setting: DeviceSetting) -> None:
    """Rows that are added at places that repeat: the same bits every time, and the sum of all of them."""
    rows, count = setting.pick((1000, 200_000), (30, 400))
    x, places, v = matrix("x", (None, 8)), vector("places", (None,), "int64"), matrix("v", (None, 8))
    f = setting.compile([x, places, v], [index_add(x, places, v), take(x, places, 0)])
    start, where = normal((rows, 8)), np.random.default_rng(2).integers(-rows, rows, count)
    where[: count // 2] = 5
    values, expected, size = normal((count, 8), seed=3), start.astype("float64"), np.abs(start).astype("float64")
    np.add.at(expected, where, values)
    np.add.at(size, where, np.abs(values))
    added, taken = f(start, where, values)
    compare("rows added", added, expected.astype("float32"), 4, size)
    compare_exactly("rows taken", taken, start[where])
    compare_exactly("rows added again", f(start, where, values)[0], added)
    require(np.isfinite(added).all(), "Sums of finite rows are not finite.")


def checks() -> list[DeviceCheck]:
    """All of the group."""
    found: dict[str, Callable[[DeviceSetting], None]] = {
        f"matmul, {dtype}": partial(check_transposes, dtype) for dtype in ("float32", "float64", "int32")
    }
    found |= {
        "matmul, large": check_large_products,
        "matmul, batches": check_batches,
        "matmul, infinities and NaN": check_special_products,
        "tf32": check_tf32,
    }
    found |= {f"conv{rank}d": partial(check_convolutions, rank) for rank in (1, 2, 3)}
    return group_checks(
        "structured",
        found
        | {
            "conv2d, layers": check_layers,
            "pool": check_pools,
            "reductions": check_reductions,
            "orders": check_orders,
            "scatter": check_scatters,
        },
    )
