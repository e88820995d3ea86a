"""Pooling, and what its gradients are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ops.coerce import as_expr
from ....ops.pool import MaxPool, MaxPoolGather, MaxPoolPlaces, MaxPoolScatter, SumPool, SumPoolScatter, lowest
from ....ops.pooling import counts
from ....symbolic.dims import Dim, Shape
from ....symbolic.expr import Expr
from ....symbolic.leaves import Constant
from ....symbolic.types import Type, product
from . import sizes
from .movement import pad
from .writer import ModelWriter, NoForm, writes


@writes(MaxPool)
def write_max_pool(writer: ModelWriter, node: Expr, x: str) -> str:
    """The largest element of each window."""
    wide = _wide(node.dtype)
    x, padding = _pad_before(writer, node.op, node.args[0].type, x, lowest(node.dtype))
    found = writer.op("MaxPool", x if wide is None else writer.cast(x, wide), **_windows(node.op, padding))
    return found if wide is None else writer.cast(found, node.dtype)


def _wide(dtype: Any) -> str | None:
    """The floats in which MaxPool compares values of this dtype; None: its own."""
    if dtype.kind == "f":
        return None
    if dtype.itemsize == 8:
        raise NoForm(f"pools {dtype.name}, and ONNX floats and small integers alone")
    return "float64"


def _windows(op: Any, padding: Any, dilation: bool = True) -> dict[str, Any]:
    """The attributes of a pooling operator."""
    found = {"kernel_shape": list(op.window), "strides": list(op.strides)}
    found["pads"] = [before for before, _ in padding] + [after for _, after in padding]
    return {**found, "dilations": list(op.steps)} if dilation else found


def _pad_before(writer: ModelWriter, op: Any, of: Type, x: str, value: Any) -> tuple[str, Any]:
    """(x, padding for the operator): what no operator takes, symbols and windows that hang over, is padded before."""
    if not op.ceil_mode and all(isinstance(w, int) for pair in op.padding for w in pair):
        return x, op.padding
    widths = []
    parts = zip(of.shape[2:], op.grid(of.shape[2:]), op.reach, op.strides, op.padding, strict=True)
    for n, count, reach, stride, (before, _) in parts:
        widths.append((before, (count - 1) * stride + reach - n - before))
    x = pad(writer, x, ((0, 0), (0, 0), *widths), writer.constant(value, of.dtype))
    return x, ((0, 0),) * len(widths)


def _places(writer: ModelWriter, node: Expr, x: str) -> str:
    """For each window the place of its maximum in the plane of x; -1 for one that holds padding alone."""
    op, of = node.op, node.args[0].type
    wide, space = _wide(of.dtype), of.shape[2:]
    padded, padding = _pad_before(writer, op, of, x, lowest(of.dtype))
    value = padded if wide is None else writer.cast(padded, wide)
    found = writer.several("MaxPool", (value,), 2, **_windows(op, padding))[1]
    if padded == x:
        return writer.op("Mod", found, sizes.size(writer, product(space)))
    return _without_padding(writer, found, space, op.padding, _extents(op, space))


def _extents(op: Any, space: Shape) -> list[Dim]:
    """How long the axes are that all windows lie in."""
    parts = zip(op.grid(space), op.strides, op.reach, strict=True)
    return [(count - 1) * stride + reach for count, stride, reach in parts]


def _without_padding(writer: ModelWriter, at: str, space: Shape, padding: Any, extents: list[Dim]) -> str:
    """Places in padded planes as places in planes; -1 in the padding."""
    total, inside = writer.constant(0, "int64"), writer.constant(True)
    stride: Dim = 1
    zero = writer.constant(0, "int64")
    for size, extent, (before, _) in reversed(list(zip(space, extents, padding, strict=True))):
        row = writer.op("Sub", writer.op("Mod", at, sizes.size(writer, extent)), sizes.size(writer, before))
        at = writer.op("Div", at, sizes.size(writer, extent))
        real = writer.op(
            "And", writer.op("GreaterOrEqual", row, zero), writer.op("Less", row, sizes.size(writer, size))
        )
        inside = writer.op("And", inside, real)
        total = writer.op("Add", total, writer.op("Mul", row, sizes.size(writer, stride)))
        stride = stride * size
    return writer.op("Where", inside, total, writer.constant(-1, "int64"))


def _in_planes(writer: ModelWriter, name: str, of: Type) -> str:
    """(n, c, *space) -> (n, c, the elements of a plane)."""
    return sizes.reshape(writer, name, (*of.shape[:2], product(of.shape[2:])))


@writes(MaxPoolPlaces)
def write_places(writer: ModelWriter, node: Expr, x: str) -> str:
    """The places of the maxima."""
    return _places(writer, node, x)


@writes(MaxPoolScatter)
def write_max_scatter(writer: ModelWriter, node: Expr, x: str, g: str) -> str:
    """g added to zeros at the maxima."""
    places, zero = _places(writer, node, x), writer.constant(0, "int64")
    real = writer.op("GreaterOrEqual", places, zero)
    g = writer.op("Where", real, g, writer.constant(0, node.dtype))
    at, added = (_in_planes(writer, v, node.args[1].type) for v in (writer.op("Max", places, zero), g))
    planes = sizes.shape(writer, (*node.shape[:2], product(node.shape[2:])))
    total = writer.op("ScatterElements", writer.zeros(planes, node.dtype), at, added, axis=2, reduction="add")
    return sizes.reshape(writer, total, node.shape)


@writes(MaxPoolGather)
def write_max_gather(writer: ModelWriter, node: Expr, x: str, v: str) -> str:
    """v at the maxima, and 0 where there is none."""
    places, zero = _places(writer, node, x), writer.constant(0, "int64")
    at = _in_planes(writer, writer.op("Max", places, zero), node.type)
    found = writer.op("GatherElements", _in_planes(writer, v, node.args[1].type), at, axis=2)
    shaped = sizes.reshape(writer, found, node.shape)
    return writer.op("Where", writer.op("GreaterOrEqual", places, zero), shaped, writer.constant(0, node.dtype))


@writes(SumPool)
def write_sum_pool(writer: ModelWriter, node: Expr, x: str) -> str:
    """The mean of each window, padding included, times its elements."""
    _check_float(node)
    x, padding = _pad_before(writer, node.op, node.args[0].type, x, 0)
    mean = writer.op("AveragePool", x, count_include_pad=1, **_windows(node.op, padding, dilation=False))
    return writer.op("Mul", mean, writer.constant(int(np.prod(node.op.window)), node.dtype))


def write_mean(writer: ModelWriter, node: Expr) -> str | None:
    """A quotient as the mean of each window, where it is that: a sum over the number of elements, as `avg_pool2d`."""
    total, count = node.args
    op = total.op
    if not isinstance(op, SumPool) or node.dtype != total.dtype or op.ceil_mode:
        return None
    if not all(isinstance(width, int) for pair in op.padding for width in pair):
        return None
    x = total.args[0]
    for padded in (False, True):
        if _is_same(count, as_expr(counts(op, x, padded))):
            windows = _windows(op, op.padding, dilation=False)
            return writer.op("AveragePool", writer.of(x), count_include_pad=int(padded), **windows)
    return None


def _is_same(one: Expr, other: Expr) -> bool:
    if isinstance(one.op, Constant) and isinstance(other.op, Constant):
        return np.array_equal(one.op.value, other.op.value)
    return one is other


def _check_float(node: Expr) -> None:
    if node.dtype.kind != "f":
        raise NoForm(f"adds up windows of {node.dtype.name}, and ONNX of floats alone")


@writes(SumPoolScatter)
def write_sum_scatter(writer: ModelWriter, node: Expr, g: str) -> str:
    """Each element laid over its window, and added: a transposed convolution with ones, plane by plane."""
    _check_float(node)
    op, of = node.op, node.args[0].type
    planes: tuple[Dim, ...] = (of.shape[0] * of.shape[1], 1)
    g = sizes.reshape(writer, g, (*planes, *of.shape[2:]))
    ones = writer.constant(np.ones((1, 1, *op.window)), node.dtype)
    whole = writer.op("ConvTranspose", g, ones, strides=list(op.strides))
    widths: list[tuple[Dim, Dim]] = [(0, 0), (0, 0)]
    for n, count, reach, stride, (before, _) in zip(
        op.spatial, of.shape[2:], op.window, op.strides, op.padding, strict=True
    ):
        widths.append((-before, n + before - (count - 1) * stride - reach))
    cut = pad(writer, whole, widths, writer.constant(0, node.dtype))
    return sizes.reshape(writer, cut, node.shape)
