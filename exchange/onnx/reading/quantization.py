"""Integers that stand for floats: x = (q - zero) * scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ops import scalar
from ....ops.elementwise import cast
from ....ops.linalg import matmul
from ....ops.movement import repeat, reshape
from ....symbolic.dims import same, show
from ....symbolic.expr import Expr
from .convolution import convolve, without_zero
from .movement import piece
from .node import ModelNode
from .registry import Unsaid, operator


@operator("QuantizeLinear", settings=(1, 2))
def read_quantize(node: ModelNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Expr:
    """round(x / scale) + zero, at most and at least what the integers hold; halves are rounded to even."""
    kind = np.dtype("uint8") if zero is None else zero.dtype
    if node["output_dtype"]:
        kind = node.dtype(node["output_dtype"])
    if kind.kind not in "iu":
        raise Unsaid(f"quantizes to {kind.name}, and what it says is read for integers alone")
    precision = node.dtype(node["precision"]) if node["precision"] else scale.dtype
    steps = cast(x, precision) / _along(node, x, cast(scale, precision))
    return _saturate(steps, None if zero is None else _along(node, x, zero), kind)


def _saturate(steps: Expr, zero: Expr | None, kind: np.dtype) -> Expr:
    """The nearest of these integers; float32, or more, holds them all but the largest of 32 bits."""
    wide = cast(steps, "float32") if steps.dtype.itemsize < 4 else steps
    whole = scalar.rint(wide) if zero is None else scalar.rint(wide) + cast(zero, wide.dtype)
    limits = np.iinfo(kind)
    return cast(scalar.clip(whole, float(limits.min), float(limits.max)), kind)


@operator("DequantizeLinear", settings=(1,))
def read_dequantize(node: ModelNode, x: Expr, scale: Expr, zero: Expr | None = None) -> Expr:
    """(x - zero) * scale."""
    kind = node.dtype(node["output_dtype"]) if node["output_dtype"] else scale.dtype
    steps = cast(x, "int32") if zero is None else cast(x, "int32") - _along(node, x, cast(zero, "int32"))
    return cast(steps, kind) * _along(node, x, cast(scale, kind))


def _along(node: ModelNode, x: Expr, scale: Expr) -> Expr:
    """A scale as it meets x: one for all, one for each place of an axis, or for each block of places."""
    if scale.ndim == 0 or (scale.ndim == 1 and scale.shape[0] == 1):
        return reshape(scale, ())
    axis, block = node.axis(x.ndim), node["block_size"]
    if scale.ndim == 1 and not block:
        _check(scale.shape[0], x.shape[axis], x, scale)
        return reshape(scale, tuple(-1 if i == axis else 1 for i in range(x.ndim)))
    if scale.ndim != x.ndim or not block:
        raise ValueError(f"scales of the shape {show(scale.shape)} have no place along {show(x.shape)}")
    wide = repeat(scale, block, axis)
    for i, (mine, its) in enumerate(zip(scale.shape, x.shape, strict=True)):
        _check(-(-its // block) if i == axis else its, mine, x, scale)
    return piece(wide, axis, 0, x.shape[axis])


def _check(mine: Any, its: Any, x: Expr, scale: Expr) -> None:
    if same(mine, its) is False:
        raise ValueError(f"scales of the shape {show(scale.shape)} do not fit x, whose shape is {show(x.shape)}")


# ---- products of such integers ---------------------------------------------------------------------------------------


@operator("MatMulInteger")
def read_matmul_integer(
    node: ModelNode, a: Expr, b: Expr, a_zero: Expr | None = None, b_zero: Expr | None = None
) -> Expr:
    """(a - a_zero) @ (b - b_zero) as int32; zeros of rows of a and of columns of b are vectors."""
    return cast(_matmul(a, a_zero, b, b_zero), "int32")


def _matmul(a: Expr, a_zero: Expr | None, b: Expr, b_zero: Expr | None) -> Expr:
    """In float64, where such sums are exact."""
    return matmul(without_zero(a, a_zero, max(a.ndim - 2, 0)), without_zero(b, b_zero, b.ndim - 1))


@operator("QLinearMatMul", settings=(1, 4, 6))
def read_q_matmul(node: ModelNode, *operands: Expr) -> Expr:
    """The product of two matrices that integers stand for, as integers of another scale."""
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = operands
    rows, columns = _wide(a_scale), _wide(b_scale)
    if rows.ndim == 1:
        rows = reshape(rows, (-1, 1) if a.ndim > 1 else ())
    scale = rows * columns / _wide(y_scale)
    return _saturate(_matmul(a, a_zero, b, b_zero) * scale, y_zero, y_zero.dtype)


@operator("QLinearConv", settings=(1, 4, 6))
def read_q_conv(node: ModelNode, *operands: Expr) -> Expr:
    """The convolution of what integers stand for, as integers of another scale."""
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = operands[:8]
    bias = cast(operands[8], "float64") if len(operands) > 8 and operands[8] is not None else None
    total = convolve(node, without_zero(x, x_zero), without_zero(w, w_zero), bias)
    scale = _wide(x_scale) * _wide(w_scale) / _wide(y_scale)
    if scale.ndim == 1:
        scale = reshape(scale, (-1, *[1] * (x.ndim - 2)))
    return _saturate(total * scale, reshape(y_zero, ()), y_zero.dtype)


def _wide(scale: Expr) -> Expr:
    """A scale in float64; one is a number."""
    return cast(reshape(scale, ()) if scale.ndim == 1 and scale.shape[0] == 1 else scale, "float64")
