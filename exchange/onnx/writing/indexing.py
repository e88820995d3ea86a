"""Elements at places that are values."""

from __future__ import annotations

from collections.abc import Sequence

from ....ops.gather import Gather, ScatterAdd, ScatterSet
from ....ops.labels import CheckLabels
from ....symbolic.expr import Expr
from .writer import ModelWriter, writes


@writes(Gather)
def write_gather(writer: ModelWriter, node: Expr, x: str, *indices: str) -> str:
    """x at the places, whose axes come first."""
    axes, of = node.op.axes, node.args[0]
    moved = writer.transpose(x, _first(axes, of.ndim))
    if len(axes) == 1:
        return writer.op("Gather", moved, indices[0], axis=0)
    return writer.op("GatherND", moved, _together(writer, indices))


@writes(ScatterAdd)
def write_scatter_add(writer: ModelWriter, node: Expr, x: str, v: str, *indices: str) -> str:
    """v added to x at the places."""
    return _scatter(writer, node, x, v, indices, {"reduction": "add"})


@writes(ScatterSet)
def write_scatter_set(writer: ModelWriter, node: Expr, x: str, v: str, *indices: str) -> str:
    """v written to x at the places.  Where several meet, ONNX leaves open which one stays."""
    return _scatter(writer, node, x, v, indices, {})


def _scatter(writer: ModelWriter, node: Expr, x: str, v: str, indices: Sequence[str], how: dict[str, str]) -> str:
    order = _first(node.op.axes, node.ndim)
    moved = writer.op("ScatterND", writer.transpose(x, order), _together(writer, indices), v, **how)
    return writer.transpose(moved, [order.index(k) for k in range(node.ndim)])


def _first(axes: Sequence[int], ndim: int) -> list[int]:
    """All axes, these in front."""
    return [*axes, *(k for k in range(ndim) if k not in axes)]


def _together(writer: ModelWriter, indices: Sequence[str]) -> str:
    """The indices side by side along a last axis."""
    last = [writer.op("Unsqueeze", i, writer.vector([-1])) for i in indices]
    return last[0] if len(last) == 1 else writer.op("Concat", *last, axis=-1)


@writes(CheckLabels)
def write_labels(writer: ModelWriter, node: Expr, labels: str) -> str:
    """Labels as int32; that they are in range is not checked by a model."""
    return labels if node.args[0].dtype == node.dtype else writer.cast(labels, node.dtype)
