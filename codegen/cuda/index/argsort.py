"""Orders along the last axis."""

from __future__ import annotations

from ..launch import GridPlan, Processor, Strided, operand
from .merge_sort import TILE, sort_rows
from .places import is_wide


def plan_argsort(out: Strided, x: Strided, processor: Processor, *, descending: bool) -> GridPlan:
    """The places of each row in the order of its elements: equal ones stay in theirs, NaN is larger than all."""
    if 0 in x.shape:
        return GridPlan(())
    found = sort_rows(x, operand(1), descending, is_wide(out, x), operand(0), 0)
    merges = len(found.launches) - 1
    way = f"argsort: {x.dtype}, tiles of {TILE}" + (f", merged {merges} times" if merges else "")
    return GridPlan(found.launches, found.scratch, way=way)
