"""Sizes as values, and values that are made of a shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ops import scalar
from ....ops.coerce import as_expr
from ....ops.creation import arange, full, iota
from ....ops.elementwise import cast
from ....ops.movement import expand_dims, reshape
from ....symbolic.expr import Expr
from ....symbolic.leaves import constant
from ....symbolic.sizes import as_dim
from .known import from_elements
from .node import ModelNode
from .registry import Unsaid, operator


@operator("Shape")
def read_shape(node: ModelNode, x: Expr) -> Expr:
    """The sizes from axis `start` to `end`, as a vector of int64."""
    return node.vector(x.shape[slice(node["start"], node["end"])])


@operator("Size")
def read_size(node: ModelNode, x: Expr) -> Expr:
    """The number of elements, as int64."""
    return from_elements(np.array(x.type.size, object))


CONSTANTS = {"value_float": "float32", "value_floats": "float32", "value_int": "int64", "value_ints": "int64"}


@operator("Constant")
def read_constant(node: ModelNode) -> Expr:
    """The value of an attribute."""
    if "value" in node:
        return constant(node["value"])
    for name, dtype in CONSTANTS.items():
        if name in node:
            return constant(np.asarray(node[name], dtype))
    if "sparse_value" in node:
        raise Unsaid("has a sparse tensor, which weft has not")
    raise Unsaid("has text, for which weft has no dtype")


@operator("ConstantOfShape")
def read_constant_of_shape(node: ModelNode, shape: Expr) -> Expr:
    """One number in a shape."""
    value = node["value"] if "value" in node else np.zeros((1,), np.float32)
    return full(node.sizes(shape), constant(value.reshape(())))


@operator("Range", settings=(0, 1, 2))
def read_range(node: ModelNode, start: Expr, limit: Expr, delta: Expr) -> Expr:
    """start, start + delta, ... before limit."""
    scalars = [reshape(v, ()) for v in (start, limit, delta)]
    known = [node.numbers(v) for v in scalars]
    if all(v is not None for v in known):
        return constant(np.arange(*[v[()] for v in known if v is not None]).astype(start.dtype))
    if start.type.is_float:
        return cast(arange(*scalars), start.dtype)
    return cast(arange(*[_number(node.entry(cast(v, "int64"))) for v in scalars]), start.dtype)


def _number(entry: Any) -> Any:
    return entry


@operator("EyeLike")
def read_eye_like(node: ModelNode, x: Expr) -> Expr:
    """1 on the k-th diagonal of a matrix of the shape of x, else 0."""
    dtype = x.dtype if node["dtype"] is None else node.dtype(node["dtype"])
    return cast(scalar.eq(iota(x.shape, 1), iota(x.shape, 0) + node["k"]), dtype)


@operator("OneHot", settings=(2,))
def read_one_hot(node: ModelNode, indices: Expr, depth: Expr, values: Expr) -> Expr:
    """values[1] at the place that an index says, values[0] elsewhere; indices below 0 count from the end."""
    count = as_dim(node.entry(reshape(cast(depth, "int64"), ())))
    axis = node.check_axis(node["axis"], indices.ndim + 1)
    index = cast(indices, "int64")
    index = expand_dims(scalar.where(scalar.lt(index, 0), index + as_expr(count), index), axis)
    places = reshape(iota((count,)), [count if i == axis else 1 for i in range(indices.ndim + 1)])
    return scalar.where(scalar.eq(index, places), values[1], values[0])
