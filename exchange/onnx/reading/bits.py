"""The bits of numbers under another dtype."""

from __future__ import annotations

import functools

import numpy as np

from ....ops.callback import callback
from ....ops.elementwise import cast
from ....symbolic.expr import Expr
from ....symbolic.leaves import Constant, constant
from ....symbolic.types import Type
from .node import ModelNode
from .registry import operator


@operator("BitCast")
def read_bit_cast(node: ModelNode, x: Expr) -> Expr:
    """The bits of x as those of another dtype of the same width.

    Integers wrap, which is the same; the bits of floats NumPy looks at, in Python.
    """
    kind = node.dtype(node["to"])
    if kind.itemsize != x.dtype.itemsize:
        raise ValueError(f"{x.dtype.name} has not as many bits as {kind.name}")
    if isinstance(x.op, Constant):
        return constant(view_bits(np.asarray(x.op.value), kind))
    if "f" not in x.dtype.kind + kind.kind or x.dtype == kind:
        return cast(x, kind)
    found: Expr = callback(_viewer(kind.name), Type(kind, x.shape), x, name=f"bits_as_{kind.name}")
    return found


@functools.cache
def _viewer(kind: str) -> functools.partial[np.ndarray]:
    return functools.partial(view_bits, kind=kind)  # one for each dtype: equal calls are one


def view_bits(x: np.ndarray, kind: np.typing.DTypeLike) -> np.ndarray:
    """The bits under another dtype."""
    return np.ascontiguousarray(x).view(kind).reshape(x.shape)
