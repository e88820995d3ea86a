"""Where elements stand: affine maps from the indices of one array to those of another.

    AxisMap    one index: start + the sum of step * index over some axes
    IndexMap   an AxisMap for each axis of an array

A transpose, a slice, a diagonal and a sliding window all are such maps, and so are these one after the other.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, TypeAlias

from .dims import Dim, Shape


class AxisMap(NamedTuple):
    """start + the sum of step * (index along an axis).

    terms : (axis, step), axes ascending, none of them twice, no step 0
    """

    terms: tuple[tuple[int, int], ...]
    start: Dim = 0


IndexMap: TypeAlias = tuple[AxisMap, ...]

FIRST = AxisMap(())  # index 0, whatever the others are


@cache
def identity(ndim: int) -> IndexMap:
    """Every axis follows the axis of the same number."""
    return tuple(AxisMap(((k, 1),)) for k in range(ndim))


def along(axis: int, step: int = 1, start: Dim = 0) -> AxisMap:
    """start + step * (index along one axis)."""
    return AxisMap(((axis, step),), start)


def compose(inner: IndexMap, index: IndexMap) -> IndexMap:
    """`inner`, whose axes are those of an array, in terms of the indices that `index` gives these axes."""
    return tuple([substitute_indices(each, index) for each in inner])


def substitute_indices(one: AxisMap, index: IndexMap) -> AxisMap:
    """One index as `compose` has it."""
    terms, start = one
    if len(terms) == 1:  # nearly always, and often nothing but another axis
        ((axis, step),) = terms
        of, base = index[axis]
        if step == 1 and start == 0:
            return index[axis]
        if step != 1:
            of = tuple([(inner, step * each) for inner, each in of])
        return AxisMap(of, start if base == 0 else start + step * base)
    steps: dict[int, int] = {}
    for axis, step in terms:
        of, base = index[axis]
        for inner, each in of:
            steps[inner] = steps.get(inner, 0) + step * each
        start = start if base == 0 else start + step * base
    return AxisMap(tuple(sorted((inner, step) for inner, step in steps.items() if step)), start)


def broadcast(index: IndexMap, shape: Shape) -> IndexMap:
    """The index map of an argument of this shape, under NumPy's broadcasting."""
    if not shape:
        return ()  # there is only one empty tuple
    skipped = len(index) - len(shape)
    if not skipped and 1 not in shape:
        return index
    return tuple([FIRST if d == 1 else each for each, d in zip(index[skipped:], shape, strict=True)])
