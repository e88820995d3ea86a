"""Images read between their pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ....ops import scalar
from ....ops.creation import iota
from ....ops.elementwise import cast
from ....ops.indexing import getitem
from ....ops.movement import expand_dims, reshape
from ....symbolic.expr import Expr
from ....symbolic.leaves import size

Inside = Callable[[Expr, Any], tuple[Expr, Expr | None]]


def zeros_outside(place: Expr, length: Any) -> tuple[Expr, Expr | None]:
    """Where along an axis to read for a whole place, and whether that counts."""
    last = size(length) - 1
    within = scalar.logical_and(scalar.ge(place, 0), scalar.le(place, last))
    return scalar.clip(place, 0, last), within


def sample(x: Expr, places: Sequence[Expr], inside: Inside = zeros_outside) -> Expr:
    """x (a, b, c, *spatial) at places (a, b, *out) for each spatial axis, linearly between elements.

    Returns (a, b, c, *out).  inside : what a whole place outside stands for
    """
    floors = [scalar.floor(p) for p in places]
    total: Expr | None = None
    for corner in itertools.product((0, 1), repeat=len(places)):
        weight: Any = 1
        for place, floor, up in zip(places, floors, corner, strict=True):
            part = place - floor
            weight = weight * (part if up else 1 - part)
        found = take(x, [cast(f, "int64") + up for f, up in zip(floors, corner, strict=True)], inside)
        term = found * expand_dims(weight, 2)
        total = term if total is None else total + term
    assert total is not None  # there is a corner
    return total


def take(x: Expr, places: Sequence[Expr], inside: Inside = zeros_outside) -> Expr:
    """x (a, b, c, *spatial) at whole places (a, b, *out): (a, b, c, *out)."""
    rest = places[0].ndim - 2
    lead = [reshape(iota((n,)), [n if i == k else 1 for i in range(rest + 2)]) for k, n in enumerate(x.shape[:2])]
    read, counts = zip(*[inside(p, n) for p, n in zip(places, x.shape[3:], strict=True)], strict=True)
    # the channels' axis goes to the end: (a, b, *out, c), and back
    found = getitem(x, (lead[0], lead[1], slice(None), *read))
    order = (0, 1, found.ndim - 1, *range(2, found.ndim - 1))
    moved = found.transpose(order)
    for each in counts:
        moved = moved if each is None else scalar.where(expand_dims(each, 2), moved, 0.0)
    return moved
