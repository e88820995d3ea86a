"""Axis arguments, checked once for all ops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..symbolic.errors import ShapeError, blame, user_site
from ..symbolic.expr import Expr


def normalize(axis: Any, ndim: int, name: str, node: Expr | None = None) -> int:
    """The axis from 0 up; raises ShapeError outside [-ndim, ndim)."""
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -ndim <= axis < ndim:
        has = f"{ndim} axes" if ndim != 1 else "1 axis"
        error = ShapeError(
            f"{name}: axis {axis!r} does not exist; the expression has {has}, from {-ndim} to {ndim - 1}."
        )
        raise blame(error, user_site(), node.site if node is not None else None)
    return int(axis) % ndim


def normalize_all(axes: Any, ndim: int, name: str, node: Expr | None = None) -> tuple[int, ...]:
    """Several axes (None: all), from 0 up, in order; raises ShapeError where one occurs twice."""
    if axes is None:
        return tuple(range(ndim))
    listed = [axes] if isinstance(axes, int | np.integer) else list(axes)
    found = [normalize(a, ndim, name, node) for a in listed]
    if len(set(found)) != len(found):
        error = ShapeError(f"{name}: axes {tuple(listed)} name an axis twice.")
        raise blame(error, user_site(), node.site if node is not None else None)
    return tuple(sorted(found))


def without(values: Sequence[Any], axes: Iterable[int]) -> tuple[Any, ...]:
    """The values but for those at these positions."""
    left_out = set(axes)
    return tuple(v for i, v in enumerate(values) if i not in left_out)
