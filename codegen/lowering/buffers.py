"""Buffers: the memory that a program's steps read and write, before there are sizes or addresses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ...symbolic.dims import Dim, show
from ...symbolic.expr import Expr
from ...symbolic.leaves import storage_of
from ...symbolic.storage import Storage
from ...symbolic.types import DType
from .loops import Extent, LoopNest
from .views import View


class Role(StrEnum):
    """What a buffer is."""

    INPUT = "input"
    OUTPUT = "output"  # an array that the call makes: a result, or a variable's new array
    SHARED = "shared"
    CONSTANT = "constant"
    TEMPORARY = "temporary"
    SCRATCH = "scratch"  # between two nests of one reduction
    CARRY = "carry"  # of a loop: what one step leaves to the next
    ELEMENT = "element"  # of a loop: the part of an array that belongs to the present step


STAYS = frozenset((Role.INPUT, Role.OUTPUT, Role.SHARED, Role.CONSTANT))  # what is there during the whole call


@dataclass(eq=False, repr=False)
class Buffer:
    """Memory of an array in C order.

    `alias`: the buffer in whose memory it stands: the same bytes, but that of an ELEMENT, whose alias is the array that
    it is a part of.  `first`, `last`: the times, as `Step.time` counts them, between which it is needed.
    """

    number: int
    dtype: DType
    shape: tuple[Dim | Extent, ...]
    role: Role
    node: Expr | None = None  # what it holds; None: of no node of the graph
    alias: Buffer | None = None
    first: int = 0
    last: int = 0

    @property
    def home(self) -> Buffer:
        """Whose memory it is, in the end; a part of an array is at home in itself."""
        found = self
        while found.alias is not None and found.role is not Role.ELEMENT:
            found = found.alias
        return found

    @property
    def label(self) -> str:
        """How it is printed: its number, and what it holds; scratch memory holds no node."""
        node = self.node
        return f"%{self.number} {self.role if node is None else node.name or node.op.name}"

    @property
    def storage(self) -> Storage:
        """What the shared variable holds whose buffer this is."""
        assert self.node is not None
        return storage_of(self.node)

    def __str__(self) -> str:
        sizes = show(self.shape)
        return f"{self.label}: {self.dtype.name}{sizes}"


class Operand(NamedTuple):
    """Elements of a buffer, as an array of another shape: what a kernel reads."""

    buffer: Buffer
    view: View


class BufferedNest(NamedTuple):
    """A nest, and the buffers that it numbers."""

    nest: LoopNest
    buffers: tuple[Buffer, ...]
