"""Slices whose bounds are computed in the graph: the places that they take, as indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.arrays import is_foreign_array
from ..symbolic.dims import Dim, show
from ..symbolic.errors import DTypeError, IndexRangeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import Constant, Size
from ..symbolic.sizes import as_dim
from . import scalar
from .coerce import as_expr
from .creation import iota
from .elementwise import cast
from .slices import step_of


def is_computed(key: Any) -> bool:
    """Whether it is a slice with a bound that is computed in the graph."""
    bounds = (key.start, key.stop) if isinstance(key, slice) else ()
    return any(isinstance(b, Expr) and not isinstance(b.op, Size | Constant) for b in bounds)


def narrow(key: Any, x: Expr) -> tuple[int, Expr, tuple[Any, ...]] | None:
    """(axis, the places taken along it, what is left of the key), for the first slice with a computed bound."""
    items = key if isinstance(key, tuple) else (key,)
    place = next((i for i, item in enumerate(items) if is_computed(item)), None)
    if place is None:
        return None
    before, after = items[:place], items[place:]
    axis = sum(map(_axes, before))
    if any(item is Ellipsis for item in before):
        axis = x.ndim - sum(map(_axes, after))
    if not 0 <= axis < x.ndim:
        error = IndexRangeError(f"{len(items)} axes are indexed, and the expression has {x.ndim}: {show(x.shape)}.")
        raise blame(error, user_site(), x.site)
    return axis, _places(items[place], x.shape[axis], x), (*before, slice(None), *after[1:])


def _axes(item: Any) -> int:
    """How many axes of what is indexed an item of the key stands for."""
    if item is None or item is Ellipsis:
        return 0
    array = as_expr(item) if (isinstance(item, list) and item) or is_foreign_array(item) else item
    masks = isinstance(array, Expr | np.ndarray) and array.dtype.kind == "b"
    return array.ndim if masks else 1


def _places(key: slice, size: Dim, x: Expr) -> Expr:
    """The places that such a slice takes, an int64 vector: clipped to the axis, as Python's slices are."""
    start, stop, step = key.start, key.stop, step_of(key, x)
    length = cast(as_expr(size), "int64")
    below, above = (as_expr(0), length) if step > 0 else (as_expr(-1), length - 1)
    first = _inside(start, length, below, above) if start is not None else (below if step > 0 else above)
    end = _inside(stop, length, below, above) if stop is not None else (above if step > 0 else below)
    count = -((first - end) // step) if step > 0 else -((end - first) // -step)
    return first + iota((as_dim(scalar.maximum(cast(count, "int64"), 0)),)) * step


def _inside(bound: Any, length: Expr, below: Expr, above: Expr) -> Expr:
    place = as_expr(bound)
    if place.ndim or place.dtype.kind not in "iu":
        error = DTypeError(f"The bounds of a slice are whole numbers, and this is {place.type}.")
        raise blame(error, user_site(), place.site)
    place = cast(place, "int64")
    return scalar.clip(scalar.where(place < 0, place + length, place), below, above)
