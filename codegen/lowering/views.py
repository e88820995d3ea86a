"""How a node's elements are reached: through movement ops down to memory, or to a value computed on the spot.

View       an array in memory: base node, strides, offset: what NumPy's views are, with symbolic sizes
IndexMap   for each axis of a node, which axis of a loop nest it follows, with which step and start
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from ...ops.movement import BroadcastTo, ExpandDims, Reshape, Slice, Squeeze, Transpose
from ...symbolic.dims import Dim, Shape
from ...symbolic.expr import Expr
from .loops import ONE, ZERO, Extent, Offset, extent, row_major

AFFINE = (Transpose, BroadcastTo, Squeeze, ExpandDims, Slice)


class Along(NamedTuple):
    """start + step * (index of a nest's axis); axis None: start alone."""

    axis: int | None
    step: int = 1
    start: Dim = 0


IndexMap = tuple[Along, ...]


class _Interned(threading.local):
    """Of a thread: the index maps of the graph that it fuses."""

    def __init__(self) -> None:
        self.maps: dict[IndexMap, IndexMap] = {}


_interned = _Interned()


def interned(index: IndexMap) -> IndexMap:
    """Equal index maps as one object, so that they are compared and hashed by identity, until `forget`."""
    found = _interned.maps.get(index)
    if found is None:
        same = identity(len(index))
        found = _interned.maps[index] = same if same == index else index
    return found


def forget() -> None:
    """Start anew, with another graph: what is interned does not pile up."""
    _interned.maps = {}


@cache
def identity(ndim: int) -> IndexMap:
    """Every axis follows the nest's axis of the same number."""
    return tuple(Along(k) for k in range(ndim))


def through(node: Expr, index: IndexMap) -> IndexMap:
    """The index map of an affine node's argument, given the node's own."""
    return interned(_through(node, index))


def _through(node: Expr, index: IndexMap) -> IndexMap:
    op, arg = node.op, node.args[0]
    if isinstance(op, Transpose):
        return tuple(index[op.axes.index(k)] for k in range(arg.ndim))
    if isinstance(op, BroadcastTo):
        return broadcast(index, arg.shape)
    if isinstance(op, Squeeze):
        kept = iter(index)
        return tuple(Along(None) if k in op.axes else next(kept) for k in range(arg.ndim))
    if isinstance(op, ExpandDims):
        return tuple(along for k, along in enumerate(index) if k not in op.axes)
    assert isinstance(op, Slice)
    return tuple(_sliced(a, start, step) for a, start, step in zip(index, op.starts, op.steps, strict=True))


def _sliced(along: Along, start: Dim, step: int) -> Along:
    return Along(along.axis, along.step * step, start if along.start == 0 else start + step * along.start)


def broadcast(index: IndexMap, shape: Shape) -> IndexMap:
    """The index map of an argument of this shape, under NumPy's broadcasting."""
    if not shape:
        return ()  # there is only one empty tuple
    skipped = len(index) - len(shape)
    if not skipped and 1 not in shape:
        return index
    last = index[skipped:]
    return interned(tuple(Along(None) if d == 1 else along for along, d in zip(last, shape, strict=True)))


@dataclass(frozen=True)
class View:
    """Elements of the memory of `base`, which is in C order, as an array of another shape."""

    base: Expr
    shape: Shape
    strides: tuple[Extent, ...]
    offset: tuple[Offset, ...] = ()

    @property
    def contiguous(self) -> bool:
        """Whether the elements stand in C order without gaps; where they start does not matter."""
        expected = ONE
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected = expected * extent(size)
        return True

    @property
    def whole(self) -> bool:
        """Whether this is all of the base, in order."""
        return self.contiguous and not self.offset and self.shape == self.base.shape


def whole(base: Expr) -> View:
    """All of a node's memory."""
    return View(base, base.shape, row_major(base.shape))


def moved(view: View, node: Expr) -> View | None:
    """The view of a movement node over a view of its argument; None where elements would have to be copied."""
    if isinstance(node.op, Reshape):
        return _reshaped(view, node.shape)
    index = through(node, identity(node.ndim))
    strides = [ZERO] * node.ndim
    offset = list(view.offset)
    for along, stride in zip(index, view.strides, strict=True):
        if along.axis is not None:
            strides[along.axis] = stride * Extent(along.step)
        if along.start != 0:
            offset.append(Offset(along.start, stride))
    return View(view.base, node.shape, tuple(strides), tuple(offset))


def _reshaped(view: View, shape: Shape) -> View | None:
    if view.contiguous:
        return View(view.base, shape, row_major(shape), view.offset)
    mine = [(d, s) for d, s in zip(view.shape, view.strides, strict=True) if d != 1]
    if [d for d, _ in mine] != [d for d in shape if d != 1]:
        return None
    strides = iter(s for _, s in mine)
    return View(view.base, shape, tuple(ZERO if d == 1 else next(strides) for d in shape), view.offset)


def view_of(node: Expr, in_memory: Callable[[Expr], bool]) -> View | None:
    """The view of a node that is in memory, or is movement over one that is; None for all others."""
    chain = []
    while not in_memory(node):
        if not isinstance(node.op, (*AFFINE, Reshape)):
            return None
        chain.append(node)
        node = node.args[0]
    view: View | None = whole(node)
    for step in reversed(chain):
        view = moved(view, step)  # type: ignore[arg-type]
        if view is None:
            return None
    return view
