"""Axis arguments, checked once for all ops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..symbolic.errors import ArgumentError, ShapeError, WeftError, blame, user_site
from ..symbolic.expr import Expr


def normalize(axis: Any, ndim: int, name: str, node: Expr | None = None) -> int:
    """The axis from 0 up; raises ShapeError outside [-ndim, ndim), ArgumentError for what is no whole number."""
    error: WeftError
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer):
        error = ArgumentError(f"{name}: one axis is a whole number, not {axis!r}.")
    elif not -ndim <= axis < ndim:
        has = f"{ndim} axes, from {-ndim} to {ndim - 1}" if ndim > 1 else "1 axis, 0 or -1" if ndim else "none"
        error = ShapeError(f"{name}: axis {axis} does not exist; the expression has {has}.")
    else:
        return int(axis) % ndim
    raise blame(error, user_site(), node.site if node is not None else None)


def normalize_all(axes: Any, ndim: int, name: str, node: Expr | None = None) -> tuple[int, ...]:
    """Several axes (None: all), from 0 up, in order; raises ShapeError where one occurs twice."""
    if axes is None:
        return tuple(range(ndim))
    several = isinstance(axes, Iterable) and not isinstance(axes, str | bytes | Expr)
    listed = list(axes) if several else [axes]
    found = [normalize(a, ndim, name, node) for a in listed]
    if len(set(found)) != len(found):
        error = ShapeError(f"{name}: axes {tuple(listed)} name an axis twice.")
        raise blame(error, user_site(), node.site if node is not None else None)
    return tuple(sorted(found))


def without(values: Sequence[Any], axes: Iterable[int]) -> tuple[Any, ...]:
    """The values but for those at these positions."""
    left_out = set(axes)
    return tuple(v for i, v in enumerate(values) if i not in left_out)
