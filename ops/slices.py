"""Slices along one axis, whose size may be a symbol: where they start, and how many elements they hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.dims import Dim, SymDim, maximum, minimum
from ..symbolic.errors import DTypeError, ShapeError, blame, user_site
from ..symbolic.expr import Expr
from ..symbolic.leaves import Constant, Size

# A bound of a slice: ("front", so many elements lie before it) or ("end", so many lie behind it).
Bound = tuple[str, Dim]


def slice_of(key: slice, size: Dim, x: Expr) -> tuple[Dim, int, Dim]:
    """(start, step, number of elements) of a slice, as Python's slice.indices; start is from 0 up.

    Of an axis whose size is a symbol, bounds that cut elements off its ends (x[1:], x[:-1], x[2:-2]) are taken to lie
    inside; all others are clipped when the function runs (x[:5] has min(5, n) elements).
    """
    start, stop, step = _bound(key.start, x), _bound(key.stop, x), step_of(key, x)
    if all(b is None or isinstance(b, int) for b in (size, start, stop)):
        places = range(*slice(start, stop, step).indices(size))  # type: ignore[arg-type]
        return (places[0] if places else 0), step, len(places)
    if step > 0:
        first, length = _between(_low(start), _high(stop), size)
        return first, step, (length + (step - 1)) // step
    first, length = _between(_low(stop, 1), _high(start, 1), size)
    return first + length - 1, step, (length + (-step - 1)) // -step


def step_of(key: slice, x: Expr) -> int:
    """The step of a slice.  Raises ShapeError for what is none."""
    step = 1 if key.step is None else _bound(key.step, x)
    if not isinstance(step, int) or step == 0:
        error = ShapeError(f"The step of a slice is a number other than 0, not {key.step!r}.")
        raise blame(error, user_site(), x.site)
    return step


def _bound(bound: Any, x: Expr) -> Any:
    if bound is None or isinstance(bound, SymDim):
        return bound
    if isinstance(bound, Expr) and isinstance(bound.op, Size):
        return bound.op.dim
    if isinstance(bound, Expr) and isinstance(bound.op, Constant) and bound.ndim == 0:
        bound = bound.op.value.item()
    if isinstance(bound, int | np.integer) and not isinstance(bound, bool):
        return int(bound)
    raise blame(DTypeError(f"The bounds of a slice are integers, sizes or None, not {bound!r}."), user_site(), x.site)


def _low(bound: Any, beyond: int = 0) -> Bound:
    """The first element taken; `beyond`: the one after the one that is named."""
    if bound is None:
        return "front", 0
    if isinstance(bound, int) and bound < 0:
        return "end", -bound - beyond
    return "front", bound + beyond


def _high(bound: Any, beyond: int = 0) -> Bound:
    """The element behind the last."""
    return ("end", 0) if bound is None else _low(bound, beyond)


def _between(low: Bound, high: Bound, size: Dim) -> tuple[Dim, Dim]:
    """(first place, number of elements) between two bounds of an axis."""
    if low[0] == "front" and high[0] == "end":
        return low[1], size - high[1] - low[1]  # taken to be inside
    if low[0] == "front" and low[1] == 0:
        return 0, minimum(high[1], size)
    if low[0] == "end" and high == ("end", 0):
        length = minimum(low[1], size)
        return size - length, length
    first, end = (minimum(k, size) if where == "front" else maximum(size - k, 0) for where, k in (low, high))
    return first, maximum(end - first, 0)
