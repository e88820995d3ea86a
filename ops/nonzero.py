"""The places where an array is not 0: how many there are, only a call knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.errors import ShapeError, blame, user_site
from ..symbolic.expr import Expr, apply
from ..symbolic.leaves import constant
from ..symbolic.sizes import as_dim
from . import scalar
from .coerce import as_expr
from .creation import full, iota
from .elementwise import cast
from .gather import ScatterSet
from .movement import ravel


def nonzero(x: Any) -> tuple[Expr, ...]:
    """The places where x is not 0, in C order: an int64 vector for each axis, as np.nonzero.

    The size of the vectors is the number of such places, which a compiled function computes before all else.
    Raises ShapeError for a scalar.  Gradient: none; x[wf.nonzero(x > 0)] has that of x[...].
    """
    node = as_expr(x)
    if not node.ndim:
        raise blame(ShapeError("nonzero: a scalar has no axes, and so no places."), user_site(), node.site)
    places = flat_nonzero(ravel(node))
    found = []
    for size in reversed(node.shape):
        found.append(places % size)
        places = places // size
    return tuple(reversed(found))


def flat_nonzero(x: Expr) -> Expr:
    """The places where a vector is not 0, in ascending order."""
    hits = x if x.dtype.kind == "b" else scalar.ne(x, constant(np.zeros((), x.dtype)))
    rank = cast(hits, "int64").cumsum()
    count = as_dim(cast(hits, "int64").sum())
    # each hit writes its place to where it comes in order; all else is written behind the last, and cut off
    table = full((count + 1,), constant(np.int64(0)))
    written = apply(ScatterSet((0,)), table, iota(x.shape), scalar.where(hits, rank - 1, count))
    return written[:count]
