"""Reductions over axes, running sums, orders, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....ops import activations, reduce, scalar
from ....ops.creation import full, iota, ones_like, zeros_like
from ....ops.elementwise import cast
from ....ops.indexing import getitem, take_along_axis
from ....ops.movement import concatenate, flip, reshape
from ....ops.order import argsort, cumprod, cumsum, topk
from ....symbolic.dims import Dim, product
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant, size
from .movement import axes_of, piece
from .node import ModelNode
from .registry import operator

Axes = tuple[int, ...]


def _sum(x: Expr, axes: Axes, keep: bool) -> Expr:
    return reduce.sum(x, axes, keep, x.dtype)


def _mean(x: Expr, axes: Axes, keep: bool) -> Expr:
    if x.type.is_float:
        return reduce.mean(x, axes, keep)
    return cast(reduce.mean(cast(x, "float64"), axes, keep), x.dtype)


def _extreme(function: Callable[..., Expr], x: Expr, axes: Axes, keep: bool) -> Expr:
    """The largest or smallest; over nothing the smallest or largest number there is."""
    if not any(x.shape[a] == 0 for a in axes):
        return function(x, axes, keep)
    limits = (-np.inf, np.inf) if x.type.is_float else (False, True)
    if x.dtype.kind in "iu":
        limits = (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
    number = limits[function is reduce.min]
    shape = [1 if a in axes else d for a, d in enumerate(x.shape) if keep or a not in axes]
    return full(shape, constant(np.asarray(number, x.dtype)))


REDUCTIONS: dict[str, Callable[[Expr, Axes, bool], Expr]] = {
    "ReduceSum": _sum,
    "ReduceMean": _mean,
    "ReduceProd": lambda x, axes, keep: reduce.prod(x, axes, keep, x.dtype),
    "ReduceMax": lambda x, axes, keep: _extreme(reduce.max, x, axes, keep),
    "ReduceMin": lambda x, axes, keep: _extreme(reduce.min, x, axes, keep),
    "ReduceL1": lambda x, axes, keep: _sum(scalar.abs(x), axes, keep),
    "ReduceL2": lambda x, axes, keep: cast(scalar.sqrt(_sum(scalar.square(x), axes, keep)), x.dtype),
    "ReduceLogSum": lambda x, axes, keep: cast(scalar.log(_sum(x, axes, keep)), x.dtype),
    "ReduceLogSumExp": lambda x, axes, keep: cast(reduce.logsumexp(x, axes, keep), x.dtype),
    "ReduceSumSquare": lambda x, axes, keep: _sum(scalar.square(x), axes, keep),
}


@operator(*REDUCTIONS)
def read_reduction(node: ModelNode, x: Expr, axes: Expr | None = None) -> Expr:
    """A reduction over axes, in the dtype of x; without any over all, or over none."""
    given = axes_of(node, axes, x.ndim)
    if not given and node["noop_with_empty_axes"]:
        return REDUCTIONS[node.kind](x, (), False) if node.kind not in ("ReduceLogSumExp",) else x
    return REDUCTIONS[node.kind](x, tuple(given or range(x.ndim)), bool(node["keepdims"]))


@operator("ArgMax", "ArgMin")
def read_arg(node: ModelNode, x: Expr) -> Expr:
    """The first place of the largest or smallest element along an axis, or the last one."""
    function = reduce.argmax if node.kind == "ArgMax" else reduce.argmin
    axis = node.axis(x.ndim)
    if not node["select_last_index"]:
        return function(x, axis, bool(node["keepdims"]))
    return size(x.shape[axis]) - 1 - function(flip(x, axis), axis, bool(node["keepdims"]))


# ---- running sums and orders -----------------------------------------------------------------------------------------


@operator("CumSum", "CumProd")
def read_running(node: ModelNode, x: Expr, axis: Expr) -> Expr:
    """The running sum or product along an axis: of all before or up to each element, from the front or from the end."""
    place = node.check_axis(node.need_integer(axis, "axis"), x.ndim)
    function, start = (cumsum, zeros_like) if node.kind == "CumSum" else (cumprod, ones_like)
    lines = flip(x, place) if node["reverse"] else x
    found = cast(function(lines, place), x.dtype)
    if node["exclusive"]:
        before = piece(found, place, 0, found.shape[place] - 1)
        found = concatenate([start(piece(found, place, 0, 1)), before], place)
    return flip(found, place) if node["reverse"] else found


@operator("TopK")
def read_topk(node: ModelNode, x: Expr, k: Expr | None = None) -> tuple[Expr, Expr]:
    """The k largest or smallest along an axis, in order, and their places; the first of equal ones comes first."""
    axis = node.axis(x.ndim)
    count: Any = node["k"] if k is None else node.entry(reshape(cast(k, "int64"), ()))
    largest = node["largest"] is None or node["largest"] == 1
    if largest and isinstance(count, int):
        values, places = topk(x, count, axis)
        return values, places
    places = _order(x, axis, largest)
    places = getitem(places, (*[slice(None)] * axis, slice(None, count)))
    return take_along_axis(x, places, axis), places


def _order(x: Expr, axis: int, descending: bool) -> Expr:
    if not descending:
        return argsort(x, axis)
    # stable from the largest on: of equal ones the first stays first
    return size(x.shape[axis]) - 1 - flip(argsort(flip(x, axis), axis), axis)


# ---- softmax and its kind --------------------------------------------------------------------------------------------


@operator("Softmax", "LogSoftmax", "Hardmax")
def read_softmax(node: ModelNode, x: Expr) -> Expr:
    """Along one axis; before opset 13 over all axes from `axis` on."""
    axis = node.axis(x.ndim)
    if node.version >= 13:
        return _softmax(node.kind, x, axis)
    flat = reshape(x, (product(x.shape[:axis]), product(x.shape[axis:])))
    return reshape(_softmax(node.kind, flat, 1), x.shape)


def _softmax(kind: str, x: Expr, axis: int) -> Expr:
    if kind == "Hardmax":
        line: list[Dim] = [x.shape[axis] if i == axis else 1 for i in range(x.ndim)]
        places = reshape(iota((x.shape[axis],)), line)
        return cast(scalar.eq(places, reduce.argmax(x, axis, keepdims=True)), x.dtype)
    return activations.softmax(x, axis) if kind == "Softmax" else activations.log_softmax(x, axis)
