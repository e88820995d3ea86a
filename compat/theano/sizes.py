"""Shapes as Theano's programs give them: numbers, scalar variables, and whole vectors of sizes such as x.shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.elementwise import Elementwise
from ...ops.movement import BroadcastTo, Concatenate, ExpandDims, Reshape, Slice, reshape
from ...symbolic.dims import Dim
from ...symbolic.errors import blame, user_site
from ...symbolic.expr import Expr, apply
from ...symbolic.leaves import Constant, constant
from ...symbolic.sizes import value_dim
from .convert import unwrap
from .variables import ShapeVariable, Variable


def as_shape(shape: Any, ndim: int | None = None) -> tuple[Dim, ...]:
    """The sizes that a shape names: one size, a sequence of sizes, or a vector variable.

    `ndim` is the length of a vector where only a call knows it; a call where it is another is an error.
    """
    if isinstance(shape, ShapeVariable):
        return shape.dims
    if isinstance(shape, list | tuple):
        return tuple(as_size(s) for s in shape)
    if isinstance(shape, np.ndarray):
        return tuple(int(s) for s in np.atleast_1d(shape))
    if isinstance(shape, Variable) and shape.expr.ndim == 1:
        vector = shape.expr
        if ndim is not None and not isinstance(vector.shape[0], int):
            vector = reshape(vector, (ndim,))
        return tuple(value_dim(n) for n in elements(vector))
    return (as_size(shape),)


def as_size(value: Any) -> Dim:
    """One size: a number (-1 stays), or a scalar variable."""
    if isinstance(value, int | np.integer):
        return int(value)
    node = unwrap(value)
    if isinstance(node.op, Constant) and node.dtype.kind == "f" and float(node.op.value).is_integer():
        return int(node.op.value)
    return value_dim(node)


def elements(vector: Expr) -> list[Expr]:
    """The elements of a vector of known length, as the scalars that it was made of."""
    op = vector.op
    if isinstance(op, Concatenate):
        return [e for a in vector.args for e in elements(a)]
    if isinstance(op, ExpandDims | Reshape) and vector.args[0].ndim == 0:
        return [vector.args[0]]
    if isinstance(op, Constant):
        return [constant(n) for n in op.value]
    length = vector.shape[0]
    if not isinstance(length, int):
        error = ValueError("The number of axes is the length of this vector, which only a call knows.")
        raise blame(error, user_site(), vector.site, hint="give the sizes in a list, or ndim.")
    if isinstance(op, Elementwise):
        parts = [elements(a) if a.ndim else [a] * length for a in vector.args]
        parts = [p * length if len(p) == 1 else p for p in parts]
        return [apply(op, *column) for column in zip(*parts, strict=True)]  # type: ignore[arg-type]
    if isinstance(op, Slice) and isinstance(op.starts[0], int):
        inner = elements(vector.args[0])
        return [inner[op.starts[0] + op.steps[0] * i] for i in range(length)]
    if isinstance(op, BroadcastTo):
        inner = elements(vector.args[0]) if vector.args[0].ndim else [vector.args[0]]
        return inner * length if len(inner) == 1 else inner
    return [vector[i] for i in range(length)]
