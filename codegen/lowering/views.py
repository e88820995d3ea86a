"""How a node's elements are reached: through movement ops down to memory, or to a value computed on the spot.

View       an array in memory: base node, strides, offset: what NumPy's views are, with symbolic sizes
IndexMap   for each axis of a node, how its index follows from those of a loop nest (symbolic/index_maps.py)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ...ops.movement import Reshape
from ...symbolic import index_maps
from ...symbolic.dims import Shape
from ...symbolic.expr import Expr, Op
from ...symbolic.index_maps import IndexMap, compose, identity
from .loops import ONE, ZERO, Extent, Offset, extent, row_major


class _InternTable(threading.local):
    """Of a thread: the index maps of the graph that it fuses."""

    def __init__(self) -> None:
        self.maps: dict[IndexMap, IndexMap] = {}


_interned = _InternTable()


def intern(index: IndexMap) -> IndexMap:
    """Equal index maps as one object, so that they are compared and hashed by identity, until `forget`."""
    found = _interned.maps.get(index)
    if found is None:
        same = identity(len(index))
        found = _interned.maps[index] = same if same == index else index
    return found


def forget() -> None:
    """Start anew, with another graph: what is interned does not pile up."""
    _interned.maps = {}


def through(node: Expr, index: IndexMap) -> IndexMap:
    """The index map of an affine node's argument, given the node's own."""
    return intern(compose(node.op.index_map(node.args[0].type), index))


def broadcast(index: IndexMap, shape: Shape) -> IndexMap:
    """The index map of an argument of this shape, under NumPy's broadcasting."""
    if len(index) == len(shape) and 1 not in shape:  # as nearly always
        return index
    found = index_maps.broadcast(index, shape)
    return found if found is index else intern(found)


def is_view(op: Op) -> bool:
    """Whether an op's result may be a view: always, or where strides allow, as of a reshape."""
    return op.is_affine or isinstance(op, Reshape)


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


def move_view(view: View, node: Expr) -> View | None:
    """The view of a movement node over a view of its argument; None where elements would have to be copied."""
    if isinstance(node.op, Reshape):
        return _reshape_view(view, node.shape)
    index = through(node, identity(node.ndim))
    strides = [ZERO] * node.ndim
    offset = list(view.offset)
    for (terms, start), stride in zip(index, view.strides, strict=True):
        for axis, step in terms:
            strides[axis] = strides[axis].plus(stride * Extent(step))
        if start != 0:
            offset.append(Offset(start, stride))
    return View(view.base, node.shape, tuple(strides), tuple(offset))


def _reshape_view(view: View, shape: Shape) -> View | None:
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
        if not is_view(node.op):
            return None
        chain.append(node)
        node = node.args[0]
    view = whole(node)
    for step in reversed(chain):
        found = move_view(view, step)
        if found is None:
            return None
        view = found
    return view
