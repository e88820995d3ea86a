"""What fusion makes of a graph: groups of nodes that loop nests compute, and single nodes, in order; still over nodes.

program.py puts buffers in the place of nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...symbolic.dims import Shape
from ...symbolic.expr import Expr
from ...symbolic.index_maps import IndexMap
from ...symbolic.types import DType
from .loops import ZERO, Extent, Load, LoopNest, Store, Write
from .views import View


@dataclass(eq=False, repr=False)
class Scratch:
    """Memory between the two nests of a reduction that was cut into chunks."""

    dtype: DType
    axes: tuple[Extent, ...]


class PlacedNest(NamedTuple):
    """A nest, and the memory that its buffers stand for."""

    nest: LoopNest
    buffers: tuple[Expr | Scratch, ...]


@dataclass(eq=False, repr=False)
class Part:
    """One of several nests that write a node: the value, and where its elements go."""

    source: Expr
    index: IndexMap


@dataclass(eq=False, repr=False)
class Group:
    """Roots computed by one loop nest over the index space `space`."""

    space: Shape
    reduced: frozenset[int]
    roots: list[Expr] = field(default_factory=list)
    reads: set[Expr] = field(default_factory=set)
    part: Part | None = None  # where the root is assembled by several nests
    nests: tuple[PlacedNest, ...] = ()
    position: int = 0

    @property
    def node(self) -> Expr:
        """The node that errors and profiles name."""
        return self.roots[-1]

    @property
    def written(self) -> list[Expr]:
        """The buffers that it makes."""
        return self.roots

    @property
    def read(self) -> set[Expr]:
        """The buffers that it reads."""
        found: set[Expr] = set()
        for placed in self.nests:
            numbers = {v.access.buffer for v in placed.nest.body if isinstance(v, Load)}
            found |= {b for i, b in enumerate(placed.buffers) if i in numbers and isinstance(b, Expr)}
        return found

    def may_write_over(self, old: Expr, new: Expr) -> bool:
        """Whether `new` may take the place of `old`, which it reads: each element only before it is written over.

        It is read at the very element that is written then, by one nest, and not a second time.
        """
        return self.part is None and writes_over(self.nests, old, new)


def writes_over(nests: Iterable[tuple[LoopNest, Sequence[object]]], old: object, new: object) -> bool:
    """Whether nests read each element of `old` only before they write that of `new` at the very place of it.

    nests : each with what its buffers stand for; one of them has both, and the others neither
    """
    naming = [(nest, buffers) for nest, buffers in nests if any(b is old or b is new for b in buffers)]
    if len(naming) != 1:
        return False
    nest, buffers = naming[0]
    if any(buffers[number] is old for number in nest.read_again):
        return False
    stores = [w for w in nest.writes if buffers[w.access.buffer] is new]
    loads = [v.access for v in nest.body if isinstance(v, Load) and buffers[v.access.buffer] is old]
    return all(
        isinstance(w, Store) and r.strides == w.access.strides and r.offset == w.access.offset
        for w in stores
        for r in loads
    ) and not any(_writes_again(nest, w) for w in stores)


def _writes_again(nest: LoopNest, write: Write) -> bool:
    """Whether a write meets an element more than once: an axis says nothing of its place, and does not cut another."""
    parts = 0 if nest.chunks else None
    axes = enumerate(zip(write.access.strides, nest.axes, strict=True))
    return any(stride == ZERO and extent.number != 1 and axis != parts for axis, (stride, extent) in axes)


@dataclass(eq=False, repr=False)
class Single:
    """An op by itself, its outputs and views of its arguments; `inner`: of a loop or a branch, what its bodies do."""

    node: Expr
    outputs: tuple[Expr, ...]
    arguments: tuple[View, ...]
    position: int = 0
    inner: tuple[Schedule, ...] = ()

    @property
    def written(self) -> list[Expr]:
        """The buffers that it makes."""
        return list(self.outputs)

    @property
    def read(self) -> set[Expr]:
        """The buffers that it reads."""
        return {v.base for v in self.arguments}

    def may_write_over(self, old: Expr, new: Expr) -> bool:
        """Whether `new` may take the place of `old`, which it reads: kernels read in an order of their own."""
        return False


Work = Group | Single


@dataclass(eq=False, repr=False)
class Schedule:
    """The steps in order."""

    steps: list[Work]
