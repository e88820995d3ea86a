"""What fusion makes of a graph: groups of nodes that loop nests compute, and single nodes, in order; still over nodes.

program.py puts buffers in the place of nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ...symbolic.dims import Shape
from ...symbolic.expr import Expr
from ...symbolic.index_maps import IndexMap
from ...symbolic.types import DType
from .loops import ZERO, Extent, Load, LoopNest, Store
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
        if len(self.nests) != 1 or self.part is not None:
            return False
        (placed,) = self.nests
        nest = placed.nest
        if any(placed.buffers[number] is old for number in nest.read_again):
            return False
        stores = [w for w in nest.writes if placed.buffers[w.access.buffer] is new]
        loads = [v.access for v in nest.body if isinstance(v, Load) and placed.buffers[v.access.buffer] is old]
        return all(
            isinstance(w, Store) and r.strides == w.access.strides and r.offset == w.access.offset
            for w in stores
            for r in loads
        ) and not any(
            s == ZERO and e.number != 1 for w in stores for s, e in zip(w.access.strides, nest.axes, strict=True)
        )


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
