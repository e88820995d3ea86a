"""What moves elements: shapes, slices, padding, and whatever says by an index map where its elements come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ops.creation import Iota
from ....ops.movement import (
    BroadcastTo,
    Concatenate,
    ExpandDims,
    Pad,
    Reshape,
    Slice,
    Squeeze,
    Transpose,
    Unslice,
)
from ....ops.strided import Diagonal, OverlapAdd, Unmove, Windows
from ....symbolic.dims import Dim, Shape
from ....symbolic.expr import Expr, Op
from ....symbolic.types import Type
from . import sizes
from .writer import ModelWriter, writes

LAST = np.iinfo(np.int64).min  # where a slice that goes backwards ends when it takes the first element, too


@writes(Reshape)
def write_reshape(writer: ModelWriter, node: Expr, x: str) -> str:
    """The elements under another shape."""
    return sizes.reshape(writer, x, node.shape)


@writes(Transpose)
def write_transpose(writer: ModelWriter, node: Expr, x: str) -> str:
    """The axes in another order."""
    return writer.transpose(x, node.op.axes)


@writes(BroadcastTo)
def write_broadcast(writer: ModelWriter, node: Expr, x: str) -> str:
    """Elements repeated; where a size stays as it is, Expand takes a 1."""
    mine = (1,) * (node.ndim - node.args[0].ndim) + node.args[0].shape
    wanted = tuple(1 if a == b else b for a, b in zip(mine, node.shape, strict=True))
    return writer.op("Expand", x, sizes.shape(writer, wanted))


@writes(Squeeze)
def write_squeeze(writer: ModelWriter, node: Expr, x: str) -> str:
    """Without axes of size 1."""
    return writer.op("Squeeze", x, writer.vector(node.op.axes)) if node.op.axes else x


@writes(ExpandDims)
def write_expand_dims(writer: ModelWriter, node: Expr, x: str) -> str:
    """With axes of size 1."""
    return writer.unsqueeze(x, *node.op.axes)


@writes(Concatenate)
def write_concatenate(writer: ModelWriter, node: Expr, *names: str) -> str:
    """One after the other."""
    return writer.op("Concat", *names, axis=node.op.axis)


@writes(Pad)
def write_pad(writer: ModelWriter, node: Expr, x: str, value: str) -> str:
    """A value around the elements."""
    return pad(writer, x, node.op.widths, value)


def pad(writer: ModelWriter, x: str, widths: Sequence[tuple[Dim, Dim]], value: str) -> str:
    """A value around the elements; a width may be negative, and cuts off."""
    if all(w == (0, 0) for w in widths):
        return x
    before_and_behind = tuple(w[0] for w in widths) + tuple(w[1] for w in widths)
    return writer.op("Pad", x, sizes.shape(writer, before_and_behind), value)


@writes(Slice)
def write_slice(writer: ModelWriter, node: Expr, x: str) -> str:
    """x[start : start + step size : step]; backwards it is the same elements forwards, then turned."""
    op, starts, ends, steps, axes = node.op, [], [], [], []
    for axis, (start, step, count) in enumerate(zip(op.starts, op.steps, op.sizes, strict=True)):
        first = start if step > 0 else start + (count - 1) * step
        whole = first == 0 and abs(step) == 1 and count == node.args[0].shape[axis]
        if not whole:
            axes.append(axis)
            starts.append(first if count != 0 else 0)
            ends.append(first + count * abs(step) if count != 0 else 0)
            steps.append(abs(step))
    if axes:
        bounds = (sizes.shape(writer, tuple(bound)) for bound in (starts, ends))
        x = writer.op("Slice", x, *bounds, writer.vector(axes), writer.vector(steps))
    return flip(writer, x, [axis for axis, step in enumerate(op.steps) if step < 0])


def flip(writer: ModelWriter, x: str, axes: Sequence[int]) -> str:
    """The elements in the other order along these axes."""
    if not axes:
        return x
    ones = [-1] * len(axes)
    bounds = writer.vector(ones), writer.vector([LAST] * len(axes))
    return writer.op("Slice", x, *bounds, writer.vector(axes), writer.vector(ones))


@writes(Unslice)
def write_unslice(writer: ModelWriter, node: Expr, x: str) -> str:
    """Zeros with x written at start, start + step ...: zeros between its elements, and around them."""
    op, arg = node.op, node.args[0]
    x = flip(writer, x, [axis for axis, step in enumerate(op.steps) if step < 0])
    x = spread(writer, x, arg.type, [abs(step) for step in op.steps])
    widths = []
    for start, step, count, total in zip(op.starts, op.steps, arg.shape, op.shape, strict=True):
        first = start if step > 0 else start + (count - 1) * step
        reach = (count - 1) * abs(step) + 1 if count != 0 else 0
        first = first if count != 0 else 0
        widths.append((first, total - first - reach))
    return pad(writer, x, widths, writer.constant(0, node.dtype))


def spread(writer: ModelWriter, x: str, of: Type, steps: Sequence[int], first: int = 0) -> str:
    """step - 1 zeros between the elements along each axis, from `first` on."""
    shape = list(of.shape)
    for axis, step in enumerate(steps, first):
        if step == 1 or shape[axis] == 0:
            continue
        x = writer.unsqueeze(x, axis + 1)
        widths = [(0, step - 1 if k == axis + 1 else 0) for k in range(len(shape) + 1)]
        x = pad(writer, x, widths, writer.constant(0, of.dtype))
        reach = (shape[axis] - 1) * step + 1
        x = sizes.reshape(writer, x, (*shape[:axis], shape[axis] * step, *shape[axis + 1 :]))
        ends = sizes.shape(writer, (reach,))
        x = writer.op("Slice", x, writer.vector([0]), ends, writer.vector([axis]))
        shape[axis] = reach
    return x


# ---- by index maps ----------------------------------------


@writes(Diagonal, Windows)
def write_movement(writer: ModelWriter, node: Expr, x: str) -> str:
    """The flattened x at the places that the op says."""
    flat = writer.reshape(x, -1)
    return writer.op("Gather", flat, places(writer, node.op, node.args[0].type, node.shape))


@writes(Unmove, OverlapAdd)
def write_adjoint(writer: ModelWriter, node: Expr, x: str) -> str:
    """Flat zeros to which x is added at the places that the op reads."""
    op, of = node.op, Type(node.dtype, node.shape)
    total = writer.zeros(sizes.shape(writer, (of.size,)), node.dtype)
    at = writer.reshape(places(writer, op.movement, of, node.args[0].shape), -1)
    added = writer.op("ScatterElements", total, at, writer.reshape(x, -1), axis=0, reduction="add")
    return sizes.reshape(writer, added, node.shape)


def places(writer: ModelWriter, op: Op, of: Type, read: Shape) -> str:
    """For each element of the result: its place in the flattened argument, out of the op's index map."""
    strides: list[Dim] = [1]
    for count in reversed(of.shape[1:]):
        strides.insert(0, strides[0] * count)
    total, times = writer.constant(np.zeros([1] * len(read), np.int64)), [0] * len(read)
    offset: Any = 0
    for stride, along in zip(strides, op.index_map(of), strict=True):
        offset = offset + along.start * stride
        for axis, step in along.terms:
            times[axis] = times[axis] + step * stride
    for axis, step in enumerate(times):
        line = writer.op("Mul", line_of(writer, read[axis], "int64"), sizes.size(writer, step))
        column = writer.reshape(line, *[-1 if k == axis else 1 for k in range(len(read))])
        total = writer.op("Add", total, column)
    return writer.op("Add", total, sizes.size(writer, offset))


def line_of(writer: ModelWriter, count: Dim, dtype: Any) -> str:
    """0, 1, 2 ... below a size."""
    if isinstance(count, int):
        return writer.constant(np.arange(count), dtype)
    zero, one = writer.constant(0, "int64"), writer.constant(1, "int64")
    line = writer.op("Range", zero, sizes.size(writer, count), one)
    return line if np.dtype(dtype) == np.int64 else writer.cast(line, dtype)


@writes(Iota)
def write_iota(writer: ModelWriter, node: Expr) -> str:
    """Numbers along one axis, the same along all others."""
    op = node.op
    line = line_of(writer, op.shape[op.axis], op.dtype)
    if len(op.shape) == 1:
        return line
    column = writer.reshape(line, *[-1 if k == op.axis else 1 for k in range(len(op.shape))])
    others = tuple(1 if k == op.axis else d for k, d in enumerate(op.shape))
    return writer.op("Expand", column, sizes.shape(writer, others))
