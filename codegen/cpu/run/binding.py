"""A program for given sizes: addresses, numbers and an arena, in the tables that the walker runs.

A Binding belongs to one call at a time; a function keeps as many as it has had callers at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....symbolic.dims import show, value
from ....symbolic.errors import OutOfMemoryError, blame
from ....symbolic.expr import Expr
from ...lowering.fuse import Step
from ..nests.row_blocks import Lines
from . import arenas
from .arenas import Arena
from .control import Block, Jump, Links, Place
from .table import DONE, PAUSED

Walk = Callable[[int], int]  # runs a binding's table, given its header; -1, or the row that failed


@dataclass
class Row:
    """One launch, before addresses are known."""

    kernel: int
    buffers: list[Place]
    params: list[int]
    units: int
    cost: float
    step: int
    part: Step | None  # the step that it is of: in a loop or a branch, that of the body; None: an update is copied
    time: int  # steps of bodies count, too
    lines: Lines | None = None  # where it may run in strips
    jump: Jump | None = None  # begins or ends a loop or a branch
    caller: Any = None  # what says why it failed


@dataclass(eq=False)
class Binding:
    """Tables for one set of sizes.  `results`: shape, dtype and bytes of each array that a call makes."""

    header: int
    step: np.ndarray  # of one number, in the header: where a call that has paused goes on
    objects: np.ndarray  # ids of the call's arrays: inputs, results, the arrays of resizable variables
    results: list[tuple[tuple[int, ...], np.dtype, int]]
    rows: list[Row]
    step_table: np.ndarray
    walk: Walk
    links: Links
    temporaries: int  # bytes
    keep: list[Any] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    arena: Arena | None = None
    taken: bool = False  # from the pool, for a call that runs

    def __post_init__(self) -> None:
        self.pooled = self.temporaries > arenas.PRIVATE  # whether its arena is one that others use, too
        if not self.pooled:
            self.move_to(Arena(self.temporaries))

    def run(self) -> int:
        """Walk to the end; between its pauses Python handles signals.  -1, or the row that failed."""
        failed = self.walk(self.header)
        while failed == PAUSED:
            failed = self.walk(self.header)
        return failed

    @property
    def done(self) -> bool:
        """Whether the last call ended well, whatever was raised since."""
        return bool(self.step[0] == DONE)

    def settle(self) -> None:
        """Before a call: have an arena."""
        try:
            found = arenas.take(self.temporaries, self.arena)
        except MemoryError:
            raise no_memory(self.temporaries, self.blocks, self.sizes) from None
        if found is not self.arena:
            self.move_to(found)
        self.taken = True

    def leave(self) -> None:
        """After a call: others may use the arena."""
        if self.taken and self.arena is not None:
            self.taken = False
            arenas.give(self.arena)

    def move_to(self, arena: Arena) -> None:
        """Write the addresses of temporaries in this arena."""
        self.arena = arena
        for slot, block, offset in self.links.arena:
            ctypes.c_int64.from_address(slot).value = arena.address + block.offset + offset


def no_memory(size: int, blocks: list[Block], sizes: dict[str, int]) -> OutOfMemoryError:
    """The error where temporaries do not fit into memory, with the largest of them."""
    largest = max((b for b in blocks if isinstance(b.node, Expr)), key=lambda b: b.size)
    shape = show(tuple(value(d, sizes) for d in largest.node.shape))
    text = (
        f"The temporaries of this call take {size} bytes at once, which cannot be had; the largest is "
        f"{largest.node.op.name} of shape {shape}, with {largest.size} bytes."
    )
    return blame(OutOfMemoryError(text), largest.node.site)
